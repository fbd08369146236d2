/*
 * What keeps objects alive: the shortest path from a root to each, as marking remembers it. Paths
 * that lead over the same types from the same root are one, however many objects they lead to.
 */
#ifndef GOSPY_HEAP_PATHS_H
#define GOSPY_HEAP_PATHS_H

#include "heap/mark.h"
#include "heap/types.h"

enum {
	PATHS_CLASS = 1 << 16, /* of .what: a spanclass, of objects whose type is not known */
	PATHS_MAX = 1 << 22,   /* more paths than that are one */
};

/* The last step of a path. */
struct path {
	uint32_t before; /* the path up to it; 0: it is a root */
	uint32_t what; /* of a root the caller's number; else a type, or PATHS_CLASS | spanclass */
};

/** The caller's number of the root with this origin, as mark_root() was told. UINT32_MAX: out of
 * memory. */
typedef uint32_t paths_root_fn(void *ctx, uint64_t origin);

struct paths {
	const struct mark *mark; /* borrowed, and so are the next */
	const struct types *types;
	struct budget *budget;
	paths_root_fn *root;
	void *ctx;
	uint32_t *of;         /* of each object the path, or 0: not known yet */
	VEC(struct path) all; /* by number; 0 is none */
	struct map by_step;   /* path and step -> path */
	VEC(uint32_t) upwards;
	size_t charged;
	bool no_memory;
};

/** `mark` was made with paths. GOSPY_E_LIMIT: the budget is used up; GOSPY_E_NOMEM. */
enum gospy_code paths_init(struct paths *paths, const struct mark *mark, const struct types *types,
			   struct budget *budget, paths_root_fn *root, void *ctx,
			   struct gospy_error *err);
void paths_deinit(struct paths *paths);

/** What an object is, as a step of a path. */
uint32_t paths_what(const struct types *types, uint32_t number);
/** The path to a marked object; several of one type, one behind the other, are one step. 0: out of
 * memory. */
uint32_t paths_to(struct paths *paths, uint32_t number);

#endif
