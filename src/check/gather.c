#include "check/gather.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "check/gather_text.h"
#include "check/gather_waits.h"
#include "check/limits.h"
#include "render/escape.h"
#include "render/report_leaks.h"
#include "render/select.h"
#include "render/waits_text.h"

static void gathering_deinit(struct gathering *g)
{
	map_deinit(&g->explained);
	map_deinit(&g->leaked);
	map_deinit(&g->likely);
}

/* ---- leaks */

/* May it be leaked, although that is not proved? Both searches have found it, and it has not moved
 * since the first look, nor from one search to the other. */
static bool is_likely(const struct looks *looks, const struct gospy_goroutine *one, size_t index)
{
	const uint64_t *again = map_get(&looks->again, one->goid);
	return again && *again == looks_place(one) &&
	       (!looks->first || gather_stayed(looks, one, index));
}

/* Which goroutines are leaked, proved or likely? */
static void note_leaked(struct gathering *g)
{
	size_t n = 0;
	const struct gospy_leak *leaks =
		g->looks->leaks ? gospy_leaks_get(g->looks->leaks, &n) : NULL;
	for (size_t i = 0; i < n; i++) {
		struct gospy_goroutine one;
		gospy_snapshot_goroutine(g->looks->last, leaks[i].goroutine, &one);
		bool proved = leaks[i].verdict == GOSPY_LEAK_PROVED;
		if (!proved && !is_likely(g->looks, &one, leaks[i].goroutine)) {
			g->facts->unsure++;
			continue;
		}
		uint64_t *at = map_put(proved ? &g->leaked : &g->likely, one.goid);
		g->failed |= !at;
		if (at)
			*at = 1;
	}
}

static void add_leak(struct gathering *g, const struct leak_groups *groups,
		     const struct leak_group *group)
{
	uint64_t goids[LIMIT_GOIDS];
	size_t shown = 0;
	struct gospy_goroutine one;
	struct fact_leak fact = {.proved = group->kind == LEAK_PROVED, .wait_ns = group->wait_ns};
	for (size_t i = group->first; i != SIZE_MAX; i = groups->members.at[i].next) {
		uint64_t goid = groups->members.at[i].goid;
		if (map_get(&g->explained, goid) || (!fact.proved && !map_get(&g->likely, goid)))
			continue;
		fact.count++;
		if (shown < LIMIT_GOIDS)
			goids[shown++] = goid;
	}
	if (!fact.count)
		return;
	// The channel that they wait for is told with them.
	for (size_t i = group->first; i != SIZE_MAX; i = groups->members.at[i].next)
		gather_explain(g, groups->members.at[i].goid);
	gospy_snapshot_goroutine(g->looks->last, group->oldest, &one);
	CLEANUP(strbuf_deinit) struct strbuf reason = {0};
	if (one.wait_reason)
		escape_add(&reason, one.wait_reason);
	fact.reason = gather_take(g->facts, &reason, &g->failed);
	fact.on_purpose = one.wait_kind == GOSPY_WAIT_SELECT && !one.select_case_count;
	fact.object = fact.on_purpose ? NULL : gather_wait(g->facts, &one, &g->failed);
	fact.is_nil = one.wait_kind == GOSPY_WAIT_NIL_CHANNEL;
	fact.at = gather_place(g->facts, select_where(&one), &g->failed);
	fact.by = gather_place(g->facts, group->creator, &g->failed);
	fact.why = group->why;
	fact.goids = gather_goids(g, goids, shown);
	g->failed |= !vec_push(&g->facts->leaks, fact);
}

static void gather_leaks(struct gathering *g, struct pattern *ignore, size_t ignore_count)
{
	struct looks *looks = g->looks;
	CLEANUP(leak_groups_deinit) struct leak_groups groups = {0};
	if (!looks->leaks) {
		g->facts->no_leaks = arena_strdup(&g->facts->arena, looks->no_leaks);
		g->failed |= !g->facts->no_leaks;
		return;
	}
	const struct gospy_leak_info *info = gospy_leaks_info(looks->leaks);
	g->facts->candidates = info->candidates;
	g->facts->proof_ns = info->predicted_ns;
	if (info->not_proved) {
		CLEANUP(strbuf_deinit) struct strbuf text = {0};
		escape_add(&text, info->not_proved);
		g->facts->not_proved = gather_take(g->facts, &text, &g->failed);
	}
	if (leak_groups_collect(looks->leaks, NULL, ignore, ignore_count, &groups, NULL)) {
		g->failed = true;
		return;
	}
	for (size_t i = 0; i < groups.groups.len && !g->failed; i++)
		add_leak(g, &groups, &groups.groups.at[i]);
}

