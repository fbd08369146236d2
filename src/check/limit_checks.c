#include "check/limit_checks.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/strbuf.h"
#include "check/findings.h"
#include "check/limits.h"
#include "render/units.h"

enum { PERCENT = 100, MILLI = 1000 };

static bool is_part(uint64_t used, uint64_t most, uint64_t percent)
{
	return used != GOSPY_UNKNOWN && most != GOSPY_UNKNOWN && most &&
	       (double)used * PERCENT >= (double)most * (double)percent;
}

/* Something of which there is a fixed number. NULL: enough is left. */
static struct finding *report_used(struct check *check, const struct facts *facts, uint64_t used,
				   uint64_t most, const char *of, bool may_be_wrong)
{
	bool full = may_be_wrong && is_part(used, most, LIMIT_FULL_PERCENT);
	if (!is_part(used, most, LIMIT_NEAR_PERCENT))
		return NULL;
	// Whoever wants one more is held up, and that may be anybody.
	return finding_begin(check, FINDING_LIMIT, full ? FINDING_WRONG : FINDING_SUSPECT,
			     full ? facts->goroutines : 1, "%" PRIu64 " of %" PRIu64 " %s", used,
			     most, of);
}

static void check_descriptors(const struct facts *facts, struct check *check)
{
	const struct gospy_process_limits *is = &facts->limits.is;
	struct finding *finding = report_used(check, facts, is->descriptors, is->descriptors_max,
					      "descriptors are in use (RLIMIT_NOFILE)", true);
	if (!finding)
		return;
	finding_say(check, finding, "%" PRIu64 " of them are connections that goroutines wait for",
		    facts->connections);
	finding_say(check, finding,
		    "then nothing can be opened, connected or accepted: too many open files");
	finding_next(check, finding, "gospy waits %s, ls -l /proc/%s/fd", facts->target,
		     facts->target);
}

static void check_tasks(const struct facts *facts, struct check *check)
{
	const struct gospy_process_limits *is = &facts->limits.is;
	struct finding *finding =
		report_used(check, facts, is->tasks, is->tasks_max,
			    "threads are there that its control group may have (pids.max)", true);
	if (finding)
		finding_say(check, finding, "%" PRIu64 " of them are of this process", is->threads);
	if (!finding)
		finding = !facts->max_threads
				  ? report_used(check, facts, is->threads, LIMIT_THREADS,
						"threads, unless it has called debug.SetMaxThreads",
						false)
				  : report_used(check, facts, is->threads, facts->max_threads,
						"threads that it may have (debug.SetMaxThreads)",
						true);
	if (!finding)
		return;
	finding_say(check, finding,
		    "a program of Go ends when it needs one more than it can have; each system "
		    "call that "
		    "blocks holds one");
	finding_next(check, finding, "gospy summary --group --state syscall %s, gospy waits %s",
		     facts->target, facts->target);
}

static void check_memory(const struct facts *facts, struct check *check)
{
	const struct gospy_process_limits *is = &facts->limits.is;
	uint64_t refused = facts->limits.refused;
	bool wants = refused != GOSPY_UNKNOWN && refused;
	bool full = wants && is_part(is->memory, is->memory_max, LIMIT_FULL_PERCENT);
	if (!is_part(is->memory, is->memory_max, LIMIT_NEAR_MEMORY_PERCENT))
		return;
	struct finding *finding =
		finding_begin(check, FINDING_LIMIT, full ? FINDING_WRONG : FINDING_SUSPECT,
			      full ? facts->goroutines : 1,
			      "%s of the %s that its control group may use (memory.max) are in use",
			      units_bytes(is->memory).s, units_bytes(is->memory_max).s);
	finding_say(check, finding, "files that can be read again are not counted");
	if (wants)
		finding_say(check, finding, "it wanted more %" PRIu64 " time%s within %s", refused,
			    units_plural(refused), units_age(facts->watched_ns).s);
	if (facts->rss_after != GOSPY_UNKNOWN)
		finding_say(check, finding, "RSS of this process is %s",
			    units_bytes(facts->rss_after).s);
	finding_next(check, finding, "gospy heap %s, gospy memstats %s", facts->target,
		     facts->target);
}

/* "2", "0.5" processors */
static struct units_text processors(uint64_t milli)
{
	struct units_text text;
	snprintf(text.s, sizeof(text.s), "%g", (double)milli / MILLI);
	return text;
}

static void check_throttled(const struct facts *facts, struct check *check)
{
	const struct fact_limits *limits = &facts->limits;
	if (limits->throttled == GOSPY_UNKNOWN || limits->throttled < LIMIT_THROTTLED ||
	    !is_part(limits->throttled, limits->periods, LIMIT_THROTTLED_PERCENT))
		return;
	struct finding *finding = finding_begin(
		check, FINDING_LIMIT, FINDING_SUSPECT, 1,
		"it had to wait for its share of processors in %" PRIu64 " of %" PRIu64 " periods",
		limits->throttled, limits->periods);
	finding_say(check, finding,
		    "its control group may use %s (cpu.max), and GOMAXPROCS is %" PRIu64,
		    processors(limits->is.cpu_milli).s, facts->processors);
	if (facts->cpu_percent >= 0)
		finding_say(check, finding, "this process uses %.1f%% of one", facts->cpu_percent);
	finding_next(check, finding, "gospy summary --group --state runnable,running %s",
		     facts->target);
}

/* ---- nothing */

/* "; 41.0 MB of 512.0 MB" */
static void add_part(struct strbuf *text, uint64_t used, uint64_t most, const char *of)
{
	if (used == GOSPY_UNKNOWN)
		return;
	strbuf_printf(text, "%s%" PRIu64, text->len ? ", " : "", used);
	if (most != GOSPY_UNKNOWN)
		strbuf_printf(text, " of %" PRIu64, most);
	strbuf_printf(text, " %s", of);
}

static void say_limits(const struct facts *facts, struct check *check)
{
	const struct fact_limits *limits = &facts->limits;
	const struct gospy_process_limits *is = &limits->is;
	struct strbuf text = {0};
	add_part(&text, is->descriptors, is->descriptors_max, "descriptors");
	add_part(&text, is->threads, GOSPY_UNKNOWN, "threads");
	add_part(&text, is->tasks, is->tasks_max, "tasks of its control group");
	if (is->memory != GOSPY_UNKNOWN)
		strbuf_printf(&text, ", %s of %s memory", units_bytes(is->memory).s,
			      units_bytes(is->memory_max).s);
	if (is->cpu_milli != GOSPY_UNKNOWN && limits->throttled != GOSPY_UNKNOWN)
		strbuf_printf(&text,
			      ", of %s processors used up in %" PRIu64 " of %" PRIu64 " periods",
			      processors(is->cpu_milli).s, limits->throttled, limits->periods);
	else if (is->cpu_milli != GOSPY_UNKNOWN)
		strbuf_printf(&text, ", %s processors", processors(is->cpu_milli).s);
	check->failed |= text.failed;
	finding_none(check, FINDING_LIMIT, CHECKED_FINE, "%s", text.len ? text.s : "");
	strbuf_deinit(&text);
}

void check_limits(const struct facts *facts, struct check *check)
{
	if (!facts->limits.known) {
		finding_none(check, FINDING_LIMIT, CHECKED_NOT, "%s",
			     facts->is_process ? "they could not be read"
					       : "a file does not say what the process may use");
		return;
	}
	check_descriptors(facts, check);
	check_tasks(facts, check);
	check_memory(facts, check);
	check_throttled(facts, check);
	if (!finding_any(check, FINDING_LIMIT))
		say_limits(facts, check);
}
