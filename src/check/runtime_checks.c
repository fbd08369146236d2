#include "check/runtime_checks.h"

#include <inttypes.h>
#include <stdio.h>

#include "check/findings.h"
#include "check/limits.h"
#include "render/units.h"

void check_stopped(const struct facts *facts, struct check *check)
{
	if (!facts->stopped)
		return;
	struct finding *finding =
		finding_begin(check, FINDING_STOPPED, FINDING_WRONG, facts->goroutines,
			      "the process is stopped: none of its %" PRIu64 " threads may run",
			      facts->thread_count);
	finding_say(check, finding,
		    "SIGSTOP, Ctrl-Z or a debugger did it; SIGCONT ends the first two");
	finding_next(check, finding, "gospy stack --threads %s", facts->target);
}

/* ---- the garbage collector */

static bool at_limit(const struct fact_gc *gc)
{
	return gc->limit != GOSPY_UNKNOWN && gc->used != GOSPY_UNKNOWN &&
	       gc->used >= gc->limit / 100 * LIMIT_MEMORY_PERCENT;
}

static bool small_gogc(const struct fact_gc *gc)
{
	return gc->percent_known && gc->gogc >= 0 && gc->gogc < LIMIT_GOGC;
}

static void report_gc(const struct facts *facts, struct check *check)
{
	const struct fact_gc *gc = &facts->gc;
	bool limited = at_limit(gc), small = small_gogc(gc);
	// It holds up all that allocates.
	uint64_t weight =
		facts->goroutines > LIMIT_LOCK_CROWD ? facts->goroutines : LIMIT_LOCK_CROWD;
	struct finding *finding =
		finding_begin(check, FINDING_GC, limited || small ? FINDING_WRONG : FINDING_SUSPECT,
			      weight, "the GC takes %.0f%% of all processor time%s", gc->percent,
			      limited ? ", at the memory limit"
			      : small ? ", with a small GOGC"
				      : "");
	finding_say(check, finding, "%" PRIu64 " collections within %s", gc->cycles,
		    units_age(facts->watched_ns).s);
	if (gc->assist >= 1)
		finding_say(
			check, finding,
			"goroutines that allocate have to help it: %.0f%% of all processor time",
			gc->assist);
	if (limited)
		finding_say(check, finding, "%s in use, of GOMEMLIMIT=%s; live are %s",
			    units_bytes(gc->used).s, units_bytes(gc->limit).s,
			    units_bytes(gc->live).s);
	else
		finding_say(check, finding, "live are %s, and the next collection begins for %s",
			    units_bytes(gc->live).s, units_bytes(gc->goal).s);
	if (small)
		finding_say(check, finding,
			    "GOGC=%" PRId64 ": a collection for each %" PRId64
			    "%% that are allocated",
			    gc->gogc, gc->gogc);
	finding_next(check, finding, "gospy heap %s, gospy memstats --all %s", facts->target,
		     facts->target);
}

/* Is nearly all of what may be there before the next collection alive? Then there is one after the
 * other, however long each takes. */
static bool has_no_room(const struct fact_gc *gc)
{
	bool known = gc->live != GOSPY_UNKNOWN && gc->goal != GOSPY_UNKNOWN && !(gc->goal >> 62);
	return at_limit(gc) && known && gc->live >= gc->goal / 100 * LIMIT_MEMORY_PERCENT;
}

static void report_no_room(const struct facts *facts, struct check *check)
{
	const struct fact_gc *gc = &facts->gc;
	struct finding *finding = finding_begin(
		check, FINDING_GC, FINDING_SUSPECT, 1,
		"the memory limit leaves the GC no room: live are %s, and the next collection "
		"begins for %s",
		units_bytes(gc->live).s, units_bytes(gc->goal).s);
	finding_say(check, finding, "%s in use, of GOMEMLIMIT=%s", units_bytes(gc->used).s,
		    units_bytes(gc->limit).s);
	finding_say(check, finding, "%" PRIu64 " collection%s ended within %s", gc->cycles,
		    units_plural(gc->cycles), units_age(facts->watched_ns).s);
	finding_next(check, finding, "gospy check --for 10s %s, gospy heap %s", facts->target,
		     facts->target);
}

static void say_gc(const struct facts *facts, struct check *check)
{
	const struct fact_gc *gc = &facts->gc;
	char share[64] = "", limit[96] = "";
	if (gc->percent >= 0)
		snprintf(share, sizeof(share), ", %.1f%% of all processor time", gc->percent);
	if (gc->limit != GOSPY_UNKNOWN && gc->used != GOSPY_UNKNOWN)
		snprintf(limit, sizeof(limit), "; %s of GOMEMLIMIT=%s in use",
			 units_bytes(gc->used).s, units_bytes(gc->limit).s);
	finding_none(check, FINDING_GC, CHECKED_FINE,
		     "%" PRIu64 " collection%s within %s%s; live %s, goal %s%s", gc->cycles,
		     units_plural(gc->cycles), units_age(facts->watched_ns).s, share,
		     units_bytes(gc->live).s,
		     gc->goal != GOSPY_UNKNOWN && gc->goal >> 62 ? "none" : units_bytes(gc->goal).s,
		     limit);
}

void check_gc(const struct facts *facts, struct check *check)
{
	const struct fact_gc *gc = &facts->gc;
	if (facts->no_gc)
		finding_none(check, FINDING_GC, CHECKED_NOT, "%s", facts->no_gc);
	else if (gc->percent >= LIMIT_GC_PERCENT && gc->cycles > 1)
		report_gc(facts, check);
	else if (has_no_room(gc))
		report_no_room(facts, check);
	else
		say_gc(facts, check);
}

/* ---- run queues */

