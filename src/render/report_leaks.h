/* `gospy leaks`: goroutines that can never run again, in groups of those with the same stack. */
#ifndef GOSPY_RENDER_REPORT_LEAKS_H
#define GOSPY_RENDER_REPORT_LEAKS_H

#include "base/vec.h"
#include "gospy.h"
#include "render/growth.h"
#include "render/out.h"
#include "render/pattern.h"
#include "render/report.h"

enum leak_kind { LEAK_GROWING, LEAK_LIKELY, LEAK_PROVED, LEAK_KINDS };

/** "proved" */
const char *leak_kind_name(enum leak_kind kind);

/* Goroutines that have verdict, stack and go statement in common. */
struct leak_group {
	enum leak_kind kind;
	const char *why;
	uint64_t stack_hash;
	const struct gospy_location *creator;
	uint64_t count, wait_ns; /* the longest wait; GOSPY_UNKNOWN */
	uint64_t before;         /* of a group that grows: how many there were at first */
	size_t oldest;           /* index of the one that waits longest */
	size_t first, next;      /* of its members, in struct leak_groups */
};

struct leak_member {
	uint64_t goid;
	size_t next; /* SIZE_MAX: it is the last */
};

/** All zero is empty. */
struct leak_groups {
	VEC(struct leak_group) groups; /* what is worst first, then the largest */
	VEC(struct leak_member) members;
	uint64_t counts[LEAK_KINDS]; /* goroutines */
	uint64_t ignored;            /* goroutines */
};
void leak_groups_deinit(struct leak_groups *groups);

/** Group them. `growth` may be NULL. Those with a call or a go statement in a function that one of
 * the patterns matches are ignored. GOSPY_E_NOMEM. */
enum gospy_code leak_groups_collect(const struct gospy_leaks *leaks, const struct growth *growth,
				    struct pattern *ignore, size_t ignore_count,
				    struct leak_groups *ret, struct gospy_error *err);

struct leaks_report {
	const struct gospy_target_info *target;
	struct gospy_leaks *leaks;
	const struct leak_groups *groups;
	bool paths;          /* show what refers to what they wait for */
	uint64_t watched_ns; /* 0: it was not watched */
	uint64_t limit;      /* groups in text; 0: all */
};

void report_leaks(struct out *out, const struct leaks_report *report, enum report_format format);

#endif
