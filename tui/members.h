/* Looking for goroutines in a sample, a slice at a time. */
#ifndef GOSPY_TUI_MEMBERS_H
#define GOSPY_TUI_MEMBERS_H

#include "tui/model.h"
#include "tui/waited.h"

/** Goroutines that are looked for in the sample that is shown, a slice at a time. At the beginning
 * all is zero but for what is looked for. After model_add the search has to begin anew. */
struct members {
	enum { MEMBERS_OF_ROW, MEMBERS_OF_OBJECT, MEMBERS_ALL } what;
	uint64_t id;           /* of the row */
	struct waited waited;  /* the object; its arrays are the caller's */
	VEC(uint32_t) indexes; /* found so far, in the order of allgs */
	size_t scanned;        /* of the snapshot's goroutines */
	bool done;
};
/** Go on for at most about `budget_ns`. */
void members_step(struct members *members, const struct model *model, uint64_t budget_ns);
void members_deinit(struct members *members);

#endif
