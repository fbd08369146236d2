#include "render/report_doctor.h"

#include <inttypes.h>
#include <string.h>

#include "render/json.h"

enum { NAME_WIDTH = 12 /* of the left column */ };

static const struct verdict {
	const char *word; /* as JSON has it */
	const char *mark; /* in front of a line */
	enum out_style style;
} verdicts[] = {
	[GOSPY_VERDICT_OK] = {"ok", "ok ", OUT_GOOD},
	[GOSPY_VERDICT_NOTE] = {"note", "!  ", OUT_WARN},
	[GOSPY_VERDICT_PROBLEM] = {"problem", "NO ", OUT_BAD},
};

static void write_mark(struct out *out, enum gospy_verdict verdict)
{
	out_style(out, verdicts[verdict].style);
	out_puts(out, verdicts[verdict].mark);
	out_style(out, OUT_NONE);
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
		out_style(out, OUT_DIM);
		out_puts(out, f->text ? " (" : "");
		out_text(out, f->source);
		out_puts(out, f->text ? ")" : "");
		out_style(out, OUT_NONE);
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

static size_t count(const struct gospy_diagnosis *d, enum gospy_verdict verdict)
{
	size_t n = 0;
	for (size_t i = 0; i < d->finding_count; i++)
		n += d->findings[i].verdict == verdict;
	return n;
}

static void counted(struct out *out, const char *separator, size_t n, const char *what)
{
	if (n)
		out_printf(out, "%s%zu %s%s", separator, n, what, n == 1 ? "" : "s");
}

/* What a person wants to know before all else. */
static void write_verdict(struct out *out, pid_t pid, const char *core,
			  const struct gospy_diagnosis *d)
{
	const size_t problems = count(d, GOSPY_VERDICT_PROBLEM);
	if (core)
		out_text(out, core);
	else if (pid)
		out_printf(out, "pid %d", (int)pid);
	else
		out_puts(out, "this machine, this user");
	out_puts(out, ": ");
	if (d->code)
		out_puts(out, "cannot be looked into");
	else if (problems)
		out_puts(out, pid || core ? "can be read, but not everything can be done"
					  : "not everything can be done");
	else
		out_puts(out, "all is well");
	counted(out, ": ", problems, "problem");
	counted(out, problems ? ", " : ": ", count(d, GOSPY_VERDICT_NOTE), "note");
	out_putc(out, '\n');
}

/* Is it the first of those that are sound, of one topic, from one source? */
static bool is_first_of_source(const struct gospy_finding *findings, const struct gospy_finding *f)
{
	for (const struct gospy_finding *g = findings; g < f; g++) {
		if (same(g->topic, f->topic) && same(g->source, f->source) &&
		    g->verdict == GOSPY_VERDICT_OK)
			return false;
	}
	return true;
}

/* How many of those that are sound are of this topic, and from this source, or any if that is NULL.
 */
static size_t count_sound(const struct gospy_diagnosis *d, const char *topic, const char *source)
{
	size_t n = 0;
	for (size_t i = 0; i < d->finding_count; i++) {
		const struct gospy_finding *f = &d->findings[i];
		n += f->verdict == GOSPY_VERDICT_OK && same(f->topic, topic) &&
		     (!source || same(f->source, source));
	}
	return n;
}

/* "ok  globals      41 from symtab, 2 from code" */
static void write_sources(struct out *out, const struct gospy_diagnosis *d, const char *topic,
			  const char *title)
{
	bool first = true;
	if (!count_sound(d, topic, NULL))
		return;
	write_mark(out, GOSPY_VERDICT_OK);
	write_padded(out, title);
	for (size_t i = 0; i < d->finding_count; i++) {
		const struct gospy_finding *f = &d->findings[i];
		if (f->verdict != GOSPY_VERDICT_OK || !same(f->topic, topic) || !f->source ||
		    !is_first_of_source(d->findings, f))
			continue;
		out_printf(out, "%s%zu from ", first ? "" : ", ", count_sound(d, topic, f->source));
		out_text(out, f->source);
		first = false;
	}
	out_puts(out, "; -v lists them\n");
}

static void write_all(struct out *out, const struct gospy_diagnosis *d, enum gospy_verdict verdict,
		      bool listed)
{
	for (size_t i = 0; i < d->finding_count; i++) {
		const struct gospy_finding *f = &d->findings[i];
		if (f->verdict == verdict &&
		    (verdict != GOSPY_VERDICT_OK || is_listed(f) == listed))
			write_finding(out, f);
	}
}

/* The verdict first, then what is wrong and what to do about it; where globals and layouts are
 * concerns those who look for an error in gospy. */
static void doctor_text(struct out *out, pid_t pid, const char *core,
			const struct gospy_diagnosis *d, bool verbose)
{
	write_verdict(out, pid, core, d);
	write_all(out, d, GOSPY_VERDICT_PROBLEM, false);
	write_all(out, d, GOSPY_VERDICT_NOTE, false);
	write_all(out, d, GOSPY_VERDICT_OK, false);
	if (verbose) {
		write_all(out, d, GOSPY_VERDICT_OK, true);
	} else {
		write_sources(out, d, "global", "globals");
		write_sources(out, d, "layout", "layouts");
	}
}

static void doctor_json(struct out *out, pid_t pid, const char *core,
			const struct gospy_diagnosis *d)
{
	struct json json = {.out = out};
	json_begin(&json, "doctor");
	if (pid)
		json_u64(&json, "pid", (uint64_t)pid);
	json_str(&json, "core", core);
	json_str(&json, "left_out", d->left_out);
	if (pid || core)
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

void report_doctor(struct out *out, pid_t pid, const char *core,
		   const struct gospy_diagnosis *diagnosis, bool verbose, enum report_format format)
{
	const struct out_mark mark = out_mark(out);
	if (format == REPORT_TEXT)
		doctor_text(out, pid, core, diagnosis, verbose);
	else
		doctor_json(out, pid, core, diagnosis);
	out_wrap(out, mark);
}
