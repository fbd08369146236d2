/* In place of native.c where gospy is built without libunwind. */
#include "base/error.h"
#include "capture/native.h"

enum gospy_code native_walker_create(struct modules *modules, bool (*is_go)(void *ctx, uint64_t pc),
				     void *ctx, struct native_walker **ret, struct gospy_error *err)
{
	(void)modules;
	(void)is_go;
	(void)ctx;
	(void)ret;
	return err_set(err, GOSPY_E_UNSUPPORTED,
		       "this gospy was built without libunwind: it cannot walk C code");
}

void native_walker_destroy(struct native_walker *walker)
{
	(void)walker;
}

bool native_walk(struct native_walker *walker, const struct native_start *start,
		 struct arena *arena, struct native_stack *ret)
{
	(void)walker;
	(void)start;
	(void)arena;
	*ret = (struct native_stack){0};
	return true;
}
