#include "tui/view_memory.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "render/units.h"

enum {
	LABEL_WIDTH = 12,
	AXIS_WIDTH = 9,
	FIGURES_WIDTH = 32,
	PAUSE_ROWS = 3,
	PLOT_ROWS_MIN = 3,
};

static double heap_live(const struct trend_point *point)
{
	return point->heap_live == GOSPY_UNKNOWN ? -1 : (double)point->heap_live;
}

/* GOGC=off sets a goal that no heap reaches. */
static bool is_endless(uint64_t goal)
{
	return goal != GOSPY_UNKNOWN && goal >> 62;
}

static double heap_goal(const struct trend_point *point)
{
	bool known = point->heap_goal != GOSPY_UNKNOWN && !is_endless(point->heap_goal);
	return known ? (double)point->heap_goal : -1;
}

static double last_pause(const struct trend_point *point)
{
	return point->last_pause_ns == GOSPY_UNKNOWN ? -1 : (double)point->last_pause_ns;
}

/* One figure of the heap as a part of another. */
struct part {
	const char *name;
	uint64_t value, whole;
	const char *whole_name;
	enum style style;
};

static void part_draw(struct canvas *canvas, int y, const struct part *part)
{
	int bar = canvas->cols - LABEL_WIDTH - FIGURES_WIDTH - 2;
	canvas_text(canvas, y, 0, LABEL_WIDTH - 1, STYLE_LABEL, part->name);
	int x = LABEL_WIDTH;
	bool known = part->value != GOSPY_UNKNOWN && part->whole != GOSPY_UNKNOWN && part->whole;
	if (bar >= 8) {
		canvas_text(canvas, y, x, 1, STYLE_DIM, "[");
		canvas_bar(canvas, y, x + 1, bar,
			   known ? (double)part->value / (double)part->whole : 0, part->style);
		canvas_text(canvas, y, x + 1 + bar, 1, STYLE_DIM, "]");
		x += bar + 3;
	}
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	strbuf_printf(&text, "%s of %s", units_bytes(part->value).s, units_bytes(part->whole).s);
	if ((int)(text.len + 1 + strlen(part->whole_name)) <= canvas->cols - x)
		strbuf_printf(&text, " %s", part->whole_name);
	canvas_text(canvas, y, x, canvas->cols - x, STYLE_NORMAL, text.s ? text.s : "");
}

static int parts_draw(struct canvas *canvas, const struct sample *sample, int y, int end)
{
	const struct gospy_heap *heap = &gospy_snapshot_info(sample->snapshot)->heap;
	bool endless = is_endless(heap->next_gc);
	uint64_t idle = heap->sys == GOSPY_UNKNOWN || heap->in_use == GOSPY_UNKNOWN ||
					heap->sys < heap->in_use
				? GOSPY_UNKNOWN
				: heap->sys - heap->in_use;
	uint64_t rss = sample->usage_known ? sample->usage.rss : GOSPY_UNKNOWN;
	uint64_t rss_max = sample->usage_known ? sample->usage.rss_max : GOSPY_UNKNOWN;
	const struct part parts[] = {
		{"live", heap->live, endless ? heap->sys : heap->next_gc,
		 endless ? "from the OS" : "next GC", STYLE_GOOD},
		{"in use", heap->in_use, heap->sys, "from the OS", STYLE_SYSCALL},
		{"idle", idle, heap->sys, "from the OS", STYLE_DIM},
		{"process RSS", rss, rss_max, "at its peak", STYLE_SYSCALL},
	};
	size_t n = sizeof(parts) / sizeof(parts[0]);
	n -= rss == GOSPY_UNKNOWN && rss_max == GOSPY_UNKNOWN;
	for (size_t i = 0; i < n && y < end; i++)
		part_draw(canvas, y++, &parts[i]);
	return y;
}

