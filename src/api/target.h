/*
 * The room src/api/: the entry points of gospy.h that know all other rooms: targets, snapshots,
 * doctor.
 *
 * Enters: what a program that embeds the library passes, which is checked here.
 * Leaves: handles and results, each error with its code and its one line of text.
 * Owner: a target owns its source and a reference to its image. Handles are the program's, which
 *   closes them.
 *
 * A target: where it comes from, and its resolved image.
 */
#ifndef GOSPY_API_TARGET_H
#define GOSPY_API_TARGET_H

#include "base/error.h"
#include "image/image.h"
#include "target/source.h"

struct gospy_target {
	struct source *source;
	struct image *image;
	struct gospy_target_info info;
	struct arena arena;
};

/** GOSPY_E_UNSUPPORTED: it is a bundle without the heap. */
static inline enum gospy_code target_check_heap(const struct gospy_target *target,
						struct gospy_error *err)
{
	const struct source *source = target->source;
	if (source->kind != GOSPY_TARGET_BUNDLE || source->taken.heap)
		return GOSPY_OK;
	return err_set(
		err, GOSPY_E_UNSUPPORTED,
		"%s is a bundle without the heap: `gospy capture --heap` makes one that has it, "
		"and a core file has it, too",
		source->name);
}

/** Is the heap of the instant that all else is of? */
static inline bool target_heap_is_instant(const struct gospy_target *target)
{
	const struct source *source = target->source;
	return source->kind == GOSPY_TARGET_BUNDLE ? source->taken.heap == SOURCE_HEAP_INSTANT
						   : source->frozen;
}

#endif
