#include "render/diff_pair.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

const char *diff_match_name(enum diff_match match)
{
	switch (match) {
	case DIFF_SAME:
		return "same";
	case DIFF_RENUMBERED:
		return "renumbered";
	case DIFF_SIMILAR:
		return "similar";
	}
	return NULL;
}

/* A group that has no partner yet. */
struct single {
	const struct diff_group *group;
	uint32_t index;
	bool paired;
};

struct pairing {
	const struct diff_side *before, *after;
	bool same_build;
	VEC(struct single) old, new; /* those that are left over */
	diff_pairs *pairs;
};

static void pairing_deinit(struct pairing *p)
{
	vec_free(&p->old);
	vec_free(&p->new);
}

static bool join(struct pairing *p, struct single *old, struct single *new, enum diff_match match)
{
	struct diff_pair pair = {
		.before = old ? old->index : DIFF_NONE,
		.after = new ? new->index : DIFF_NONE,
		.match = match,
	};
	if (old)
		old->paired = true;
	if (new)
		new->paired = true;
	return vec_push(p->pairs, pair);
}

/* All of a side. */
static void take_all(const struct diff_side *side, struct single *at, size_t *len)
{
	for (uint32_t i = 0; i < side->groups.len; i++)
		at[(*len)++] = (struct single){.group = &side->groups.at[i], .index = i};
}

/* ---- those that have something in common, hashed */

enum common { COMMON_UNNUMBERED, COMMON_HASH, COMMON_LOOSE };

static uint64_t common_of(const struct single *single, enum common common)
{
	switch (common) {
	case COMMON_UNNUMBERED:
		return single->group->unnumbered;
	case COMMON_HASH:
		return single->group->hash;
	case COMMON_LOOSE:
		return single->group->loose;
	}
	return 0;
}

static uint32_t line_of(const struct gospy_location *place)
{
	return place ? place->line : 0;
}

static int compare_numbers(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

/* Those that have a partner come last; those that have the same in common, in the order of the
 * source. */
static int compare_common(const void *a, const void *b, void *ctx)
{
	const struct single *x = a, *y = b;
	const enum common *common = ctx;
	int order = compare_numbers(x->paired, y->paired);
	if (!order)
		order = compare_numbers(common_of(x, *common), common_of(y, *common));
	if (!order)
		order = compare_numbers(line_of(x->group->begin), line_of(y->group->begin));
	if (!order)
		order = compare_numbers(line_of(x->group->creator), line_of(y->group->creator));
	return order ? order : compare_numbers(x->index, y->index);
}

/* How many at the beginning have the same in common as the first one. */
static size_t run_length(const struct single *at, size_t n, enum common common)
{
	size_t len = 0;
	while (len < n && !at[len].paired && common_of(&at[len], common) == common_of(at, common))
		len++;
	return len;
}

static bool join_runs(struct pairing *p, struct single *old, size_t old_count, struct single *new,
		      size_t new_count)
{
	size_t n = old_count < new_count ? old_count : new_count;
	for (size_t i = 0; i < n; i++) {
		bool same = old[i].group->hash == new[i].group->hash;
		if (!join(p, &old[i], &new[i], same ? DIFF_SAME : DIFF_RENUMBERED))
			return false;
	}
	return true;
}

/* Are there groups of all these keys? */
static bool have_keys(const struct diff_side *side, const struct single *at, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!map_get(&side->by_hash, at[i].group->hash))
			return false;
	}
	return true;
}

/* `renumbered`: only where both sides have as many of them, and not all with the same numbers. */
static bool join_common(struct pairing *p, enum common common, bool renumbered)
{
	if (p->old.len)
		qsort_r(p->old.at, p->old.len, sizeof(*p->old.at), compare_common, &common);
	if (p->new.len)
		qsort_r(p->new.at, p->new.len, sizeof(*p->new.at), compare_common, &common);
	for (size_t i = 0, j = 0; i < p->old.len && j < p->new.len;) {
		struct single *old = &p->old.at[i], *new = &p->new.at[j];
		if (old->paired || new->paired)
			break;
		uint64_t x = common_of(old, common), y = common_of(new, common);
		size_t old_count = run_length(old, p->old.len - i, common);
		size_t new_count = run_length(new, p->new.len - j, common);
		bool wanted = !renumbered ||
			      (old_count == new_count && !have_keys(p->after, old, old_count));
		if (x == y && wanted && !join_runs(p, old, old_count, new, new_count))
			return false;
		i += x <= y ? old_count : 0;
		j += y <= x ? new_count : 0;
	}
	return true;
}

