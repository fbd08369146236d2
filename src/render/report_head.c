#include "render/report_head.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "render/escape.h"
#include "render/head_line.h"
#include "render/name.h"
#include "render/report_header.h"
#include "render/state.h"
#include "render/units.h"

/* ", 3 running"; nothing for none. */
static void part(struct head_line *line, const char **separator, uint64_t n, const char *text)
{
	if (!n || n == GOSPY_UNKNOWN)
		return;
	strbuf_printf(&line->text, "%" PRIu64 " %s", n, text);
	head_line_part(line, *separator, 0);
	*separator = ", ";
}

static void add_count(struct strbuf *text, uint64_t n)
{
	if (n == GOSPY_UNKNOWN)
		strbuf_putc(text, '?');
	else
		strbuf_printf(text, "%" PRIu64, n);
}

/* What the look has cost the process. */
static void add_cost(struct head_line *line, const struct gospy_snapshot_info *info)
{
	if (!info->non_blocking) {
		report_pause_add(&line->text, info);
		return;
	}
	const char *separator = "not stopped: ";
	const struct {
		uint64_t n;
		const char *text;
	} counts[] = {
		{info->consistent, "consistent"}, {info->retried, "retried"}, {info->torn, "torn"}};
	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		if (!counts[i].n || counts[i].n == GOSPY_UNKNOWN)
			continue;
		strbuf_printf(&line->text, "%s%" PRIu64 " %s", separator, counts[i].n,
			      counts[i].text);
		separator = ", ";
	}
}

void report_head_process(struct out *out, const struct gospy_target_info *target,
			 const struct gospy_snapshot_info *info)
{
	CLEANUP(head_line_deinit) struct head_line line = {0};
	const char *slash = target->exe ? strrchr(target->exe, '/') : NULL;
	escape_add(&line.text, slash ? slash + 1 : target->exe ? target->exe : target->comm);
	strbuf_puts(&line.text, target->exe_deleted ? " (deleted)" : "");
	head_line_part(&line, "", 0);
	strbuf_printf(&line.text, "pid %d", (int)target->pid);
	head_line_part(&line, "  ", 0);
	escape_add(&line.text, target->go_version ? target->go_version : "go?");
	head_line_part(&line, "  ", 2);
	if (info->uptime_ns != GOSPY_UNKNOWN) {
		strbuf_printf(&line.text, "up %s", units_span(info->uptime_ns).s);
		head_line_part(&line, "  ", 1);
	}
	if (target->kind != GOSPY_TARGET_PROCESS)
		report_core_add(&line.text, target, info);
	else
		add_cost(&line, info);
	head_line_part(&line, "   ", 1);
	head_line_write(&line, out);
}

static void goroutines_line(struct out *out, const struct gospy_goroutine_counts *counts)
{
	CLEANUP(head_line_deinit) struct head_line line = {.label = "Goroutines"};
	const char *separator = ": ";
	add_count(&line.text, counts->total);
	head_line_part(&line, "", 0);
	part(&line, &separator, counts->waiting, "waiting");
	part(&line, &separator, counts->runnable, "runnable");
	part(&line, &separator, counts->running, "running");
	part(&line, &separator, counts->syscall, "syscall");
	part(&line, &separator, counts->idle, "idle");
	part(&line, &separator, counts->other, "in other states");
	if (counts->system && counts->system != GOSPY_UNKNOWN) {
		strbuf_printf(&line.text, "(+%" PRIu64 " system)", counts->system);
		head_line_part(&line, " ", 1);
	}
	head_line_write(&line, out);
}

/* Reasons of waits that nothing can end. */
static const char *const endless[] = {
	"chan receive (nil chan)",
	"chan send (nil chan)",
	"select (no cases)",
};
enum { ENDLESS = sizeof(endless) / sizeof(endless[0]) };

/* How long the goroutines of the program wait, which of them for ever, and how many did not move.
 */
struct waits {
	uint64_t longest_ns; /* 0: of none it is known */
	uint64_t known, unknown, still;
	bool at_least; /* what is known of it */
	struct {
		uint64_t count, goid; /* of the first one */
	} endless[ENDLESS];
};

