/* The public entry points of leaked goroutines. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/leak_paths.h"
#include "api/target.h"
#include "base/cancel.h"
#include "base/cleanup.h"
#include "base/free_memory.h"
#include "base/sized.h"
#include "heap/proof.h"
#include "heap/types.h"
#include "snapshot/snapshot.h"

struct gospy_leaks {
	struct gospy_snapshot *snapshot;
	struct gospy_leak_info info;
	VEC(struct gospy_leak) list;
	VEC(struct gospy_leak_peer) peers;
	/* With paths, of which .paths borrows what comes before it. */
	struct budget budget;
	struct search search;
	struct types *types;
	struct leak_paths *paths;
	char not_proved[sizeof(((struct gospy_error *)0)->msg)], problem[256];
};

static const uint64_t DEFAULT_PAUSE_NS = 1000 * 1000 * 1000;

void gospy_leaks_destroy(struct gospy_leaks *leaks)
{
	if (!leaks)
		return;
	leak_paths_destroy(leaks->paths);
	if (leaks->types)
		types_end(leaks->types);
	free(leaks->types);
	search_deinit(&leaks->search);
	snapshot_destroy(leaks->snapshot);
	vec_free(&leaks->list);
	vec_free(&leaks->peers);
	free(leaks);
}

static int by_goroutine(const void *a, const void *b)
{
	const struct gospy_leak *x = a, *y = b;
	return (x->goroutine > y->goroutine) - (x->goroutine < y->goroutine);
}

/* Goroutines of a bundle whose waits are younger than its heap: address of the g. */
static enum gospy_code list_new_waits(const struct gospy_target *target, const struct capture *c,
				      struct map *ret, struct gospy_error *err)
{
	const struct source_taken *taken = &target->source->taken;
	if (!taken->known || taken->heap != SOURCE_HEAP_RUNNING)
		return GOSPY_OK;
	for (size_t i = 0; i < taken->mark_count; i++) {
		if (taken->marks[i].soundness == SOURCE_MARK_NEW_WAIT &&
		    !map_put(ret, taken->marks[i].g))
			return err_nomem(err);
	}
	// What was read behind the moment may wait since then.
	for (size_t i = 0; i < c->count; i++) {
		if (c->recs[i].soundness != GOSPY_SOUND && !map_put(ret, c->recs[i].addr))
			return err_nomem(err);
	}
	return GOSPY_OK;
}

static enum gospy_code list(struct gospy_leaks *leaks, const struct search *search,
			    const struct proof *proof, struct gospy_error *err)
{
	for (size_t i = 0; i < search->candidates.list.len; i++) {
		const struct proof_verdict *verdict = &proof->verdicts[i];
		if (verdict->verdict == GOSPY_LEAK_NONE)
			continue;
		const struct gospy_leak leak = {search_rec(search, i)->index, verdict->verdict,
						verdict->why};
		if (!vec_push(&leaks->list, leak))
			return err_nomem(err);
	}
	if (leaks->list.len)
		qsort(leaks->list.at, leaks->list.len, sizeof(*leaks->list.at), by_goroutine);
	for (size_t i = 0; i < proof->peers.len; i++) {
		const struct peer *from = &proof->peers.at[i];
		const struct gospy_leak_peer peer = {search_rec(search, from->waiter)->index,
						     search_rec(search, from->other)->index};
		if (!vec_push(&leaks->peers, peer))
			return err_nomem(err);
	}
	return GOSPY_OK;
}

/* What is not known of the heap counts as alive. */
static const char *problem_of(const struct search *search, char *text, size_t size)
{
	const struct heap *heap = &search->heap;
	uint64_t unknown = heap->unknown_spans + heap->spans.bad + heap->spans.dropped;
	if (heap->partial)
		snprintf(text, size, "no memory was left for a part of the heap: see --max-memory");
	else if (unknown)
		snprintf(text, size, "%" PRIu64 " of %" PRIu64 " spans of the heap are not known",
			 unknown, heap->spans.listed);
	return heap->partial || unknown ? text : NULL;
}

static void describe(struct gospy_leaks *leaks, const struct search *search,
		     const struct proof *proof)
{
	size_t candidates = search->candidates.list.len;
	leaks->info = (struct gospy_leak_info){
		.candidates = candidates,
		.live = candidates - search->found - search->unknown,
		.unknown = search->unknown,
		.objects = search->heap.spans.objects,
		.heap_bytes = search->heap.spans.bytes,
		.scanned = search->heap.scanned,
		.predicted_ns = proof->predicted_ns,
		.paused_ns = proof->paused_ns,
		.stopped_threads = proof->interrupted,
		.problem = problem_of(search, leaks->problem, sizeof(leaks->problem)),
	};
	if (!proof->problem[0])
		return;
	memcpy(leaks->not_proved, proof->problem, sizeof(proof->problem));
	leaks->info.not_proved = leaks->not_proved;
}

struct reading {
	const struct gospy_leak_options *how;
};

static void report(void *ctx, uint64_t done, uint64_t total)
{
	const struct reading *reading = ctx;
	reading->how->progress(reading->how->progress_ctx, GOSPY_PHASE_HEAP, done, total);
	cancel_look_again();
}

typedef VEC(struct search_lock) lock_list;

static void locks_free(lock_list *locks)
{
	vec_free(locks);
}

