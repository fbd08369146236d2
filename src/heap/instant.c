#include "heap/instant.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "capture/capture_take.h"
#include "capture/object_state.h"
#include "heap/thread_words.h"
#include "heap/words.h"
#include "target/held.h"

enum {
	NO_CANDIDATE = UINT32_MAX,
	EDGES_MAX = 1 << 22, /* between nodes; more, and nothing is proved */
	/* Of all sync.Cond together, each of two reads: some tenths of a second. */
	WAITERS_MAX = 1 << 18,
	/* src/runtime/sema.go: notifyList, the same in Go 1.12 to 1.27. */
	LIST_HEAD = 16,
	/* With more goroutines than this it is not looked in the moment who holds which lock: of
	 * each the stack is walked. */
	HOLDERS_OF_MAX = 1 << 14,
};

/* What is read in one moment. */
struct reading {
	struct instant *instant;
	const struct search *search;
	struct image *image;
	uint64_t deadline_ns;
	struct capture capture;
	uint32_t *candidate_of; /* of each record of the capture, or NO_CANDIDATE */
	/* Of each candidate of the search that waits as it did then: its record in the capture. */
	uint32_t *at_now;
	bool *unmoved;      /* of each candidate: nothing says that it has run since the search */
	bool *slept;        /* and that it has not is certain */
	bool holders;       /* who holds which lock in this moment is known */
	struct map objects; /* address -> 1 + index in the capture's */
	struct heap now;    /* spans, without edges */
	struct words words;
	struct stack_roots *stacks;
	uint64_t *hidden; /* addresses of words that count for nobody */
	size_t hidden_count, hidden_at;
	/* While the heap is looked through. */
	const struct heap_span *span;
	uint32_t old_first; /* number of the span's first object in the heap of the search */
	uint32_t number;    /* of the object, in the heap of now */
	bool on_own_stacks; /* of the candidates */
	bool running;       /* words of threads, not of stacks */
};

/* --------------------------------------------------------------------------------------- nodes --
 */

static void reach(struct instant *in, uint64_t node, enum reached how)
{
	uint64_t *slot = map_put(&in->reached, node);
	if (slot)
		*slot |= how;
	in->no_memory |= !slot;
}

static void join(struct instant *in, uint64_t from, uint64_t to)
{
	if (in->edges.len == EDGES_MAX)
		in->incomplete = "too much refers to what they wait for";
	else if (!vec_push(&in->edges, ((struct instant_edge){from, to})))
		in->no_memory = true;
}

/* The object that a word leads to, if that is a node; else HEAP_NONE. */
static inline uint32_t node_at(const struct instant *in, uint64_t pointer)
{
	size_t page = pointer >> HEAP_PAGE_BITS & (NODE_PAGES - 1);
	if (!(in->pages[page / 64] >> page % 64 & 1))
		return HEAP_NONE;
	uint32_t number = heap_number(&in->search->heap.spans, pointer);
	return number != HEAP_NONE && closure_has(in->closure, number) ? number : HEAP_NONE;
}

/* A g or a sudog is in somebody's hands while he wakes it. */
static void check_handle(struct instant *in, uint64_t pointer, enum reached how)
{
	const uint64_t *candidate = map_get(&in->handles, pointer);
	if (candidate)
		reach(in, NODE_GOROUTINE + *candidate - 1, how);
}

/* What copies blocks of memory copies them through vector registers. Whoever wakes somebody has
 * his g or sudog elsewhere. */
static int take_vector_word(void *ctx, uint64_t pointer)
{
	struct instant *in = ctx;
	uint32_t node = node_at(in, pointer);
	if (node != HEAP_NONE)
		reach(in, node, REACHED_THREAD);
	return 0;
}

static int take_thread_word(void *ctx, uint64_t pointer)
{
	check_handle(ctx, pointer, REACHED_THREAD);
	return take_vector_word(ctx, pointer);
}

static void take_late(void *ctx, pid_t tid)
{
	struct instant *in = ctx;
	if (!vec_push(&in->late, tid))
		in->no_memory = true;
}

