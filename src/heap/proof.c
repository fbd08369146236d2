#include "heap/proof.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "heap/instant.h"

enum {
	REACH_MOST_NS = 200 * 1000 * 1000,
	/* The look in the stop takes a third of what the search took: it writes next to nothing. */
	FASTER = 2,
	FASTER_THAN_TYPES = 3, /* and if the search has found out types, too */
};

static const uint64_t STOP_LEAST_NS = 2 * 1000 * 1000;

static const char why_never[] = "nobody can end such a wait",
		  why_proved[] = "nothing that can run has what it waits for",
		  why_behind[] = "who has the lock that it waits for can never run again, as long "
				 "as nobody else unlocks it",
		  why_unlocked[] = "nothing that can run has what it waits for, as long as nobody "
				   "unlocks what others have locked",
		  why_unreached[] = "while it ran, nothing seemed to have what it waits for";

void proof_deinit(struct proof *proof)
{
	free(proof->verdicts);
	vec_free(&proof->peers);
	*proof = (struct proof){0};
}

/* ---------------------------------------------------------------------------------------- stop --
 */

static enum gospy_code visit(void *ctx, const struct moment *moment, struct gospy_error *err)
{
	return instant_read(ctx, moment, err);
}

static void settle(void *ctx, const struct moment_thread *thread)
{
	instant_settle(ctx, thread);
}

/* What they wait for. */
static enum gospy_code find_closure(const struct search *s, struct closure *ret,
				    struct gospy_error *err)
{
	VEC(uint32_t) numbers = {0};
	bool ok = true;
	for (size_t i = 0; i < s->candidates.list.len && ok; i++) {
		const struct candidate *candidate = &s->candidates.list.at[i];
		bool counts = !s->live[i] && search_behind(s, i) == SEARCH_NOBODY;
		for (uint32_t k = 0; k < candidate->count && counts && ok; k++) {
			uint64_t addr = s->candidates.objects.at[candidate->first + k].addr;
			ok = vec_push(&numbers, heap_number(&s->heap.spans, addr));
		}
	}
	enum gospy_code code =
		ok ? closure_find(&s->mark, numbers.at, numbers.len, ret, err) : err_nomem(err);
	vec_free(&numbers);
	return code;
}

static bool is_fatal(enum gospy_code code)
{
	return code == GOSPY_E_NOMEM || code == GOSPY_E_GONE || code == GOSPY_E_CANCELLED;
}

/* Stop, and look. `*done_ret`: false if that could not be done. */
static enum gospy_code look(struct source *source, struct instant *in, uint64_t max_pause_ns,
			    struct proof *proof, bool *done_ret, struct gospy_error *err)
{
	const struct moment_work work = {
		.visit = visit,
		.settle = settle,
		.ctx = in,
		.vectors = true,
		.all = true,
		.reach_ns = max_pause_ns / 2 < REACH_MOST_NS ? max_pause_ns / 2 : REACH_MOST_NS,
	};
	struct moment moment = {0};
	struct gospy_error own = {0};
	enum gospy_code code = source_stop(source, max_pause_ns, &work, &moment, &own);
	proof->tried = true;
	proof->paused_ns = moment.stopped_ns;
	proof->interrupted = moment.interrupted;
	proof->scanned = in->scanned;
	for (size_t i = 0; i < in->late.len && !code; i++) {
		if (in->late.at[i])
			in->incomplete = "a thread did not stop";
	}
	const char *problem = code           ? own.msg
			      : moment.moved ? "threads went on while it was looked at"
					     : in->incomplete;
	moment_deinit(&moment);
	if (is_fatal(code)) {
		if (err)
			*err = own;
		return code;
	}
	*done_ret = !problem;
	if (problem)
		snprintf(proof->problem, sizeof(proof->problem), "%s", problem);
	return GOSPY_OK;
}

/* -------------------------------------------------------------------------------------- spread --
 */

static int by_from(const void *a, const void *b)
{
	const struct instant_edge *x = a, *y = b;
	return (x->from > y->from) - (x->from < y->from);
}

