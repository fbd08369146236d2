#include "render/report_heap_diff.h"

#include <inttypes.h>

#include "base/cleanup.h"
#include "render/heap_changes.h"
#include "render/json.h"
#include "render/units.h"

static void write_sum(struct out *out, const struct gospy_graph_sum *sum)
{
	out_printf(out, "%s in %" PRIu64 " objects", units_bytes(sum->bytes).s, sum->objects);
}

static void write_text(struct out *out, const struct heap_diff_report *report,
		       const struct heap_changes *changes)
{
	struct out_mark mark = out_mark(out);
	write_sum(out, &changes->before->reachable);
	out_puts(out, report->first ? " can be reached in the first, " : " could be reached, ");
	write_sum(out, &changes->after->reachable);
	out_puts(out, report->first ? " in the second\n" : " can be now\n");
	out_wrap(out, mark);
	if (changes->list.len)
		out_putc(out, '\n');
	heap_changes_text(out, changes, report->limit);
}

static void write_json(struct out *out, const struct heap_diff_report *report,
		       const struct heap_changes *changes, bool lines)
{
	struct json json = {.out = out};
	json_begin(&json, "heap_diff");
	if (report->first)
		json_u64(&json, "before_pid", (uint64_t)report->first->pid);
	json_u64(&json, "pid", (uint64_t)report->target->pid);
	json_u64(&json, "before_unix_ns", changes->before->time_unix_ns);
	json_u64(&json, "after_unix_ns", changes->after->time_unix_ns);
	heap_sum_json(&json, "before", &changes->before->reachable);
	heap_sum_json(&json, "after", &changes->after->reachable);
	json_u64(&json, "type_count", changes->list.len);
	if (lines) {
		json_object_end(&json);
		json_newline(&json);
	} else {
		json_array(&json, "types");
	}
	for (size_t i = 0; i < heap_changes_shown(changes, report->limit); i++) {
		if (lines)
			json_begin(&json, "heap_change");
		else
			json_object(&json, NULL);
		heap_change_json(&json, &changes->list.at[i]);
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

enum gospy_code report_heap_diff(struct out *out, const struct heap_diff_report *report,
				 enum report_format format, struct gospy_error *err)
{
	CLEANUP(heap_changes_deinit) struct heap_changes changes = {0};
	enum gospy_code code = heap_changes_make(&changes, report->before, report->after, err);
	if (code)
		return code;
	switch (format) {
	case REPORT_TEXT:
		write_text(out, report, &changes);
		break;
	case REPORT_JSON:
	case REPORT_JSON_LINES:
		write_json(out, report, &changes, format == REPORT_JSON_LINES);
		break;
	}
	return GOSPY_OK;
}