/* ---------------------------------------------------------------------------------- candidates --
 */

static bool same_objects(const struct candidates *a, const struct candidate *x,
			 const struct candidates *b, const struct candidate *y)
{
	for (uint32_t i = 0; i < x->count && x->count == y->count; i++) {
		if (a->objects.at[x->first + i].addr != b->objects.at[y->first + i].addr)
			return false;
	}
	return x->count == y->count && x->kind == y->kind;
}

/* The span that `number` is in, if it is now as it was; else NULL. */
static const struct heap_span *same_span(const struct reading *r, uint64_t start)
{
	const struct heap_spans *old = &r->search->heap.spans, *now = &r->now.spans;
	const struct heap_page *page = spans_page(old, start), *page_now = spans_page(now, start);
	if (!page || !page_now)
		return NULL;
	const struct heap_span *x = spans_of(old, page->first);
	const struct heap_span *y = spans_of(now, page_now->first);
	bool same = x->start == y->start && x->elemsize == y->elemsize && x->count == y->count &&
		    x->spanclass == y->spanclass;
	return same ? x : NULL;
}

/* Is the object of now the one that the search has seen there? */
static bool same_object(const struct reading *r, uint64_t addr)
{
	uint32_t now = heap_number(&r->now.spans, addr);
	return now != HEAP_NONE && spans_is_allocated(&r->now.spans, now) && same_span(r, addr);
}

/* Those who wait at a list: NotifyAll takes all of them off at once, and wakes them one by one.
 * `*left`: so many are looked at at most. */
static void note_waiters(struct reading *r, uint64_t list, size_t *left, struct map *ret)
{
	const __typeof__(r->image->layout.sudog) *L = &r->image->layout.sudog;
	uint64_t sudog, g;
	if (!field_present(L->next) || mem_read_u64(r->image->mem, list + LIST_HEAD, &sudog, NULL))
		return;
	for (; sudog && *left && clock_mono_ns() < r->deadline_ns; --*left) {
		if (mem_read_u64(r->image->mem, sudog + L->g.off, &g, NULL))
			return;
		uint64_t *slot = map_put(ret, g);
		if (!slot) {
			r->instant->no_memory = true;
			return;
		}
		*slot = list;
		if (mem_read_u64(r->image->mem, sudog + L->next.off, &sudog, NULL))
			return;
	}
}

static void keep_waiters(struct reading *r, const struct candidates *found)
{
	CLEANUP(map_deinit) struct map lists = {0};
	CLEANUP(map_deinit) struct map waiters = {0};
	size_t left = WAITERS_MAX;
	for (size_t i = 0; i < found->list.len; i++) {
		const struct candidate *candidate = &found->list.at[i];
		uint32_t l = r->candidate_of[candidate->g];
		if (l == NO_CANDIDATE || candidate->kind != CANDIDATE_COND)
			continue;
		uint64_t list = found->objects.at[candidate->first].addr;
		uint64_t *slot = map_put(&lists, list);
		if (slot && !*slot) {
			*slot = 1;
			note_waiters(r, list, &left, &waiters);
		}
		const uint64_t *at = map_get(&waiters, r->capture.recs[candidate->g].addr);
		if (!at || *at != list)
			r->candidate_of[candidate->g] = NO_CANDIDATE;
	}
}

/* Has it surely not run meanwhile? The counter has eight bits, and Go before 1.17 has none, but
 * execute() clears waitsince, which only the garbage collector sets. */
static bool has_slept(const struct reading *r, const struct g_rec *before, const struct g_rec *rec)
{
	bool known = rec->waitsince && rec->waitsince == before->waitsince &&
		     !r->capture.uncounted[rec->waitreason];
	return grec_same(rec, before) && (known || r->instant->source->frozen);
}

