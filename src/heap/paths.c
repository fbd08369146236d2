#include "heap/paths.h"

#include <stdlib.h>

enum gospy_code paths_init(struct paths *paths, const struct mark *mark, const struct types *types,
			   struct budget *budget, paths_root_fn *root, void *ctx,
			   struct gospy_error *err)
{
	size_t n = (size_t)mark->heap->spans.count + 1;
	*paths = (struct paths){.mark = mark, .types = types, .root = root, .ctx = ctx};
	if (!budget_take(budget, n * sizeof(*paths->of)))
		return err_set(err, GOSPY_E_LIMIT, "no memory is left for the paths to %zu objects",
			       n - 1);
	paths->budget = budget;
	paths->charged = n * sizeof(*paths->of);
	paths->of = calloc(n, sizeof(*paths->of));
	if (!paths->of || !vec_push(&paths->all, (struct path){0})) {
		paths_deinit(paths);
		return err_nomem(err);
	}
	return GOSPY_OK;
}

void paths_deinit(struct paths *paths)
{
	if (paths->budget)
		budget_give(paths->budget, paths->charged);
	free(paths->of);
	vec_free(&paths->all);
	vec_free(&paths->upwards);
	map_deinit(&paths->by_step);
	*paths = (struct paths){0};
}

uint32_t paths_what(const struct types *types, uint32_t number)
{
	if (types->of[number])
		return types->of[number];
	return PATHS_CLASS | spans_of(&types->heap->spans, number)->spanclass;
}

static uint32_t step(struct paths *paths, uint32_t before, uint32_t what)
{
	if (before && paths->all.at[before].before && paths->all.at[before].what == what)
		return before;
	if (paths->all.len > PATHS_MAX && before)
		return before;
	uint64_t *slot = map_put(&paths->by_step, (uint64_t)before << 32 | what);
	if (slot && !*slot && vec_push(&paths->all, ((struct path){before, what})))
		*slot = paths->all.len - 1;
	paths->no_memory |= !slot || !*slot;
	return slot ? (uint32_t)*slot : 0;
}

/* Upwards to a root, or to an object whose path is known; then down again. */
uint32_t paths_to(struct paths *paths, uint32_t number)
{
	uint64_t origin = 0;
	uint32_t at = number, path = 0;
	paths->upwards.len = 0;
	while (at != HEAP_NONE && !(path = paths->of[at])) {
		if (!vec_push(&paths->upwards, at)) {
			paths->no_memory = true;
			return 0;
		}
		at = mark_parent(paths->mark, at, &origin);
	}
	if (!path) {
		uint32_t root = paths->root(paths->ctx, origin);
		paths->no_memory |= root == UINT32_MAX;
		path = step(paths, 0, root);
	}
	for (size_t i = paths->upwards.len; i-- && path;) {
		at = paths->upwards.at[i];
		path = step(paths, path, paths_what(paths->types, at));
		paths->of[at] = path;
	}
	return path;
}
