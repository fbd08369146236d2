#include "tui/header.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "render/report_header.h"
#include "render/units.h"

enum {
	/* Rows of the screen from which on there is room for more of the header. */
	ROWS_TWO = 10,
	ROWS_THREE = 18,
	ROWS_DETAILS = 40,
	/* Columns of the screen. */
	COLS_MEDIUM = 70,
	COLS_WIDE = 110,
	COLS_ROOMY = 120,
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
	bool measures; /* it draws nothing, and goes on as if there were room */
};

static void put(struct pen *pen, enum style style, const char *text)
{
	if (pen->measures)
		pen->x += canvas_width(pen->canvas, text, strlen(text));
	else
		pen->x += canvas_text(pen->canvas, pen->y, pen->x, pen->canvas->cols - pen->x,
				      style, text);
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

static bool is_wide(const struct pen *pen)
{
	return pen->canvas->cols >= COLS_WIDE;
}

static bool is_narrow(const struct pen *pen)
{
	return pen->canvas->cols < COLS_MEDIUM;
}

static int room(const struct pen *pen)
{
	return pen->canvas->cols - pen->x;
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

/* What looking costs the target: the last time, and the most so far. At the right of the line, in
 * as many words as there is room for. */
static void pause_text(struct pen *pen, const struct gospy_target_info *target,
		       const struct gospy_snapshot_info *info, const struct model_header *header)
{
	char texts[3][96] = {0};
	struct units_text most = units_ms(header->pause_max_ns);
	if (target->kind != GOSPY_TARGET_PROCESS) {
		const char *kind = target->kind == GOSPY_TARGET_BUNDLE ? "bundle" : "core";
		const char *signal = target->signal ? sigabbrev_np(target->signal) : NULL;
		struct units_date date = units_date(info->time_unix_ns);
		if (signal)
			snprintf(texts[0], sizeof(texts[0]), "%s of %s, died of SIG%s", kind,
				 date.s, signal);
		snprintf(texts[1], sizeof(texts[1]), "%s of %s", kind, date.s);
		snprintf(texts[2], sizeof(texts[2]), "%s", kind);
	} else if (info->non_blocking) {
		snprintf(texts[0], sizeof(texts[0]), "not stopped");
		snprintf(texts[1], sizeof(texts[1]), "no stop");
	} else {
		struct units_text last = units_ms(info->paused_ns);
		const char *unit = strchr(last.s, ' '), *same = strchr(most.s, ' ');
		bool once = unit && same && strcmp(unit, same) == 0;
		snprintf(texts[0], sizeof(texts[0]), "pause %s, max %s", last.s, most.s);
		snprintf(texts[1], sizeof(texts[1]), "pause %.*s, max %s",
			 (int)(once ? unit - last.s : (ptrdiff_t)strlen(last.s)), last.s, most.s);
		snprintf(texts[2], sizeof(texts[2]), "pause %s", last.s);
	}
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		int width = (int)strlen(texts[i]);
		if (!width || width + 1 > room(pen))
			continue;
		canvas_text_right(pen->canvas, pen->y, pen->x, room(pen), STYLE_NORMAL, texts[i]);
		return;
	}
}

static void cpu_text(struct pen *pen, const struct model_header *header, size_t p_count)
{
	put(pen, STYLE_LABEL, "CPU ");
	if (header->cpu_percent < 0)
		put(pen, STYLE_DIM, "?");
	else
		putf(pen, STYLE_STRONG, "%.*f%%", header->cpu_percent < 10 ? 1 : 0,
		     header->cpu_percent);
	if (p_count && !is_narrow(pen))
		putf(pen, STYLE_NORMAL, is_wide(pen) ? " of %zu%%" : "/%zu%%", p_count * 100);
}

static void gc_text(struct pen *pen, const struct model_header *header)
{
	put(pen, STYLE_LABEL, "  GC ");
	if (header->gc_rate < 0)
		put(pen, STYLE_DIM, "?");
	else
		putf(pen, STYLE_STRONG, header->gc_rate < 10 ? "%.1f" : "%.0f", header->gc_rate);
	put(pen, STYLE_NORMAL, "/min");
	if (header->gc_cpu_percent >= 0)
		putf(pen, STYLE_NORMAL, " %.1f%% cpu", header->gc_cpu_percent);
}

/* What the line of the program has besides its numbers. */
enum { WITH_BANNER = 1, WITH_VERSION = 2 };

static void program_text(struct pen *pen, struct app *app, const struct model_header *header,
			 unsigned with)
{
	const struct gospy_target_info *target = sampler_target(app->sampler);
	const struct gospy_snapshot_info *info =
		gospy_snapshot_info(model_sample(app->ui.model)->snapshot);
	const char *gap = is_narrow(pen) ? " " : "  ";
	if (with & WITH_BANNER) {
		put(pen, STYLE_TAB_OPEN, " gospy ");
		put(pen, STYLE_NORMAL, " ");
	}
	put(pen, STYLE_STRONG, base_name(target->exe ? target->exe : target->comm));
	bool roomy = pen->canvas->cols >= COLS_ROOMY;
	putf(pen, STYLE_NORMAL, "%s%d%s", roomy ? "  pid " : " ", (int)target->pid, gap);
	if (with & WITH_VERSION)
		putf(pen, STYLE_NORMAL, "%s  ", target->go_version ? target->go_version : "go?");
	if (!is_narrow(pen))
		putf(pen, STYLE_NORMAL, "up %s  ", units_span(info->uptime_ns).s);
	if (app->ui.core)
		return;
	cpu_text(pen, header, info->p_count);
	putf(pen, STYLE_LABEL, "%sRSS ", gap);
	put(pen, STYLE_STRONG, units_bytes(header->rss).s);
	if (is_wide(pen))
		gc_text(pen, header);
}

/* What never changes gives way to what does: the last pause and the longest. */
static void program_line(struct pen *pen, struct app *app, const struct model_header *header)
{
	static const unsigned forms[] = {WITH_BANNER | WITH_VERSION, WITH_VERSION, 0};
	enum { PAUSES_WIDTH = sizeof(" pause 0.07, max 1.1 ms") - 1 };
	// Digits that come and go with each look must not change what is shown.
	struct model_header widest = *header;
	widest.cpu_percent = widest.gc_rate = 10;
	widest.gc_cpu_percent = 1;
	size_t i = is_narrow(pen) ? 2 : is_wide(pen) ? 0 : 1;
	for (; forms[i]; i++) {
		struct pen dry = {.canvas = pen->canvas, .measures = true};
		program_text(&dry, app, &widest, forms[i]);
		if (room(&dry) >= PAUSES_WIDTH)
			break;
	}
	program_text(pen, app, header, forms[i]);
	pause_text(pen, sampler_target(app->sampler),
		   gospy_snapshot_info(model_sample(app->ui.model)->snapshot), header);
}

static void put_delta(struct pen *pen, int64_t delta)
{
	putf(pen, delta > 0 ? STYLE_WARN : delta < 0 ? STYLE_GOOD : STYLE_DIM, "%+ld", (long)delta);
}

static void sparkline(struct pen *pen, const struct trend *trend, int n)
{
	static double values[SPARK_MAX];
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
	// A flat line is drawn low, and a small change is not made to look like a large one.
	if (high - low < high / 100)
		high = low + high / 100 + 1;
	canvas_plot(pen->canvas, pen->y, pen->x, 1, values, n, low, high, STYLE_GOOD);
	pen->x += n;
}

static void put_change(struct pen *pen, double change)
{
	bool flat = change > -0.05 && change < 0.05;
	putf(pen,
	     flat         ? STYLE_DIM
	     : change > 0 ? STYLE_WARN
			  : STYLE_GOOD,
	     flat                          ? "+0/s"
	     : change > -10 && change < 10 ? "%+.1f/s"
					   : "%+.0f/s",
	     change);
}

static void put_state(struct pen *pen, enum style style, uint64_t n, const char *state)
{
	putf(pen, n ? style : STYLE_DIM, "  %lu", n);
	putf(pen, n ? STYLE_NORMAL : STYLE_DIM, " %s", state);
}

static void states_text(struct pen *pen, const struct gospy_goroutine_counts *counts, bool all)
{
	bool wide = is_wide(pen);
	put_state(pen, STYLE_GOOD, counts->running, wide ? "running" : "run");
	if (all)
		put_state(pen, STYLE_WARN, counts->runnable, "runnable");
	if (all && wide)
		put_state(pen, STYLE_SYSCALL, counts->syscall, "syscall");
	put_state(pen, STYLE_NORMAL, counts->waiting, wide ? "waiting" : "wait");
	if (all && wide && counts->idle + counts->other)
		put_state(pen, STYLE_NORMAL, counts->idle + counts->other, "other");
}

/* What the column DELTA counts from, too. */
static void since_text(struct pen *pen, const struct model_header *header, bool age)
{
	uint64_t ns =
		header->mono_ns > header->mark_mono_ns ? header->mono_ns - header->mark_mono_ns : 0;
	put(pen, STYLE_NORMAL, "  ");
	put_delta(pen, header->delta_mark);
	putf(pen, STYLE_DIM, " since %s", header->marked ? "mark" : "first look");
	if (age)
		putf(pen, STYLE_DIM, " %s ago", units_age(ns).s);
}

static void p_cell(struct pen *pen, enum gospy_p_status status)
{
	const struct glyphs *glyphs = pen->canvas->glyphs;
	switch (status) {
	case GOSPY_P_IDLE:
	case GOSPY_P_DEAD:
		put(pen, STYLE_DIM, glyphs->p_idle);
		return;
	case GOSPY_P_RUNNING:
		put(pen, STYLE_GOOD, glyphs->p_running);
		return;
	case GOSPY_P_SYSCALL:
		put(pen, STYLE_SYSCALL, glyphs->p_syscall);
		return;
	case GOSPY_P_GCSTOP:
		put(pen, STYLE_GC, glyphs->p_gcstop);
		return;
	}
	put(pen, STYLE_WARN, "?");
}

/* "Ps 8 [██······]" */
static void ps_text(struct pen *pen, struct app *app)
{
	size_t n;
	const struct model_p *ps = model_ps(app->ui.model, &n);
	size_t most = is_wide(pen) ? (size_t)pen->canvas->cols / 4 : 10;
	put(pen, STYLE_LABEL, is_wide(pen) ? "Ps " : "  Ps ");
	if (is_wide(pen))
		putf(pen, STYLE_STRONG, "%zu ", n);
	put(pen, STYLE_DIM, "[");
	for (size_t i = 0; i < n && i < most && i < STRIP_MAX; i++)
		p_cell(pen, ps[i].p.status);
	put(pen, STYLE_DIM, n > most ? pen->canvas->glyphs->more : "");
	put(pen, STYLE_DIM, "]");
}

/* What the line of goroutines has behind their number. */
enum { WITH_SINCE = 1, WITH_STATES = 2, WITH_AGE = 4, WITH_ALL_STATES = 8, WITH_PS = 16 };

static void total_text(struct pen *pen, const struct app *app, const struct model_header *header)
{
	put(pen, STYLE_LABEL, "Goroutines ");
	put_number(pen, STYLE_STRONG, header->total);
	if (app->ui.core)
		return;
	put(pen, STYLE_NORMAL, "  ");
	put_change(pen, header->change);
	put(pen, STYLE_NORMAL, " ");
}

static void details_text(struct pen *pen, struct app *app, const struct model_header *header,
			 unsigned with)
{
	if (with & WITH_STATES)
		states_text(pen,
			    &gospy_snapshot_info(model_sample(app->ui.model)->snapshot)->goroutines,
			    with & WITH_ALL_STATES);
	if (with & WITH_SINCE && app->ui.core)
		put(pen, STYLE_DIM, "  a still picture");
	else if (with & WITH_SINCE)
		since_text(pen, header, with & WITH_AGE);
	if (with & WITH_PS && !is_wide(pen))
		ps_text(pen, app);
}

/* As many details as have room, beside the line of the past, which takes what they leave. */
static void goroutines_line(struct pen *pen, struct app *app, const struct model_header *header)
{
	static const unsigned forms[] = {
		WITH_SINCE | WITH_STATES | WITH_AGE | WITH_ALL_STATES | WITH_PS,
		WITH_SINCE | WITH_STATES | WITH_AGE | WITH_ALL_STATES,
		WITH_SINCE | WITH_STATES | WITH_AGE,
		WITH_SINCE | WITH_STATES,
		WITH_SINCE,
		WITH_STATES,
		0,
	};
	int taken = is_narrow(pen) ? 0 : SPARK_MIN + 1;
	struct pen rest, number = {.canvas = pen->canvas, .measures = true};
	struct model_header widest = *header;
	// Digits that come and go with each look must not change what is shown.
	if (!is_narrow(pen))
		widest.change = header->total < 1000 ? -100 : -1000;
	total_text(&number, app, &widest);
	taken += number.x;
	pen->x = 0;
	total_text(pen, app, header);
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		rest = (struct pen){.canvas = pen->canvas, .measures = true};
		details_text(&rest, app, header, forms[i]);
		if (rest.x + taken > pen->canvas->cols && forms[i])
			continue;
		if (!app->ui.core)
			sparkline(pen, model_trend(app->ui.model), room(pen) - rest.x - 1);
		details_text(pen, app, header, forms[i]);
		return;
	}
}

