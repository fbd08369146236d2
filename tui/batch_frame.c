#include "tui/batch_frame.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "render/report_goroutine.h"
#include "render/report_header.h"
#include "render/table.h"
#include "render/units.h"
#include "tui/model_rows.h"
#include "tui/model_text.h"

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

static size_t shown_rows(uint64_t limit, size_t n)
{
	return limit && limit < n ? (size_t)limit : n;
}

/* ---- text */

static void delta_text(struct out *out, int64_t delta, const char *since)
{
	out_printf(out, delta ? ", %+" PRId64 " %s" : ", %" PRId64 " %s", delta, since);
}

static void program_line(struct out *out, const struct gospy_target_info *target,
			 const struct model_header *header, const struct gospy_snapshot_info *info)
{
	char clock[16] = "?";
	struct tm tm;
	time_t now = (time_t)(header->time_unix_ns / 1000000000);
	if (localtime_r(&now, &tm))
		strftime(clock, sizeof(clock), "%H:%M:%S", &tm);
	out_puts(out, clock);
	out_putc(out, ' ');
	out_text(out, base_name(target->exe));
	out_printf(out, ", pid %d, ", (int)target->pid);
	out_text(out, target->go_version);
	out_printf(out, ", up %s, cpu ", units_span(info->uptime_ns).s);
	if (header->cpu_percent < 0)
		out_putc(out, '?');
	else
		out_printf(out, "%.1f%%", header->cpu_percent);
	out_printf(out, ", rss %s, ", units_bytes(header->rss).s);
	if (target->kind != GOSPY_TARGET_PROCESS)
		report_core(out, target, info);
	else if (info->non_blocking)
		out_printf(out,
			   "not stopped: %" PRIu64 " consistent, %" PRIu64 " retried, %" PRIu64
			   " torn",
			   info->consistent, info->retried, info->torn);
	else
		report_pause(out, info);
	out_putc(out, '\n');
}

static void goroutine_line(struct out *out, const struct model_header *header,
			   const struct gospy_goroutine_counts *counts)
{
	out_puts(out, "goroutines: ");
	out_count(out, header->total);
	delta_text(out, header->delta_last, "since the last frame");
	delta_text(out, header->delta_mark, "since the first");
	out_printf(out,
		   "; %" PRIu64 " waiting, %" PRIu64 " runnable, %" PRIu64 " running, %" PRIu64
		   " syscall\n",
		   counts->waiting, counts->runnable, counts->running, counts->syscall);
}

static void scheduler_line(struct out *out, const struct model *model,
			   const struct model_header *header)
{
	static const char *const names[] = {"idle", "running", "syscall", "gcstop"};
	enum { KINDS = sizeof(names) / sizeof(names[0]) };
	uint64_t of[KINDS] = {0};
	size_t n;
	const struct model_p *ps = model_ps(model, &n);
	for (size_t i = 0; i < n; i++) {
		if ((size_t)ps[i].p.status < KINDS)
			of[ps[i].p.status]++;
	}
	out_printf(out, "Ps: %zu", n);
	for (size_t i = 0; i < KINDS; i++)
		out_printf(out, ", %" PRIu64 " %s", of[i], names[i]);
	const struct trend *trend = model_trend(model);
	out_puts(out, "; run queue ");
	out_count(out, trend_at(trend, trend->len - 1)->runq);
	if (header->schedticks >= 0)
		out_printf(out, "; %.0f schedticks/s", header->schedticks);
	out_putc(out, '\n');
}

static void heap_line(struct out *out, const struct gospy_heap *heap)
{
	out_printf(out, "heap: %s live, ", units_bytes(heap->live).s);
	// GOGC=off sets a goal that no heap can reach.
	if (heap->next_gc != GOSPY_UNKNOWN && heap->next_gc >> 62)
		out_puts(out, "next GC never, ");
	else
		out_printf(out, "next GC at %s, ", units_bytes(heap->next_gc).s);
	out_count(out, heap->num_gc);
	out_printf(out, " cycles, last pause %s\n", units_ms(heap->last_pause_ns).s);
}

enum { COLUMNS = 1 + MODEL_COLUMNS };

/* What gives way on a terminal is as in view_groups.c. */
static const struct table_column columns[COLUMNS] = {
	{.gap = "", .title = ""}, // the mark
	{.gap = " ", .title = "COUNT", .right = true},
	{.gap = "  ", .title = "DELTA", .right = true, .rank = 4},
	{.gap = "  ", .title = "RATE/MIN", .right = true, .rank = 2},
	{.gap = "  ", .title = "OLDEST", .right = true, .rank = 3},
	{.gap = "  ", .title = "STATE", .good = 14, .enough = 10, .rank = 1},
	{.gap = "  ", .title = "LOCATION", .good = 38, .enough = 18},
	{.gap = "  ", .title = "DIFFERS AT", .good = 34, .below = "at "},
	{.gap = "  ", .title = "WAITS AT", .good = 34, .rank = 5, .below = "at "},
	{.gap = "  ", .title = "CREATED BY", .good = 30, .enough = 22, .rank = 6, .below = "by "},
};

static const char *row_mark(const struct model_row *row)
{
	if (row->growing)
		return "^";
	if (row->gone)
		return "-";
	return row->appeared ? "+" : " ";
}

