#include "render/report_heap.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "render/json.h"
#include "render/table.h"
#include "render/units.h"

static size_t shown_count(const struct heap_report *report, size_t n)
{
	return report->limit && report->limit < n ? (size_t)report->limit : n;
}

static double percent(uint64_t part, uint64_t whole)
{
	return whole ? 100 * (double)part / (double)whole : 0;
}

/* ---------------------------------------------------------------------------------------- text --
 */

enum { RETAINED, BYTES, SHARE, OBJECTS, TYPE, COLUMNS };

static const struct table_column columns[COLUMNS] = {
	[RETAINED] = {.gap = "", .title = "RETAINED", .right = true},
	[BYTES] = {.gap = "  ", .title = "BYTES", .right = true},
	[SHARE] = {.gap = "  ", .title = "SHARE", .right = true, .rank = 2},
	[OBJECTS] = {.gap = "  ", .title = "OBJECTS", .right = true, .rank = 1},
	[TYPE] = {.gap = "  ", .title = "TYPE", .good = 60},
};

/* "? 48 B with pointers" */
void report_heap_add_type(struct strbuf *text, const struct gospy_graph_type *type)
{
	if (type->name)
		strbuf_puts(text, type->name);
	else if (type->slot)
		strbuf_printf(text, "? %s %s pointers", units_bytes(type->slot).s,
			      type->pointers ? "with" : "without");
	else
		strbuf_printf(text, "? large %s pointers", type->pointers ? "with" : "without");
}

static bool has_retained(const struct gospy_graph_type *type)
{
	return type->retained != GOSPY_UNKNOWN;
}

void report_heap_type_cell(struct table *table, struct arena *arena,
			   const struct gospy_graph_type *type)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	struct name name = {.kind = NAME_TYPE, .text = type->name};
	if (!name.text) {
		report_heap_add_type(&text, type);
		name.text = text.failed ? NULL : arena_strndup(arena, text.s, text.len);
	}
	if (!name.text) {
		table->text.failed = true;
		name.text = "";
	}
	table_name(table, &name);
}

static void add_row(struct table *table, struct arena *arena, const struct gospy_graph_type *type,
		    uint64_t all)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	uint64_t share = has_retained(type) ? type->retained : type->sum.bytes;
	if (has_retained(type))
		table_cell(table, units_bytes(type->retained).s);
	table_cell(table, units_bytes(type->sum.bytes).s);
	strbuf_printf(&text, "%.1f%%", percent(share, all));
	table_cell_buf(table, &text);
	table_cell_u64(table, type->sum.objects);
	report_heap_type_cell(table, arena, type);
}

static void head_text(struct out *out, const struct heap_report *report)
{
	const struct gospy_graph_info *info = gospy_graph_info(report->graph);
	struct out_mark mark = out_mark(out);
	uint64_t garbage = info->allocated.bytes > info->reachable.bytes
				   ? info->allocated.bytes - info->reachable.bytes
				   : 0;
	out_printf(out, "%s in %" PRIu64 " object%s can be reached",
		   units_bytes(info->reachable.bytes).s, info->reachable.objects,
		   units_plural(info->reachable.objects));
	out_printf(out, "; %s more %s allocated, for the next collection\n", units_bytes(garbage).s,
		   info->instant ? "are" : "were");
	out_wrap(out, mark);
	mark = out_mark(out);
	out_printf(out, "of %.1f%% of these bytes the type is known%s\n",
		   percent(info->typed.bytes, info->reachable.bytes),
		   info->instant ? "" : "; copied while the process ran");
	if (info->paused_ns)
		out_printf(out, "paused %s\n", units_ms(info->paused_ns).s);
	out_wrap(out, mark);
}