/* Which of those that the search has found wait now, for the same. */
static void match(struct reading *r, const struct candidates *found)
{
	const struct search *s = r->search;
	for (size_t i = 0; i < r->capture.count; i++)
		r->candidate_of[i] = NO_CANDIDATE;
	for (size_t i = 0; i < found->list.len; i++) {
		const struct candidate *candidate = &found->list.at[i];
		const struct g_rec *rec = &r->capture.recs[candidate->g];
		const uint64_t *at = map_get(&r->instant->by_g, rec->addr);
		if (!at)
			continue;
		const struct candidate *before = &s->candidates.list.at[*at - 1];
		bool same = rec->goid == search_rec(s, *at - 1)->goid &&
			    rec->soundness == GOSPY_SOUND &&
			    same_objects(&s->candidates, before, found, candidate);
		// Of a lock that anybody may reach no object is looked for.
		bool behind = search_behind(s, *at - 1) != SEARCH_NOBODY;
		for (uint32_t k = 0; k < candidate->count && same && !behind; k++)
			same = same_object(r, found->objects.at[candidate->first + k].addr);
		r->unmoved[*at - 1] = grec_same(rec, search_rec(s, *at - 1));
		r->slept[*at - 1] = has_slept(r, search_rec(s, *at - 1), rec);
		r->at_now[*at - 1] = candidate->g;
		if (same)
			r->candidate_of[candidate->g] = (uint32_t)(*at - 1);
	}
	keep_waiters(r, found);
}

static void tie_object(struct reading *r, uint32_t candidate, const struct candidate_object *object)
{
	struct instant *in = r->instant;
	uint32_t node = node_at(in, object->addr);
	bool behind = search_behind(r->search, candidate) != SEARCH_NOBODY;
	if (node != HEAP_NONE && !behind) {
		join(in, node, NODE_GOROUTINE + candidate);
		join(in, NODE_GOROUTINE + candidate, node);
	} else if (!behind) { // it is one of the closure's targets
		in->incomplete = "what they wait for has changed";
	}
	uint64_t *slot = object->sudog ? map_put(&in->handles, object->sudog) : NULL;
	if (slot)
		*slot = (uint64_t)candidate + 1;
}

static const struct chan_rec *wait_of(const struct capture *c, uint32_t g)
{
	const struct g_rec *rec = &c->recs[g];
	const struct chan_rec *chan = rec->chan ? &c->chans.at[rec->chan - 1] : NULL;
	return chan && chan->known && object_state_bytes((enum gospy_wait_kind)chan->wait) ? chan
											   : NULL;
}

static bool waits_to_write(const struct chan_rec *wait)
{
	return object_is_writer_sem(wait->wait, wait->addr - wait->of.object);
}

/* Does it hold in this moment what the other one waits for, as it did before? That is what its
 * frames and the lock itself tell, as in a snapshot. */
static bool holds_now(const struct reading *r, uint32_t holder, uint32_t waiter)
{
	const struct capture *c = &r->capture;
	if (!r->holders || c->holders_cut || c->releasers.len)
		return false;
	const struct chan_rec *now = wait_of(c, r->at_now[waiter]);
	const struct chan_rec *before =
		wait_of(r->search->capture, r->search->candidates.list.at[waiter].g);
	if (!now || !before || now->wait != before->wait || now->addr != before->addr ||
	    now->of.object != before->of.object)
		return false;
	const uint64_t *at = map_get(&r->objects, now->of.object);
	const struct object_rec *object = at ? &c->objects.at[*at - 1] : NULL;
	if (!object || object->kind != now->wait)
		return false;
	if (!waits_to_write(now) && object->writer_waits) {
		const struct chan_rec *writer = wait_of(c, r->at_now[holder]);
		return writer && writer->of.object == object->addr &&
		       writer->wait == object->kind && waits_to_write(writer);
	}
	for (size_t i = 0; i < object->count; i++) {
		const struct holder_rec *rec = &c->holders.at[object->first + i];
		if (rec->g == r->at_now[holder] && !rec->doubt &&
		    rec->reader == waits_to_write(now))
			return true;
	}
	return false;
}

/* Whoever has a lock and has not run since still has it: then he alone leads to who waits for it,
 * unless somebody else unlocks it. */
