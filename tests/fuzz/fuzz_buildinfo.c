/* Fuzz target: Go version and modules. The input is an ELF file, or else the text of modinfo. */
#include <stdint.h>

#include "dwarf/go/build_info.h"
#include "dwarf/go/go_version.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The running program is made of pointers to itself. */
static enum gospy_code fetch(void *ctx, uint64_t addr, void *dst, size_t len,
			     struct gospy_error *err)
{
	(void)ctx;
	(void)err;
	for (size_t i = 0; i < len; i++)
		((uint8_t *)dst)[i] = (uint8_t)(addr >> 8 * (i % 3));
	return GOSPY_OK;
}

static void parse(const char *modinfo, struct arena *arena)
{
	struct gospy_build_info info = {0};
	(void)!build_info_parse_modules(modinfo, arena, &info, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct elf_file elf;
	struct arena arena = {0};
	if (elf_file_open_span_any((struct span){data, size}, "fuzz", &elf, NULL)) {
		const char *text = arena_strndup(&arena, data, size);
		if (text)
			parse(text, &arena);
		arena_deinit(&arena);
		return 0;
	}
	struct build_info_text text;
	(void)build_info_sign(&elf);
	if (build_info_find(&elf, fetch, NULL, 0x1000, &arena, &text, NULL) == GOSPY_OK) {
		struct go_version version;
		go_version_parse(text.go_version, &version);
		if (text.modinfo)
			parse(text.modinfo, &arena);
	}
	arena_deinit(&arena);
	elf_file_close(&elf);
	return 0;
}
