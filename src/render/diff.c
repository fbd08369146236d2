#include "render/diff.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/radix.h"

void diff_deinit(struct diff *diff)
{
	diff_names_deinit(&diff->names);
	diff_side_deinit(&diff->before);
	diff_side_deinit(&diff->after);
	vec_free(&diff->changes);
}

bool diff_is_over(const struct diff_limit *limit, uint64_t before, uint64_t after)
{
	if (after <= before || !(limit->has_count || limit->has_percent))
		return false;
	uint64_t growth = after - before;
	if (limit->has_count && growth <= limit->count)
		return false;
	return !limit->has_percent || (double)growth > limit->percent / 100 * (double)before;
}

bool diff_rate(const struct diff *diff, int64_t change, double *per_minute_ret)
{
	// A rate of less than a second says more of that second than of a minute.
	static const uint64_t least_ns = 1000000000;
	if (diff->elapsed_ns == GOSPY_UNKNOWN || diff->elapsed_ns < least_ns)
		return false;
	*per_minute_ret = (double)change * 60e9 / (double)diff->elapsed_ns;
	return true;
}

/* ---- identity */

static bool same_text(const char *a, const char *b)
{
	return a && b && strcmp(a, b) == 0;
}

/* -ldflags=-buildid=redacted, as Bazel does for every program; the GNU build ID, which Go 1.24 and
 * later make of it, tells nothing then, either. */
static bool set_by_hand(const char *go_build_id)
{
	return go_build_id && !strchr(go_build_id, '/');
}

bool diff_same_build(const struct gospy_target_info *a, const struct gospy_target_info *b)
{
	if (set_by_hand(a->go_build_id) || set_by_hand(b->go_build_id))
		return false;
	return same_text(a->build_id, b->build_id) || same_text(a->go_build_id, b->go_build_id);
}

/* A process is its pid and the time of its start, but exec keeps both. */
static bool is_same_process(const struct gospy_target_info *a, const struct gospy_target_info *b)
{
	return a->pid == b->pid && a->start_ns == b->start_ns && a->start_ns != GOSPY_UNKNOWN &&
	       same_text(a->exe, b->exe) && same_text(a->go_version, b->go_version) &&
	       (!a->go_build_id || same_text(a->go_build_id, b->go_build_id)) &&
	       (!a->build_id || same_text(a->build_id, b->build_id)) &&
	       a->load_bias == b->load_bias;
}

/* The time that has passed between two snapshots of one process, by the target's clock. */
static void find_elapsed(struct diff *diff, const struct diff_request *request)
{
	const struct gospy_snapshot_info *a = gospy_snapshot_info(request->before.snapshot);
	const struct gospy_snapshot_info *b = gospy_snapshot_info(request->after.snapshot);
	bool has_uptime = a->uptime_ns != GOSPY_UNKNOWN && b->uptime_ns != GOSPY_UNKNOWN;
	uint64_t before = has_uptime ? a->uptime_ns : a->time_unix_ns;
	uint64_t after = has_uptime ? b->uptime_ns : b->time_unix_ns;
	diff->elapsed_ns = GOSPY_UNKNOWN;
	if (!diff->same_process || before == GOSPY_UNKNOWN || after == GOSPY_UNKNOWN)
		return;
	diff->backwards = after < before;
	if (!diff->backwards)
		diff->elapsed_ns = after - before;
}

/* ---- groups */

static enum gospy_code take_sides(struct diff *diff, const struct diff_request *request,
				  struct gospy_error *err)
{
	const struct diff_wanted wanted = {
		.level = diff->level,
		.system = request->system,
		.patterns = request->patterns,
		.pattern_count = request->pattern_count,
	};
	enum gospy_code code =
		diff_side_take(&diff->before, &diff->names, &wanted, request->before.snapshot, err);
	return code ? code
		    : diff_side_take(&diff->after, &diff->names, &wanted, request->after.snapshot,
				     err);
}

/* Lines that only one of them has would keep all groups apart. */
static bool lacks_lines(const struct diff *diff)
{
	return diff->level == DIFF_LINE && (!diff->before.has_lines || !diff->after.has_lines);
}

static enum gospy_code take_groups(struct diff *diff, const struct diff_request *request,
				   struct gospy_error *err)
{
	enum gospy_code code = take_sides(diff, request, err);
	if (code || !lacks_lines(diff))
		return code;
	diff_side_deinit(&diff->before);
	diff_side_deinit(&diff->after);
	diff->level = DIFF_FUNCTION;
	return take_sides(diff, request, err);
}

static bool add_changes(struct diff *diff, const diff_pairs *pairs)
{
	const uint64_t fates = diff->same_process ? 0 : GOSPY_UNKNOWN;
	if (!vec_reserve(&diff->changes, pairs->len + 1))
		return false;
	for (size_t i = 0; i < pairs->len; i++) {
		const struct diff_pair *pair = &pairs->at[i];
		struct diff_change change = {
			.match = pair->match,
			.born = fates,
			.ended = fates,
			.stuck = fates,
			.unsure = fates,
		};
		if (pair->before != DIFF_NONE)
			change.old = &diff->before.groups.at[pair->before];
		if (pair->after != DIFF_NONE)
			change.new = &diff->after.groups.at[pair->after];
		change.before = change.old ? change.old->count : 0;
		change.after = change.new ? change.new->count : 0;
		diff->changes.at[diff->changes.len++] = change;
	}
	return true;
}