/* ---- groups that grow */

static int by_growth(const void *a, const void *b)
{
	const struct fact_site *x = a, *y = b;
	uint64_t nx = x->after - x->before, ny = y->after - y->before;
	return nx < ny ? 1 : nx > ny ? -1 : 0;
}

static uint64_t since(uint64_t before, uint64_t after)
{
	return before == GOSPY_UNKNOWN || after == GOSPY_UNKNOWN || after < before ? GOSPY_UNKNOWN
										   : after - before;
}

/* Is the function that it began in one of the user's own code? */
static bool is_own(struct gospy_snapshot *snapshot, size_t index)
{
	struct gospy_stack stack;
	if (gospy_snapshot_stack(snapshot, index, &stack, NULL))
		return false;
	for (size_t i = stack.frame_count; i > 0; i--) {
		if (stack.origins[i - 1] != GOSPY_ORIGIN_RUNTIME)
			return stack.origins[i - 1] == GOSPY_ORIGIN_OWN;
	}
	return false;
}

/* What may there be more and more of, although all is well? */
static const char *may_be(const struct looks *looks, const struct gospy_goroutine *one,
			  size_t index, uint64_t more)
{
	const struct gospy_process_limits *a = &looks->limits[0], *b = &looks->limits[1];
	uint64_t opened = looks->limits_known[0] && looks->limits_known[1]
				  ? since(a->descriptors, b->descriptors)
				  : GOSPY_UNKNOWN;
	if (one->wait_kind == GOSPY_WAIT_FD)
		return "they wait for connections, which may all be in use";
	if (opened != GOSPY_UNKNOWN && opened >= more)
		return "as many descriptors were opened: these may be clients that have come";
	if (!is_own(looks->last, index))
		return "a library has started them: they may work on requests that go on";
	return NULL;
}

static void gather_sites(struct gathering *g)
{
	struct sites *sites = &g->looks->sites;
	if (sites->looks < sites->of)
		return;
	const unsigned last = sites->of - 1;
	for (size_t i = 0; i < sites->list.len && !g->failed; i++) {
		const struct site *site = &sites->list.at[i];
		struct gospy_goroutine one;
		if (!site_grows(sites, site))
			continue;
		gospy_snapshot_goroutine(g->looks->last, site->example, &one);
		// Of what can never run again the leaks tell, of what is behind a lock that lock.
		if (map_get(&g->leaked, one.goid) || map_get(&g->explained, one.goid))
			continue;
		const struct fact_site fact = {
			.before = site->counts[0],
			.after = site->counts[last],
			.left = site->counts[0] - site->stayed,
			.does = gather_wait(g->facts, &one, &g->failed),
			.at = gather_place(g->facts, select_where(&one), &g->failed),
			.by = gather_place(g->facts, one.creator, &g->failed),
			.may_be = may_be(g->looks, &one, site->example,
					 site->counts[last] - site->counts[0]),
		};
		g->failed |= !vec_push(&g->facts->sites, fact);
	}
	if (g->facts->sites.len)
		qsort(g->facts->sites.at, g->facts->sites.len, sizeof(*g->facts->sites.at),
		      by_growth);
}

/* ---- the runtime */

static bool are_known(const struct gospy_gc_cpu *cpu)
{
	return cpu->assist_ns != GOSPY_UNKNOWN && cpu->dedicated_ns != GOSPY_UNKNOWN &&
	       cpu->pause_ns != GOSPY_UNKNOWN && cpu->total_ns != GOSPY_UNKNOWN;
}

/* Up to Go 1.19 there is but the share since the start, up to the end of the last cycle. What part
 * of the time between the ends of two cycles was it? */
