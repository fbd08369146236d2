#include "heap/search.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"

typedef VEC(uint32_t) positions;

static uint64_t cpu_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

void search_deinit(struct search *search)
{
	stack_roots_destroy(search->stacks);
	mark_deinit(&search->mark);
	heap_free(&search->heap);
	candidates_deinit(&search->candidates);
	free(search->live);
	free(search->behind);
	vec_free(&search->origins);
	*search = (struct search){0};
}

/* What the marks are told of a root: 0, or the number of where it was found. */
static uint64_t note_origin(struct search *s, struct origin origin)
{
	if (!s->paths)
		return 0;
	s->no_memory |= !vec_push(&s->origins, origin);
	return s->origins.len;
}

/* The same, unless that is known of the object already. */
static uint64_t note_pointer(struct search *s, uint64_t pointer, struct origin origin)
{
	uint32_t number = s->paths ? heap_number(&s->heap.spans, pointer) : HEAP_NONE;
	return number == HEAP_NONE || mark_has(&s->mark, number) ? 0 : note_origin(s, origin);
}

static void take_root(void *ctx, const struct root *root)
{
	struct search *s = ctx;
	const struct origin origin = {.kind = (uint8_t)root->kind, .addr = root->addr};
	if (root->kind == ROOT_FINALIZED)
		mark_referents(&s->mark, root->object, note_origin(s, origin));
	else
		mark_root(&s->mark, root->pointer, note_pointer(s, root->pointer, origin));
}

static int take_word(void *ctx, uint64_t pointer)
{
	struct search *s = ctx;
	const struct origin origin = {
		.kind = ORIGIN_STACK,
		.addr = s->paths ? stack_roots_frame(s->stacks) : 0,
		.goid = s->capture->recs[stack_roots_current(s->stacks)].goid};
	mark_root(&s->mark, pointer, note_pointer(s, pointer, origin));
	return 0;
}

/* All that live, but for the candidates: they are not known to. */
static enum gospy_code mark_stacks(struct search *s, struct gospy_error *err)
{
	const struct capture *c = s->capture;
	CLEANUP_FREE uint32_t *which = malloc((c->count + 1) * sizeof(*which));
	size_t n = 0, next = 0;
	if (!which)
		return err_nomem(err);
	for (size_t i = 0; i < c->count; i++) {
		bool is_next = next < s->candidates.list.len && s->candidates.list.at[next].g == i;
		next += is_next;
		if (!is_next && !grec_is_dead(&c->recs[i]))
			which[n++] = (uint32_t)i;
	}
	return stack_roots_of(s->stacks, c->recs, which, n, take_word, s, err);
}

/* May somebody who runs have one of the things it waits for? What is not in the heap anybody may
 * have, and what is not known to be an object, too. */
static bool is_wakeable(const struct search *s, const struct candidate *candidate)
{
	for (uint32_t i = 0; i < candidate->count; i++) {
		uint64_t addr = s->candidates.objects.at[candidate->first + i].addr;
		uint32_t number = heap_number(&s->heap.spans, addr);
		if (number == HEAP_NONE || !spans_is_allocated(&s->heap.spans, number) ||
		    mark_has(&s->mark, number))
			return true;
	}
	return false;
}

/* What it waits for is in its hands, and so is all that its g holds. */
static void wake(struct search *s, const struct candidate *candidate)
{
	const struct origin origin = {.kind = ORIGIN_STACK,
				      .goid = s->capture->recs[candidate->g].goid};
	for (uint32_t i = 0; i < candidate->count; i++) {
		uint64_t addr = s->candidates.objects.at[candidate->first + i].addr;
		mark_root(&s->mark, addr, note_pointer(s, addr, origin));
	}
	uint32_t number = heap_number(&s->heap.spans, s->capture->recs[candidate->g].addr);
	if (number != HEAP_NONE)
		mark_trace(&s->mark, number);
}

