/*
 * The room dwarf/: ELF and DWARF; nothing in it has ever heard of a process.
 *
 * Enters: a descriptor of a file, or bytes. Both may lie.
 * Leaves: segments, sections, symbols, build IDs, and struct types as DWARF has them (types.h).
 * Owner: a struct elf_file owns what was read of the file, and a descriptor of its own. What it
 *   hands out lives as long as it does.
 *
 * An ELF file of the one kind gospy reads (64-bit little-endian x86-64; a little of 32-bit x86, see
 * elf_file_open_any): segments, sections (decompressed), build IDs. Headers may lie; every
 * offset is checked against the file.
 */
#ifndef GOSPY_DWARF_ELF_FILE_H
#define GOSPY_DWARF_ELF_FILE_H

#include <elf.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/span.h"
#include "dwarf/elf_input.h"

/* Which file it is, in which state. Times are of CLOCK_REALTIME. All 0: it was no file. */
struct elf_identity {
	uint64_t dev, ino, size;
	int64_t mtime_s, mtime_ns; /* when it was last written to */
	int64_t ctime_s, ctime_ns; /* the same, which nobody can set, or was renamed or the like */
};

struct elf_file {
	struct elf_input in;
	char *name;                   /* for messages */
	struct elf_identity identity; /* when it was opened */
	bool narrow;                  /* of 32 bits: see elf_file_open_any */
	uint16_t type;                /* ET_EXEC, ET_DYN */
	uint64_t entry;               /* e_entry */
	const Elf64_Phdr *phdrs;      /* copies, aligned; owned */
	size_t phdr_count;
	const Elf64_Shdr *shdrs; /* none when the file has no (readable) section headers */
	size_t shdr_count;
	struct span shstrtab;
	struct arena arena;
	struct elf_section *sections; /* what was loaded of sections, cached */
	uint64_t kept;                /* bytes of them, ELF_KEEP_MAX at most */
	uint64_t passed;              /* bytes of symbol tables that were gone through */
};

enum {
	/* What is held of the sections of one file. The largest program seen has 40 MB of symbol
	 * names, and the types that gospy needs in the first 60 MB of its DWARF. */
	ELF_KEEP_MAX = 192 << 20,
	/* A symbol table of more bytes is not looked at. It is never held whole. */
	ELF_SYMTAB_MAX = 256 << 20,
	/* Names of sections of more bytes count as none. Programs have less than a KiB of them. */
	ELF_SHSTRTAB_MAX = 1 << 20,
	/* A table of more bytes of relocations is not looked at. libLLVM, a library of 110 MB, has
	 * 9 MB of them. */
	ELF_RELA_MAX = 64 << 20,
	/* Linux runs no program with more program headers (fs/binfmt_elf.c:load_elf_phdrs). */
	ELF_PHDRS_MAX = (64 << 10) / sizeof(Elf64_Phdr),
	/* More take section header 0 to be counted, which no linker does for a program. */
	ELF_SHDRS_MAX = SHN_LORESERVE,
};

/**
 * Open and check a file. `fd` is borrowed. `name` is copied, for messages. Whatever happens to the
 * file later: what was read of it once stays as it was, and the rest may become unreadable.
 * GOSPY_E_UNSUPPORTED: an ELF file for another machine or class, which the message names;
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
/** Close the descriptor: nothing will be read any more. What was read stays. */
void elf_file_release(struct elf_file *elf);
/** Read from the file that `same` is open on, which is the one that was read before
 * elf_file_release(). False: no descriptor is free. */
bool elf_file_open_again(struct elf_file *elf, const struct elf_file *same);
/** Segments will be read, but no sections any more: memory is free again, and what was handed out
 * of sections is invalid. */
void elf_file_forget_sections(struct elf_file *elf);
/** Has nobody written to it, as far as its time tells, since it was opened? */
bool elf_file_is_unchanged(const struct elf_file *elf);

/** Copy what the file has at `off`, `len` bytes at most. Returns how many it copied; 0 if the file
 * cannot be read. */
size_t elf_file_read(const struct elf_file *elf, uint64_t off, void *dst, size_t len);
/** Where in the file the byte of `vaddr` is, and how many bytes of its PT_LOAD segment follow,
 * itself included. False: it is in no segment, or in the bss of one. */
bool elf_file_offset(const struct elf_file *elf, uint64_t vaddr, uint64_t *off_ret,
		     uint64_t *len_ret);
/** Copy [vaddr, vaddr + len) of a PT_LOAD segment; false: they are not all in the file. */
bool elf_file_read_vaddr(const struct elf_file *elf, uint64_t vaddr, void *dst, size_t len);

/** Header of the first section called `name`, or NULL. */
const Elf64_Shdr *elf_file_section(const struct elf_file *elf, const char *name);
/** The string table that is section `index`. It ends with a NUL, so that any offset into it is the
 * start of a terminated string; a table that does not gives an empty span, and so does a section
 * that is none. Lives as long as `elf`. */
struct span elf_file_strings(struct elf_file *elf, uint64_t index);
/**
 * Content of a section, decompressed if it is SHF_COMPRESSED by zlib (as Go's linker does it) or
 * zstd or, for a debug section, if only its old form ".zdebug_x" for ".debug_x" is there. Cached;
 * lives as long as `elf`. GOSPY_E_NOT_FOUND, GOSPY_E_BAD_DATA, GOSPY_E_UNSUPPORTED (another method,
 * a window of zstd above UNZSTD_WINDOW_LOG_MAX, or gospy is built without zstd), GOSPY_E_LIMIT
 * (ELF_KEEP_MAX).
 */
enum gospy_code elf_file_section_data(struct elf_file *elf, const char *name, struct span *ret,
				      struct gospy_error *err);
/**
 * The same for the first `want` bytes: `ret` spans the whole section, or its first ELF_KEEP_MAX
 * bytes, but what follows those may read as zeros until it is asked for. Inflating is most of what
 * reading DWARF costs.
 */
enum gospy_code elf_file_section_prefix(struct elf_file *elf, const char *name, size_t want,
					struct span *ret, struct gospy_error *err);
/** Lowest and one-past-highest vaddr of all PT_LOAD segments; false: there are none. */
bool elf_file_range(const struct elf_file *elf, uint64_t *lo_ret, uint64_t *hi_ret);

/** Value of an entry of the dynamic section (DT_*), or 0. */
uint64_t elf_file_dynamic(const struct elf_file *elf, int64_t tag);
/** Where in the file the relocations of DT_RELA are; false: there are none, or too many. */
bool elf_file_rela(const struct elf_file *elf, uint64_t *off_ret, uint64_t *len_ret);

/**
 * Where a shared library of Go's keeps, as signed 64 bits once it is loaded, how far from the
 * thread pointer the word with g is: the slot of its one R_X86_64_TPOFF64 relocation without a
 * symbol (runtime.tlsg; cmd/link/internal/amd64/asm.go). `*vaddr_ret` is unbiased. False: it has
 * none.
 */
bool elf_file_tls_slot(const struct elf_file *elf, uint64_t *vaddr_ret);

/** GNU build ID / Go build ID, from sections or PT_NOTE; empty spans where absent. They live as
 * long as `elf`. */
struct span elf_file_build_id(struct elf_file *elf);
struct span elf_file_go_build_id(struct elf_file *elf);

#endif
