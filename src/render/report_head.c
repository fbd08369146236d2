#include "render/report_head.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "render/name.h"
#include "render/report_header.h"
#include "render/state.h"
#include "render/units.h"

static void label(struct out *out, const char *text)
{
	enum { WIDTH = 12 };
	out_style(out, OUT_DIM);
	out_puts(out, text);
	out_style(out, OUT_NONE);
	for (size_t i = strlen(text); i < WIDTH; i++)
		out_putc(out, ' ');
}

/* ", 3 running"; nothing for none. */
static void part(struct out *out, const char **separator, uint64_t n, const char *text)
{
	if (!n || n == GOSPY_UNKNOWN)
		return;
	out_puts(out, *separator);
	out_u64(out, n);
	out_putc(out, ' ');
	out_puts(out, text);
	*separator = ", ";
}

static void process_line(struct out *out, const struct gospy_target_info *target,
			 const struct gospy_snapshot_info *info)
{
	const char *slash = target->exe ? strrchr(target->exe, '/') : NULL;
	out_text(out, slash ? slash + 1 : target->exe ? target->exe : target->comm);
	out_printf(out, "%s  pid %d  ", target->exe_deleted ? " (deleted)" : "", (int)target->pid);
	out_text(out, target->go_version ? target->go_version : "go?");
	out_printf(out, "  up %s   ", units_span(info->uptime_ns).s);
	if (info->non_blocking) {
		const char *separator = "not stopped: ";
		part(out, &separator, info->consistent, "consistent");
		part(out, &separator, info->retried, "retried");
		part(out, &separator, info->torn, "torn");
	} else {
		report_pause(out, info);
	}
	out_putc(out, '\n');
}

static void goroutines_line(struct out *out, const struct gospy_goroutine_counts *counts)
{
	const char *separator = ": ";
	label(out, "Goroutines");
	out_count(out, counts->total);
	part(out, &separator, counts->waiting, "waiting");
	part(out, &separator, counts->runnable, "runnable");
	part(out, &separator, counts->running, "running");
	part(out, &separator, counts->syscall, "syscall");
	part(out, &separator, counts->idle, "idle");
	part(out, &separator, counts->other, "in other states");
	if (counts->system && counts->system != GOSPY_UNKNOWN)
		out_printf(out, " (+%" PRIu64 " system)", counts->system);
	out_putc(out, '\n');
}

/* Reasons of waits that nothing can end. */
static const char *const endless[] = {
	"chan receive (nil chan)",
	"chan send (nil chan)",
	"select (no cases)",
};
enum { ENDLESS = sizeof(endless) / sizeof(endless[0]) };

/* How long the goroutines of the program wait, and which of them for ever. */
struct waits {
	uint64_t longest_ns; /* 0: of none it is known */
	uint64_t known, unknown;
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
	for (size_t i = 0; g->wait_reason && i < ENDLESS; i++) {
		if (strcmp(g->wait_reason, endless[i]) == 0 && !waits->endless[i].count++)
			waits->endless[i].goid = g->goid;
	}
}

static struct waits waits_of(struct gospy_snapshot *snapshot)
{
	struct waits waits = {0};
	size_t n = gospy_snapshot_goroutine_count(snapshot);
	for (size_t i = 0; i < n; i++) {
		struct gospy_goroutine g;
		gospy_snapshot_goroutine(snapshot, i, &g);
		if (g.soundness != GOSPY_SOUND_UNREADABLE && !g.system &&
		    (g.status == GOSPY_STATUS_WAITING || g.status == GOSPY_STATUS_LEAKED))
			add_wait(&waits, &g);
	}
	return waits;
}