/* Who has the locks that candidates wait for, among the candidates: of each the first one in
 * .pairs, and one more for the end. */
struct holders {
	uint32_t *first;
	struct search_lock *pairs; /* positions among the candidates, by .waiter */
};

static void holders_deinit(struct holders *holders)
{
	free(holders->first);
	free(holders->pairs);
}

static int by_waiter(const void *a, const void *b)
{
	const struct search_lock *x = a, *y = b;
	return (x->waiter > y->waiter) - (x->waiter < y->waiter);
}

/* Candidates are in the order of their g's. */
static uint32_t candidate_of(const struct search *s, uint32_t g)
{
	size_t lo = 0, hi = s->candidates.list.len;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (s->candidates.list.at[mid].g < g)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < s->candidates.list.len && s->candidates.list.at[lo].g == g ? (uint32_t)lo
									       : SEARCH_NOBODY;
}

/* Whoever is no candidate may run: such pairs say nothing. */
static bool holders_make(const struct search *s, const struct search_options *options,
			 struct holders *ret)
{
	size_t n = s->candidates.list.len, count = 0;
	ret->first = calloc(n + 2, sizeof(*ret->first));
	ret->pairs = malloc((options->lock_count + 1) * sizeof(*ret->pairs));
	if (!ret->first || !ret->pairs)
		return false;
	for (size_t i = 0; i < options->lock_count; i++) {
		const struct search_lock pair = {candidate_of(s, options->locks[i].waiter),
						 candidate_of(s, options->locks[i].holder)};
		if (pair.waiter != SEARCH_NOBODY && pair.holder != SEARCH_NOBODY)
			ret->pairs[count++] = pair;
	}
	qsort(ret->pairs, count, sizeof(*ret->pairs), by_waiter);
	for (size_t i = 0; i < count; i++)
		ret->first[ret->pairs[i].waiter + 1]++;
	for (size_t i = 0; i < n; i++)
		ret->first[i + 1] += ret->first[i];
	return true;
}

/* One who has the lock that it waits for, and may not run. */
static uint32_t stuck_holder(const struct search *s, const struct holders *holders,
			     size_t candidate)
{
	for (uint32_t i = holders->first[candidate]; i < holders->first[candidate + 1]; i++) {
		if (!s->live[holders->pairs[i].holder])
			return holders->pairs[i].holder;
	}
	return SEARCH_NOBODY;
}

/* Those that are not live only because of who has the lock. */
static enum gospy_code note_behind(struct search *s, const struct holders *holders,
				   struct gospy_error *err)
{
	size_t n = s->candidates.list.len;
	s->behind = malloc((n + 1) * sizeof(*s->behind));
	if (!s->behind)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++) {
		const struct candidate *candidate = &s->candidates.list.at[i];
		bool rests = !s->live[i] && candidate->kind != CANDIDATE_NEVER &&
			     is_wakeable(s, candidate);
		s->behind[i] = rests ? stuck_holder(s, holders, i) : SEARCH_NOBODY;
	}
	return GOSPY_OK;
}

/* May it have got what it waits for after that was copied? */
static bool is_unknown(const struct search *s, const struct search_options *options, size_t i)
{
	return options->unknown && map_get(options->unknown, search_rec(s, i)->addr);
}

/* These are no leaks, and neither is what only they have. */
static enum gospy_code wake_unknown(struct search *s, const struct search_options *options,
				    struct gospy_error *err)
{
	size_t n = s->candidates.list.len, count = 0;
	CLEANUP_FREE uint32_t *woken = malloc((n + 1) * sizeof(*woken));
	if (!woken)
		return err_nomem(err);
	for (size_t i = 0; i < n; i++) {
		const struct candidate *candidate = &s->candidates.list.at[i];
		if (s->live[i] || candidate->kind == CANDIDATE_NEVER || !is_unknown(s, options, i))
			continue;
		s->live[i] = true;
		s->found--;
		s->unknown++;
		wake(s, candidate);
		woken[count++] = candidate->g;
	}
	return count ? stack_roots_of(s->stacks, s->capture->recs, woken, count, take_word, s, err)
		     : GOSPY_OK;
}