static void tie_locks(struct reading *r)
{
	struct instant *in = r->instant;
	for (size_t i = 0; r->holders && i < r->capture.objects.len; i++) {
		uint64_t *slot = map_put(&r->objects, r->capture.objects.at[i].addr);
		in->no_memory |= !slot;
		if (slot)
			*slot = i + 1;
	}
	for (uint32_t i = 0; i < r->search->candidates.list.len; i++) {
		uint32_t holder = search_behind(r->search, i);
		if (holder == SEARCH_NOBODY || !in->still[i])
			continue;
		bool proved = in->still[holder] &&
			      ((r->slept[holder] && r->slept[i]) || holds_now(r, holder, i));
		bool likely = in->still[holder] && r->unmoved[holder] && r->unmoved[i];
		if (proved || likely)
			join(in, NODE_GOROUTINE + holder, NODE_GOROUTINE + i);
		reach(in, NODE_GOROUTINE + i,
		      proved   ? REACHED_UNLOCKED
		      : likely ? REACHED_LOCK
			       : REACHED);
	}
}

/* What leads from a candidate to what it waits for counts for nobody, and what it waits for leads
 * to it. */
static enum gospy_code tie(struct reading *r, struct candidates *found, struct gospy_error *err)
{
	struct instant *in = r->instant;
	size_t kept = 0;
	for (size_t i = 0; i < found->list.len; i++) {
		const struct candidate candidate = found->list.at[i];
		uint32_t l = r->candidate_of[candidate.g];
		if (l == NO_CANDIDATE)
			continue;
		found->list.at[kept++] = candidate;
		in->still[l] = true;
		uint64_t *slot = map_put(&in->handles, r->capture.recs[candidate.g].addr);
		in->no_memory |= !slot;
		if (slot)
			*slot = (uint64_t)l + 1;
		for (uint32_t k = 0; k < candidate.count; k++)
			tie_object(r, l, &found->objects.at[candidate.first + k]);
	}
	found->list.len = kept;
	tie_locks(r);
	return candidates_hidden(r->image, found, &r->hidden, &r->hidden_count, err);
}

static enum gospy_code find_candidates(struct reading *r, struct gospy_error *err)
{
	CLEANUP(candidates_deinit) struct candidates found = {0};
	enum gospy_code code = candidates_find(r->image, &r->capture, &found, err);
	if (code)
		return code;
	match(r, &found);
	return tie(r, &found, err);
}

/* ---------------------------------------------------------------------------------------- heap --
 */

static inline void begin_object(void *ctx, uint32_t number, const struct mask *mask)
{
	((struct reading *)ctx)->number = number;
	(void)mask;
}

/* A word of an object leads to a node. */
static void take_hit(struct reading *r, uint32_t node)
{
	struct instant *in = r->instant;
	const struct search *s = r->search;
	uint32_t old =
		r->old_first == HEAP_NONE ? HEAP_NONE : r->old_first + (r->number - r->span->first);
	if (old != HEAP_NONE && closure_has(in->closure, old)) {
		join(in, old, node);
		return;
	}
	// A g of a candidate is its own.
	const uint64_t *at = map_get(&in->by_g, span_addr(r->span, r->number));
	if (at && in->still[*at - 1]) {
		join(in, NODE_GOROUTINE + *at - 1, node);
		return;
	}
	bool garbage = old != HEAP_NONE && spans_is_allocated(&s->heap.spans, old) &&
		       !mark_has(&s->mark, old);
	reach(in, node, garbage ? REACHED_GARBAGE : REACHED);
}

static inline void take_word(void *ctx, const uint8_t *at)
{
	struct reading *r = ctx;
	uint32_t node = node_at(r->instant, words_load(at));
	if (node != HEAP_NONE)
		take_hit(r, node);
}