static void endless_line(struct out *out, const struct waits *waits)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	bool any = false;
	for (size_t i = 0; i < ENDLESS; i++) {
		uint64_t n = waits->endless[i].count;
		if (!n)
			continue;
		if (any)
			out_puts(out, ", ");
		else
			label(out, "For ever");
		strbuf_clear(&text);
		state_short(endless[i], &text);
		out_printf(out, "%" PRIu64 " %s (g%" PRIu64 "%s%s)", n, text.s ? text.s : "",
			   waits->endless[i].goid, n > 1 ? ", " : "",
			   n > 1 ? name_more(out->utf8) : "");
		any = true;
	}
	if (any)
		out_putc(out, '\n');
}

/* The runtime notes that a goroutine waits when a collection finds it waiting. */
static void waits_line(struct out *out, struct gospy_snapshot *snapshot)
{
	const struct waits waits = waits_of(snapshot);
	uint64_t gcs = gospy_snapshot_info(snapshot)->heap.num_gc;
	if (!waits.known && !waits.unknown)
		return;
	label(out, "Waits");
	if (waits.known)
		out_printf(out, "the longest known: %s", units_span(waits.longest_ns).s);
	if (waits.unknown)
		out_printf(out, "%show long %s%" PRIu64 " wait%s is unknown%s",
			   waits.known ? "; " : "", waits.known ? "" : "all ", waits.unknown,
			   waits.unknown == 1 ? "s" : "", gcs == 0 ? ": no GC yet" : "");
	out_putc(out, '\n');
	endless_line(out, &waits);
}

#define MINUTE_NS 60000000000ULL

static void memory_line(struct out *out, const struct gospy_snapshot_info *info)
{
	const struct gospy_heap *heap = &info->heap;
	label(out, "Heap");
	out_printf(out, "%s live, next GC ", units_bytes(heap->live).s);
	// GOGC=off sets a goal that no heap can reach.
	if (heap->next_gc != GOSPY_UNKNOWN && heap->next_gc >> 62)
		out_puts(out, "never");
	else
		out_printf(out, "at %s", units_bytes(heap->next_gc).s);
	out_puts(out, "; ");
	out_count(out, heap->num_gc);
	out_printf(out, " GC%s", units_plural(heap->num_gc));
	// Of less than a minute it would be a guess: "2 GCs, 3508/min" of a start.
	if (heap->num_gc && heap->num_gc != GOSPY_UNKNOWN && info->uptime_ns >= MINUTE_NS &&
	    info->uptime_ns != GOSPY_UNKNOWN)
		out_printf(out, ", %s/min",
			   units_rate((double)heap->num_gc * 60e9 / (double)info->uptime_ns).s);
	if (heap->last_gc_unix_ns && heap->last_gc_unix_ns != GOSPY_UNKNOWN)
		out_printf(out, ", last %s ago",
			   units_age(info->time_unix_ns > heap->last_gc_unix_ns
					     ? info->time_unix_ns - heap->last_gc_unix_ns
					     : 0)
				   .s);
	out_putc(out, '\n');
}

static void processors_line(struct out *out, const struct gospy_snapshot *snapshot)
{
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
	label(out, "Processors");
	out_printf(out, "%zu", info->p_count);
	part(out, &separator, running, "running");
	part(out, &separator, syscall, "syscall");
	part(out, &separator, idle, "idle");
	part(out, &separator, gcstop, "stopped for the GC");
	out_puts(out, "; run queues: ");
	out_count(out, queued);
	out_puts(out, "; threads: ");
	out_count(out, info->threads.total);
	separator = ", ";
	part(out, &separator, info->threads.running, "running");
	part(out, &separator, info->threads.stopped, "stopped");
	out_putc(out, '\n');
}

void report_head(struct out *out, const struct gospy_target_info *target,
		 struct gospy_snapshot *snapshot)
{
	const struct gospy_snapshot_info *info = gospy_snapshot_info(snapshot);
	const struct out_mark mark = out_mark(out);
	process_line(out, target, info);
	goroutines_line(out, &info->goroutines);
	waits_line(out, snapshot);
	memory_line(out, info);
	processors_line(out, snapshot);
	out_wrap(out, mark);
}
