/* The heap in a bundle: read in the moment if that is short enough, else before it. */
#ifndef GOSPY_API_BUNDLE_HEAP_H
#define GOSPY_API_BUNDLE_HEAP_H

#include "core/recording.h"
#include "gospy.h"
#include "heap/whole.h"

struct bundle_heap {
	const struct gospy_capture_options *how; /* borrowed */
	struct recording *recording;             /* borrowed */
	struct budget budget;
	struct heap_options options;
	struct whole *whole;
	uint64_t bytes;      /* that are expected */
	uint64_t bytes_read; /* of objects */
	bool in_moment;
	bool failed; /* it was to be read in the moment, and could not be */
	char why[sizeof(((struct gospy_error *)0)->msg)];
};

/** Find out how large it is, by an image that does not record, and tell so; and prepare the
 * recording for it. GOSPY_E_LIMIT: it takes more memory than it may. */
enum gospy_code bundle_heap_plan(struct bundle_heap *heap, struct image *image,
				 const struct gospy_capture_options *how,
				 struct recording *recording, bool frozen, struct gospy_error *err);
/** Read it, of a target that runs. */
enum gospy_code bundle_heap_read(struct bundle_heap *heap, struct source *source,
				 struct image *image, struct gospy_error *err);
/** Read it in the moment. What fails is kept in .failed and .why. */
void bundle_heap_visit(struct bundle_heap *heap, struct source *source, struct image *image,
		       const struct moment *moment);
/** After that: what it takes to name the types of its objects. */
enum gospy_code bundle_heap_follow(struct bundle_heap *heap, struct source *source,
				   struct gospy_error *err);
void bundle_heap_deinit(struct bundle_heap *heap);

#endif
