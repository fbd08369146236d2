/* Which function of an ELF file an address belongs to: C code, of which pclntab knows nothing. */
#ifndef GOSPY_DWARF_ELF_FUNCS_H
#define GOSPY_DWARF_ELF_FUNCS_H

#include "dwarf/elf_file.h"

struct elf_func {
	uint64_t addr, size; /* unbiased; no function has size 0 */
	const char *name;
};

/** All zero is an empty table. */
struct elf_funcs {
	struct elf_func *at; /* sorted by address; one of each */
	size_t count;
};

/**
 * The functions of .symtab, or of .dynsym in a file without one. Of several names for one address
 * (`read`, `__read`, `__libc_read`) the one with the fewest leading underscores is kept. Names live
 * as long as `elf`. GOSPY_E_NOT_FOUND: no symbol table; GOSPY_E_BAD_DATA, GOSPY_E_NOMEM.
 */
enum gospy_code elf_funcs_create(struct elf_file *elf, struct elf_funcs *ret,
				 struct gospy_error *err);
void elf_funcs_deinit(struct elf_funcs *funcs);
/** The function that holds `addr`, by its size, or NULL: what lies between two is neither's. */
const struct elf_func *elf_funcs_find(const struct elf_funcs *funcs, uint64_t addr);

#endif