static void hide(struct reading *r, const struct piece *piece)
{
	uint64_t start = piece->span->start + piece->off;
	while (r->hidden_at < r->hidden_count && r->hidden[r->hidden_at] < start)
		r->hidden_at++;
	for (size_t i = r->hidden_at; i < r->hidden_count; i++) {
		uint64_t off = r->hidden[i] - start;
		if (off >= piece->len || off + 8 > piece->len)
			break;
		memset(piece->bytes + off, 0, 8);
	}
}

static enum gospy_code take_piece(void *ctx, const struct piece *piece, struct gospy_error *err)
{
	struct reading *r = ctx;
	const struct words_visit visit = {begin_object, take_word, r};
	if (clock_mono_ns() >= r->deadline_ns)
		return err_set(err, GOSPY_E_LIMIT, "it took longer than --max-pause allows");
	if (!piece->bytes) {
		r->instant->incomplete = "a part of the heap could not be read";
		return GOSPY_OK;
	}
	if (piece->span != r->span) {
		const struct heap_span *old = same_span(r, piece->span->start);
		r->span = piece->span;
		r->old_first = old ? old->first : HEAP_NONE;
	}
	hide(r, piece);
	r->instant->scanned += piece->len;
	words_of_piece(&r->words, visit, piece);
	r->instant->no_memory |= r->words.no_memory;
	return GOSPY_OK;
}

static enum gospy_code read_spans(struct reading *r, struct gospy_error *err)
{
	const struct image *image = r->image;
	struct budget *budget = r->search->budget;
	r->now = (struct heap){.image = r->image,
			       .scheme = scheme_of(&image->version, image->go_version)};
	masks_init(&r->now.masks, image->mem, image->version.minor, budget);
	enum gospy_code code = spans_read(r->image, budget, false, &r->now.spans, err);
	if (code)
		return code;
	if (r->now.spans.bad || r->now.spans.dropped)
		r->instant->incomplete = "a part of the heap could not be read";
	// What is to be swept of its specials may be in nobody's list just now.
	for (size_t i = 0; i < r->now.spans.all.len; i++) {
		const struct heap_span *span = &r->now.spans.all.at[i];
		if (span->sweeping && span->specials)
			r->instant->incomplete = "the garbage collector swept an object that has a "
						 "finalizer";
	}
	return GOSPY_OK;
}

/* The address of an object of now, as a node; HEAP_NONE: it is none. */
static uint32_t node_of(const struct reading *r, uint32_t number)
{
	const struct heap_spans *spans = &r->now.spans;
	return number >= spans->count
		       ? HEAP_NONE
		       : node_at(r->instant, span_addr(spans_of(spans, number), number));
}

static void take_root(void *ctx, const struct root *root)
{
	struct reading *r = ctx;
	struct instant *in = r->instant;
	uint32_t node;
	switch (root->kind) {
	case ROOT_FINALIZED:
		node = node_of(r, root->object);
		if (node != HEAP_NONE)
			reach(in, node, REACHED_FINALIZER);
		return;
	case ROOT_WEAK_HANDLE:
		node = node_of(r, root->object);
		if (node != HEAP_NONE)
			reach(in, node, REACHED_WEAK);
		break;
	default:
		break;
	}
	node = node_at(in, root->pointer);
	if (node != HEAP_NONE)
		reach(in, node, REACHED);
}

/* -------------------------------------------------------------------------------------- stacks --
 */

static int take_stack_word(void *ctx, uint64_t pointer)
{
	struct reading *r = ctx;
	struct instant *in = r->instant;
	uint32_t at = stack_roots_current(r->stacks), node = node_at(in, pointer);
	if (r->on_own_stacks) {
		if (node != HEAP_NONE)
			join(in, NODE_GOROUTINE + r->candidate_of[at], node);
		return 0;
	}
	bool runs = grec_status(&r->capture.recs[at]) == GOSPY_STATUS_RUNNING;
	enum reached how = runs ? REACHED_THREAD : REACHED;
	if (node != HEAP_NONE)
		reach(in, node, how);
	check_handle(in, pointer, how);
	return 0;
}

