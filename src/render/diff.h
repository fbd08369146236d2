/*
 * What has changed between two snapshots: groups of goroutines, and figures of the process.
 *
 * If both are of one process, a goid is one goroutine: then it is known who began, who ended, and
 * who waited at one place all the time.
 */
#ifndef GOSPY_RENDER_DIFF_H
#define GOSPY_RENDER_DIFF_H

#include "render/diff_figures.h"
#include "render/diff_pair.h"
#include "render/still.h"

/** What counts as too much: growth that is over each limit that is set. */
struct diff_limit {
	bool has_count, has_percent;
	uint64_t count;
	double percent; /* of what there was before: over any of nothing */
};
/** Is growth from `before` to `after` over it? With no limit set nothing is. */
bool diff_is_over(const struct diff_limit *limit, uint64_t before, uint64_t after);

struct diff_request {
	struct diff_input before, after;
	/* DIFF_LEVELS: by what both have in common: exact for one build, else by function. */
	enum diff_level level;
	bool system; /* the runtime's own goroutines, too */
	struct pattern *patterns;
	size_t pattern_count;
	struct diff_limit limit;
	/* Looks from the one snapshot to the other, `watched_ns` apart, of which the last is that
	 * of `after`; or NULL. They make sure that nobody moved who seems not to have. */
	const struct still *still;
	uint64_t watched_ns;
};

/** A group, before and after. */
struct diff_change {
	const struct diff_group *old, *new; /* NULL: there is none */
	enum diff_match match;
	uint64_t before, after; /* goroutines */
	/** GOSPY_UNKNOWN: they are not of one process. Those that wait where they waited, and of
	   which nothing tells whether they have moved in between, are unsure. */
	uint64_t born, ended, stuck, unsure;
	bool over; /* the limit */
};

/** All zero is empty. */
struct diff {
	enum diff_level level;
	bool same_process, same_build;
	bool backwards;      /* of one process, and `after` is the earlier one */
	uint64_t elapsed_ns; /* of one process; GOSPY_UNKNOWN: not known, or backwards */
	struct diff_names names;
	struct diff_side before, after;
	/* Those that have grown come first, the largest growth before others; then those that have
	 * shrunk; then those that are as many as before, but not at the same place; then those that
	 * have not changed. */
	VEC(struct diff_change) changes;
	size_t changed; /* of them, all but the last ones */
	/* Goroutines; as in struct diff_change. */
	uint64_t born, ended, stuck, unsure;
	bool over; /* all goroutines together are over the limit */
	uint64_t groups_over;
	struct diff_figure figures[DIFF_FIGURES_MAX];
	size_t figure_count;
};
void diff_deinit(struct diff *diff);

/** Compare. Refers to what the request has. GOSPY_E_NOMEM. */
enum gospy_code diff_make(const struct diff_request *request, struct diff *ret,
			  struct gospy_error *err);

/** A minute's change, of so much in all; false: it is not known, or the time is too short. */
bool diff_rate(const struct diff *diff, int64_t change, double *per_minute_ret);

/** Is it one build? By its IDs, unless they were set by hand. */
bool diff_same_build(const struct gospy_target_info *a, const struct gospy_target_info *b);

#endif
