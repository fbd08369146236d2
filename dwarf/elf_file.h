/*
 * An ELF file of the one kind gospy reads (64-bit little-endian x86-64; a little of 32-bit x86, see
 * elf_file_open_any): segments, sections (decompressed), symbols, build IDs. Headers may lie; every
 * offset is checked against the file.
 */
#ifndef GOSPY_DWARF_ELF_FILE_H
#define GOSPY_DWARF_ELF_FILE_H

#include <elf.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/span.h"

struct elf_file {
	struct span bytes;       /* the whole file */
	void *map;               /* the mapping to undo, or NULL: the bytes are borrowed */
	char *name;              /* for messages */
	int64_t mtime_s;         /* when it was last written to, CLOCK_REALTIME; 0: not known */
	bool narrow;             /* of 32 bits: see elf_file_open_any */
	uint16_t type;           /* ET_EXEC, ET_DYN */
	uint64_t entry;          /* e_entry */
	const Elf64_Phdr *phdrs; /* copies, aligned; owned */
	size_t phdr_count;
	const Elf64_Shdr *shdrs; /* none when the file has no (readable) section headers */
	size_t shdr_count;
	struct span shstrtab;
	struct arena arena;
	struct elf_inflated *inflated; /* decompressed sections, cached */
};

/**
 * Map and check a file. `fd` is borrowed (the mapping keeps the file). `name` is copied, for
 * messages. GOSPY_E_UNSUPPORTED: an ELF file for another machine or class, which the message names;
 * GOSPY_E_BAD_DATA: not ELF, or broken headers.
 */
enum gospy_code elf_file_open(int fd, const char *name, struct elf_file *ret,
			      struct gospy_error *err);
/** The same over bytes that outlive it (tests, fuzzers, bundles). */
enum gospy_code elf_file_open_span(struct span bytes, const char *name, struct elf_file *ret,
				   struct gospy_error *err);
/** The same for files of 32-bit x86, too, as far as segments, sections and notes go. Of such a
 * program gospy knows the build information, and nothing else. */
enum gospy_code elf_file_open_any(int fd, const char *name, struct elf_file *ret,
				  struct gospy_error *err);
enum gospy_code elf_file_open_span_any(struct span bytes, const char *name, struct elf_file *ret,
				       struct gospy_error *err);
/** Stands for a file that cannot be had: it has no segments, sections, symbols or IDs. */
enum gospy_code elf_file_none(const char *name, struct elf_file *ret, struct gospy_error *err);
void elf_file_close(struct elf_file *elf);

/** Header of the first section called `name`, or NULL. */
const Elf64_Shdr *elf_file_section(const struct elf_file *elf, const char *name);
/** The string table that is section `index`, so ended that any offset into it is the start of a
 * terminated string; an empty span if it is not so, or is none. */
struct span elf_file_strings(const struct elf_file *elf, uint64_t index);
/**
 * Content of a section, decompressed if it is SHF_COMPRESSED by zlib (Go's linker knows nothing
 * else) or, for a debug section, if only its old form ".zdebug_x" for ".debug_x" is there. Cached;
 * lives as long as `elf`. GOSPY_E_NOT_FOUND, GOSPY_E_BAD_DATA, GOSPY_E_UNSUPPORTED (zstd),
 * GOSPY_E_LIMIT (above 4 GiB inflated).
 */
enum gospy_code elf_file_section_data(struct elf_file *elf, const char *name, struct span *ret,
				      struct gospy_error *err);
/**
 * The same for the first `want` bytes: `ret` spans the whole section, but what follows may read as
 * zeros until it is asked for. Inflating is most of what reading DWARF costs.
 */
enum gospy_code elf_file_section_prefix(struct elf_file *elf, const char *name, size_t want,
					struct span *ret, struct gospy_error *err);
/** The file's bytes for [vaddr, vaddr + len) of a PT_LOAD segment, or an empty span (bss too). */
struct span elf_file_at_vaddr(const struct elf_file *elf, uint64_t vaddr, uint64_t len);
/** Lowest and one-past-highest vaddr of all PT_LOAD segments; false: there are none. */
bool elf_file_range(const struct elf_file *elf, uint64_t *lo_ret, uint64_t *hi_ret);

/**
 * Where a shared library of Go's keeps, as signed 64 bits once it is loaded, how far from the
 * thread pointer the word with g is: the slot of its one R_X86_64_TPOFF64 relocation without a
 * symbol (runtime.tlsg; cmd/link/internal/amd64/asm.go). `*vaddr_ret` is unbiased. False: it has
 * none.
 */
bool elf_file_tls_slot(const struct elf_file *elf, uint64_t *vaddr_ret);

/** GNU build ID / Go build ID, from sections or PT_NOTE; empty spans where absent. */
struct span elf_file_build_id(const struct elf_file *elf);
struct span elf_file_go_build_id(const struct elf_file *elf);

/** A name to look for in the symbol table. */
struct elf_symbol {
	const char *name;
	uint64_t addr; /* st_value, unbiased */
	uint64_t size;
	bool found;
};

/** Look up `n` names in one pass over .symtab (ignoring .dynsym). GOSPY_E_NOT_FOUND: the file has
 * no symbol table; names that are not in it just stay `found` = false. */
enum gospy_code elf_file_symbols(struct elf_file *elf, struct elf_symbol *symbols, size_t n,
				 struct gospy_error *err);

#endif
