#include <stddef.h>

#include "dwarf/code_globals.h"
#include "goruntime/resolve.h"

#define GLOBAL_NAME_(name, required) {"runtime." #name, offsetof(struct globals, name), (required)},

static const struct {
	const char *name;
	size_t offset;
	bool required;
} global_table[] = {IMAGE_GLOBALS(GLOBAL_NAME_)};

enum { GLOBAL_COUNT = sizeof(global_table) / sizeof(global_table[0]) };

_Static_assert(GLOBAL_COUNT <= 64, "bits of image.by_code");

static struct global *global_at(struct image *image, size_t i)
{
	return (struct global *)((char *)&image->globals + global_table[i].offset);
}

enum gospy_code image_find_symbols(struct image *image, struct gospy_error *err)
{
	struct elf_file *elf = image->has_bin ? &image->bin : &image->elf;
	struct elf_symbol symbols[GLOBAL_COUNT + 1] = {[GLOBAL_COUNT] = {.name = "main.main"}};
	for (size_t i = 0; i < GLOBAL_COUNT; i++)
		symbols[i].name = global_table[i].name;
	enum gospy_code code = elf_file_symbols(elf, symbols, GLOBAL_COUNT + 1, err);
	// The kernel does not look at symbols; of --bin they are what it is for.
	bool ignored = code == GOSPY_E_NOT_FOUND || (code == GOSPY_E_BAD_DATA && !image->has_bin);
	if (code && !ignored)
		return code;
	for (size_t i = 0; i < GLOBAL_COUNT; i++) {
		if (!symbols[i].found)
			continue;
		struct global *global = global_at(image, i);
		global->addr = symbols[i].addr + image->bias;
		global->size = symbols[i].size;
		image_note_source(image, global_table[i].name, "symtab", global->addr);
	}
	if (symbols[GLOBAL_COUNT].found)
		image->main_main = symbols[GLOBAL_COUNT].addr + image->bias;
	return GOSPY_OK;
}

static bool all_required(struct image *image, const char **missing_ret)
{
	for (size_t i = 0; i < GLOBAL_COUNT; i++) {
		if (global_table[i].required && !global_at(image, i)->addr) {
			*missing_ret = global_table[i].name;
			return false;
		}
	}
	return true;
}

/* allglen and allgptr repeat what is in the slice: runtime/proc.go:allgadd. */
static void scan_allgs(struct image *image)
{
	struct globals *g = &image->globals;
	g->allgs.addr = image_scan_allgs(image);
	if (!g->allgs.addr)
		return;
	image_note_source(image, "runtime.allgs", "scan", g->allgs.addr);
	if (!g->allglen.addr)
		g->allglen.addr = g->allgs.addr + 8;
}

enum gospy_code image_find_globals(struct image *image, struct gospy_error *err)
{
	const char *missing;
	if (all_required(image, &missing))
		return GOSPY_OK;
	struct code_globals found;
	enum gospy_code code = code_globals_find(&image->pcln, &found, err);
	if (code)
		return code;
	for (size_t i = 0; i < GLOBAL_COUNT; i++) {
		struct global *global = global_at(image, i);
		const struct code_global *by_code =
			code_globals_named(&found, global_table[i].name);
		if (global->addr || !by_code || by_code->count != 1)
			continue;
		global->addr = by_code->addr[0];
		global->size = by_code->length * 16; // only that of an array of strings is needed
		image->by_code |= UINT64_C(1) << i;
	}
	if (!image->main_main)
		image->main_main = found.main_main;
	return GOSPY_OK;
}

/* Before schedinit the runtime's variables are zero: the address may be right all the same. */
static bool is_blank(const struct image *image, uint64_t addr)
{
	uint64_t word;
	return !mem_read_u64(image->mem, addr, &word, NULL) && !word;
}

enum gospy_code image_check_globals(struct image *image, struct gospy_error *err)
{
	bool blank = false;
	for (size_t i = 0; i < GLOBAL_COUNT; i++) {
		struct global *global = global_at(image, i);
		if (!(image->by_code >> i & 1))
			continue;
		if (image_check_global(image, global_table[i].name, global->addr)) {
			image_note_source(image, global_table[i].name, "code", global->addr);
			continue;
		}
		blank |= global_table[i].required && is_blank(image, global->addr);
		*global = (struct global){0};
	}
	if (!image->globals.allgs.addr)
		scan_allgs(image);
	const char *missing;
	if (all_required(image, &missing))
		return GOSPY_OK;
	if (blank)
		return err_set(err, GOSPY_E_NOT_FOUND,
			       "its Go runtime has not started yet, or %s is not where the code of "
			       "the functions that should use it leads; try again",
			       missing);
	return err_set(err, GOSPY_E_NOT_FOUND,
		       "%s has no symbol %s, and the code of the functions that should use it does "
		       "not lead to it; name an unstripped build of it with --bin FILE",
		       image->has_bin ? image->bin.name : "its executable", missing);
}
