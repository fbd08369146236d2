#include "image/image_globals.h"

#include "image/image_check.h"
#include "image/program_globals.h"

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

/* Before schedinit the runtime's variables are zero, so the address may be right all the same. */
static bool is_blank(const struct image *image, uint64_t addr)
{
	uint64_t word;
	return !mem_read_u64(image->mem, addr, &word, NULL) && !word;
}

enum gospy_code image_check_globals(struct image *image, struct gospy_error *err)
{
	bool blank = false;
	for (size_t i = 0; i < GLOBAL_COUNT; i++) {
		struct global *global = global_at(&image->globals, i);
		if (!(image->by_code >> i & 1))
			continue;
		if (image_check_global(image, global_names[i].name, global->addr)) {
			image_note_source(image, global_names[i].name, "code", global->addr);
			continue;
		}
		blank |= global_names[i].required && is_blank(image, global->addr);
		*global = (struct global){0};
	}
	if (!image->globals.allgs.addr)
		scan_allgs(image);
	const char *missing;
	if (globals_complete(&image->globals, &missing))
		return GOSPY_OK;
	if (blank)
		return err_set(err, GOSPY_E_NOT_FOUND,
			       "its Go runtime has not started yet, or %s is not where the code of "
			       "the functions that should use it leads; try again",
			       missing);
	return err_set(err, GOSPY_E_NOT_FOUND,
		       "%s has no symbol %s, and the code of the functions that should use it does "
		       "not lead to it; name an unstripped build of it with --bin FILE",
		       image->program->symbols_of ? image->program->symbols_of : "its executable",
		       missing);
}

enum gospy_code image_profile_globals(struct image *image, struct globals *ret,
				      struct gospy_error *err)
{
	enum { HOLDER_SINCE = 19 };
	struct globals found;
	*ret = image->globals;
	bool has_cycle = image->version.minor >= HOLDER_SINCE ? ret->mProfCycle.addr != 0
							      : ret->mProf.addr != 0;
	if (has_cycle && ret->blockprofilerate.addr && ret->mutexprofilerate.addr)
		return GOSPY_OK;
	enum gospy_code code = program_find_profile_globals(image->program, &found, err);
	if (code)
		return code == GOSPY_E_UNSUPPORTED ? GOSPY_OK : code;
	for (size_t i = 0; i < GLOBAL_COUNT; i++) {
		uint64_t addr = global_at(&found, i)->addr;
		if (addr && !global_at(ret, i)->addr)
			global_at(ret, i)->addr = addr + image_shift(image);
	}
	return GOSPY_OK;
}
