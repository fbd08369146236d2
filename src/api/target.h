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

#include "image/image.h"
#include "target/source.h"

struct gospy_target {
	struct source *source;
	struct image *image;
	struct gospy_target_info info;
	struct arena arena;
};

#endif