static uint64_t queued(struct app *app)
{
	const struct trend *trend = model_trend(app->ui.model);
	return trend->len ? trend_at(trend, trend->len - 1)->runq : GOSPY_UNKNOWN;
}

static void heap_text(struct pen *pen, const struct gospy_heap *heap, int bar)
{
	bool endless = heap->next_gc != GOSPY_UNKNOWN && heap->next_gc >> 62;
	bool known = heap->live != GOSPY_UNKNOWN && heap->next_gc != GOSPY_UNKNOWN &&
		     heap->next_gc && !endless;
	put(pen, STYLE_LABEL, "Heap ");
	bar = bar > BAR_MAX ? BAR_MAX : bar;
	if (bar >= 6) {
		put(pen, STYLE_DIM, "[");
		if (!pen->measures)
			canvas_bar(pen->canvas, pen->y, pen->x, bar,
				   known ? (double)heap->live / (double)heap->next_gc : 0,
				   STYLE_GOOD);
		pen->x += bar;
		put(pen, STYLE_DIM, "] ");
	}
	put(pen, STYLE_STRONG, units_bytes(heap->live).s);
	if (endless)
		put(pen, STYLE_NORMAL, ", no goal");
	else
		putf(pen, STYLE_NORMAL, " of %s goal", units_bytes(heap->next_gc).s);
}