/* On a terminal names are as short as its lines need them to be; a pipe gets all of them. */
static void add_cell(struct table *table, const struct out *out, const struct model_row *row,
		     enum model_column column, enum group_key key)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	struct name name;
	if (out->cols && model_name(row, column, key, out->utf8, &name)) {
		table_name(table, &name);
		return;
	}
	model_cell(row, column, false, &text);
	table_cell_buf(table, &text);
}

static void rows_text(struct out *out, const struct model_row *const *rows, size_t n,
		      enum group_key key)
{
	struct table_column shown[COLUMNS];
	CLEANUP(table_deinit) struct table table = {.columns = shown};
	bool apart = false;
	for (size_t i = 0; i < n; i++)
		apart |= out->cols && rows[i]->apart;
	for (size_t i = 0; i < COLUMNS; i++) {
		if (i != 1 + COLUMN_APART || apart)
			shown[table.column_count++] = columns[i];
	}
	table_titles(&table);
	for (size_t i = 0; i < n; i++) {
		table_cell(&table, row_mark(rows[i]));
		for (enum model_column column = 0; column < MODEL_COLUMNS; column++) {
			if (column != COLUMN_APART || apart)
				add_cell(&table, out, rows[i], column, key);
		}
	}
	table_print(&table, out);
}

static void frame_text(struct out *out, uint64_t limit, struct model *model,
		       const struct gospy_target_info *target, uint64_t number)
{
	struct model_header header = model_header(model);
	const struct gospy_snapshot_info *info = gospy_snapshot_info(model_sample(model)->snapshot);
	size_t n;
	const struct model_row *const *rows = model_rows(model, &n);
	if (number > 1)
		out_putc(out, '\n');
	struct out_mark lines = out_mark(out);
	program_line(out, target, &header, info);
	goroutine_line(out, &header, &info->goroutines);
	scheduler_line(out, model, &header);
	heap_line(out, &info->heap);
	out_wrap(out, lines);
	rows_text(out, rows, shown_rows(limit, n), model_key(model));
	if (shown_rows(limit, n) < n)
		out_printf(out, "... %zu more\n", n - shown_rows(limit, n));
}

/* ---- JSON */

static void optional(struct json *json, const char *key, double n)
{
	if (n >= 0)
		json_decimal(json, key, n);
}

static void figures_json(struct json *json, const struct model_header *header)
{
	json_object(json, "figures");
	json_u64(json, "since_first_ns", header->mono_ns - header->mark_mono_ns);
	json_i64(json, "goroutines_delta", header->delta_mark);
	json_i64(json, "goroutines_delta_last", header->delta_last);
	optional(json, "cpu_percent", header->cpu_percent);
	json_u64(json, "rss", header->rss);
	optional(json, "schedticks_per_s", header->schedticks);
	optional(json, "gc_per_min", header->gc_rate);
	optional(json, "gc_cpu_percent", header->gc_cpu_percent);
	json_u64(json, "paused_ns_max", header->pause_max_ns);
	json_object_end(json);
}

static void row_json(struct json *json, const struct model_row *row)
{
	json_object(json, NULL);
	json_addr(json, "id", row->id);
	json_u64(json, "count", row->count);
	json_i64(json, "delta", row->delta);
	if (row->rate_known)
		json_decimal(json, "rate_per_min", row->rate);
	json_bool(json, "growing", row->growing);
	if (row->growing)
		json_decimal(json, "growth_per_min", row->growth);
	json_bool(json, "new", row->appeared);
	json_bool(json, "gone", row->gone);
	json_u64(json, "longest_wait_ns", row->oldest_ns);
	if (row->wait_at_least)
		json_bool(json, "wait_at_least", true);
	json_u64(json, "longest_still_ns", row->still_ns);
	json_str(json, "state", row->state);
	json_bool(json, "states_differ", row->states_differ);
	json_str(json, "title", row->title);
	report_location_json(json, "location", row->location);
	json_bool(json, "locations_differ", row->locations_differ);
	report_location_json(json, "user", row->user);
	json_bool(json, "users_differ", row->users_differ);
	report_location_json(json, "created_by", row->creator);
	json_bool(json, "creators_differ", row->creators_differ);
	json_object_end(json);
}

static void frame_json(struct out *out, uint64_t limit, struct model *model,
		       const struct gospy_target_info *target, uint64_t number)
{
	struct json json = {.out = out};
	struct model_header header = model_header(model);
	size_t n;
	const struct model_row *const *rows = model_rows(model, &n);
	json_begin(&json, "top");
	json_u64(&json, "frame", number);
	report_header_json(&json, target, model_sample(model)->snapshot);
	figures_json(&json, &header);
	json_str(&json, "key", group_key_name(model_key(model)));
	json_u64(&json, "matching", n);
	json_u64(&json, "shown", shown_rows(limit, n));
	json_array(&json, "groups");
	for (size_t i = 0; i < shown_rows(limit, n) && !out->error; i++)
		row_json(&json, rows[i]);
	json_array_end(&json);
	json_object_end(&json);
	json_newline(&json);
}

void batch_frame(struct out *out, enum report_format format, uint64_t limit, struct model *model,
		 const struct gospy_target_info *target, uint64_t number)
{
	if (format == REPORT_TEXT)
		frame_text(out, limit, model, target, number);
	else
		frame_json(out, limit, model, target, number);
}
