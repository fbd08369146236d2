/* Fuzz target: struct layouts from the DWARF of an ELF file. */
#include <stdint.h>
#include <string.h>

#include "dwarf/dwarf_info.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void read_struct(struct type_source *types, const char *name)
{
	static const char *const fields[] = {"goidgen", "npidle", "buckets", "self", "heapStats"};
	uint64_t type, size;
	if (!types->ops->find(types, name, &type))
		return;
	types->ops->size(types, type, &size);
	for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
		struct type_field field;
		if (types->ops->field(types, type, fields[i], strlen(fields[i]), &field))
			types->ops->field(types, field.type, "value", 5, &field);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct elf_file elf;
	struct dwinfo *dwinfo;
	struct gospy_error err;
	if (elf_file_open_span((struct span){data, size}, "fuzz", &elf, &err))
		return 0;
	if (dwinfo_create(&elf, &dwinfo, &err) == GOSPY_OK) {
		read_struct(dwinfo_types(dwinfo), "runtime.schedt");
		read_struct(dwinfo_types(dwinfo), "runtime.mstats");
		dwinfo_destroy(dwinfo);
	}
	elf_file_close(&elf);
	return 0;
}