/* ---- lines of facts */

static const struct gospy_snapshot_info *info_of(const struct app *app)
{
	return gospy_snapshot_info(model_sample(app->ui.model)->snapshot);
}

/* One fact, with the blanks before it if it is not the first. */
typedef void fact(struct pen *pen, struct app *app, const struct model_header *header);

/* Those that have room, whole. */
static void facts_line(struct pen *pen, struct app *app, const struct model_header *header,
		       fact *const *facts, size_t n)
{
	pen->x = 0;
	for (size_t i = 0; i < n; i++) {
		struct pen dry = {.canvas = pen->canvas, .x = pen->x, .measures = true};
		facts[i](&dry, app, header);
		if (dry.x <= pen->canvas->cols)
			facts[i](pen, app, header);
	}
}

static void gap(struct pen *pen)
{
	put(pen, STYLE_NORMAL, pen->x ? "  " : "");
}

static void ps_fact(struct pen *pen, struct app *app, const struct model_header *header)
{
	(void)header;
	if (is_wide(pen))
		ps_text(pen, app);
}

static void queue_fact(struct pen *pen, struct app *app, const struct model_header *header)
{
	(void)header;
	gap(pen);
	put(pen, STYLE_LABEL, "queue ");
	put_number(pen, STYLE_STRONG, queued(app));
}

