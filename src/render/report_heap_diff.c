#include "render/report_heap_diff.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "render/json.h"
#include "render/report_heap.h"
#include "render/table.h"
#include "render/units.h"

/* A type in both. */
struct change {
	const struct gospy_graph_type *type; /* of the later one, if it is there */
	struct gospy_graph_sum before, after;
};

struct changes {
	struct change *at;
	size_t len;
};

static int compare_types(const struct gospy_graph_type *x, const struct gospy_graph_type *y)
{
	if (x->name && y->name)
		return strcmp(x->name, y->name);
	if (x->name || y->name)
		return x->name ? -1 : 1;
	if (x->slot != y->slot)
		return x->slot < y->slot ? -1 : 1;
	return x->pointers - y->pointers;
}

static int by_type(const void *a, const void *b)
{
	const struct change *x = a, *y = b;
	return compare_types(x->type, y->type);
}

static int64_t grown(const struct change *change)
{
	return (int64_t)(change->after.bytes - change->before.bytes);
}

/* What grew most first, then what shrank least; of others the larger. */
static int by_growth(const void *a, const void *b)
{
	const struct change *x = a, *y = b;
	if (grown(x) != grown(y))
		return grown(x) < grown(y) ? 1 : -1;
	return by_type(a, b);
}

static bool is_changed(const struct change *change)
{
	return change->after.bytes != change->before.bytes ||
	       change->after.objects != change->before.objects;
}

static void add_all(struct changes *changes, const struct gospy_graph *graph, bool after)
{
	size_t n;
	const struct gospy_graph_type *types = gospy_graph_types(graph, &n);
	for (size_t i = 0; i < n; i++) {
		struct change change = {.type = &types[i]};
		*(after ? &change.after : &change.before) = types[i].sum;
		changes->at[changes->len++] = change;
	}
}

static void join(struct changes *changes)
{
	size_t n = 0;
	if (changes->len)
		qsort(changes->at, changes->len, sizeof(*changes->at), by_type);
	for (size_t i = 0; i < changes->len; i++) {
		struct change *last = n ? &changes->at[n - 1] : NULL, *now = &changes->at[i];
		if (!last || compare_types(last->type, now->type) != 0) {
			changes->at[n++] = *now;
			continue;
		}
		last->before.objects += now->before.objects;
		last->before.bytes += now->before.bytes;
		last->after.objects += now->after.objects;
		last->after.bytes += now->after.bytes;
	}
	changes->len = 0;
	for (size_t i = 0; i < n; i++) {
		if (is_changed(&changes->at[i]))
			changes->at[changes->len++] = changes->at[i];
	}
	if (changes->len)
		qsort(changes->at, changes->len, sizeof(*changes->at), by_growth);
}

/* ---------------------------------------------------------------------------------------- text --
 */

static const struct table_column columns[] = {
	{.gap = "", .title = "CHANGE", .right = true},
	{.gap = "  ", .title = "OBJECTS", .right = true, .rank = 1},
	{.gap = "  ", .title = "BEFORE", .right = true, .rank = 3},
	{.gap = "  ", .title = "AFTER", .right = true, .rank = 2},
	{.gap = "  ", .title = "TYPE", .good = 60},
};

static const char *sign(uint64_t before, uint64_t after)
{
	return after > before ? "+" : after < before ? "-" : "";
}

static uint64_t distance(uint64_t before, uint64_t after)
{
	return after > before ? after - before : before - after;
}

static void add_row(struct table *table, const struct change *c)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	strbuf_printf(&text, "%s%s", sign(c->before.bytes, c->after.bytes),
		      units_bytes(distance(c->before.bytes, c->after.bytes)).s);
	table_cell_buf(table, &text);
	strbuf_clear(&text);
	strbuf_printf(&text, "%s%" PRIu64, sign(c->before.objects, c->after.objects),
		      distance(c->before.objects, c->after.objects));
	table_cell_buf(table, &text);
	table_cell(table, units_bytes(c->before.bytes).s);
	table_cell(table, units_bytes(c->after.bytes).s);
	strbuf_clear(&text);
	report_heap_add_type(&text, c->type);
	table_name_buf(table, NAME_TEXT, &text);
}

