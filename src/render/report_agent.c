#include "render/report_agent.h"

#include "render/json.h"
#include "render/units.h"

/* The text goes out line by line and word by word: newlines and tabs are the agent's own, all else
 * is escaped. */
static void answer_text(struct out *out, const char *text)
{
	for (;;) {
		size_t len = strcspn(text, "\n\t");
		out_text_n(out, text, len);
		if (!text[len])
			return;
		out_putc(out, text[len]);
		text += len + 1;
	}
}

static void file_text(struct out *out, const struct agent_report *report)
{
	out_printf(out, "%s saved to ", report->what);
	out_text(out, report->file);
	out_printf(out, " (%s)\nlook at it with: %s ", units_bytes(report->file_bytes).s,
		   report->next);
	out_text(out, report->file);
	out_putc(out, '\n');
}

static void agent_json(struct out *out, const struct agent_report *report)
{
	struct json json = {.out = out};
	json_begin(&json, "agent_answer");
	json_str(&json, "command", report->command);
	json_u64(&json, "pid", report->agent->pid ? (uint64_t)report->agent->pid : GOSPY_UNKNOWN);
	json_str(&json, "address", report->agent->address);
	json_str(&json, "port_file", report->agent->file);
	json_str(&json, "answer", report->text);
	if (report->file) {
		json_str(&json, "file", report->file);
		json_u64(&json, "file_bytes", report->file_bytes);
	}
	json_object_end(&json);
	json_newline(&json);
}

void report_agent(struct out *out, const struct agent_report *report, enum report_format format)
{
	if (format != REPORT_TEXT)
		agent_json(out, report);
	else if (report->file)
		file_text(out, report);
	else if (report->text)
		answer_text(out, report->text);
}
