/* Fuzz target: an ELF file's headers, sections, symbols and notes. */
#include <stdint.h>
#include <string.h>

#include "dwarf/elf_file.h"
#include "dwarf/elf_symbols.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_section(struct elf_file *elf, const char *name)
{
	struct span s;
	if (elf_file_section_data(elf, name, &s, NULL) == GOSPY_OK && s.len) {
		volatile uint8_t ends = s.ptr[0] ^ s.ptr[s.len - 1];
		(void)ends;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct elf_file elf;
	struct gospy_error err;
	if (elf_file_open_span_any((struct span){data, size}, "fuzz", &elf, &err))
		return 0;
	uint64_t lo, hi;
	if (elf_file_range(&elf, &lo, &hi)) {
		uint8_t bytes[16];
		(void)!elf_file_read_vaddr(&elf, lo, bytes, sizeof(bytes));
		(void)!elf_file_read_vaddr(&elf, hi - 1, bytes, 1);
	}
	elf_file_build_id(&elf);
	elf_file_go_build_id(&elf);
	uint64_t slot;
	(void)elf_file_tls_slot(&elf, &slot);
	read_section(&elf, ".text");
	read_section(&elf, ".debug_info");
	read_section(&elf, ".debug_info");
	struct elf_symbol symbols[] = {{.name = "runtime.allgs"}, {.name = "main.main"}};
	(void)!elf_file_symbols(&elf, symbols, sizeof(symbols) / sizeof(*symbols), &err);
	elf_file_close(&elf);
	return 0;
}