static void count_text(struct strbuf *text, const char *before, uint64_t n, const char *after)
{
	if (n == GOSPY_UNKNOWN)
		strbuf_printf(text, "%s?%s", before, after);
	else
		strbuf_printf(text, "%s%lu%s", before, n, after);
}

/* What has no room is left out by the phrase: half a figure would be another one. */
static void line_draw(struct canvas *canvas, int y, const char *label, struct strbuf *text)
{
	size_t room = canvas->cols > LABEL_WIDTH ? (size_t)(canvas->cols - LABEL_WIDTH) : 0;
	for (size_t i = text->len; i-- > 1 && text->len > room;) {
		if (text->s[i] == ' ' && (text->s[i - 1] == ',' || text->s[i - 1] == ';'))
			text->s[text->len = i - 1] = '\0';
	}
	canvas_text(canvas, y, 0, LABEL_WIDTH - 1, STYLE_LABEL, label);
	canvas_text(canvas, y, LABEL_WIDTH, canvas->cols - LABEL_WIDTH, STYLE_NORMAL,
		    text->s ? text->s : "");
}

static void cycles_draw(struct ui *ui, int y)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	const struct gospy_snapshot_info *info =
		gospy_snapshot_info(model_sample(ui->model)->snapshot);
	const struct gospy_heap *heap = &info->heap;
	struct model_header header = model_header(ui->model);
	count_text(&text, "", heap->num_gc, heap->num_gc == 1 ? " cycle" : " cycles");
	count_text(&text, " (", heap->num_forced_gc, " forced)");
	if (header.gc_rate >= 0 && !ui->core)
		strbuf_printf(&text, ", %.1f/min", header.gc_rate);
	if (header.gc_cpu_percent >= 0)
		strbuf_printf(&text, ", %.1f%% of the CPU", header.gc_cpu_percent);
	if (heap->last_gc_unix_ns && heap->last_gc_unix_ns != GOSPY_UNKNOWN &&
	    heap->last_gc_unix_ns <= info->time_unix_ns)
		strbuf_printf(&text, ", last %s ago",
			      units_age(info->time_unix_ns - heap->last_gc_unix_ns).s);
	line_draw(&ui->canvas, y, "collector", &text);
}

static void pauses_draw(struct ui *ui, int y)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	const struct gospy_heap *heap =
		&gospy_snapshot_info(model_sample(ui->model)->snapshot)->heap;
	if (heap->num_gc)
		strbuf_printf(&text, "last %s, all %s", units_ms(heap->last_pause_ns).s,
			      units_ms(heap->pause_total_ns).s);
	else
		strbuf_puts(&text, "none yet");
	count_text(&text, "; ", heap->objects, heap->objects == 1 ? " object" : " objects");
	line_draw(&ui->canvas, y, "pauses", &text);
}

static double highest(const double *values, int n, double at_least)
{
	for (int i = 0; i < n; i++)
		at_least = values[i] > at_least ? values[i] : at_least;
	return at_least;
}

static uint64_t session_ns(const struct trend *trend)
{
	if (trend->len < 2)
		return 1;
	return trend_at(trend, trend->len - 1)->mono_ns - trend_at(trend, 0)->mono_ns;
}

/* Where the goal is above what is live, a mark shows it. */
static void goal_draw(struct canvas *canvas, int y, int height, const double *goals, int n,
		      double high)
{
	for (int i = 0; i < n; i++) {
		if (goals[i] < 0)
			continue;
		int up = (int)((double)height * goals[i] / high);
		int row = y - (up >= height ? height - 1 : up);
		const struct cell *cell = &canvas->cells[row * canvas->cols + AXIS_WIDTH + i];
		if (cell->chars[0] == L' ')
			canvas_text(canvas, row, AXIS_WIDTH + i, 1, STYLE_WARN,
				    canvas->utf8 ? "─" : "-");
	}
}

