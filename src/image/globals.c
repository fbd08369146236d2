#include "image/globals.h"

#define GLOBAL_NAME_(name, required) {"runtime." #name, offsetof(struct globals, name), (required)},

const struct global_name global_names[GLOBAL_COUNT] = {IMAGE_GLOBALS(GLOBAL_NAME_)};

bool globals_complete(const struct globals *globals, const char **missing_ret)
{
	for (size_t i = 0; i < GLOBAL_COUNT; i++) {
		const struct global_name *g = &global_names[i];
		const struct global *global =
			(const struct global *)((const char *)globals + g->offset);
		if (g->required && !global->addr) {
			*missing_ret = g->name;
			return false;
		}
	}
	return true;
}