static void heap_fact(struct pen *pen, struct app *app, const struct model_header *header)
{
	(void)header;
	gap(pen);
	heap_text(pen, &info_of(app)->heap, is_wide(pen) ? pen->canvas->cols / 8 : 0);
}

static void threads_fact(struct pen *pen, struct app *app, const struct model_header *header)
{
	const struct gospy_snapshot_info *info = info_of(app);
	(void)header;
	gap(pen);
	put(pen, STYLE_LABEL, "Threads ");
	putf(pen, STYLE_STRONG, "%lu", info->threads.total);
	if (info->threads.running != GOSPY_UNKNOWN)
		putf(pen, STYLE_NORMAL, " (%lu running)", info->threads.running);
}

static void sampling_fact(struct pen *pen, struct app *app, const struct model_header *header)
{
	(void)header;
	if (app->ui.core)
		return;
	gap(pen);
	putf(pen, STYLE_NORMAL, "every %s, ", units_go_duration(app->sampling.refresh_ns).s);
	if (app->status.not_stopped)
		put(pen, STYLE_WARN, "cannot be stopped");
	else
		put(pen, STYLE_NORMAL, info_of(app)->non_blocking ? "not stopping" : "stopping");
}

static void reading_fact(struct pen *pen, struct app *app, const struct model_header *header)
{
	(void)header;
	if (app->status.state != SAMPLER_READING ||
	    clock_mono_ns() - app->status.since_mono_ns <= 500000000)
		return;
	gap(pen);
	put(pen, STYLE_WARN, "reading");
}

