#include "check/looks.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/hash.h"
#include "check/limits.h"
#include "render/units.h"
#include "render/waits_leaks.h"

enum {
	HOLDERS = 1 << 16, /* goroutines of which is looked at what they hold */
	SAMPLE_NS = 100 * 1000 * 1000,
};

struct taking {
	struct looks *looks;
	const struct looks_options *options;
	struct gospy_collector *collector;
};

static void collector_destroy(struct gospy_collector **collector)
{
	gospy_collector_destroy(*collector);
}

void looks_deinit(struct looks *looks)
{
	waits_deinit(&looks->before);
	waits_deinit(&looks->now);
	still_deinit(&looks->still);
	sites_deinit(&looks->sites);
	map_deinit(&looks->again);
	vec_free(&looks->asleep);
	gospy_snapshot_destroy(looks->first);
	if (looks->leaks)
		gospy_leaks_destroy(looks->leaks);
	else
		gospy_snapshot_destroy(looks->last);
	*looks = (struct looks){0};
}

uint64_t looks_place(const struct gospy_goroutine *g)
{
	uint64_t channel = g->select_case_count ? g->select_cases[0].channel.addr : 0;
	return hash_mix(hash_mix(hash_mix(g->goid, g->departures), g->sp), g->wait_addr ^ channel);
}

static void note_pause(struct looks *looks, uint64_t paused_ns)
{
	if (paused_ns != GOSPY_UNKNOWN && paused_ns > looks->paused_ns)
		looks->paused_ns = paused_ns;
}

/* ---- figures */

static void read_figures(struct looks *looks, unsigned at)
{
	const struct gospy_read_options how = {.size = sizeof(how), .non_blocking = true};
	const struct gospy_target_info *info = gospy_target_info(looks->target);
	looks->mem_known[at] = !gospy_memstats_read(looks->target, &how, &looks->mem[at], NULL);
	looks->usage_known[at] = info->kind == GOSPY_TARGET_PROCESS &&
				 !gospy_process_usage(info->pid, &looks->usage[at], NULL);
	looks->limits_known[at] = info->kind == GOSPY_TARGET_PROCESS &&
				  !gospy_process_limits(info->pid, &looks->limits[at], NULL);
}

static void sample_queue(struct looks *looks)
{
	const struct gospy_read_options how = {.size = sizeof(how), .non_blocking = true};
	struct gospy_stats stats;
	if (gospy_stats_read(looks->target, &how, &stats, NULL) ||
	    stats.runq_global == GOSPY_UNKNOWN || stats.runq_local == GOSPY_UNKNOWN)
		return;
	uint64_t queued = stats.runq_global + stats.runq_local;
	if (!looks->queue_looks++ || queued < looks->queued_least)
		looks->queued_least = queued;
}

/* Wait until then, and look now and then how long the run queues are. */
static void pass_time(struct looks *looks, uint64_t until_ns)
{
	for (uint64_t now_ns; (now_ns = clock_mono_ns()) < until_ns;) {
		sample_queue(looks);
		uint64_t left_ns = until_ns - now_ns;
		clock_sleep(left_ns < SAMPLE_NS ? left_ns : SAMPLE_NS);
	}
}

/* ---- threads */

/* Note those that are in uninterruptible sleep. */
static enum gospy_code note_threads(struct looks *looks, struct gospy_error *err)
{
	const struct gospy_target_info *info = gospy_target_info(looks->target);
	size_t n;
	const struct gospy_thread *threads = gospy_snapshot_threads(looks->first, &n);
	for (size_t i = 0; i < n; i++) {
		struct gospy_thread_state state;
		if (threads[i].state != 'D' ||
		    gospy_thread_state(info->pid, threads[i].tid, &state, NULL) ||
		    state.state != 'D' || state.switches == GOSPY_UNKNOWN)
			continue;
		const struct looks_thread thread = {threads[i].tid, state.switches};
		if (!vec_push(&looks->asleep, thread))
			return err_nomem(err);
	}
	return GOSPY_OK;
}

/* ---- snapshots */

static struct gospy_snapshot_options whole(const struct taking *t)
{
	return (struct gospy_snapshot_options){
		.size = sizeof(struct gospy_snapshot_options),
		.non_blocking = t->options->non_blocking,
		.max_pause_ns = t->options->max_pause_ns,
		.objects = true,
		.stacks = true,
		.sockets = true,
		.figures = true,
		.syscalls = true,
		.threads = true,
		.holder_limit = HOLDERS,
		.progress = t->options->progress,
		.progress_ctx = t->options->progress_ctx,
	};
}

