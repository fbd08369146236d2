#include "check/report_check.h"

#include <inttypes.h>
#include <string.h>

#include "render/json.h"
#include "render/report_head.h"
#include "render/units.h"

static const char *severity_name(enum finding_severity severity)
{
	return severity == FINDING_WRONG ? "wrong" : "suspect";
}

static size_t suspects(const struct check *check)
{
	return check->findings.len - check->wrong;
}

/* ---- text */

static void end_line(struct out *out, struct out_mark mark)
{
	out_putc(out, '\n');
	out_wrap(out, mark);
}

static void put_verdict(struct out *out, const struct check_report *report)
{
	const struct check *check = report->check;
	const struct facts *facts = report->facts;
	const struct out_mark mark = out_mark(out);
	size_t n = suspects(check);
	out_style(out, check->wrong ? OUT_BAD : n ? OUT_WARN : OUT_GOOD);
	if (check->wrong)
		out_printf(out, "%zu thing%s wrong", check->wrong,
			   check->wrong == 1 ? " is" : "s are");
	else
		out_puts(out, n ? "nothing is wrong for certain" : "nothing wrong found");
	if (n)
		out_printf(out, ", %zu %s worth a look", n, n == 1 ? "is" : "are");
	out_style(out, OUT_NONE);
	if (facts->watched_ns)
		out_printf(out, "; watched for %s", units_age(facts->watched_ns).s);
	if (facts->paused_ns)
		out_printf(out, ", held for %s at most", units_ms(facts->paused_ns).s);
	else if (facts->is_process)
		out_puts(out, ", never held");
	end_line(out, mark);
}

/* `after`: the finding behind it, or NULL. Where both name one command, that one will do. */
static void put_finding(struct out *out, const struct finding *finding, const struct finding *after)
{
	struct out_mark mark = out_mark(out);
	out_putc(out, '\n');
	mark = out_mark(out);
	out_style(out, finding->severity == FINDING_WRONG ? OUT_BAD : OUT_WARN);
	out_puts(out, severity_name(finding->severity));
	out_style(out, OUT_NONE);
	out_puts(out, ": ");
	out_style(out, OUT_STRONG);
	out_puts(out, finding->text);
	out_style(out, OUT_NONE);
	end_line(out, mark);
	for (size_t i = 0; i < finding->evidence.len; i++) {
		mark = out_mark(out);
		out_puts(out, "  ");
		out_puts(out, finding->evidence.at[i]);
		end_line(out, mark);
	}
	if (!finding->next || (after && after->next && strcmp(after->next, finding->next) == 0))
		return;
	mark = out_mark(out);
	out_puts(out, "  next: ");
	out_puts(out, finding->next);
	end_line(out, mark);
}

static void put_checked(struct out *out, const struct checked *checked)
{
	const struct out_mark mark = out_mark(out);
	bool fine = checked->state == CHECKED_FINE;
	out_style(out, fine ? OUT_GOOD : OUT_DIM);
	out_puts(out, fine ? "ok" : "- ");
	out_style(out, OUT_NONE);
	out_printf(out, " %-10s ", finding_kind_name(checked->kind));
	out_puts(out, fine ? "" : "not looked at: ");
	out_puts(out, checked->text);
	end_line(out, mark);
}

static void put_text(struct out *out, const struct check_report *report)
{
	const struct check *check = report->check;
	report_head_process(out, report->target, report->snapshot);
	put_verdict(out, report);
	for (size_t i = 0; i < check->findings.len && !out->error; i++)
		put_finding(out, &check->findings.at[i],
			    i + 1 < check->findings.len ? &check->findings.at[i + 1] : NULL);
	out_putc(out, '\n');
	for (size_t i = 0; i < check->checked.len && !out->error; i++)
		put_checked(out, &check->checked.at[i]);
}

/* ---- JSON */

static void finding_json(struct json *json, const struct finding *finding)
{
	json_str(json, "kind", finding_kind_name(finding->kind));
	json_str(json, "severity", severity_name(finding->severity));
	json_str(json, "text", finding->text);
	json_u64(json, "weight", finding->weight);
	json_array(json, "evidence");
	for (size_t i = 0; i < finding->evidence.len; i++)
		json_str(json, NULL, finding->evidence.at[i]);
	json_array_end(json);
	if (finding->goid_count) {
		json_array(json, "goids");
		for (size_t i = 0; i < finding->goid_count; i++)
			json_u64(json, NULL, finding->goids[i]);
		json_array_end(json);
	}
	json_str(json, "next", finding->next);
}

static void checked_json(struct json *json, const struct check *check, const char *key,
			 enum checked_state state)
{
	json_array(json, key);
	for (size_t i = 0; i < check->checked.len; i++) {
		const struct checked *checked = &check->checked.at[i];
		if (checked->state != state)
			continue;
		json_object(json, NULL);
		json_str(json, "kind", finding_kind_name(checked->kind));
		json_str(json, "text", checked->text);
		json_object_end(json);
	}
	json_array_end(json);
}

static void head_json(struct json *json, const struct check_report *report)
{
	const struct check *check = report->check;
	json_u64(json, "pid", (uint64_t)report->target->pid);
	json_str(json, "go_version", report->target->go_version);
	json_u64(json, "time_unix_ns", report->snapshot->time_unix_ns);
	if (report->facts->watched_ns)
		json_u64(json, "watched_ns", report->facts->watched_ns);
	json_u64(json, "paused_ns", report->facts->paused_ns);
	json_u64(json, "goroutines", report->facts->goroutines);
	json_str(json, "verdict", check->wrong ? "wrong" : check->findings.len ? "suspect" : "ok");
	checked_json(json, check, "looked_at", CHECKED_FINE);
	checked_json(json, check, "not_looked_at", CHECKED_NOT);
}

static void put_json(struct out *out, const struct check_report *report, bool lines)
{
	struct json json = {.out = out};
	json_begin(&json, "check");
	head_json(&json, report);
	if (lines) {
		json_object_end(&json);
		json_newline(&json);
	} else {
		json_array(&json, "findings");
	}
	for (size_t i = 0; i < report->check->findings.len; i++) {
		if (lines)
			json_begin(&json, "finding");
		else
			json_object(&json, NULL);
		finding_json(&json, &report->check->findings.at[i]);
		json_object_end(&json);
		if (lines)
			json_newline(&json);
	}
	if (lines)
		return;
	json_array_end(&json);
	json_object_end(&json);
	json_newline(&json);
}

void report_check(struct out *out, const struct check_report *report, enum report_format format)
{
	if (format == REPORT_TEXT)
		put_text(out, report);
	else
		put_json(out, report, format == REPORT_JSON_LINES);
}