/* A plot of `height` rows that end with row `y`, its title above. */
static void plot_draw(struct ui *ui, int y, int height, const char *title, bool bytes)
{
	struct canvas *canvas = &ui->canvas;
	const struct trend *trend = model_trend(ui->model);
	static double values[CANVAS_COLS_MAX], goals[CANVAS_COLS_MAX];
	int n = canvas->cols - AXIS_WIDTH;
	if (n <= 0 || !trend->len)
		return;
	uint64_t span = session_ns(trend);
	trend_resample(trend, bytes ? heap_live : last_pause, span, (size_t)n, values);
	double high = highest(values, n, 1);
	if (bytes) {
		trend_resample(trend, heap_goal, span, (size_t)n, goals);
		high = highest(goals, n, high);
	}
	canvas_text(canvas, y - height, 0, canvas->cols, STYLE_LABEL, title);
	struct units_text top = bytes ? units_bytes((uint64_t)high) : units_ms((uint64_t)high);
	canvas_text_right(canvas, y - height + 1, 0, AXIS_WIDTH - 1, STYLE_DIM, top.s);
	if (height > 1)
		canvas_text_right(canvas, y, 0, AXIS_WIDTH - 1, STYLE_DIM, "0");
	canvas_plot(canvas, y, AXIS_WIDTH, height, values, n, 0, high,
		    bytes ? STYLE_GOOD : STYLE_GC);
	if (bytes)
		goal_draw(canvas, y, height, goals, n, high);
}

static void memory_draw(struct view *view, struct ui *ui, int y, int height)
{
	struct canvas *canvas = &ui->canvas;
	char title[96];
	int end = y + height;
	(void)view;
	y = parts_draw(canvas, model_sample(ui->model), y, end);
	if (y < end)
		cycles_draw(ui, y++);
	if (y < end)
		pauses_draw(ui, y++);
	// A still picture has no past.
	int left = ui->core ? 0 : end - y - 1;
	const struct gospy_heap *now =
		&gospy_snapshot_info(model_sample(ui->model)->snapshot)->heap;
	int pauses = now->num_gc && left >= PLOT_ROWS_MIN + PAUSE_ROWS + 3 ? PAUSE_ROWS : 0;
	int heap = left - (pauses ? pauses + 2 : 1);
	if (heap < PLOT_ROWS_MIN)
		return;
	y += 1 + heap;
	snprintf(title, sizeof(title), "heap live%s, over %s",
		 is_endless(now->next_gc) ? ""
		 : canvas->utf8           ? ", and goal ─"
					  : ", and goal -",
		 units_age(session_ns(model_trend(ui->model))).s);
	plot_draw(ui, y, heap, title, true);
	if (pauses)
		plot_draw(ui, y + 1 + pauses, pauses, "pause of the last collection", false);
}

static size_t memory_total(const struct view *view)
{
	(void)view;
	return 0;
}

static void memory_cell(struct view *view, const struct ui *ui, size_t row, size_t column,
			struct cell_value *value)
{
	(void)view;
	(void)ui;
	(void)row;
	(void)column;
	(void)value;
}

static void memory_title(const struct view *view, const struct ui *ui, struct strbuf *text)
{
	(void)view;
	size_t n = model_trend(ui->model)->len;
	strbuf_puts(text, "heap and collections");
	if (!ui->core)
		strbuf_printf(text, ", %zu sample%s", n, n == 1 ? "" : "s");
}

static bool memory_act(struct view *view, struct ui *ui, enum action action)
{
	(void)view;
	if (action != ACT_FLAME)
		return false;
	ui->ops->show_heap(ui);
	return true;
}

static const struct hint hints[] = {
	{ACT_FLAME, "flame"},
	{ACT_WRITE, "write"},
};

const struct view_ops view_memory = {
	.name = "Memory",
	.size = sizeof(struct view),
	.untitled = true,
	.sort = COLUMN_UNSORTED,
	.hints = hints,
	.hint_count = sizeof(hints) / sizeof(hints[0]),
	.total = memory_total,
	.cell = memory_cell,
	.act = memory_act,
	.draw = memory_draw,
	.title = memory_title,
};
