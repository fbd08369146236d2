/* Content of sections, loaded as far as somebody asks for it: part of struct elf_file. Sections are
 * given by their headers; elf_file.c finds them by name. */
#ifndef GOSPY_DWARF_ELF_SECTION_H
#define GOSPY_DWARF_ELF_SECTION_H

#include "dwarf/elf_file.h"

/** How the content of a section is stored. */
enum elf_packing {
	ELF_PACKING_NONE,
	ELF_PACKING_CHDR, /* SHF_COMPRESSED: gABI, "Compressed Sections"; Go's linker since 1.19 */
	ELF_PACKING_ZDEBUG, /* ".zdebug_x"; Go's linker up to 1.18 */
};

/** The first `want` bytes at least, as elf_file_section_prefix gives them; `shdr` is one of the
 * file's. The message of an error names neither the file nor the section. */
enum gospy_code elf_section_load(struct elf_file *elf, const Elf64_Shdr *shdr,
				 enum elf_packing packing, uint64_t want, struct span *ret,
				 struct gospy_error *err);
/** The content of a section as it is in the file, which for a string table is all there is to it.
 * GOSPY_E_BAD_DATA: it is not in the file; GOSPY_E_LIMIT. */
enum gospy_code elf_section_raw(struct elf_file *elf, const Elf64_Shdr *shdr, struct span *ret,
				struct gospy_error *err);
/** For elf_file_close(). */
void elf_sections_free(struct elf_file *elf);

#endif