/* ---- goroutines of one process */

/* Of each group of a side the index of its change. */
struct fates {
	struct diff *diff;
	const struct diff_request *request;
	uint32_t *old_change, *new_change;
};

static void fates_deinit(struct fates *f)
{
	free(f->old_change);
	free(f->new_change);
}

static bool index_changes(struct fates *f)
{
	struct diff *diff = f->diff;
	f->old_change = malloc((diff->before.groups.len + 1) * sizeof(*f->old_change));
	f->new_change = malloc((diff->after.groups.len + 1) * sizeof(*f->new_change));
	if (!f->old_change || !f->new_change)
		return false;
	for (size_t i = 0; i < diff->changes.len; i++) {
		const struct diff_change *change = &diff->changes.at[i];
		if (change->old)
			f->old_change[change->old - diff->before.groups.at] = (uint32_t)i;
		if (change->new)
			f->new_change[change->new - diff->after.groups.at] = (uint32_t)i;
	}
	return true;
}

/* All goroutines of a side that are counted, by their goids. */
static struct radix_item *sort_goids(const struct diff_side *side, struct gospy_snapshot *snapshot,
				     size_t *n_ret)
{
	struct radix_item *items = malloc((side->goroutines + 1) * sizeof(*items));
	size_t n = 0;
	for (size_t i = 0; items && i < side->indexes; i++) {
		struct gospy_goroutine g;
		if (side->group_of[i] == DIFF_NONE)
			continue;
		gospy_snapshot_goroutine(snapshot, i, &g);
		items[n++] = (struct radix_item){.key = g.goid, .index = (uint32_t)i};
	}
	*n_ret = n;
	if (items && radix_sort(items, n))
		return items;
	free(items);
	return NULL;
}

/* Did a goroutine wait at one place all the time? */
enum stay { STAY_NOT, STAY_UNSURE /* nothing tells */, STAY_PROVED };

/* A cycle of the GC notes once of each goroutine that waits when the cycle before it was, which is
 * another time in each cycle: the same note in both is the same wait (g.waitsince;
 * src/runtime/mgcmark.go:markroot, Go 1.12-1.27). A cycle takes longer than what the clocks of the
 * two snapshots may be off. */
static enum stay by_note(const struct diff *diff, const struct gospy_goroutine *a,
			 const struct gospy_goroutine *b)
{
	static const uint64_t off_ns = 50000;
	if (a->wait_ns == GOSPY_UNKNOWN || b->wait_ns == GOSPY_UNKNOWN || a->wait_at_least ||
	    b->wait_at_least || diff->elapsed_ns == GOSPY_UNKNOWN)
		return STAY_UNSURE;
	bool same =
		b->wait_ns >= a->wait_ns && b->wait_ns - a->wait_ns + off_ns >= diff->elapsed_ns;
	return same ? STAY_PROVED : STAY_NOT;
}

/* gospy.h, struct gospy_goroutine.departures. */
static enum stay by_count(const struct fates *f, const struct gospy_goroutine *a,
			  const struct gospy_goroutine *b, size_t index)
{
	const struct still *still = f->request->still;
	if (a->departures == GOSPY_UNKNOWN || b->departures == GOSPY_UNKNOWN)
		return STAY_UNSURE;
	if (a->departures != b->departures || a->addr != b->addr || a->sp != b->sp ||
	    a->stack_hi != b->stack_hi || !a->current || !b->current ||
	    a->current->pc != b->current->pc)
		return STAY_NOT;
	// Looks in between tell one that has moved round to the same count.
	uint64_t seen_ns = still ? still_ns(still, index) : 0;
	bool seen = !still || (seen_ns != GOSPY_UNKNOWN && seen_ns >= f->request->watched_ns);
	return seen ? STAY_PROVED : STAY_NOT;
}

/* Has a goroutine waited at one place all the time? Both are of one group. */
static enum stay stay_of(const struct fates *f, const struct gospy_goroutine *a,
			 const struct gospy_goroutine *b, size_t index)
{
	if (!a->wait_reason || !b->wait_reason || strcmp(a->wait_reason, b->wait_reason) != 0)
		return STAY_NOT;
	enum stay noted = by_note(f->diff, a, b);
	if (noted == STAY_PROVED)
		return noted;
	// On a busy machine the clocks may be further off: then the count tells.
	enum stay counted = by_count(f, a, b, index);
	return counted == STAY_UNSURE ? noted : counted;
}

