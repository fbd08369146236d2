#include "image/location.h"

#include <string.h>

#include "dwarf/go/inline_tree.h"
#include "image/func_name.h"

enum { FRAMES_MAX = 64 };

static enum start_role role_of(const char *func)
{
	// src/runtime/traceback.go:isSystemGoroutine, Go 1.12-1.27.
	static const struct {
		const char *func;
		enum start_role role;
	} special[] = {
		{"runtime.main", START_USER},
		{"runtime.handleAsyncEvent", START_USER}, // Go 1.14+
		{"runtime.corostart", START_USER},        // Go 1.22+
		{"runtime.runfinq", START_FINALIZER},     // up to Go 1.24
		{"runtime.runFinalizers", START_FINALIZER},
		{"runtime.runCleanups", START_CLEANUPS},
	};
	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++) {
		if (strcmp(func, special[i].func) == 0)
			return special[i].role;
	}
	return strncmp(func, "runtime.", 8) == 0 ? START_SYSTEM : START_USER;
}

static void locate_start(struct pclntab *pcln, uint64_t main_main, struct pcln_func *func,
			 struct location *loc)
{
	loc->role = role_of(func->name);
	uint64_t wrapped = strcmp(func->name, "runtime.main") == 0 ? main_main : pcln_wrapped(func);
	struct pcln_func target;
	if (wrapped && pcln_find_func(pcln, wrapped, &target) && target.entry == wrapped &&
	    target.name) {
		loc->pub.wrapper = func->name;
		*func = target;
	}
	loc->pub.func = func->name;
	pcln_line(func, func->entry, &loc->pub.file, &loc->pub.line);
}

static void locate(struct pclntab *pcln, uint64_t main_main, uint64_t pc, enum location_kind kind,
		   struct location *loc)
{
	struct pcln_func func;
	if (!pcln_find_func(pcln, pc, &func) || !func.name)
		return;
	if (kind == LOCATION_START) {
		locate_start(pcln, main_main, &func, loc);
		return;
	}
	// A return address belongs to the call before it.
	uint64_t at = kind != LOCATION_EXACT && pc > func.entry ? pc - 1 : pc;
	loc->pub.func = func.name;
	pcln_line(&func, at, &loc->pub.file, &loc->pub.line);
	struct pcln_frame frames[FRAMES_MAX];
	if (kind != LOCATION_CREATOR && pcln_frames(&func, at, frames, FRAMES_MAX)) {
		loc->pub.func = frames[0].func;
		loc->pub.file = frames[0].file;
		loc->pub.line = frames[0].line;
	}
}

bool location_resolve(struct pclntab *pcln, uint64_t main_main, struct arena *arena, uint64_t pc,
		      enum location_kind kind, struct location *ret)
{
	*ret = (struct location){.pub = {.pc = pc}};
	locate(pcln, main_main, pc, kind, ret);
	if (!ret->pub.func)
		return true;
	ret->pub.func = func_name_for_print(arena, ret->pub.func, pcln->minor);
	return ret->pub.func != NULL;
}