static void add_wait(struct waits *waits, const struct gospy_goroutine *g)
{
	if (g->wait_ns == GOSPY_UNKNOWN)
		waits->unknown++;
	else
		waits->known++;
	if (g->wait_ns != GOSPY_UNKNOWN && g->wait_ns > waits->longest_ns)
		waits->longest_ns = g->wait_ns;
	waits->at_least |= g->wait_at_least;
	for (size_t i = 0; g->wait_reason && i < ENDLESS; i++) {
		if (strcmp(g->wait_reason, endless[i]) == 0 && !waits->endless[i].count++)
			waits->endless[i].goid = g->goid;
	}
}

static struct waits waits_of(struct gospy_snapshot *snapshot, const struct still *still)
{
	struct waits waits = {0};
	size_t n = gospy_snapshot_goroutine_count(snapshot);
	for (size_t i = 0; i < n; i++) {
		struct gospy_goroutine g;
		gospy_snapshot_goroutine(snapshot, i, &g);
		if (g.soundness == GOSPY_SOUND_UNREADABLE || g.system)
			continue;
		waits.still += still && still_ns(still, i) != GOSPY_UNKNOWN;
		if (g.status == GOSPY_STATUS_WAITING || g.status == GOSPY_STATUS_LEAKED)
			add_wait(&waits, &g);
	}
	return waits;
}

static void still_line(struct out *out, const struct report_head *head, const struct waits *waits)
{
	CLEANUP(head_line_deinit) struct head_line line = {.label = "Not moved"};
	add_count(&line.text, waits->still);
	strbuf_puts(&line.text, " of ");
	add_count(&line.text, gospy_snapshot_info(head->snapshot)->goroutines.total);
	head_line_part(&line, "", 0);
	strbuf_printf(&line.text, "within %s", units_go_duration(head->watched_ns).s);
	head_line_part(&line, " ", 1);
	head_line_write(&line, out);
}

static void endless_line(struct out *out, const struct waits *waits)
{
	CLEANUP(head_line_deinit) struct head_line line = {.label = "For ever"};
	for (size_t i = 0; i < ENDLESS; i++) {
		uint64_t n = waits->endless[i].count;
		if (!n)
			continue;
		strbuf_printf(&line.text, "%" PRIu64 " ", n);
		state_short(endless[i], &line.text);
		strbuf_printf(&line.text, " (g%" PRIu64 "%s%s)", waits->endless[i].goid,
			      n > 1 ? ", " : "", n > 1 ? name_more(out->utf8) : "");
		head_line_part(&line, ", ", 0);
	}
	head_line_write(&line, out);
}

static void add_waits(struct head_line *line, const struct waits *waits, bool no_gc, bool wide)
{
	if (waits->known) {
		strbuf_printf(&line->text, "%s: %s%s", wide ? "the longest known" : "longest",
			      waits->at_least ? "at least " : "", units_span(waits->longest_ns).s);
		head_line_part(line, "", 0);
	}
	if (waits->unknown && wide)
		strbuf_printf(&line->text, "how long %s%" PRIu64 " wait%s is unknown",
			      waits->known ? "" : "all ", waits->unknown,
			      waits->unknown == 1 ? "s" : "");
	else if (waits->unknown && waits->known)
		strbuf_printf(&line->text, "of %" PRIu64 " unknown", waits->unknown);
	else if (waits->unknown)
		strbuf_puts(&line->text, "unknown how long");
	if (waits->unknown)
		head_line_part(line, "; ", 0);
	if (waits->unknown && no_gc) {
		strbuf_puts(&line->text, "no GC yet");
		head_line_part(line, ": ", 0);
	}
}

/* The runtime notes that a goroutine waits when a collection finds it waiting. */
static void waits_line(struct out *out, const struct waits *waits, bool no_gc)
{
	CLEANUP(head_line_deinit) struct head_line line = {.label = "Waits"};
	CLEANUP(head_line_deinit) struct head_line shorter = {.label = "Waits"};
	add_waits(&line, waits, no_gc, true);
	add_waits(&shorter, waits, no_gc, false);
	head_line_write(head_line_fits(&line, out) ? &line : &shorter, out);
}

#define MINUTE_NS 60000000000ULL

