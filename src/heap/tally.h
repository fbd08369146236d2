/* Objects counted by type, or where it is not known by the size of their slots. */
#ifndef GOSPY_HEAP_TALLY_H
#define GOSPY_HEAP_TALLY_H

#include "heap/mark.h"
#include "heap/types.h"

struct tally_sum {
	uint64_t objects, bytes;
};

struct tally {
	struct tally_sum *by_type; /* by number of the type: as many as .gotypes.all has */
	size_t type_count;
	struct tally_sum by_class[SPAN_CLASSES]; /* without a type, by spanclass */
	struct tally_sum reachable, typed;
};

/** Of all that is marked. GOSPY_E_NOMEM, GOSPY_E_CANCELLED. */
enum gospy_code tally_make(const struct heap *heap, const struct mark *mark,
			   const struct types *types, struct tally *ret, struct gospy_error *err);
void tally_deinit(struct tally *tally);

#endif
