/* What has changed between two looks at a heap, or at the heaps of two processes, by type. */
#ifndef GOSPY_RENDER_HEAP_CHANGES_H
#define GOSPY_RENDER_HEAP_CHANGES_H

#include "base/vec.h"
#include "gospy.h"
#include "render/json.h"
#include "render/out.h"

/* A type in both; of those whose type is not known a size. */
struct heap_change {
	const struct gospy_graph_type *type; /* of the one or the other */
	struct gospy_graph_sum before, after;
};

/** All zero is none. */
struct heap_changes {
	const struct gospy_graph_info *before, *after;
	VEC(struct heap_change) list; /* what grew most first, at the end what shrank most */
};
void heap_changes_deinit(struct heap_changes *changes);

/** Both have to stay. GOSPY_E_NOMEM. */
enum gospy_code heap_changes_make(struct heap_changes *changes, const struct gospy_graph *before,
				  const struct gospy_graph *after, struct gospy_error *err);

/** How many are shown of so many at most; 0: all. */
size_t heap_changes_shown(const struct heap_changes *changes, uint64_t limit);
/** A table of them, and how many more there are. Nothing without a change. */
void heap_changes_text(struct out *out, const struct heap_changes *changes, uint64_t limit);
/** The members of an object that is open, of one change. */
void heap_change_json(struct json *json, const struct heap_change *change);
/** A sum as an object. */
void heap_sum_json(struct json *json, const char *key, const struct gospy_graph_sum *sum);

#endif
