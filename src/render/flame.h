/*
 * A call tree: stacks merged from their outermost call on, and what each call has of them. What
 * flame graphs are drawn from.
 *
 * It is filled stack by stack (flame_call from the root on, flame_add at the last call) or from a
 * profile, then closed by flame_end. It holds no part of what it was filled from.
 */
#ifndef GOSPY_RENDER_FLAME_H
#define GOSPY_RENDER_FLAME_H

#include "base/arena.h"
#include "base/intern.h"
#include "gospy.h"

enum { FLAME_ROOT = 0 };

struct flame_node {
	uint32_t name;        /* index in the tree's .names */
	uint32_t parent;      /* of the root: the root */
	uint32_t child, next; /* the first of its children, and of its parent's the next; 0: none */
};

/** Of a node, in one column. */
struct flame_value {
	int64_t self;  /* of stacks that end here */
	int64_t total; /* of those that go through here, too; known after flame_end */
};

struct flame {
	size_t columns; /* values that each node has */
	struct arena arena;
	struct intern names;          /* raw text of the target */
	VEC(struct flame_node) nodes; /* parents before their children; [FLAME_ROOT] has no name */
	VEC(struct flame_value) values; /* of a node all columns side by side */
	struct map by_call;             /* parent and name -> node */
	size_t depth;                   /* calls of the deepest stack; known after flame_end */
};

/** A tree without stacks. False: out of memory, as below. */
bool flame_init(struct flame *flame, size_t columns);
/** All zero is allowed, too. */
void flame_deinit(struct flame *flame);

/** The number of a name. */
bool flame_name(struct flame *flame, const char *name, uint32_t *ret);
/** The node of a call out of the node `parent`. */
bool flame_call(struct flame *flame, uint32_t parent, uint32_t name, uint32_t *ret);
/** Add a stack that ends at a node. */
void flame_add(struct flame *flame, uint32_t node, size_t column, int64_t value);
/** Add all samples of a profile, its values of type i as column `first` + i. */
bool flame_add_profile(struct flame *flame, const struct gospy_profile *profile, size_t first);
/**
 * Add to `to`, a tree of as many columns, who called the function `name` of `from`, whose sums are
 * known: the function is the only call of the root, and leads to its callers. A stack counts by the
 * outermost of its calls of the function. Looks at the nodes from `*at` to before `end`, and moves
 * `*at` there, so that it can be done a slice at a time.
 */
bool flame_add_callers(struct flame *to, const struct flame *from, uint32_t name, size_t *at,
		       size_t end);
/** All stacks are in: sum up, and put the children of each node in the order of their names, so
 * that pictures of two moments can be laid side by side. */
bool flame_end(struct flame *flame);

static inline const struct flame_value *flame_value(const struct flame *flame, uint32_t node,
						    size_t column)
{
	return &flame->values.at[node * flame->columns + column];
}

#endif
