/* Of which groups of waiting goroutines there are more at each look, and has any of them gone? */
#ifndef GOSPY_CHECK_SITES_H
#define GOSPY_CHECK_SITES_H

#include "base/map.h"
#include "base/vec.h"
#include "gospy.h"

enum {
	SITES_LOOKS = 3,      /* how often is looked within moments */
	SITES_MANY_LOOKS = 7, /* and in a longer time, in which what scatters would fall once */
};

/* Goroutines with the same stack and go statement: growth_key(). */
struct site {
	uint64_t counts[SITES_MANY_LOOKS];
	uint64_t stayed; /* those of the first look that the last one has found there, too */
	size_t example;  /* index of one of them at the last look */
};

/** All zero but .of: nobody has looked yet. */
struct sites {
	struct map by_key; /* -> 1 + position in .list */
	VEC(struct site) list;
	struct map at_first; /* goid -> key, of the first look */
	unsigned looks, of;  /* so often was looked; so often it is to be */
};

/** Count those of a snapshot with .stacks. GOSPY_E_NOMEM. */
enum gospy_code sites_look(struct sites *sites, struct gospy_snapshot *snapshot,
			   struct gospy_error *err);
/** Were there more of them at each look than at the one before? */
bool site_grows(const struct sites *sites, const struct site *site);
void sites_deinit(struct sites *sites);

#endif