static double share_between(const struct gospy_memstats *a, const struct gospy_memstats *b)
{
	// The same for both: it is measured to some hundredths of a second only.
	double begin_ns = (double)b->reading.time_unix_ns - (double)b->uptime_ns;
	double until_a = (double)a->last_gc_unix_ns - begin_ns,
	       until_b = (double)b->last_gc_unix_ns - begin_ns;
	double used = b->gc_cpu_fraction * until_b - a->gc_cpu_fraction * until_a;
	return until_b > until_a ? 100 * used / (until_b - until_a) : -1;
}

static void gather_gc_share(const struct gospy_memstats *a, const struct gospy_memstats *b,
			    struct fact_gc *ret)
{
	ret->percent = ret->assist = 0;
	if (!ret->cycles)
		return;
	ret->percent = -1;
	if (are_known(&a->cpu) && are_known(&b->cpu)) {
		double total = (double)b->cpu.total_ns - (double)a->cpu.total_ns;
		double assist = (double)b->cpu.assist_ns - (double)a->cpu.assist_ns;
		double other = (double)b->cpu.dedicated_ns - (double)a->cpu.dedicated_ns +
			       (double)b->cpu.pause_ns - (double)a->cpu.pause_ns;
		ret->percent = total > 0 ? 100 * (assist + other) / total : 0;
		ret->assist = total > 0 ? 100 * assist / total : 0;
	} else if (a->gc_cpu_fraction >= 0 && b->gc_cpu_fraction >= 0 &&
		   a->last_gc_unix_ns != GOSPY_UNKNOWN && b->last_gc_unix_ns != GOSPY_UNKNOWN &&
		   a->last_gc_unix_ns && b->uptime_ns != GOSPY_UNKNOWN) {
		ret->percent = share_between(a, b);
	}
	// Counters of different moments, or a clock that was set.
	if (!(ret->percent <= 100) || ret->percent < 0)
		ret->percent = -1;
}

static void gather_gc(struct gathering *g)
{
	struct looks *looks = g->looks;
	struct facts *facts = g->facts;
	const struct gospy_memstats *a = &looks->mem[0], *b = &looks->mem[1];
	facts->heap_before = facts->heap_after = GOSPY_UNKNOWN;
	if (!looks->first) {
		facts->no_gc = "how much it works is seen by two looks only";
		return;
	}
	if (!looks->mem_known[0] || !looks->mem_known[1] || a->num_gc == GOSPY_UNKNOWN ||
	    b->num_gc == GOSPY_UNKNOWN) {
		facts->no_gc = "its figures could not be read";
		return;
	}
	facts->heap_before = a->heap_marked;
	facts->heap_after = b->heap_marked;
	facts->gc = (struct fact_gc){
		.cycles = b->num_gc - a->num_gc,
		.total = b->num_gc,
		.used = b->sys != GOSPY_UNKNOWN && b->heap_released != GOSPY_UNKNOWN &&
					b->sys >= b->heap_released
				? b->sys - b->heap_released
				: GOSPY_UNKNOWN,
		.limit = b->memory_limit >= INT64_MAX ? GOSPY_UNKNOWN : b->memory_limit,
		.percent_known = b->gc_percent_known,
		.gogc = b->gc_percent,
		.live = b->num_gc && b->heap_marked != GOSPY_UNKNOWN ? b->heap_marked
								     : b->heap_live,
		.goal = b->next_gc,
	};
	gather_gc_share(a, b, &facts->gc);
}

static void gather_limits(struct gathering *g)
{
	const struct looks *looks = g->looks;
	const struct gospy_process_limits *a = &looks->limits[0], *b = &looks->limits[1];
	struct fact_limits *limits = &g->facts->limits;
	bool both = looks->first && looks->limits_known[0];
	*limits = (struct fact_limits){.is = *b, .known = looks->limits_known[1]};
	limits->periods = both ? since(a->cpu_periods, b->cpu_periods) : GOSPY_UNKNOWN;
	limits->throttled = both ? since(a->cpu_throttled, b->cpu_throttled) : GOSPY_UNKNOWN;
	limits->refused = both ? since(a->memory_refused, b->memory_refused) : GOSPY_UNKNOWN;
}

