/*
 * A source as it is while it stands still: within a moment of another source, what asks for a
 * moment gets that one. So what takes a snapshot takes it of this moment.
 */
#ifndef GOSPY_TARGET_HELD_H
#define GOSPY_TARGET_HELD_H

#include "target/source.h"

struct held {
	struct source source; /* to be used as any other, but not to be destroyed */
	struct source *below;
	const struct moment *moment;
};

/** `below` and `moment` are borrowed, and the moment has to last as long as this is used. */
void held_init(struct held *held, struct source *below, const struct moment *moment);

#endif