/* Who has which lock, by positions in the capture. */
static enum gospy_code ask_for_locks(const struct gospy_leak_options *how,
				     const struct gospy_leaks *leaks, lock_list *ret,
				     struct gospy_error *err)
{
	const struct capture *capture = &leaks->snapshot->capture;
	const struct gospy_leak_peer *pairs = NULL;
	size_t n = 0;
	if (!how->locks)
		return GOSPY_OK;
	enum gospy_code code = how->locks(how->locks_ctx, leaks->snapshot, &pairs, &n, err);
	for (size_t i = 0; i < n && !code; i++) {
		if (pairs[i].goroutine >= capture->count || pairs[i].other >= capture->count)
			code = err_set(err, GOSPY_E_USAGE, "gospy_leaks_find: bad index");
		else if (!vec_push(ret, ((struct search_lock){
						capture->store->by_index[pairs[i].goroutine],
						capture->store->by_index[pairs[i].other]})))
			code = err_nomem(err);
	}
	return code;
}

static enum gospy_code judge(struct gospy_target *target, const struct gospy_leak_options *how,
			     struct gospy_leaks *leaks, struct gospy_error *err)
{
	bool moved = target->source->frozen && !target_heap_is_instant(target);
	const struct proof_options options = {.never = moved ? "the heap of this bundle was copied "
							       "while the process ran"
							     : NULL,
					      .non_blocking = how->non_blocking,
					      .max_pause_ns = how->max_pause_ns ? how->max_pause_ns
										: DEFAULT_PAUSE_NS,
					      .predicted = how->predicted,
					      .ctx = how->predicted_ctx};
	struct reading reading = {how};
	struct budget *budget = &leaks->budget;
	struct search *search = &leaks->search;
	budget_init(budget, how->max_memory ? how->max_memory : free_memory_share(), SIZE_MAX);
	leaks->types = how->paths ? calloc(1, sizeof(*leaks->types)) : NULL;
	if (how->paths && !leaks->types)
		return err_nomem(err);
	struct search_options options_of = {.budget = budget,
					    .progress = how->progress ? report : NULL,
					    .ctx = &reading,
					    .types = leaks->types,
					    .runs = !target->source->frozen};
	CLEANUP(locks_free) lock_list locks = {0};
	struct proof proof = {0};
	CLEANUP(map_deinit) struct map new_waits = {0};
	enum gospy_code code = ask_for_locks(how, leaks, &locks, err);
	if (!code)
		code = list_new_waits(target, &leaks->snapshot->capture, &new_waits, err);
	options_of.unknown = &new_waits;
	options_of.locks = locks.at;
	options_of.lock_count = locks.len;
	if (!code)
		code = search_run(target->image, &leaks->snapshot->capture, &options_of, search,
				  err);
	if (code)
		return code;
	code = proof_run(target->source, search, &options, &proof, err);
	if (!code)
		code = list(leaks, search, &proof, err);
	if (!code)
		describe(leaks, search, &proof);
	if (!code && how->paths)
		code = leak_paths_create(search, leaks->types, target->source, budget,
					 &leaks->paths, err);
	if (!how->paths)
		search_deinit(search);
	proof_deinit(&proof);
	return code;
}

enum gospy_code gospy_leaks_find(struct gospy_target *target,
				 const struct gospy_leak_options *options, struct gospy_leaks **ret,
				 struct gospy_error *err)
{
	struct gospy_leak_options how;
	if (!target || !ret)
		return err_set(err, GOSPY_E_USAGE, "gospy_leaks_find: bad argument");
	if (SIZED_READ(&how, options, err))
		return GOSPY_E_USAGE;
	CLEANUP(cancel_end) struct cancel cancel;
	cancel_begin(&cancel, how.cancel_fd);
	enum gospy_code code = target_check_heap(target, err);
	if (code)
		return code;
	const struct gospy_snapshot_options snapshot = {
		.size = sizeof(snapshot),
		.non_blocking = how.non_blocking,
		.objects = true,
		.stacks = true,
		.labels = how.labels,
		.holder_limit = how.holder_limit,
		.sockets = how.sockets,
		.threads = how.threads,
		.figures = how.figures,
		.syscalls = how.syscalls,
		.max_pause_ns = how.max_pause_ns,
		.progress = how.progress,
		.progress_ctx = how.progress_ctx,
	};
	struct gospy_leaks *leaks = calloc(1, sizeof(*leaks));
	if (!leaks)
		return err_nomem(err);
	code = gospy_snapshot_take(target, &snapshot, &leaks->snapshot, err);
	if (!code) {
		code = judge(target, &how, leaks, err);
		code = code ? source_explain(target->source, code, err) : GOSPY_OK;
	}
	code = cancel_verdict(code, err);
	if (code)
		gospy_leaks_destroy(leaks);
	else
		*ret = leaks;
	return code;
}

enum gospy_code gospy_leaks_path(struct gospy_leaks *leaks, size_t goroutine,
				 const struct gospy_graph_path **ret, struct gospy_error *err)
{
	if (!leaks || !ret || goroutine >= leaks->snapshot->capture.count)
		return err_set(err, GOSPY_E_USAGE, "gospy_leaks_path: bad argument");
	if (!leaks->paths)
		return err_set(err, GOSPY_E_USAGE,
			       "gospy_leaks_path: they were found without paths");
	return leak_paths_of(leaks->paths, leaks->snapshot->capture.store->by_index[goroutine], ret,
			     err);
}

const struct gospy_leak *gospy_leaks_get(const struct gospy_leaks *leaks, size_t *n_ret)
{
	*n_ret = leaks->list.len;
	return leaks->list.at;
}

const struct gospy_leak_peer *gospy_leaks_peers(const struct gospy_leaks *leaks, size_t *n_ret)
{
	*n_ret = leaks->peers.len;
	return leaks->peers.at;
}

const struct gospy_leak_info *gospy_leaks_info(const struct gospy_leaks *leaks)
{
	return &leaks->info;
}

struct gospy_snapshot *gospy_leaks_snapshot(const struct gospy_leaks *leaks)
{
	return leaks->snapshot;
}
