#include "api/leak_paths.h"

#include <inttypes.h>
#include <stdlib.h>

#include "api/graph_who.h"
#include "base/cancel.h"
#include "heap/types.h"

enum {
	EACH = 1 << 16,  /* objects, between two questions whether it was called off */
	STEPS_MAX = 100, /* of those that lead to an object that nobody has */
};

struct leak_paths {
	struct search *search; /* borrowed */
	/* As if it had been taken by itself: it borrows the heap and the marks of the search. */
	struct gospy_graph *view;
	/* Of each object that nobody has, one that refers to it; HEAP_NONE: none does. */
	uint32_t *before;
};

void leak_paths_destroy(struct leak_paths *paths)
{
	if (!paths)
		return;
	if (paths->view) {
		variables_deinit(&paths->view->variables);
		arena_deinit(&paths->view->arena);
		image_unref(paths->view->image);
	}
	free(paths->view);
	free(paths->before);
	free(paths);
}

/* Objects that nobody has may refer to each other all the same. */
static enum gospy_code find_before(struct leak_paths *paths, struct gospy_error *err)
{
	const struct search *s = paths->search;
	const struct heap_spans *spans = &s->heap.spans;
	paths->before = malloc(((size_t)spans->count + 1) * sizeof(*paths->before));
	if (!paths->before)
		return err_nomem(err);
	for (uint32_t i = 0; i <= spans->count && i != UINT32_MAX; i++)
		paths->before[i] = HEAP_NONE;
	for (uint32_t i = 0; i < spans->scan_count; i++) {
		size_t n;
		if (i % EACH == 0 && cancel_check(err))
			return GOSPY_E_CANCELLED;
		if (!spans_is_allocated(spans, i) || mark_has(&s->mark, i))
			continue;
		const uint32_t *edges = heap_edges(&s->heap, i, &n);
		for (size_t k = 0; k < n; k++) {
			if (edges[k] != i && paths->before[edges[k]] == HEAP_NONE)
				paths->before[edges[k]] = i;
		}
	}
	return GOSPY_OK;
}

enum gospy_code leak_paths_create(struct search *search, struct types *types, struct source *source,
				  struct budget *budget, struct leak_paths **ret,
				  struct gospy_error *err)
{
	const struct heap_options options = {.budget = budget};
	struct leak_paths *paths = calloc(1, sizeof(*paths));
	struct gospy_graph *view = paths ? calloc(1, sizeof(*view)) : NULL;
	if (!view) {
		free(paths);
		return err_nomem(err);
	}
	paths->search = search;
	paths->view = view;
	view->image = image_ref(search->image);
	view->heap = search->heap;
	view->mark = search->mark;
	view->types = types;
	view->has_paths = true;
	view->origins.at = search->origins.at;
	view->origins.len = search->origins.len;
	enum gospy_code code = types_spread(types, &options, err);
	if (!code)
		code = variables_read(search->image, source, &view->variables, err);
	if (!code)
		code = find_before(paths, err);
	if (code)
		leak_paths_destroy(paths);
	else
		*ret = paths;
	return code;
}

/* What it waits for is a global, or a variable on a stack. */
static enum gospy_code outside(struct leak_paths *paths, uint64_t addr,
			       struct gospy_graph_path *path, struct gospy_error *err)
{
	const struct variable *variable = variables_find(&paths->view->variables, addr);
	path->root = variable ? variable->name
			      : arena_printf(&paths->view->arena,
					     "0x%" PRIx64 ", outside of the heap", addr);
	return path->root ? GOSPY_OK : err_nomem(err);
}

/* Who refers to an object that nobody has. */
static enum gospy_code unreached(struct leak_paths *paths, uint32_t number,
				 struct gospy_graph_path *path, struct gospy_error *err)
{
	uint32_t chain[STEPS_MAX];
	size_t n = 0;
	for (uint32_t at = number; at != HEAP_NONE && n < STEPS_MAX; at = paths->before[at])
		chain[n++] = at;
	struct gospy_graph_step *steps = arena_calloc(&paths->view->arena, n, sizeof(*steps));
	if (!steps)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++) {
		if (!graph_step(paths->view, chain[n - 1 - i], &steps[i]))
			return err_nomem(err);
	}
	path->steps = steps;
	path->step_count = n;
	return GOSPY_OK;
}

/* Of several objects the one that somebody has. */
static uint64_t choose(const struct search *s, const struct candidate *candidate)
{
	const struct candidate_object *objects = &s->candidates.objects.at[candidate->first];
	for (uint32_t i = 0; i < candidate->count; i++) {
		uint32_t number = heap_number(&s->heap.spans, objects[i].addr);
		if (number == HEAP_NONE || mark_has(&s->mark, number))
			return objects[i].addr;
	}
	return objects[0].addr;
}

static int by_g(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	return (x->g > y->g) - (x->g < y->g);
}

enum gospy_code leak_paths_of(struct leak_paths *paths, uint32_t g,
			      const struct gospy_graph_path **ret, struct gospy_error *err)
{
	const struct search *s = paths->search;
	const struct candidate *candidate = NULL;
	const struct candidate wanted = {.g = g};
	if (s->candidates.list.len)
		candidate = bsearch(&wanted, s->candidates.list.at, s->candidates.list.len,
				    sizeof(wanted), by_g);
	if (!candidate || !candidate->count)
		return err_set(err, GOSPY_E_NOT_FOUND, "it waits for nothing that others may have");
	struct gospy_graph_path *path = arena_calloc(&paths->view->arena, 1, sizeof(*path));
	if (!path)
		return err_nomem(err);
	uint64_t addr = choose(s, candidate);
	uint32_t number = heap_number(&s->heap.spans, addr);
	*ret = path;
	path->sum.objects = 1;
	if (number == HEAP_NONE)
		return outside(paths, addr, path, err);
	path->sum.bytes = spans_of(&s->heap.spans, number)->elemsize;
	return mark_has(&s->mark, number) ? graph_path_to(paths->view, number, path, err)
					  : unreached(paths, number, path, err);
}
