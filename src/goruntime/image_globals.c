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
	if (code && code != GOSPY_E_NOT_FOUND)
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

static void take(struct image *image, size_t i, const struct code_global *found)
{
	struct global *global = global_at(image, i);
	size_t n = found->count < CODE_GLOBAL_CANDIDATES ? found->count : CODE_GLOBAL_CANDIDATES;
	for (size_t k = 0; k < n && !global->addr; k++) {
		if (!image_check_global(image, found->name, found->addr[k]))
			continue;
		global->addr = found->addr[k];
		global->size = found->length * 16; // only that of an array of strings is needed
		image_note_source(image, found->name, "code", global->addr);
	}
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
		const struct code_global *global = code_globals_named(&found, global_table[i].name);
		if (global && !global_at(image, i)->addr)
			take(image, i, global);
	}
	if (!image->globals.allgs.addr)
		scan_allgs(image);
	if (!image->main_main)
		image->main_main = found.main_main;
	if (all_required(image, &missing))
		return GOSPY_OK;
	return err_set(err, GOSPY_E_NOT_FOUND,
		       "%s has no symbol %s, and the code of the functions that should use it does "
		       "not lead to it; name an unstripped build of it with --bin FILE",
		       image->has_bin ? image->bin.name : "its executable", missing);
}
