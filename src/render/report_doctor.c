#include "render/report_doctor.h"

#include <inttypes.h>
#include <string.h>

#include "render/json.h"

enum {
	NAME_WIDTH = 12, /* of the left column */
	TEXT_WIDTH = 78, /* lists are broken before this column */
};

static const struct verdict {
	const char *word; /* as JSON has it */
	const char *mark; /* in front of a line */
	enum out_style style;
} verdicts[] = {
	[GOSPY_VERDICT_OK] = {"ok", "ok ", STYLE_GREEN},
	[GOSPY_VERDICT_NOTE] = {"note", "!  ", STYLE_YELLOW},
	[GOSPY_VERDICT_PROBLEM] = {"problem", "NO ", STYLE_RED},
};

static void write_mark(struct out *out, enum gospy_verdict verdict)
{
	out_style(out, verdicts[verdict].style);
	out_puts(out, verdicts[verdict].mark);
	out_style(out, STYLE_NONE);
}

static void write_padded(struct out *out, const char *s)
{
	out_printf(out, " %-*s ", NAME_WIDTH, s);
}

static void write_finding(struct out *out, const struct gospy_finding *f)
{
	write_mark(out, f->verdict);
	write_padded(out, f->name);
	if (f->addr)
		out_printf(out, "0x%" PRIx64 " ", f->addr);
	if (f->text)
		out_text(out, f->text);
	if (f->source) {
		out_style(out, STYLE_DIM);
		out_puts(out, f->text ? " (" : "");
		out_text(out, f->source);
		out_puts(out, f->text ? ")" : "");
		out_style(out, STYLE_NONE);
	}
	if (f->check) {
		out_puts(out, ", checked: ");
		out_text(out, f->check);
	}
	out_putc(out, '\n');
	if (f->remedy) {
		out_puts(out, "   ");
		write_padded(out, "");
		out_puts(out, "-> ");
		out_text(out, f->remedy);
		out_putc(out, '\n');
	}
}

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool is_listed(const struct gospy_finding *f)
{
	return same(f->topic, "global") || same(f->topic, "layout");
}

/* Of "runtime.allgs" what tells it from the others. */
static const char *short_name(const char *name)
{
	static const char package[] = "runtime.";
	return strncmp(name, package, sizeof(package) - 1) == 0 ? name + sizeof(package) - 1 : name;
}

/* The names of those findings that are like `first`: all sound, of one topic, from one source. */
static void write_names(struct out *out, const struct gospy_finding *first,
			const struct gospy_finding *end)
{
	size_t column = TEXT_WIDTH;
	for (const struct gospy_finding *f = first; f < end; f++) {
		const char *name = short_name(f->name);
		if (!same(f->topic, first->topic) || !same(f->source, first->source) ||
		    f->verdict != GOSPY_VERDICT_OK)
			continue;
		if (column + 1 + strlen(name) > TEXT_WIDTH) {
			out_puts(out, "\n     ");
			column = 5;
		}
		out_putc(out, ' ');
		out_text(out, name);
		column += 1 + strlen(name);
	}
	out_putc(out, '\n');
}

static bool is_first_of_source(const struct gospy_finding *findings, const struct gospy_finding *f)
{
	for (const struct gospy_finding *g = findings; g < f; g++) {
		if (same(g->topic, f->topic) && same(g->source, f->source) &&
		    g->verdict == GOSPY_VERDICT_OK)
			return false;
	}
	return true;
}

static void write_list(struct out *out, const struct gospy_finding *findings,
		       const struct gospy_finding *f, const struct gospy_finding *end)
{
	if (!is_first_of_source(findings, f))
		return;
	write_mark(out, f->verdict);
	out_printf(out, " %ss from: ", f->topic);
	out_text(out, f->source ? f->source : "?");
	write_names(out, f, end);
}

static void doctor_text(struct out *out, pid_t pid, const struct gospy_diagnosis *d, bool verbose)
{
	const struct gospy_finding *end = d->findings + d->finding_count;
	out_printf(out, "pid %d\n", (int)pid);
	for (const struct gospy_finding *f = d->findings; f < end; f++) {
		if (verbose || !is_listed(f) || f->verdict != GOSPY_VERDICT_OK)
			write_finding(out, f);
		else
			write_list(out, d->findings, f, end);
	}
}

static void doctor_json(struct out *out, pid_t pid, const struct gospy_diagnosis *d)
{
	struct json json = {.out = out};
	json_begin(&json, "doctor");
	json_u64(&json, "pid", (uint64_t)pid);
	json_bool(&json, "readable", d->code == GOSPY_OK);
	if (d->code)
		json_str(&json, "code", gospy_code_name(d->code));
	json_array(&json, "findings");
	for (size_t i = 0; i < d->finding_count; i++) {
		const struct gospy_finding *f = &d->findings[i];
		json_object(&json, NULL);
		json_str(&json, "topic", f->topic);
		json_str(&json, "name", f->name);
		json_str(&json, "verdict", verdicts[f->verdict].word);
		json_str(&json, "text", f->text);
		json_str(&json, "source", f->source);
		if (f->addr)
			json_addr(&json, "addr", f->addr);
		json_str(&json, "check", f->check);
		json_str(&json, "remedy", f->remedy);
		json_object_end(&json);
	}
	json_array_end(&json);
	json_object_end(&json);
	json_newline(&json);
}

void report_doctor(struct out *out, pid_t pid, const struct gospy_diagnosis *diagnosis,
		   bool verbose, enum report_format format)
{
	if (format == REPORT_TEXT)
		doctor_text(out, pid, diagnosis, verbose);
	else
		doctor_json(out, pid, diagnosis);
}
