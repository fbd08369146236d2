/*
 * What flame graphs are drawn of, as a page (flame_html.h) and as a picture (flame_svg.h): a call
 * tree with a title, of one profile or of the difference of two.
 *
 * A call is as wide as what the stacks in it have. Of a profile values can be below zero, where it
 * was read in the middle of a change, or is itself a difference; nothing can be that wide, so those
 * stacks are not drawn, while the figures that stand beside the picture do count them.
 */
#ifndef GOSPY_RENDER_FLAME_PICTURE_H
#define GOSPY_RENDER_FLAME_PICTURE_H

#include "gospy.h"
#include "render/flame.h"

/** Strings may be raw text of a target. */
struct flame_picture {
	/* After flame_end. Its columns are the types of values, one after the other. Of a
	 * difference twice as many: first what is compared, then, in the same order, what it is
	 * compared with, the base. */
	const struct flame *flame;
	bool diff;
	const char *title;        /* "heap of shop (4711)" */
	const char *const *facts; /* what else there is to say: "go1.24.3", "2026-11-30 15:04:05" */
	size_t fact_count;
	const char *note; /* what a reader has to know of the profile, or NULL */
	const struct gospy_profile_value_type *types;
	size_t type_count;
	size_t type; /* number of the type that is shown, or shown first */
};

typedef VEC(double) flame_widths;

/** How wide each node is drawn, in the unit of the values; of a difference what it has now and what
 * it had together, so that all of both is seen. False: out of memory. */
bool flame_picture_widths(const struct flame_picture *picture, size_t type, flame_widths *ret);

/** Stacks that are not drawn, since what they have of a type is below zero. */
struct flame_below {
	size_t stacks;
	int64_t sum;
};
struct flame_below flame_picture_below(const struct flame_picture *picture, size_t type);

/** A colour of CSS, hsl(). */
struct flame_color {
	unsigned hue;                   /* degrees */
	unsigned saturation, lightness; /* percent */
};

/** A call has the colour of its package, which is the same in all pictures, in a shade of its own.
 * Code of the runtime, and what is in no package, is grey. `name` is escaped text (escape.h). The
 * page has the same rule in its script. */
struct flame_color flame_color_of(const char *name);

/** By how much a call changed: from -1, it is gone, to 1, it is new. */
double flame_change(int64_t now, int64_t base);
/** Blue is less, red is more, grey is the same. */
struct flame_color flame_color_of_change(double change);

#endif
