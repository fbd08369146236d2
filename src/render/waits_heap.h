/* Where the objects lie that goroutines wait for, and who refers to channels, by the heap. */
#ifndef GOSPY_RENDER_WAITS_HEAP_H
#define GOSPY_RENDER_WAITS_HEAP_H

#include "base/strbuf.h"
#include "render/json.h"
#include "render/waits.h"

/* Of one object. */
struct waits_home {
	const char *type;  /* of the object of the heap that it is in; NULL: that is not known */
	uint64_t off;      /* where in that */
	const char *field; /* the same as a name, ".mu"; NULL: that is not known */
	/* Of one that is a whole object: the field that leads to it, and the type that has it. */
	const char *from_type, *from_field;
	const char *root; /* what keeps it alive; NULL: nothing of the heap is there */
};

/* What a graph says of the first objects. All zero: there is none. */
struct waits_heap {
	VEC(uint64_t) addrs; /* of each object; 0: it has none */
	VEC(struct waits_home) homes;
	const struct gospy_graph_referrer *referrers;
	size_t referrer_count;
	bool cut; /* there may be more of these */
};

enum { WAITS_HEAP_MAX = 256 }; /* objects that are looked for in a heap */

void waits_heap_deinit(struct waits_heap *heap);
/** Put the addresses of objects into .addrs, for gospy_graph_options.watched. GOSPY_E_NOMEM. */
enum gospy_code waits_heap_ask(struct waits_heap *heap, const struct waits *waits,
			       struct gospy_error *err);
/** Take what the graph says, which lives as long as this. GOSPY_E_NOMEM. */
enum gospy_code waits_heap_take(struct waits_heap *heap, struct gospy_graph *graph,
				struct gospy_error *err);

/** " (main.guarded.mu, kept by main.registry)", " (main.server.jobs)"; nothing if it is not known.
 * Escaped. */
void waits_heap_home(const struct waits_heap *heap, size_t object, struct strbuf *text);
/** Lines: who else refers to a channel. */
void waits_heap_text(struct out *out, const struct waits_heap *heap, const struct waits *waits,
		     size_t object);
/** Members of an object. */
void waits_heap_json(struct json *json, const struct waits_heap *heap, size_t object);

#endif
