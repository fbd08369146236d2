/*
 * Reading all that a graph of the heap takes, for a source that records what is read: so whoever
 * opens the record can make the graph, and prove which goroutines are leaked. Nothing is made of it
 * here but what it takes to know the types of objects, whose descriptors have to be read, too.
 */
#ifndef GOSPY_HEAP_WHOLE_H
#define GOSPY_HEAP_WHOLE_H

#include "capture/capture.h"
#include "heap/types.h"
#include "heap/words.h"
#include "target/moment.h"

struct whole {
	struct heap heap; /* spans, without edges */
	struct types types;
	struct words words;
	const struct piece *piece;
	const struct heap_options *options;
	bool unread; /* a part could not be read */
};

/** Spans, objects that may have pointers, roots, stacks and system stacks. `capture` is of the same
 * moment, or if that is NULL, of some time before, while the target ran. `whole` is large and all
 * zero. GOSPY_E_LIMIT: it took longer than the options say, or more memory; GOSPY_E_GONE,
 * GOSPY_E_NOMEM, GOSPY_E_CANCELLED. */
enum gospy_code whole_read(struct image *image, const struct capture *capture,
			   const struct moment *moment, const struct heap_options *options,
			   struct whole *whole, struct gospy_error *err);
/** Read the descriptors of all types; objects are looked at again for that, which is not recorded.
 */
enum gospy_code whole_follow(struct whole *whole, struct source *source, struct gospy_error *err);
void whole_free(struct whole *whole);

#endif