/* The stacks of the candidates are their own. Those that nothing can wake never run. */
static enum gospy_code read_stacks(struct reading *r, struct gospy_error *err)
{
	const struct capture *c = &r->capture;
	CLEANUP_FREE uint32_t *which = malloc((c->count + 1) * sizeof(*which));
	enum gospy_code code = which ? GOSPY_OK : err_nomem(err);
	for (unsigned own = 0; own < 2 && !code; own++) {
		size_t n = 0;
		for (size_t i = 0; i < c->count; i++) {
			uint32_t l = r->candidate_of[i];
			bool never = l != NO_CANDIDATE &&
				     r->search->candidates.list.at[l].kind == CANDIDATE_NEVER;
			if ((l != NO_CANDIDATE) == own && !never && !grec_is_dead(&c->recs[i]))
				which[n++] = (uint32_t)i;
		}
		r->on_own_stacks = own;
		code = stack_roots_of(r->stacks, c->recs, which, n, take_stack_word, r, err);
	}
	if (!code && stack_roots_unread(r->stacks))
		r->instant->incomplete = "a stack could not be read";
	return code;
}

/* ----------------------------------------------------------------------------------------- all --
 */

/* Is there a lock of which it cannot be told otherwise that it is still held? */
static bool wants_holders(const struct search *s)
{
	bool any = false;
	for (size_t i = 0; i < s->candidates.list.len && s->capture->count <= HOLDERS_OF_MAX; i++) {
		uint32_t holder = search_behind(s, i);
		any |= holder != SEARCH_NOBODY &&
		       !(search_rec(s, i)->waitsince && search_rec(s, holder)->waitsince);
	}
	return any;
}

static enum gospy_code read_capture(struct reading *r, const struct moment *moment,
				    struct gospy_error *err)
{
	struct gospy_snapshot_options options = {.objects = true, .channels = true};
	struct held held;
	r->holders = !r->instant->source->frozen && wants_holders(r->search);
	options.stacks = r->holders;
	options.holder_limit = r->holders ? HOLDERS_OF_MAX : 0;
	held_init(&held, r->instant->source, moment);
	enum gospy_code code =
		capture_take(&held.source, r->image, &options, NULL, &r->capture, err);
	if (code)
		return code;
	r->candidate_of = malloc((r->capture.count + 1) * sizeof(*r->candidate_of));
	for (size_t i = 0; i < r->capture.count; i++) {
		if (r->capture.recs[i].soundness == GOSPY_SOUND_UNREADABLE)
			r->instant->incomplete = "a goroutine could not be read";
	}
	if (r->capture.missing.entries || r->capture.grew_too_fast)
		r->instant->incomplete = "not all goroutines could be read";
	size_t n = r->search->candidates.list.len + 1;
	r->unmoved = calloc(n, sizeof(*r->unmoved));
	r->slept = calloc(n, sizeof(*r->slept));
	r->at_now = calloc(n, sizeof(*r->at_now));
	return r->candidate_of && r->unmoved && r->slept && r->at_now ? GOSPY_OK : err_nomem(err);
}

static enum gospy_code check_time(const struct reading *r, enum gospy_code code,
				  struct gospy_error *err)
{
	if (code || clock_mono_ns() < r->deadline_ns)
		return code;
	return err_set(err, GOSPY_E_LIMIT, "it took longer than --max-pause allows");
}

static enum gospy_code read_all(struct reading *r, const struct moment *moment,
				struct gospy_error *err)
{
	struct instant *in = r->instant;
	struct roots_count count;
	enum gospy_code code = read_capture(r, moment, err);
	code = check_time(r, code, err);
	if (!code)
		code = read_spans(r, err);
	if (!code)
		code = find_candidates(r, err);
	code = check_time(r, code, err);
	const struct thread_words words = {take_thread_word, take_vector_word, take_late, in};
	const char *problem = NULL;
	if (!code)
		problem = thread_words_each(r->image, &r->capture, moment, &words);
	in->incomplete = problem ? problem : in->incomplete;
	if (!code)
		code = roots_each(r->image, &r->now, take_root, r, &count, err);
	if (!code && count.unread)
		in->incomplete = "some of the roots could not be read";
	if (!code)
		code = stack_roots_create(r->image, r->capture.symbols, &r->stacks, err);
	if (!code)
		code = read_stacks(r, err);
	code = check_time(r, code, err);
	const struct heap_options options = {.budget = r->search->budget};
	r->words.heap = &r->now;
	if (!code)
		code = stream_each(&r->now, &options, take_piece, r, err);
	return code || !in->no_memory ? code : err_nomem(err);
}