/* How the last sample was taken. */
static void taken_fact(struct pen *pen, struct app *app, const struct model_header *header)
{
	const struct gospy_snapshot_info *info = info_of(app);
	(void)header;
	put(pen, STYLE_LABEL, "Snapshot ");
	if (sampler_target(app->sampler)->kind != GOSPY_TARGET_PROCESS) {
		CLEANUP(strbuf_deinit) struct strbuf text = {0};
		report_core_add(&text, sampler_target(app->sampler), info);
		put(pen, STYLE_GOOD, text.s ? text.s : "");
	} else if (info->non_blocking) {
		put(pen, STYLE_GOOD, "not stopped");
		putf(pen, STYLE_NORMAL, ": %lu consistent, %lu retried, ", info->consistent,
		     info->retried);
		putf(pen, info->torn ? STYLE_WARN : STYLE_NORMAL, "%lu torn", info->torn);
	} else if (!info->stopped_threads) {
		put(pen, STYLE_GOOD, "nothing stopped");
	} else {
		put(pen, STYLE_NORMAL, "paused ");
		put(pen, STYLE_STRONG, units_ms(info->paused_ns).s);
		putf(pen, STYLE_DIM, " (%lu of %lu threads)", info->stopped_threads,
		     info->threads.total);
	}
}

static void took_fact(struct pen *pen, struct app *app, const struct model_header *header)
{
	(void)header;
	gap(pen);
	putf(pen, STYLE_NORMAL, "took %s", units_ms(info_of(app)->total_ns).s);
}

/* What is not exact. That some have moved meanwhile is no failure: busy programs are like that. */
static void inexact_fact(struct pen *pen, struct app *app, const struct model_header *header)
{
	const struct gospy_snapshot_info *info = info_of(app);
	(void)header;
	if (info->moved)
		putf(pen, STYLE_DIM, "  %lu moved", info->moved);
	if (info->late + info->unreadable)
		putf(pen, STYLE_WARN, "  %lu inexact", info->late + info->unreadable);
}

static void ticks_fact(struct pen *pen, struct app *app, const struct model_header *header)
{
	(void)app;
	if (header->schedticks >= 0)
		putf(pen, STYLE_NORMAL, "  %.0f schedticks/s", header->schedticks);
}

static void system_fact(struct pen *pen, struct app *app, const struct model_header *header)
{
	(void)header;
	putf(pen, STYLE_DIM, "  +%lu of the runtime's goroutines", info_of(app)->goroutines.system);
}

static fact *const machine_facts[] = {ps_fact,      queue_fact,    heap_fact,
				      threads_fact, sampling_fact, reading_fact};
static fact *const snapshot_facts[] = {taken_fact, took_fact, inexact_fact, ticks_fact,
				       system_fact};

int header_draw(struct app *app)
{
	struct pen pen = {.canvas = &app->ui.canvas};
	struct model_header header = model_header(app->ui.model);
	int rows = app->ui.canvas.rows;
	if (rows < ROWS_TWO / 2)
		return 0;
	program_line(&pen, app, &header);
	if (rows < ROWS_TWO)
		return 1;
	pen.y++;
	goroutines_line(&pen, app, &header);
	bool small = pen.canvas->cols < COLS_WIDE;
	if (rows < ROWS_THREE || (small && rows < ROWS_DETAILS))
		return 2;
	pen.y++;
	facts_line(&pen, app, &header, machine_facts,
		   sizeof(machine_facts) / sizeof(machine_facts[0]));
	if (rows < ROWS_DETAILS)
		return 3;
	pen.y++;
	facts_line(&pen, app, &header, snapshot_facts,
		   sizeof(snapshot_facts) / sizeof(snapshot_facts[0]));
	return 4;
}