static void note_both(struct fates *f, size_t old_index, size_t new_index)
{
	struct gospy_goroutine a, b;
	struct diff *diff = f->diff;
	uint32_t change = f->new_change[diff->after.group_of[new_index]];
	if (f->old_change[diff->before.group_of[old_index]] != change ||
	    diff->changes.at[change].match != DIFF_SAME)
		return;
	gospy_snapshot_goroutine(f->request->before.snapshot, old_index, &a);
	gospy_snapshot_goroutine(f->request->after.snapshot, new_index, &b);
	enum stay stay = stay_of(f, &a, &b, new_index);
	diff->changes.at[change].stuck += stay == STAY_PROVED;
	diff->changes.at[change].unsure += stay == STAY_UNSURE;
	diff->stuck += stay == STAY_PROVED;
	diff->unsure += stay == STAY_UNSURE;
}

static void note_ended(struct fates *f, size_t index)
{
	f->diff->changes.at[f->old_change[f->diff->before.group_of[index]]].ended++;
	f->diff->ended++;
}

static void note_born(struct fates *f, size_t index)
{
	f->diff->changes.at[f->new_change[f->diff->after.group_of[index]]].born++;
	f->diff->born++;
}

static void follow(struct fates *f, const struct radix_item *old, size_t old_count,
		   const struct radix_item *new, size_t new_count)
{
	size_t i = 0, j = 0;
	while (i < old_count || j < new_count) {
		if (j == new_count || (i < old_count && old[i].key < new[j].key))
			note_ended(f, old[i++].index);
		else if (i == old_count || old[i].key > new[j].key)
			note_born(f, new[j++].index);
		else
			note_both(f, old[i++].index, new[j++].index);
	}
}

/* Who began, who ended, and who stayed. */
static bool find_fates(struct diff *diff, const struct diff_request *request)
{
	CLEANUP(fates_deinit) struct fates f = {.diff = diff, .request = request};
	size_t old_count, new_count;
	diff->born = diff->ended = diff->stuck = diff->unsure =
		diff->same_process ? 0 : GOSPY_UNKNOWN;
	if (!diff->same_process)
		return true;
	CLEANUP_FREE struct radix_item *old =
		sort_goids(&diff->before, request->before.snapshot, &old_count);
	CLEANUP_FREE struct radix_item *new =
		sort_goids(&diff->after, request->after.snapshot, &new_count);
	if (!old || !new || !index_changes(&f))
		return false;
	follow(&f, old, old_count, new, new_count);
	return true;
}

/* ---- order */

static int compare_texts(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) : (a == NULL) - (b == NULL);
}

/* 0: it has grown; 1: it has shrunk; 2: it is elsewhere; 3: nothing of that. */
static int rank(const struct diff_change *change)
{
	if (change->after == change->before)
		return change->match == DIFF_SIMILAR ? 2 : 3;
	return change->after < change->before;
}

static uint64_t distance(const struct diff_change *change)
{
	return change->after > change->before ? change->after - change->before
					      : change->before - change->after;
}

static int compare_changes(const void *a, const void *b)
{
	const struct diff_change *x = a, *y = b;
	if (rank(x) != rank(y))
		return rank(x) - rank(y);
	if (distance(x) != distance(y))
		return distance(x) < distance(y) ? 1 : -1;
	if (x->after != y->after)
		return x->after < y->after ? 1 : -1;
	const struct diff_group *p = x->new ? x->new : x->old, *q = y->new ? y->new : y->old;
	int order =
		compare_texts(p->begin ? p->begin->func : NULL, q->begin ? q->begin->func : NULL);
	if (!order)
		order = compare_texts(p->state, q->state);
	return order ? order : (p->example > q->example) - (p->example < q->example);
}

static void sort_changes(struct diff *diff, const struct diff_limit *limit)
{
	for (size_t i = 0; i < diff->changes.len; i++) {
		struct diff_change *change = &diff->changes.at[i];
		change->over = diff_is_over(limit, change->before, change->after);
		diff->groups_over += change->over;
		diff->changed += rank(change) < 3;
	}
	if (diff->changes.len)
		qsort(diff->changes.at, diff->changes.len, sizeof(*diff->changes.at),
		      compare_changes);
	diff->over = diff_is_over(limit, diff->before.goroutines, diff->after.goroutines);
}

static void pairs_free(diff_pairs *pairs)
{
	vec_free(pairs);
}

enum gospy_code diff_make(const struct diff_request *request, struct diff *ret,
			  struct gospy_error *err)
{
	CLEANUP(pairs_free) diff_pairs pairs = {0};
	const struct gospy_target_info *a = request->before.target, *b = request->after.target;
	*ret = (struct diff){.same_process = is_same_process(a, b)};
	ret->same_build = ret->same_process || diff_same_build(a, b);
	ret->level = request->level;
	if (ret->level == DIFF_LEVELS)
		ret->level = ret->same_build ? DIFF_EXACT : DIFF_FUNCTION;
	find_elapsed(ret, request);
	enum gospy_code code = take_groups(ret, request, err);
	if (!code && (!diff_pair(&ret->before, &ret->after, ret->same_build, &pairs) ||
		      !add_changes(ret, &pairs) || !find_fates(ret, request)))
		code = err_nomem(err);
	if (code) {
		diff_deinit(ret);
		return code;
	}
	sort_changes(ret, &request->limit);
	diff_figures(&request->before, &request->after, ret->figures, &ret->figure_count);
	return GOSPY_OK;
}