static void forget(struct instant *in)
{
	memset(in->still, 0, (in->search->candidates.list.len + 1) * sizeof(*in->still));
	map_deinit(&in->reached);
	map_deinit(&in->handles);
	in->reached = in->handles = (struct map){0};
	in->edges.len = in->late.len = 0;
	in->incomplete = NULL;
	in->no_memory = false;
	in->scanned = 0;
}

enum gospy_code instant_read(struct instant *in, const struct moment *moment,
			     struct gospy_error *err)
{
	CLEANUP_FREE struct reading *r = calloc(1, sizeof(*r));
	if (!r)
		return err_nomem(err);
	forget(in);
	r->instant = in;
	r->search = in->search;
	r->image = in->search->image;
	r->deadline_ns = moment->deadline_ns;
	enum gospy_code code = read_all(r, moment, err);
	stack_roots_destroy(r->stacks);
	heap_free(&r->now);
	free(r->hidden);
	free(r->candidate_of);
	free(r->unmoved);
	free(r->slept);
	map_deinit(&r->objects);
	free(r->at_now);
	capture_deinit(&r->capture);
	return code;
}

void instant_settle(struct instant *in, const struct moment_thread *thread)
{
	const struct thread_words words = {take_thread_word, take_vector_word, take_late, in};
	for (size_t i = 0; i < in->late.len; i++) {
		if (in->late.at[i] != thread->tid)
			continue;
		in->late.at[i] = 0;
		const char *problem = thread_words_registers(thread, &words);
		in->incomplete = problem ? problem : in->incomplete;
	}
}

/* The pages that an object lies in. */
static void note_pages(struct instant *in, uint32_t number)
{
	const struct heap_spans *spans = &in->search->heap.spans;
	const struct heap_span *span = spans_of(spans, number);
	uint64_t first = span_addr(span, number) >> HEAP_PAGE_BITS;
	uint64_t last = (span_addr(span, number) + span->elemsize - 1) >> HEAP_PAGE_BITS;
	last = last - first < NODE_PAGES ? last : first + NODE_PAGES - 1;
	for (uint64_t page = first; page <= last; page++)
		in->pages[page % NODE_PAGES / 64] |= UINT64_C(1) << page % 64;
}

static void note_all_pages(struct instant *in)
{
	uint32_t count = in->search->heap.spans.count;
	for (size_t i = 0; i < (size_t)count / 64 + 1; i++) {
		for (uint64_t bits = in->closure->bits[i]; bits; bits &= bits - 1)
			note_pages(in, (uint32_t)(i * 64) + (uint32_t)__builtin_ctzll(bits));
	}
}

enum gospy_code instant_init(struct instant *in, struct gospy_error *err)
{
	const struct search *s = in->search;
	note_all_pages(in);
	in->still = calloc(s->candidates.list.len + 1, sizeof(*in->still));
	if (!in->still)
		return err_nomem(err);
	for (size_t i = 0; i < s->candidates.list.len; i++) {
		uint64_t *slot = s->live[i] ? NULL : map_put(&in->by_g, search_rec(s, i)->addr);
		if (!s->live[i] && !slot)
			return err_nomem(err);
		if (slot)
			*slot = i + 1;
	}
	return GOSPY_OK;
}

void instant_deinit(struct instant *in)
{
	free(in->still);
	map_deinit(&in->reached);
	map_deinit(&in->by_g);
	map_deinit(&in->handles);
	vec_free(&in->edges);
	vec_free(&in->late);
	*in = (struct instant){0};
}