static void text(struct out *out, const struct heap_report *report)
{
	size_t all;
	const struct gospy_graph_type *types = gospy_graph_types(report->graph, &all);
	const struct gospy_graph_info *info = gospy_graph_info(report->graph);
	size_t n = shown_count(report, all);
	head_text(out, report);
	if (!n)
		return;
	size_t skip = has_retained(types) ? 0 : BYTES;
	struct table_column shown[COLUMNS];
	memcpy(shown, columns + skip, (COLUMNS - skip) * sizeof(*shown));
	shown[0].gap = "";
	CLEANUP(arena_deinit) struct arena arena = {0};
	CLEANUP(table_deinit)
	struct table table = {.columns = shown, .column_count = COLUMNS - skip};
	table_titles(&table);
	for (size_t i = 0; i < n; i++)
		add_row(&table, &arena, &types[i], info->reachable.bytes);
	out_putc(out, '\n');
	table_print(&table, out);
	if (n < all)
		out_printf(out, "... %zu more\n", all - n);
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

static void head_json(struct json *json, const struct heap_report *report)
{
	const struct gospy_graph_info *info = gospy_graph_info(report->graph);
	json_begin(json, "heap");
	json_u64(json, "pid", (uint64_t)report->target->pid);
	json_str(json, "go_version", report->target->go_version);
	json_u64(json, "time_unix_ns", info->time_unix_ns);
	json_u64(json, "total_ns", info->total_ns);
	json_bool(json, "instant", info->instant);
	json_u64(json, "paused_ns", info->paused_ns);
	json_str(json, "not_stopped", info->not_stopped);
	sum_json(json, "allocated", &info->allocated);
	sum_json(json, "reachable", &info->reachable);
	sum_json(json, "typed", &info->typed);
	json_u64(json, "pointers", info->pointers);
	json_u64(json, "spans", info->spans);
	json_u64(json, "scanned_bytes", info->scanned);
	json_u64(json, "unknown_spans", info->unknown_spans);
	json_u64(json, "unread_roots", info->unread);
	json_bool(json, "partial", info->partial);
	json_bool(json, "types_cut", info->types_cut);
	json_u64(json, "memory_bytes", info->memory);
	json_str(json, "problem", info->problem);
}

void report_heap_type_json(struct json *json, const struct gospy_graph_type *type)
{
	json_str(json, "name", type->name);
	if (!type->name) {
		json_u64(json, "slot_bytes", type->slot ? type->slot : GOSPY_UNKNOWN);
		json_bool(json, "pointers", type->pointers);
	}
}

static void type_json(struct json *json, const struct gospy_graph_type *type, uint64_t all)
{
	report_heap_type_json(json, type);
	json_u64(json, "objects", type->sum.objects);
	json_u64(json, "bytes", type->sum.bytes);
	json_percent(json, "percent", percent(type->sum.bytes, all));
	json_u64(json, "retained_bytes", type->retained);
}

static void write_json(struct out *out, const struct heap_report *report, bool lines)
{
	struct json json = {.out = out};
	size_t all;
	const struct gospy_graph_type *types = gospy_graph_types(report->graph, &all);
	uint64_t bytes = gospy_graph_info(report->graph)->reachable.bytes;
	size_t n = shown_count(report, all);
	head_json(&json, report);
	json_u64(&json, "type_count", all);
	if (lines) {
		json_object_end(&json);
		json_newline(&json);
	} else {
		json_array(&json, "types");
	}
	for (size_t i = 0; i < n; i++) {
		if (lines)
			json_begin(&json, "heap_type");
		else
			json_object(&json, NULL);
		type_json(&json, &types[i], bytes);
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

void report_heap(struct out *out, const struct heap_report *report, enum report_format format)
{
	switch (format) {
	case REPORT_TEXT:
		text(out, report);
		break;
	case REPORT_JSON:
	case REPORT_JSON_LINES:
		write_json(out, report, format == REPORT_JSON_LINES);
		break;
	}
}

/* ----------------------------------------------------------------------------------------- who --
 */

static void step_text(struct out *out, const struct gospy_graph_step *step)
{
	const struct out_mark mark = out_mark(out);
	out_puts(out, "    ");
	out_text(out, step->name);
	if (step->field)
		out_text(out, step->field);
	if (step->addr)
		out_printf(out, " 0x%" PRIx64, step->addr);
	out_puts(out, step->repeats ? " ...\n" : "\n");
	out_wrap(out, mark);
}

static void path_text(struct out *out, const struct gospy_graph_path *path, bool one)
{
	if (!one)
		out_printf(out, "\n%s in %" PRIu64 " object%s\n", units_bytes(path->sum.bytes).s,
			   path->sum.objects, units_plural(path->sum.objects));
	const struct out_mark mark = out_mark(out);
	out_puts(out, "    ");
	out_style(out, OUT_STRONG);
	out_text(out, path->root);
	out_style(out, OUT_NONE);
	out_putc(out, '\n');
	out_wrap(out, mark);
	for (size_t i = 0; i < path->step_count; i++)
		step_text(out, &path->steps[i]);
}

/* ".name string "Ada"": text of the process, escaped. */
static void values_text(struct out *out, const struct heap_who_report *report)
{
	out_puts(out, report->value_count ? "\nIt holds\n" : "\nIt holds nothing that is known\n");
	for (size_t i = 0; i < report->value_count; i++) {
		const struct gospy_graph_value *value = &report->values[i];
		const struct out_mark mark = out_mark(out);
		out_puts(out, "    ");
		out_text(out, value->field);
		out_puts(out, value->field[0] ? " " : "");
		out_text(out, value->type);
		out_puts(out, value->type[0] ? " " : "");
		out_text(out, value->value);
		out_putc(out, '\n');
		out_wrap(out, mark);
	}
	if (report->more_values)
		out_puts(out, "    ... and more\n");
}

static void who_text(struct out *out, const struct heap_who_report *report)
{
	const struct gospy_graph_paths *paths = report->paths;
	const struct out_mark mark = out_mark(out);
	if (paths->addr)
		out_printf(out, "0x%" PRIx64 ", %s, is a ", paths->addr,
			   units_bytes(paths->sum.bytes).s);
	out_text(out, paths->name);
	if (!paths->addr)
		out_printf(out, ": %s in %" PRIu64 " object%s", units_bytes(paths->sum.bytes).s,
			   paths->sum.objects, units_plural(paths->sum.objects));
	out_puts(out, paths->addr ? ", kept alive by\n" : ", kept alive by these paths\n");
	out_wrap(out, mark);
	for (size_t i = 0; i < paths->path_count; i++)
		path_text(out, &paths->paths[i], paths->addr);
	if (paths->more)
		out_printf(out, "\n... %zu more\n", paths->more);
	if (report->has_values)
		values_text(out, report);
}

void report_heap_path_json(struct json *json, const struct gospy_graph_path *path)
{
	json_str(json, "root", path->root);
	json_array(json, "steps");
	for (size_t i = 0; i < path->step_count; i++) {
		json_object(json, NULL);
		json_str(json, "name", path->steps[i].name);
		if (path->steps[i].addr)
			json_addr(json, "addr", path->steps[i].addr);
		json_str(json, "field", path->steps[i].field);
		json_bool(json, "repeats", path->steps[i].repeats);
		json_object_end(json);
	}
	json_array_end(json);
}

static void path_json(struct json *json, const struct gospy_graph_path *path)
{
	json_u64(json, "objects", path->sum.objects);
	json_u64(json, "bytes", path->sum.bytes);
	report_heap_path_json(json, path);
}

static void values_json(struct json *json, const struct heap_who_report *report)
{
	json_array(json, "values");
	for (size_t i = 0; i < report->value_count; i++) {
		json_object(json, NULL);
		json_str(json, "field", report->values[i].field);
		json_str(json, "type", report->values[i].type);
		json_str(json, "value", report->values[i].value);
		json_object_end(json);
	}
	json_array_end(json);
	json_bool(json, "more_values", report->more_values);
}

static void who_json(struct out *out, const struct heap_who_report *report, bool lines)
{
	const struct gospy_graph_paths *paths = report->paths;
	struct json json = {.out = out};
	json_begin(&json, "heap_who");
	json_u64(&json, "pid", (uint64_t)report->target->pid);
	json_str(&json, "name", paths->name);
	if (paths->addr)
		json_addr(&json, "addr", paths->addr);
	json_str(&json, "field", paths->field);
	json_u64(&json, "objects", paths->sum.objects);
	json_u64(&json, "bytes", paths->sum.bytes);
	json_u64(&json, "more", paths->more);
	if (report->has_values)
		values_json(&json, report);
	if (lines) {
		json_object_end(&json);
		json_newline(&json);
	} else {
		json_array(&json, "paths");
	}
	for (size_t i = 0; i < paths->path_count; i++) {
		if (lines)
			json_begin(&json, "heap_path");
		else
			json_object(&json, NULL);
		path_json(&json, &paths->paths[i]);
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

void report_heap_who(struct out *out, const struct heap_who_report *report,
		     enum report_format format)
{
	switch (format) {
	case REPORT_TEXT:
		who_text(out, report);
		break;
	case REPORT_JSON:
	case REPORT_JSON_LINES:
		who_json(out, report, format == REPORT_JSON_LINES);
		break;
	}
}