/* Where threads do not come to their stop in time, without one. */
static enum gospy_code snapshot(struct taking *t, struct gospy_snapshot_options *how,
				struct gospy_snapshot **ret, struct gospy_error *err)
{
	enum gospy_code code = t->collector ? gospy_collector_take(t->collector, how, ret, err)
					    : gospy_snapshot_take(t->looks->target, how, ret, err);
	if (code == GOSPY_E_LIMIT && !how->non_blocking) {
		how->non_blocking = true;
		code = snapshot(t, how, ret, err);
	}
	if (!code)
		note_pause(t->looks, gospy_snapshot_info(*ret)->paused_ns);
	return code;
}

static enum gospy_code compare(struct looks *looks, struct gospy_snapshot *of, uint64_t begin_ns,
			       struct gospy_error *err)
{
	if (!still_look(&looks->still, of, begin_ns, clock_mono_ns()))
		return err_nomem(err);
	return sites_look(&looks->sites, of, err);
}

static enum gospy_code look_first(struct taking *t, struct gospy_error *err)
{
	struct looks *looks = t->looks;
	struct gospy_snapshot_options how = whole(t);
	uint64_t begin_ns = clock_mono_ns();
	read_figures(looks, 0);
	enum gospy_code code = snapshot(t, &how, &looks->first, err);
	if (!code)
		code = compare(looks, looks->first, begin_ns, err);
	if (!code)
		code = note_threads(looks, err);
	return code ? code : waits_collect(&looks->before, looks->first, false, err);
}

static enum gospy_code look_between(struct taking *t, struct gospy_error *err)
{
	struct gospy_snapshot_options how = {
		.size = sizeof(how),
		.non_blocking = t->options->non_blocking,
		.max_pause_ns = t->options->max_pause_ns,
		.stacks = true,
	};
	struct gospy_snapshot *between = NULL;
	uint64_t begin_ns = clock_mono_ns();
	enum gospy_code code = snapshot(t, &how, &between, err);
	if (!code)
		code = compare(t->looks, between, begin_ns, err);
	gospy_snapshot_destroy(between);
	return code;
}

/* ---- the heap */

/* `waits` is made of the search's snapshot; who waits for whom by the heap is in it, too. */
static enum gospy_code search(const struct taking *t, struct waits *waits, struct gospy_leaks **ret,
			      struct gospy_error *err)
{
	CLEANUP(waits_leaks_deinit) struct waits_leaks locks = {.waits = waits};
	struct gospy_leak_options how = {
		.size = sizeof(how),
		.non_blocking = t->options->non_blocking,
		.max_pause_ns = t->options->max_pause_ns,
		.max_memory = t->options->max_memory,
		.holder_limit = HOLDERS,
		.sockets = true,
		.threads = true,
		.figures = true,
		.syscalls = true,
		.locks = waits_leaks_locks,
		.locks_ctx = &locks,
		.progress = t->options->progress,
		.progress_ctx = t->options->progress_ctx,
	};
	enum gospy_code code = gospy_leaks_find(t->looks->target, &how, ret, err);
	if (code == GOSPY_E_LIMIT && !how.non_blocking) {
		how.non_blocking = true;
		code = gospy_leaks_find(t->looks->target, &how, ret, err);
	}
	return code ? code : waits_add_peers(waits, *ret, err);
}

/* What is not proved counts only if it is found twice: the heap is copied while the process runs,
 * so that a pointer may have gone from what had not been read yet to what had. */
static enum gospy_code search_again(struct taking *t, struct gospy_error *err)
{
	struct looks *looks = t->looks;
	CLEANUP(waits_deinit) struct waits waits = {0};
	struct gospy_leaks *leaks = NULL;
	size_t n, likely = 0;
	const struct gospy_leak *list = gospy_leaks_get(looks->leaks, &n);
	for (size_t i = 0; i < n; i++)
		likely += list[i].verdict == GOSPY_LEAK_LIKELY;
	if (!likely)
		return GOSPY_OK;
	enum gospy_code code = search(t, &waits, &leaks, err);
	if (code) {
		gospy_leaks_destroy(leaks);
		return code;
	}
	list = gospy_leaks_get(leaks, &n);
	for (size_t i = 0; i < n && !code; i++) {
		struct gospy_goroutine g;
		gospy_snapshot_goroutine(gospy_leaks_snapshot(leaks), list[i].goroutine, &g);
		uint64_t *at = map_put(&looks->again, g.goid);
		if (at)
			*at = looks_place(&g);
		else
			code = err_nomem(err);
	}
	gospy_leaks_destroy(leaks);
	return code;
}

/* Is the heap so large that to read it would take long? */
static bool is_large(struct looks *looks)
{
	return looks->mem_known[0] && looks->mem[0].heap_alloc != GOSPY_UNKNOWN &&
	       looks->mem[0].heap_alloc > LIMIT_HEAP_READ;
}