void check_queue(const struct facts *facts, struct check *check)
{
	char cpu[48] = "";
	if (facts->cpu_percent >= 0)
		snprintf(cpu, sizeof(cpu), "; CPU %.1f%% of %" PRIu64 "%%", facts->cpu_percent,
			 facts->processors * 100);
	if (facts->queued == GOSPY_UNKNOWN || facts->processors == GOSPY_UNKNOWN ||
	    !facts->processors) {
		finding_none(check, FINDING_QUEUE, CHECKED_NOT, "run queues could not be read");
		return;
	}
	if (facts->queued / facts->processors < LIMIT_QUEUE) {
		finding_none(check, FINDING_QUEUE, CHECKED_FINE,
			     "%" PRIu64 " goroutine%s wait%s for one of %" PRIu64 " processor%s%s",
			     facts->queued, units_plural(facts->queued),
			     facts->queued == 1 ? "s" : "", facts->processors,
			     units_plural(facts->processors), cpu);
		return;
	}
	struct finding *finding = finding_begin(
		check, FINDING_QUEUE, FINDING_SUSPECT, facts->queued,
		"%" PRIu64 " goroutines or more wait for %" PRIu64 " processor%s%s", facts->queued,
		facts->processors, units_plural(facts->processors), cpu);
	finding_say(check, finding, "so it was at all of %" PRIu64 " looks", facts->looks_at_queue);
	finding_next(check, finding, "gospy summary --group --state runnable,running %s",
		     facts->target);
}

/* ---- threads */

void check_threads(const struct facts *facts, struct check *check)
{
	uint64_t stuck = 0;
	struct finding *finding = NULL;
	if (facts->no_threads) {
		finding_none(check, FINDING_THREAD, CHECKED_NOT, "%s", facts->no_threads);
		return;
	}
	if (facts->watched_ns < LIMIT_UNINTERRUPTIBLE_NS) {
		finding_none(check, FINDING_THREAD, CHECKED_NOT,
			     "uninterruptible sleep is told from a short one by looks a second "
			     "apart");
		return;
	}
	for (size_t i = 0; i < facts->threads.len; i++)
		stuck += facts->threads.at[i].stayed;
	if (!stuck) {
		finding_none(check, FINDING_THREAD, CHECKED_FINE,
			     "none of %" PRIu64 " was in one uninterruptible sleep for %s",
			     facts->thread_count, units_age(facts->watched_ns).s);
		return;
	}
	finding =
		finding_begin(check, FINDING_THREAD, FINDING_WRONG, stuck,
			      "%" PRIu64 " thread%s in uninterruptible sleep (D) for more than %s",
			      stuck, units_plural(stuck), units_age(facts->watched_ns).s);
	size_t shown = 0;
	for (size_t i = 0; i < facts->threads.len; i++) {
		const struct fact_thread *thread = &facts->threads.at[i];
		if (!thread->stayed || shown++ >= LIMIT_FINDINGS)
			continue;
		char goroutine[48] = "";
		if (thread->goid != GOSPY_UNKNOWN)
			snprintf(goroutine, sizeof(goroutine), ", goroutine %" PRIu64,
				 thread->goid);
		finding_say(check, finding, "thread %d%s%s%s%s%s", (int)thread->tid,
			    thread->syscall ? " in " : "", thread->syscall ? thread->syscall : "",
			    goroutine, thread->at ? " at " : "", thread->at ? thread->at : "");
	}
	if (stuck > LIMIT_FINDINGS)
		finding_say(check, finding, "and %" PRIu64 " more", stuck - LIMIT_FINDINGS);
	finding_say(check, finding,
		    "the kernel does not let go of it: a disk, a network file "
		    "system, a vfork whose child does not exec");
	finding_next(check, finding, "gospy stack --threads %s, cat /proc/%s/task/*/stack",
		     facts->target, facts->target);
}

/* ---- the heap */

void check_heap(const struct facts *facts, struct check *check)
{
	char rss[96] = "";
	uint64_t before = facts->heap_before, after = facts->heap_after;
	if (facts->rss_after != GOSPY_UNKNOWN && facts->rss_before != GOSPY_UNKNOWN &&
	    facts->watched_ns)
		snprintf(rss, sizeof(rss), "RSS %s, %s before", units_bytes(facts->rss_after).s,
			 units_bytes(facts->rss_before).s);
	if (facts->watched_ns < LIMIT_HEAP_NS) {
		finding_none(check, FINDING_HEAP, CHECKED_NOT,
			     "growth takes longer to be seen%s%s%s",
			     facts->is_process ? ": --for 1m" : "", rss[0] ? "; " : "", rss);
		return;
	}
	if (before == GOSPY_UNKNOWN || after == GOSPY_UNKNOWN || facts->gc.cycles < 2) {
		finding_none(check, FINDING_HEAP, CHECKED_NOT,
			     "too few collections to tell whether the heap grows%s%s",
			     rss[0] ? "; " : "", rss);
		return;
	}
	if (after < before + LIMIT_HEAP_BYTES ||
	    after - before < before / 100 * LIMIT_HEAP_PERCENT) {
		finding_none(check, FINDING_HEAP, CHECKED_FINE,
			     "collections leave %s behind, %s before%s%s", units_bytes(after).s,
			     units_bytes(before).s, rss[0] ? "; " : "", rss);
		return;
	}
	struct finding *finding = finding_begin(
		check, FINDING_HEAP, FINDING_SUSPECT, 1,
		"the heap grows: collections left %s behind, and %s %s later",
		units_bytes(before).s, units_bytes(after).s, units_age(facts->watched_ns).s);
	if (rss[0])
		finding_say(check, finding, "%s", rss);
	finding_next(check, finding, "gospy heap --for 1m %s", facts->target);
}
