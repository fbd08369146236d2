/*
 * The room dwarf/go/: what Go's compiler, linker and runtime write down: moduledata, pclntab, type
 * descriptors, build information, layouts, what code tells.
 *
 * Enters: a window on the program's mapped range (base/paged.h), and its ELF file for what is not
 *   mapped.
 * Leaves: addresses, names, versions and layouts, each of which contradicts nothing that was looked
 *   at.
 * Owner: the caller owns the window, and all that is read through it is valid as long as the window
 *   is.
 *
 * runtime.moduledata: where one Go module (program, plugin, shared library) keeps its tables.
 * src/runtime/symtab.go. It is read before any layout is known, so its shape comes from the pclntab
 * magic and, where one magic covers several shapes, from which of them contradicts nothing.
 */
#ifndef GOSPY_DWARF_GO_MODULEDATA_H
#define GOSPY_DWARF_GO_MODULEDATA_H

#include "base/paged.h"

/** All addresses as in the running process. */
struct moduledata {
	uint64_t addr;    /* of the moduledata */
	uint64_t pclntab; /* pcHeader; start of the table */
	uint64_t pclntab_end;
	uint32_t magic; /* of the header: 0xfffffffb 1.2-, a 1.16-, 0 1.18-, 1 1.20- */
	/* Bases of the sub-tables. Up to Go 1.15 all of them are `pclntab`. */
	uint64_t funcnametab, cutab, filetab, pctab, pclntable;
	uint64_t ftab;  /* first functab entry */
	uint64_t nftab; /* entries without the end sentinel */
	uint64_t minpc, maxpc;
	uint64_t text, etext;
	uint64_t noptrdata, enoptrdata, data, edata, bss, ebss, noptrbss, enoptrbss;
	uint64_t types, etypes; /* type descriptors */
	uint64_t gofunc;        /* base of funcdata offsets, Go 1.18+; else 0 */
	uint64_t rodata;        /* base of offsets to masks of stack objects, Go 1.18+; else 0 */
	/* Where gcdatamask is, a runtime.bitvector (n int32, bytedata *byte) that the runtime fills
	 * in as it starts: of each word from .data to .edata, may it be a pointer? Behind it is
	 * gcbssmask, the same of .bss. */
	uint64_t gcmasks;
	uint64_t next; /* next module (plugins), or 0; for Go 1.21 and 1.22 see moduledata_next */
};

/** Read and check the moduledata at `addr`. `image` spans the binary's mapped range.
 * GOSPY_E_FAULT, GOSPY_E_UNSUPPORTED (unknown magic), GOSPY_E_BAD_DATA (no known shape fits). */
enum gospy_code moduledata_read(struct paged *image, uint64_t addr, struct moduledata *ret,
				struct gospy_error *err);

/** Is `moved` the same module, `shift` above `md`? What is linked behind it does not count. */
bool moduledata_is_moved(const struct moduledata *md, const struct moduledata *moved,
			 uint64_t shift);

/** Do the eight bytes of this word begin a function table (magic, 0, 0, minLC, ptrSize)? */
bool moduledata_is_table(uint64_t word);

/** Address of the next module's, or 0: this is the last. Of Go 1.21 and 1.22, which look like 1.23
 * but for where the link is, it takes the minor version to tell. */
uint64_t moduledata_next(struct paged *image, const struct moduledata *md, int minor);

#endif