static void write_text(struct out *out, const struct heap_diff_report *report,
		       const struct changes *changes, size_t n)
{
	const struct gospy_graph_info *before = gospy_graph_info(report->before);
	const struct gospy_graph_info *after = gospy_graph_info(report->after);
	struct out_mark mark = out_mark(out);
	out_printf(out, "%s in %" PRIu64 " objects could be reached, ",
		   units_bytes(before->reachable.bytes).s, before->reachable.objects);
	out_printf(out, "%s in %" PRIu64 " can be now\n", units_bytes(after->reachable.bytes).s,
		   after->reachable.objects);
	out_wrap(out, mark);
	if (!n)
		return;
	CLEANUP(table_deinit)
	struct table table = {.columns = columns,
			      .column_count = sizeof(columns) / sizeof(columns[0])};
	table_titles(&table);
	for (size_t i = 0; i < n; i++)
		add_row(&table, &changes->at[i]);
	out_putc(out, '\n');
	table_print(&table, out);
	if (n < changes->len)
		out_printf(out, "... %zu more\n", changes->len - n);
}

/* ---------------------------------------------------------------------------------------- JSON --
 */

static void sum_json(struct json *json, const char *key, const struct gospy_graph_sum *sum)
{
	json_object(json, key);
	json_u64(json, "objects", sum->objects);
	json_u64(json, "bytes", sum->bytes);
	json_object_end(json);
}

static void write_json(struct out *out, const struct heap_diff_report *report,
		       const struct changes *changes, size_t n, bool lines)
{
	struct json json = {.out = out};
	const struct gospy_graph_info *before = gospy_graph_info(report->before);
	const struct gospy_graph_info *after = gospy_graph_info(report->after);
	json_begin(&json, "heap_diff");
	json_u64(&json, "pid", (uint64_t)report->target->pid);
	json_u64(&json, "before_unix_ns", before->time_unix_ns);
	json_u64(&json, "after_unix_ns", after->time_unix_ns);
	sum_json(&json, "before", &before->reachable);
	sum_json(&json, "after", &after->reachable);
	json_u64(&json, "type_count", changes->len);
	if (lines) {
		json_object_end(&json);
		json_newline(&json);
	} else {
		json_array(&json, "types");
	}
	for (size_t i = 0; i < n; i++) {
		if (lines)
			json_begin(&json, "heap_change");
		else
			json_object(&json, NULL);
		report_heap_type_json(&json, changes->at[i].type);
		sum_json(&json, "before", &changes->at[i].before);
		sum_json(&json, "after", &changes->at[i].after);
		json_object_end(&json);
		if (lines)
			json_newline(&json);
	}
	if (!lines) {
		json_array_end(&json);
		json_object_end(&json);
		json_newline(&json);
	}
}

bool report_heap_diff(struct out *out, const struct heap_diff_report *report,
		      enum report_format format)
{
	size_t before, after;
	gospy_graph_types(report->before, &before);
	gospy_graph_types(report->after, &after);
	struct changes changes = {.at = calloc(before + after + 1, sizeof(*changes.at))};
	if (!changes.at)
		return false;
	add_all(&changes, report->after, true);
	add_all(&changes, report->before, false);
	join(&changes);
	size_t n =
		report->limit && report->limit < changes.len ? (size_t)report->limit : changes.len;
	switch (format) {
	case REPORT_TEXT:
		write_text(out, report, &changes, n);
		break;
	case REPORT_JSON:
	case REPORT_JSON_LINES:
		write_json(out, report, &changes, n, format == REPORT_JSON_LINES);
		break;
	}
	free(changes.at);
	return true;
}
