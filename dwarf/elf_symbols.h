/* Symbol tables of an ELF file. They may be large, and only a few of their names are wanted, so
 * symbols and names pass through buffers: that costs less than memory that is used once. */
#ifndef GOSPY_DWARF_ELF_SYMBOLS_H
#define GOSPY_DWARF_ELF_SYMBOLS_H

#include "dwarf/elf_file.h"

/** Is called with some of the symbols of a table, in their order; `names` is its string table.
 * Returns false when it has seen enough. */
typedef bool (*elf_symbols_fn)(void *ctx, const Elf64_Sym *symbols, size_t n, struct span names);
/** Go through the first table of this type (SHT_SYMTAB, SHT_DYNSYM). The names live as long as
 * `elf`. GOSPY_E_NOT_FOUND: there is none; GOSPY_E_BAD_DATA. */
enum gospy_code elf_file_each_symbol(struct elf_file *elf, uint32_t type, elf_symbols_fn visit,
				     void *ctx, struct gospy_error *err);

/** A name to look for in the symbol table. */
struct elf_symbol {
	const char *name;
	uint64_t addr; /* st_value, unbiased */
	uint64_t size;
	bool found;
};

/** Look up `n` names in one pass over .symtab, or over .dynsym in a file without one: a library
 * keeps there what others use of it. GOSPY_E_NOT_FOUND: the file has no symbol table; names that
 * are not in it just stay `found` = false. */
enum gospy_code elf_file_symbols(struct elf_file *elf, struct elf_symbol *symbols, size_t n,
				 struct gospy_error *err);

#endif
