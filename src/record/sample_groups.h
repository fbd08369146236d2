/* The samples of a recording, counted: those that have all of it in common are one group. */
#ifndef GOSPY_RECORD_SAMPLE_GROUPS_H
#define GOSPY_RECORD_SAMPLE_GROUPS_H

#include "profile/callers.h"
#include "record/foreign.h"
#include "record/whose.h"

struct sample_group {
	size_t first_pc;
	uint32_t pc_count;
	pid_t tid;
	struct whose whose;
	bool kernel;           /* it was taken in the kernel */
	bool cut;              /* calls are missing behind the last one */
	bool wall;             /* it is of wall-clock time: see wall.h */
	bool moving;           /* it was never found twice at one place */
	uint8_t state, reason; /* of wall-clock time: enum gospy_status, g.waitreason */
	uint64_t count;
	uint64_t weight_ns; /* the time that they stand for */
	uint64_t same_hash; /* 1 + index of another group, or 0 */
};

struct sample_groups {
	struct symbols *symbols; /* borrowed, as the next one */
	struct foreign *foreign;
	VEC(struct sample_group) all;
	struct callers stacks; /* of the groups: calls as return addresses, one behind the other */
	struct map by_hash;    /* -> 1 + index of a group */
	struct callers stack;  /* of the sample that is counted */
	bool full;             /* some samples are counted without their stacks */
};

void sample_groups_deinit(struct sample_groups *groups);
/** Count one. All that names its calls is looked up, so that it can be named when the target is
 * gone. False: out of memory. */
bool sample_groups_add(struct sample_groups *groups, const struct cpu_sample *sample,
		       const struct walker *walker, const struct whose *whose, uint64_t period_ns);
/** The same, of a stack of return addresses; `exact`: but for the first. Of the group all is taken
 * but the stack. */
bool sample_groups_add_stack(struct sample_groups *groups, const uint64_t *pcs, size_t n,
			     bool exact, const struct sample_group *group);

#endif