static enum gospy_code look_last(struct taking *t, struct gospy_error *err)
{
	struct looks *looks = t->looks;
	struct gospy_snapshot_options how = whole(t);
	struct gospy_error own;
	enum gospy_code code = GOSPY_E_UNSUPPORTED;
	uint64_t begin_ns = clock_mono_ns();
	if (!t->options->large && is_large(looks))
		snprintf(looks->no_leaks, sizeof(looks->no_leaks),
			 "a heap of %s takes long to read: --stop, or gospy leaks",
			 units_bytes(looks->mem[0].heap_alloc).s);
	else if ((code = search(t, &looks->now, &looks->leaks, &own)))
		snprintf(looks->no_leaks, sizeof(looks->no_leaks), "%s", own.msg);
	if (!code) {
		looks->last = gospy_leaks_snapshot(looks->leaks);
		note_pause(looks, gospy_snapshot_info(looks->last)->paused_ns);
		note_pause(looks, gospy_leaks_info(looks->leaks)->paused_ns);
	} else if (code == GOSPY_E_GONE || code == GOSPY_E_NOMEM || code == GOSPY_E_CANCELLED) {
		if (err)
			*err = own;
		return code;
	} else {
		waits_deinit(&looks->now);
		looks->now = (struct waits){0};
		code = snapshot(t, &how, &looks->last, err);
		if (!code)
			code = waits_collect(&looks->now, looks->last, false, err);
	}
	return code ? code : compare(looks, looks->last, begin_ns, err);
}

/* How long after the first look is the next one? At unequal distances: as in shared_take_after() of
 * the commands. */
static uint64_t time_of_look(const struct taking *t, unsigned number)
{
	static const unsigned many[SITES_MANY_LOOKS - 1] = {0, 13, 29, 41, 58, 79};
	enum { FEW = 38, PERCENT = 100 };
	return t->options->for_ns / PERCENT *
	       (t->looks->sites.of == SITES_MANY_LOOKS ? many[number] : FEW);
}

static enum gospy_code watch(struct taking *t, struct gospy_error *err)
{
	uint64_t begin_ns = clock_mono_ns(), for_ns = t->options->for_ns;
	enum gospy_code code = look_first(t, err);
	uint64_t first_ns = clock_mono_ns();
	if (code)
		return code;
	for (unsigned i = 1; i + 1 < t->looks->sites.of; i++) {
		pass_time(t->looks, clock_after(begin_ns, time_of_look(t, i)));
		code = look_between(t, err);
		if (code)
			return code;
	}
	// What is said of the time between the looks is to hold: from the end of the first one on.
	pass_time(t->looks, clock_after(first_ns, for_ns));
	t->looks->watched_ns = clock_mono_ns() - first_ns;
	return GOSPY_OK;
}

/* What never goes on does not do so in a moment, either. */
static enum gospy_code confirm(struct taking *t, struct gospy_error *err)
{
	struct looks *looks = t->looks;
	CLEANUP(waits_deinit) struct waits later = {0};
	struct gospy_snapshot *snapshot_later = NULL;
	struct gospy_snapshot_options how = whole(t);
	if (!looks->now.circles.len || !looks->now.circles.at[0].certain)
		return GOSPY_OK;
	clock_sleep(SAMPLE_NS);
	enum gospy_code code = snapshot(t, &how, &snapshot_later, err);
	if (!code)
		code = waits_collect(&later, snapshot_later, false, err);
	if (!code)
		waits_confirm(&looks->now, &later);
	gospy_snapshot_destroy(snapshot_later);
	return code;
}

enum gospy_code looks_take(struct gospy_target *target, const struct looks_options *options,
			   struct looks *looks, struct gospy_error *err)
{
	struct taking t = {looks, options, NULL};
	bool twice = options->for_ns && gospy_target_info(target)->kind == GOSPY_TARGET_PROCESS;
	*looks = (struct looks){.target = target, .queued_least = GOSPY_UNKNOWN};
	looks->sites.of = options->for_ns >= LIMIT_LOOKS_NS ? SITES_MANY_LOOKS : SITES_LOOKS;
	if (twice) {
		CLEANUP(collector_destroy) struct gospy_collector *collector = NULL;
		enum gospy_code code = gospy_collector_create(target, &collector, err);
		t.collector = collector;
		if (!code)
			code = watch(&t, err);
		t.collector = NULL;
		if (code)
			return code;
	} else {
		read_figures(looks, 0);
	}
	sample_queue(looks);
	read_figures(looks, 1);
	enum gospy_code code = look_last(&t, err);
	if (!code && looks->leaks)
		code = search_again(&t, err);
	if (!code && twice)
		waits_confirm(&looks->now, &looks->before);
	else if (!code && gospy_target_info(target)->kind == GOSPY_TARGET_PROCESS)
		code = confirm(&t, err);
	return code;
}