static size_t first_of(const struct instant *in, uint64_t from)
{
	size_t lo = 0, hi = in->edges.len;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (in->edges.at[mid].from < from)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* How each node may be had, from those that something else has. */
static bool spread(struct instant *in)
{
	VEC(uint64_t) pending = {0};
	bool ok = true;
	if (in->edges.len)
		qsort(in->edges.at, in->edges.len, sizeof(*in->edges.at), by_from);
	for (size_t i = 0; i < in->reached.cap && ok; i++) {
		if (in->reached.entries[i].used)
			ok = vec_push(&pending, in->reached.entries[i].key);
	}
	while (ok && pending.len) {
		uint64_t node = pending.at[--pending.len], how = *map_get(&in->reached, node);
		for (size_t i = first_of(in, node);
		     i < in->edges.len && in->edges.at[i].from == node; i++) {
			uint64_t *slot = map_put(&in->reached, in->edges.at[i].to);
			if (slot && (how & ~*slot)) {
				*slot |= how;
				ok = vec_push(&pending, in->edges.at[i].to);
			}
			ok = ok && slot;
		}
	}
	vec_free(&pending);
	return ok;
}

static const char *why_not(uint64_t how)
{
	return how & REACHED_WEAK        ? "a weak pointer leads to what it waits for"
	       : how & REACHED_FINALIZER ? "what it waits for has a finalizer"
	       : how & REACHED_THREAD
		       ? "a thread had what it waits for in a register, or on its stack"
	       : how & REACHED_LOCK
		       ? "who has a lock that somebody waits for may have run meanwhile"
		       : "something has what it waits for that nothing seemed to have itself";
}

static enum gospy_code judge(const struct search *s, const struct instant *in, struct proof *proof,
			     struct gospy_error *err)
{
	CLEANUP_FREE bool *leaked = calloc(s->candidates.list.len + 1, sizeof(*leaked));
	if (!leaked)
		return err_nomem(err);
	for (size_t i = 0; i < s->candidates.list.len; i++) {
		struct proof_verdict *verdict = &proof->verdicts[i];
		if (s->live[i] || s->candidates.list.at[i].kind == CANDIDATE_NEVER)
			continue;
		const uint64_t *slot = map_get(&in->reached, NODE_GOROUTINE + i);
		const uint64_t how = slot ? *slot : 0;
		if (!in->still[i] || how & REACHED)
			*verdict = (struct proof_verdict){GOSPY_LEAK_NONE, NULL};
		else if (how & ~(uint64_t)REACHED_UNLOCKED)
			*verdict = (struct proof_verdict){GOSPY_LEAK_LIKELY, why_not(how)};
		else
			*verdict = (struct proof_verdict){
				GOSPY_LEAK_PROVED, search_behind(s, i) != SEARCH_NOBODY ? why_behind
						   : how ? why_unlocked
							 : why_proved};
		leaked[i] = verdict->verdict == GOSPY_LEAK_PROVED;
	}
	return peers_find(in, leaked, &proof->peers, err);
}

/* ----------------------------------------------------------------------------------------- all --
 */

/* As long as nothing else is known. Goroutine 1 may wait for ever on purpose. */
static void begin(const struct search *s, struct proof *proof)
{
	for (size_t i = 0; i < s->candidates.list.len; i++) {
		bool never = s->candidates.list.at[i].kind == CANDIDATE_NEVER;
		struct proof_verdict *verdict = &proof->verdicts[i];
		if (s->live[i] || (never && search_rec(s, i)->goid == 1))
			continue;
		*verdict = never ? (struct proof_verdict){GOSPY_LEAK_PROVED, why_never}
				 : (struct proof_verdict){GOSPY_LEAK_LIKELY, why_unreached};
	}
}

static bool is_worth_it(const struct search *s)
{
	for (size_t i = 0; i < s->candidates.list.len; i++) {
		if (!s->live[i] && s->candidates.list.at[i].kind != CANDIDATE_NEVER)
			return true;
	}
	return false;
}

static enum gospy_code prove(struct source *source, const struct search *s,
			     const struct proof_options *options, struct proof *proof,
			     struct gospy_error *err)
{
	struct closure closure = {0};
	struct gospy_error own;
	enum gospy_code code = find_closure(s, &closure, &own);
	if (code) {
		snprintf(proof->problem, sizeof(proof->problem), "%s", own.msg);
		if (is_fatal(code) && err)
			*err = own;
		return is_fatal(code) ? code : GOSPY_OK;
	}
	CLEANUP_FREE struct instant *in = calloc(1, sizeof(*in));
	bool done = false;
	if (in) {
		in->search = s;
		in->closure = &closure;
		in->source = source;
	}
	code = in ? instant_init(in, err) : err_nomem(err);
	if (!code)
		code = look(source, in, options->max_pause_ns, proof, &done, err);
	if (!code && done && !spread(in))
		code = err_nomem(err);
	else if (!code && done)
		code = judge(s, in, proof, err);
	if (in)
		instant_deinit(in);
	closure_deinit(&closure);
	return code;
}

enum gospy_code proof_run(struct source *source, const struct search *s,
			  const struct proof_options *options, struct proof *ret,
			  struct gospy_error *err)
{
	struct proof proof = {.predicted_ns = s->cpu_ns / (s->paths ? FASTER_THAN_TYPES : FASTER) +
					      STOP_LEAST_NS};
	proof.verdicts = calloc(s->candidates.list.len + 1, sizeof(*proof.verdicts));
	if (!proof.verdicts)
		return err_nomem(err);
	begin(s, &proof);
	enum gospy_code code = GOSPY_OK;
	bool fits = source->frozen || proof.predicted_ns <= options->max_pause_ns;
	bool blocks = source->frozen || !options->non_blocking;
	if (is_worth_it(s)) {
		if (blocks && !source->frozen && !options->never && options->predicted)
			options->predicted(options->ctx, proof.predicted_ns, fits);
		if (options->never)
			snprintf(proof.problem, sizeof(proof.problem), "%s", options->never);
		else if (!blocks)
			snprintf(proof.problem, sizeof(proof.problem), "no stop is allowed");
		else if (!fits)
			snprintf(proof.problem, sizeof(proof.problem),
				 "a stop would take longer than --max-pause allows");
		else
			code = prove(source, s, options, &proof, err);
		if (!code && proof.problem[0])
			code = peers_suspect(s, &proof.peers, err);
	}
	if (code)
		proof_deinit(&proof);
	else
		*ret = proof;
	return code;
}