static enum gospy_code find_live(struct search *s, const struct holders *holders,
				 struct gospy_error *err)
{
	size_t n = s->candidates.list.len;
	CLEANUP_FREE uint32_t *woken = malloc((n + 1) * sizeof(*woken));
	if (!woken)
		return err_nomem(err);
	for (;;) {
		size_t count = 0;
		enum gospy_code code = mark_run(&s->mark, err);
		for (size_t i = 0; i < n && !code; i++) {
			const struct candidate *candidate = &s->candidates.list.at[i];
			if (s->live[i] || candidate->kind == CANDIDATE_NEVER ||
			    !is_wakeable(s, candidate) ||
			    stuck_holder(s, holders, i) != SEARCH_NOBODY)
				continue;
			s->live[i] = true;
			s->found--;
			wake(s, candidate);
			woken[count++] = candidate->g;
		}
		if (code || !count)
			return code;
		code = stack_roots_of(s->stacks, s->capture->recs, woken, count, take_word, s, err);
		if (code)
			return code;
	}
}

static enum gospy_code read_heap(struct search *s, const struct search_options *options,
				 struct gospy_error *err)
{
	CLEANUP_FREE uint64_t *hidden = NULL;
	struct heap_options how = {.budget = options->budget,
				   .types = options->types,
				   .runs = options->runs,
				   .progress = options->progress,
				   .ctx = options->ctx};
	enum gospy_code code =
		candidates_hidden(s->image, &s->candidates, &hidden, &how.hidden_count, err);
	how.hidden = hidden;
	return code ? code : heap_build(s->image, &how, &s->heap, err);
}

static enum gospy_code run(struct search *s, const struct search_options *options,
			   struct gospy_error *err)
{
	CLEANUP(holders_deinit) struct holders holders = {0};
	uint64_t begin_ns = cpu_ns();
	enum gospy_code code = candidates_find(s->image, s->capture, &s->candidates, err);
	if (code)
		return code;
	s->found = s->candidates.list.len;
	s->live = calloc(s->found + 1, sizeof(*s->live));
	if (!s->live || !holders_make(s, options, &holders))
		return err_nomem(err);
	code = read_heap(s, options, err);
	if (!code)
		code = mark_init(&s->mark, &s->heap, options->budget, s->paths, err);
	// allgs leads to the g's of the candidates, which are no proof that these live.
	for (size_t i = 0; i < s->candidates.list.len && !code; i++)
		mark_alone(&s->mark, heap_number(&s->heap.spans, search_rec(s, i)->addr));
	if (!code)
		code = roots_each(s->image, &s->heap, take_root, s, &s->roots, err);
	if (!code)
		code = stack_roots_create(s->image, s->capture->symbols, &s->stacks, err);
	if (!code)
		code = mark_stacks(s, err);
	if (!code)
		code = find_live(s, &holders, err);
	// After the first time: so it is known how many of them would have been leaks.
	if (!code && options->unknown)
		code = wake_unknown(s, options, err);
	if (!code && s->unknown)
		code = find_live(s, &holders, err);
	if (!code && options->lock_count)
		code = note_behind(s, &holders, err);
	if (!code && s->no_memory)
		code = err_nomem(err);
	s->cpu_ns = cpu_ns() - begin_ns;
	return code;
}

enum gospy_code search_run(struct image *image, const struct capture *capture,
			   const struct search_options *options, struct search *ret,
			   struct gospy_error *err)
{
	*ret = (struct search){.image = image,
			       .capture = capture,
			       .budget = options->budget,
			       .paths = options->types != NULL};
	enum gospy_code code = run(ret, options, err);
	if (code)
		search_deinit(ret);
	return code;
}
