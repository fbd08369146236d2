/* What is known of the target as a whole. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "render/units.h"
#include "tui/app_state.h"

enum {
	ROWS_FULL = 18, /* of the screen, from which on there is room for the whole header */
	ROWS_SHORT = 10,
	COLS_FULL = 70,
	NAME_WIDTH = 10, /* of a figure */
	SPARK_MIN = 8,
	SPARK_MAX = 120,
	BAR_MAX = 40,
	STRIP_MAX = 256,
};
static const uint64_t SPARK_SPAN_NS = 300000000000; /* five minutes */

/* Text from left to right, as far as there is room. */
struct pen {
	struct canvas *canvas;
	int y, x;
};

static void put(struct pen *pen, enum style style, const char *text)
{
	pen->x += canvas_text(pen->canvas, pen->y, pen->x, pen->canvas->cols - pen->x, style, text);
}

__attribute__((format(printf, 3, 4))) static void putf(struct pen *pen, enum style style,
						       const char *fmt, ...)
{
	char text[256];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	put(pen, style, text);
}

static void name(struct pen *pen, const char *text)
{
	pen->x = 0;
	put(pen, LOOK_LABEL, text);
	pen->x = NAME_WIDTH + 1;
}

static void put_number(struct pen *pen, enum style style, uint64_t n)
{
	if (n == GOSPY_UNKNOWN)
		put(pen, style, "?");
	else
		putf(pen, style, "%lu", n);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static void program_line(struct pen *pen, struct app *app, const struct model_header *header)
{
	const struct gospy_target_info *target = sampler_target(app->sampler);
	const struct gospy_snapshot_info *info =
		gospy_snapshot_info(model_sample(app->model)->snapshot);
	bool narrow = pen->canvas->cols < COLS_FULL;
	const char *gap = narrow ? " " : "  ";
	if (!narrow)
		pen->x += canvas_text(pen->canvas, pen->y, 0, 7, LOOK_TAB_OPEN, " gospy ") + 1;
	put(pen, LOOK_STRONG, base_name(target->exe ? target->exe : target->comm));
	putf(pen, LOOK_NORMAL, "%s%s%d", gap, narrow ? "" : "pid ", (int)target->pid);
	putf(pen, LOOK_NORMAL, "%s%s", gap, target->go_version ? target->go_version : "go?");
	putf(pen, LOOK_NORMAL, "%sup %s", gap, units_span(info->uptime_ns).s);
	putf(pen, LOOK_LABEL, "%sCPU ", gap);
	if (header->cpu_percent >= 0)
		putf(pen, LOOK_STRONG, "%.1f%%", header->cpu_percent);
	else
		put(pen, LOOK_DIM, "?");
	putf(pen, LOOK_LABEL, "%sRSS ", gap);
	put(pen, LOOK_STRONG, units_bytes(header->rss).s);
}

static void put_delta(struct pen *pen, int64_t delta)
{
	putf(pen, delta > 0 ? LOOK_WARN : delta < 0 ? LOOK_GOOD : LOOK_DIM, "%+ld", (long)delta);
}

static void sparkline(struct pen *pen, const struct trend *trend)
{
	static double values[SPARK_MAX];
	int n = pen->canvas->cols - pen->x;
	n = n > SPARK_MAX ? SPARK_MAX : n;
	if (n < SPARK_MIN || trend->len < 2)
		return;
	uint64_t age = trend_at(trend, trend->len - 1)->mono_ns - trend_at(trend, 0)->mono_ns;
	trend_resample(trend, trend_goroutines, age < SPARK_SPAN_NS ? age + 1 : SPARK_SPAN_NS,
		       (size_t)n, values);
	double low = -1, high = 0;
	for (int i = 0; i < n; i++) {
		if (values[i] >= 0 && (low < 0 || values[i] < low))
			low = values[i];
		high = values[i] > high ? values[i] : high;
	}
	// A flat line is drawn low; what changes by little is not made to look like much.
	if (high - low < high / 100)
		high = low + high / 100 + 1;
	canvas_plot(pen->canvas, pen->y, pen->x, 1, values, n, low, high, LOOK_GOOD);
}

static void goroutines_line(struct pen *pen, struct app *app, const struct model_header *header)
{
	name(pen, "Goroutines");
	put_number(pen, LOOK_STRONG, header->total);
	put(pen, LOOK_NORMAL, "  ");
	put_delta(pen, header->delta_last);
	put(pen, LOOK_DIM, " last  ");
	put_delta(pen, header->delta_mark);
	uint64_t age =
		header->mono_ns > header->mark_mono_ns ? header->mono_ns - header->mark_mono_ns : 0;
	putf(pen, LOOK_DIM, " since %s %s ago  ", header->marked ? "mark" : "start",
	     units_age(age).s);
	sparkline(pen, model_trend(app->model));
}

static void put_state(struct pen *pen, enum style style, uint64_t n, const char *state)
{
	putf(pen, n ? style : LOOK_DIM, "%lu", n);
	putf(pen, n ? LOOK_NORMAL : LOOK_DIM, " %s  ", state);
}

static void states_line(struct pen *pen, struct app *app)
{
	const struct gospy_goroutine_counts *counts =
		&gospy_snapshot_info(model_sample(app->model)->snapshot)->goroutines;
	pen->x = NAME_WIDTH + 1;
	put_state(pen, LOOK_GOOD, counts->running, "running");
	put_state(pen, LOOK_WARN, counts->runnable, "runnable");
	put_state(pen, LOOK_SYSCALL, counts->syscall, "syscall");
	put_state(pen, LOOK_NORMAL, counts->waiting, "waiting");
	if (counts->idle + counts->other)
		put_state(pen, LOOK_NORMAL, counts->idle + counts->other, "other");
	putf(pen, LOOK_DIM, "(+%lu system)", counts->system);
}

static void p_cell(struct pen *pen, enum gospy_p_status status)
{
	const struct glyphs *glyphs = pen->canvas->glyphs;
	switch (status) {
	case GOSPY_P_IDLE:
	case GOSPY_P_DEAD:
		put(pen, LOOK_DIM, glyphs->p_idle);
		return;
	case GOSPY_P_RUNNING:
		put(pen, LOOK_GOOD, glyphs->p_running);
		return;
	case GOSPY_P_SYSCALL:
		put(pen, LOOK_SYSCALL, glyphs->p_syscall);
		return;
	case GOSPY_P_GCSTOP:
		put(pen, LOOK_GC, glyphs->p_gcstop);
		return;
	}
	put(pen, LOOK_WARN, "?");
}

static void procs_line(struct pen *pen, struct app *app, const struct model_header *header)
{
	size_t n;
	const struct model_p *ps = model_ps(app->model, &n);
	const struct gospy_sched *sched =
		&gospy_snapshot_info(model_sample(app->model)->snapshot)->sched;
	// What comes behind the strip needs its place, too.
	size_t room = pen->canvas->cols > 80 ? (size_t)pen->canvas->cols - 60 : 20;
	uint64_t local = 0;
	name(pen, "Ps");
	putf(pen, LOOK_STRONG, "%zu ", n);
	put(pen, LOOK_DIM, "[");
	for (size_t i = 0; i < n; i++) {
		local += ps[i].p.runq_size == GOSPY_UNKNOWN ? 0 : ps[i].p.runq_size;
		if (i < room && i < STRIP_MAX)
			p_cell(pen, ps[i].p.status);
	}
	put(pen, LOOK_DIM, n > room ? pen->canvas->glyphs->more : "");
	put(pen, LOOK_DIM, "]  ");
	if (header->schedticks >= 0)
		putf(pen, LOOK_STRONG, "%.0f", header->schedticks);
	else
		put(pen, LOOK_DIM, "?");
	put(pen, LOOK_NORMAL, " schedticks/s  ");
	put(pen, LOOK_LABEL, "run queue ");
	put_number(pen, LOOK_STRONG, sched->runqsize);
	putf(pen, LOOK_NORMAL, " global + %lu local", local);
}

static void heap_line(struct pen *pen, struct app *app)
{
	const struct gospy_heap *heap =
		&gospy_snapshot_info(model_sample(app->model)->snapshot)->heap;
	bool endless = heap->next_gc != GOSPY_UNKNOWN && heap->next_gc >> 62;
	bool known = heap->live != GOSPY_UNKNOWN && heap->next_gc != GOSPY_UNKNOWN &&
		     heap->next_gc && !endless;
	int bar = pen->canvas->cols - 64;
	bar = bar > BAR_MAX ? BAR_MAX : bar;
	name(pen, "Heap");
	if (bar >= 6) {
		put(pen, LOOK_DIM, "[");
		canvas_bar(pen->canvas, pen->y, pen->x, bar,
			   known ? (double)heap->live / (double)heap->next_gc : 0, LOOK_GOOD);
		pen->x += bar;
		put(pen, LOOK_DIM, "] ");
	}
	put(pen, LOOK_STRONG, units_bytes(heap->live).s);
	putf(pen, LOOK_NORMAL, " live of %s", endless ? "no limit" : units_bytes(heap->next_gc).s);
	put(pen, LOOK_LABEL, "  GC ");
	put_number(pen, LOOK_STRONG, heap->num_gc);
	put(pen, LOOK_LABEL, "  last pause ");
	put(pen, LOOK_STRONG, heap->num_gc ? units_ms(heap->last_pause_ns).s : "-");
}

static void snapshot_line(struct pen *pen, struct app *app)
{
	const struct gospy_snapshot_info *info =
		gospy_snapshot_info(model_sample(app->model)->snapshot);
	name(pen, "Snapshot");
	if (info->non_blocking) {
		put(pen, LOOK_GOOD, "not stopped");
		putf(pen, LOOK_NORMAL, ": %lu consistent, %lu retried, ", info->consistent,
		     info->retried);
		putf(pen, info->torn ? LOOK_WARN : LOOK_NORMAL, "%lu torn", info->torn);
	} else {
		put(pen, LOOK_NORMAL, "paused ");
		put(pen, LOOK_STRONG, units_ms(info->paused_ns).s);
	}
	putf(pen, LOOK_NORMAL, "  took %s", units_ms(info->total_ns).s);
	// That some have moved meanwhile is no failure: busy programs are like that.
	if (info->moved)
		putf(pen, LOOK_DIM, "  %lu moved", info->moved);
	if (info->late + info->unreadable)
		putf(pen, LOOK_WARN, "  %lu inexact", info->late + info->unreadable);
	put(pen, LOOK_LABEL, "  every ");
	put(pen, LOOK_NORMAL, units_go_duration(app->sampling.refresh_ns).s);
	if (app->status.state == SAMPLER_READING &&
	    clock_mono_ns() - app->status.since_mono_ns > 500000000)
		put(pen, LOOK_WARN, "  reading");
}

int header_draw(struct app *app)
{
	struct pen pen = {.canvas = &app->canvas};
	struct model_header header = model_header(app->model);
	int rows = app->canvas.rows;
	if (rows < ROWS_SHORT / 2)
		return 0;
	program_line(&pen, app, &header);
	if (rows < ROWS_SHORT)
		return 1;
	pen.y++;
	goroutines_line(&pen, app, &header);
	if (rows < ROWS_FULL)
		return 2;
	pen.y++;
	states_line(&pen, app);
	pen.y++;
	procs_line(&pen, app, &header);
	pen.y++;
	heap_line(&pen, app);
	pen.y++;
	snapshot_line(&pen, app);
	return pen.y + 1;
}