static void memory_line(struct out *out, const struct gospy_snapshot_info *info)
{
	CLEANUP(head_line_deinit) struct head_line line = {.label = "Heap"};
	const struct gospy_heap *heap = &info->heap;
	strbuf_printf(&line.text, "%s live", units_bytes(heap->live).s);
	head_line_part(&line, "", 0);
	// GOGC=off sets a goal that no heap can reach.
	if (heap->next_gc != GOSPY_UNKNOWN && heap->next_gc >> 62)
		strbuf_puts(&line.text, "next GC never");
	else
		strbuf_printf(&line.text, "next GC at %s", units_bytes(heap->next_gc).s);
	head_line_part(&line, ", ", 2);
	add_count(&line.text, heap->num_gc);
	strbuf_printf(&line.text, " GC%s", units_plural(heap->num_gc));
	// Of less than a minute it would be a guess: "2 GCs, 3508/min" of a start.
	if (heap->num_gc && heap->num_gc != GOSPY_UNKNOWN && info->uptime_ns >= MINUTE_NS &&
	    info->uptime_ns != GOSPY_UNKNOWN)
		strbuf_printf(&line.text, ", %s/min",
			      units_rate((double)heap->num_gc * 60e9 / (double)info->uptime_ns).s);
	head_line_part(&line, "; ", 1);
	if (heap->last_gc_unix_ns && heap->last_gc_unix_ns != GOSPY_UNKNOWN) {
		strbuf_printf(&line.text, "last %s ago",
			      units_age(info->time_unix_ns > heap->last_gc_unix_ns
						? info->time_unix_ns - heap->last_gc_unix_ns
						: 0)
				      .s);
		head_line_part(&line, ", ", 3);
	}
	head_line_write(&line, out);
}

static void add_threads(struct strbuf *text, const struct gospy_thread_counts *threads)
{
	strbuf_puts(text, "threads: ");
	add_count(text, threads->total);
	if (threads->running)
		strbuf_printf(text, ", %" PRIu64 " running", threads->running);
	if (threads->stopped)
		strbuf_printf(text, ", %" PRIu64 " stopped", threads->stopped);
}

static void processors_line(struct out *out, const struct gospy_snapshot *snapshot)
{
	CLEANUP(head_line_deinit) struct head_line line = {.label = "Processors"};
	const struct gospy_snapshot_info *info = gospy_snapshot_info(snapshot);
	const struct gospy_p *ps = gospy_snapshot_ps(snapshot);
	const char *separator = ": ";
	uint64_t running = 0, syscall = 0, idle = 0, gcstop = 0, queued = info->sched.runqsize;
	for (size_t i = 0; i < info->p_count; i++) {
		running += ps[i].status == GOSPY_P_RUNNING;
		syscall += ps[i].status == GOSPY_P_SYSCALL;
		idle += ps[i].status == GOSPY_P_IDLE;
		gcstop += ps[i].status == GOSPY_P_GCSTOP;
		if (queued != GOSPY_UNKNOWN && ps[i].runq_size != GOSPY_UNKNOWN)
			queued += ps[i].runq_size;
	}
	strbuf_printf(&line.text, "%zu", info->p_count);
	head_line_part(&line, "", 0);
	part(&line, &separator, running, "running");
	part(&line, &separator, syscall, "syscall");
	part(&line, &separator, idle, "idle");
	part(&line, &separator, gcstop, "stopped for the GC");
	strbuf_puts(&line.text, "run queues: ");
	add_count(&line.text, queued);
	head_line_part(&line, "; ", queued ? 1 : 3);
	add_threads(&line.text, &info->threads);
	head_line_part(&line, "; ", info->threads.stopped ? 0 : 2);
	head_line_write(&line, out);
}

size_t report_head_write(struct out *out, const struct report_head *head)
{
	const struct out_mark mark = out_mark(out);
	const struct gospy_snapshot_info *info = gospy_snapshot_info(head->snapshot);
	const struct waits waits = waits_of(head->snapshot, head->still);
	report_head_process(out, head->target, info);
	goroutines_line(out, &info->goroutines);
	if (head->still)
		still_line(out, head, &waits);
	waits_line(out, &waits, info->heap.num_gc == 0);
	endless_line(out, &waits);
	memory_line(out, info);
	processors_line(out, head->snapshot);
	size_t lines = 0;
	for (size_t i = mark.len; out->flushes == mark.flushes && i < out->len; i++)
		lines += out->buf[i] == '\n';
	return lines;
}
