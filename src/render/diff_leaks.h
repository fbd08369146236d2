/* Which goroutines are leaked that were not before, by where they wait and who began them. */
#ifndef GOSPY_RENDER_DIFF_LEAKS_H
#define GOSPY_RENDER_DIFF_LEAKS_H

#include "render/json.h"
#include "render/report_leaks.h"

/* Leaked goroutines that have a verdict, the place where they wait and the function that began them
 * in common. */
struct diff_leak {
	enum leak_kind kind;
	const struct gospy_location *at, *creator; /* either may be NULL */
	const char *wait_reason;                   /* or NULL */
	uint64_t before, after;
};

/** All zero is none. */
struct diff_leaks {
	uint64_t before[LEAK_KINDS], after[LEAK_KINDS]; /* goroutines */
	VEC(struct diff_leak) changed;                  /* what grew most first */
};
void diff_leaks_deinit(struct diff_leaks *diff);

/** Both have to stay. `lines`: one place is a line of a function, else all of the function.
 * GOSPY_E_NOMEM. */
enum gospy_code diff_leaks_make(struct diff_leaks *diff, const struct gospy_leaks *before,
				const struct gospy_leaks *after, bool lines,
				struct gospy_error *err);
/** At most `limit` of them; 0: all. */
void diff_leaks_text(struct out *out, const struct diff_leaks *diff, uint64_t limit);
/** The member "leaks". */
void diff_leaks_json(struct json *json, const struct diff_leaks *diff, uint64_t limit);

#endif