static const char *syscall_text(struct gathering *g, int64_t number)
{
	const char *text = number < 0 ? NULL : facts_text(g->facts, "system call %" PRId64, number);
	g->failed |= number >= 0 && !text;
	return text;
}

/* Those that were in uninterruptible sleep at the first look. */
static void gather_threads(struct gathering *g)
{
	struct looks *looks = g->looks;
	pid_t pid = gospy_target_info(looks->target)->pid;
	size_t n;
	const struct gospy_thread *threads = gospy_snapshot_threads(looks->last, &n);
	g->facts->thread_count = n;
	if (!looks->first) {
		g->facts->no_threads = g->facts->is_process
					       ? "uninterruptible sleep is told from a short one "
						 "by two looks only"
					       : "a file does not say how long they slept";
		return;
	}
	for (size_t i = 0; i < looks->asleep.len && !g->failed; i++) {
		const struct looks_thread *asleep = &looks->asleep.at[i];
		struct gospy_thread_state state;
		struct gospy_goroutine one;
		if (gospy_thread_state(pid, asleep->tid, &state, NULL))
			continue;
		struct fact_thread fact = {
			.tid = asleep->tid,
			.stayed = state.state == 'D' && state.switches == asleep->switches,
			.goid = GOSPY_UNKNOWN,
			.syscall = syscall_text(g, state.syscall),
		};
		for (size_t k = 0; k < n; k++) {
			if (threads[k].tid != asleep->tid || threads[k].goroutine == SIZE_MAX)
				continue;
			gospy_snapshot_goroutine(looks->last, threads[k].goroutine, &one);
			fact.goid = one.goid;
			if (one.syscall && one.syscall->name)
				fact.syscall = one.syscall->name;
			fact.at = gather_place(g->facts, select_where(&one), &g->failed);
		}
		g->failed |= !vec_push(&g->facts->threads, fact);
	}
}

static void gather_process(struct gathering *g, const char *target)
{
	struct looks *looks = g->looks;
	struct facts *facts = g->facts;
	const struct gospy_snapshot_info *info = gospy_snapshot_info(looks->last);
	const struct gospy_process_usage *a = &looks->usage[0], *b = &looks->usage[1];
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	escape_add(&text, target);
	facts->target = gather_take(facts, &text, &g->failed);
	facts->is_process = gospy_target_info(looks->target)->kind == GOSPY_TARGET_PROCESS;
	facts->watched_ns = looks->watched_ns;
	facts->paused_ns = looks->paused_ns;
	facts->goroutines = info->goroutines.total;
	facts->stopped = facts->is_process && info->threads.total != GOSPY_UNKNOWN &&
			 info->threads.total && info->threads.stopped == info->threads.total;
	facts->queued = looks->queued_least;
	facts->looks_at_queue = looks->queue_looks;
	facts->processors = info->sched.gomaxprocs;
	facts->max_threads = info->max_threads == GOSPY_UNKNOWN ? 0 : info->max_threads;
	facts->cpu_percent = -1;
	facts->rss_before = facts->rss_after = GOSPY_UNKNOWN;
	if (looks->first && looks->usage_known[0] && looks->usage_known[1] &&
	    b->mono_ns > a->mono_ns) {
		facts->cpu_percent =
			100 * (double)(b->cpu_ns - a->cpu_ns) / (double)(b->mono_ns - a->mono_ns);
		facts->rss_before = a->rss;
		facts->rss_after = b->rss;
	}
}

enum gospy_code gather(struct looks *looks, const char *target, struct pattern *ignore,
		       size_t ignore_count, struct facts *ret, struct gospy_error *err)
{
	CLEANUP(gathering_deinit) struct gathering g = {.looks = looks, .facts = ret};
	*ret = (struct facts){0};
	gather_process(&g, target);
	note_leaked(&g);
	gather_deadlocks(&g);
	gather_locks(&g);
	gather_leaks(&g, ignore, ignore_count);
	gather_sites(&g);
	gather_senders(&g);
	gather_network(&g);
	gather_gc(&g);
	gather_threads(&g);
	gather_limits(&g);
	return g.failed ? err_nomem(err) : GOSPY_OK;
}