/* ---- similar ones */

/* The largest that are left over come first. */
static int compare_left(const void *a, const void *b)
{
	const struct single *x = a, *y = b;
	if (x->paired != y->paired)
		return x->paired ? 1 : -1;
	if (x->group->count != y->group->count)
		return x->group->count < y->group->count ? 1 : -1;
	return (x->index > y->index) - (x->index < y->index);
}

static size_t left_over(struct single *at, size_t n)
{
	size_t left = 0;
	if (n)
		qsort(at, n, sizeof(*at), compare_left);
	while (left < n && left < DIFF_LEFT_OVER_MAX && !at[left].paired)
		left++;
	return left;
}

/* Two that may be the same. */
struct candidate {
	struct single *old, *new;
	double alike;
	uint64_t apart; /* difference of their counts */
};

static int compare_candidates(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	if (x->alike != y->alike)
		return x->alike < y->alike ? 1 : -1;
	if (x->apart != y->apart)
		return x->apart < y->apart ? -1 : 1;
	if (x->old->index != y->old->index)
		return x->old->index < y->old->index ? -1 : 1;
	return (x->new->index > y->new->index) - (x->new->index < y->new->index);
}

static const uint32_t *calls_of(const struct diff_side *side, const struct diff_group *group)
{
	return group->call_count ? side->calls.at + group->calls_at : NULL;
}

static bool is_candidate(const struct pairing *p, struct candidate *c)
{
	static const double least = 0.7;
	const struct diff_group *old = c->old->group, *new = c->new->group;
	if (old->start != new->start || (p->same_build && old->count != new->count))
		return false;
	c->alike = diff_alike(calls_of(p->before, old), old->call_count, calls_of(p->after, new),
			      new->call_count);
	c->apart = old->count < new->count ? new->count - old->count : old->count - new->count;
	return c->alike >= least;
}

static bool join_similar(struct pairing *p)
{
	size_t old_count = left_over(p->old.at, p->old.len);
	size_t new_count = left_over(p->new.at, p->new.len), n = 0;
	CLEANUP_FREE struct candidate *all = malloc((old_count * new_count + 1) * sizeof(*all));
	if (!all)
		return false;
	for (size_t i = 0; i < old_count; i++) {
		for (size_t j = 0; j < new_count; j++) {
			all[n] = (struct candidate){.old = &p->old.at[i], .new = &p->new.at[j]};
			n += is_candidate(p, &all[n]);
		}
	}
	if (n)
		qsort(all, n, sizeof(*all), compare_candidates);
	for (size_t i = 0; i < n; i++) {
		struct candidate *c = &all[i];
		if (!c->old->paired && !c->new->paired && !join(p, c->old, c->new, DIFF_SIMILAR))
			return false;
	}
	return true;
}

static bool keep_singles(struct pairing *p)
{
	for (size_t i = 0; i < p->old.len; i++) {
		if (!p->old.at[i].paired && !join(p, &p->old.at[i], NULL, DIFF_SAME))
			return false;
	}
	for (size_t i = 0; i < p->new.len; i++) {
		if (!p->new.at[i].paired && !join(p, NULL, &p->new.at[i], DIFF_SAME))
			return false;
	}
	return true;
}

bool diff_pair(const struct diff_side *before, const struct diff_side *after, bool same_build,
	       diff_pairs *ret)
{
	CLEANUP(pairing_deinit)
	struct pairing p = {
		.before = before, .after = after, .same_build = same_build, .pairs = ret};
	size_t old_count = before->groups.len, new_count = after->groups.len;
	if (!vec_reserve(&p.old, old_count + 1) || !vec_reserve(&p.new, new_count + 1))
		return false;
	take_all(before, p.old.at, &p.old.len);
	take_all(after, p.new.at, &p.new.len);
	return (same_build || join_common(&p, COMMON_UNNUMBERED, true)) &&
	       join_common(&p, COMMON_HASH, false) &&
	       (same_build || join_common(&p, COMMON_LOOSE, false)) && join_similar(&p) &&
	       keep_singles(&p);
}
