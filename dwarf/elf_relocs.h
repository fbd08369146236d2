/*
 * What the dynamic linker writes into a program that can be loaded anywhere: the relative
 * relocations, which are nearly all that a Go program has. With them the file alone tells the
 * pointers that a process has, less its load bias.
 */
#ifndef GOSPY_DWARF_ELF_RELOCS_H
#define GOSPY_DWARF_ELF_RELOCS_H

#include "dwarf/elf_file.h"

struct elf_reloc {
	uint32_t off; /* from the first page of the program on */
	uint32_t value;
};

/* All zero: there are none. */
struct elf_relocs {
	uint64_t start;   /* address of the first page */
	size_t pages;     /* how many are spanned */
	uint32_t *firsts; /* for each page, and the end: where its relocations begin in `at` */
	struct elf_reloc *at;
};

/** Read the R_X86_64_RELATIVE ones of DT_RELA. GOSPY_E_UNSUPPORTED: there are others of that kind
 * (DT_RELR), or the program spans more than 4 GB; GOSPY_E_BAD_DATA: the table cannot be read;
 * GOSPY_E_NOMEM. */
enum gospy_code elf_relocs_read(const struct elf_file *elf, struct elf_relocs *ret,
				struct gospy_error *err);
void elf_relocs_deinit(struct elf_relocs *relocs);
/** Relocate `len` bytes that are what the file has at `addr`, by a load bias of 0. */
void elf_relocs_apply(const struct elf_relocs *relocs, uint64_t addr, uint8_t *bytes, size_t len);
/** How many bytes they take. */
uint64_t elf_relocs_bytes(const struct elf_relocs *relocs);

#endif
