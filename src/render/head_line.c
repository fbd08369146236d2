#include "render/head_line.h"

#include <errno.h>
#include <string.h>

#include "base/cleanup.h"
#include "render/width.h"

void head_line_deinit(struct head_line *line)
{
	strbuf_deinit(&line->text);
}

void head_line_part(struct head_line *line, const char *separator, int rank)
{
	bool full = line->count == HEAD_PARTS_MAX;
	struct head_part *part = &line->parts[full ? line->count - 1 : line->count];
	if (!full) {
		*part = (struct head_part){.separator = separator, .rank = rank};
		line->count++;
	}
	part->end = line->text.len;
}

/* Columns of the label with the blanks behind it. */
static int label_width(const struct head_line *line, const struct out *out)
{
	enum { NARROW = 60, WIDTH = 12 };
	if (!line->label)
		return 0;
	return out->cols && out->cols < NARROW ? WIDTH - 1 : WIDTH;
}

static size_t start_of(const struct head_line *line, size_t i)
{
	return i ? line->parts[i - 1].end : 0;
}

static int part_width(const struct head_line *line, const struct out *out, size_t i)
{
	size_t start = start_of(line, i);
	return width_text(line->text.s + start, line->parts[i].end - start, out->utf8);
}

static int width_of(const struct head_line *line, const struct out *out, const bool *shown)
{
	int width = label_width(line, out);
	bool first = true;
	for (size_t i = 0; i < line->count; i++) {
		if (!shown[i])
			continue;
		width += part_width(line, out, i);
		width += first ? 0
			       : width_text(line->parts[i].separator,
					    strlen(line->parts[i].separator), out->utf8);
		first = false;
	}
	return width;
}

/* The part that is worth most of those that nobody has looked at yet; .count: there is none. */
static size_t find_best(const struct head_line *line, const bool *seen)
{
	size_t best = line->count;
	for (size_t i = 0; i < line->count; i++) {
		if (!seen[i] &&
		    (best == line->count || line->parts[i].rank < line->parts[best].rank))
			best = i;
	}
	return best;
}

/* Those that stay, and each other one that still fits beside those that are worth more. */
static void choose(const struct head_line *line, const struct out *out, bool *shown)
{
	bool seen[HEAD_PARTS_MAX] = {0};
	for (size_t i; (i = find_best(line, seen)) < line->count;) {
		seen[i] = shown[i] = true;
		if (line->parts[i].rank && out->cols && width_of(line, out, shown) > out->cols)
			shown[i] = false;
	}
}

bool head_line_fits(const struct head_line *line, const struct out *out)
{
	bool all[HEAD_PARTS_MAX];
	memset(all, true, sizeof(all));
	return !out->cols || width_of(line, out, all) <= out->cols;
}

/* What ends a line has no blanks behind it. */
static size_t end_length(const char *separator)
{
	size_t len = strlen(separator);
	while (len && separator[len - 1] == ' ')
		len--;
	return len;
}

/* The next part that is shown, from `i` on; .count: there is none. */
static size_t next_shown(const struct head_line *line, const bool *shown, size_t i)
{
	while (i < line->count && !shown[i])
		i++;
	return i;
}

static void write_parts(const struct head_line *line, struct out *out, const bool *shown)
{
	const int indent = label_width(line, out);
	int at = indent;
	const char *separator = "";
	for (size_t i = next_shown(line, shown, 0), next; i < line->count; i = next) {
		size_t start = start_of(line, i);
		next = next_shown(line, shown, i + 1);
		int width = part_width(line, out, i), gap = (int)strlen(separator);
		int more = next < line->count ? (int)end_length(line->parts[next].separator) : 0;
		bool breaks = out->cols && at > indent && at + gap + width + more > out->cols;
		out_write(out, separator, breaks ? end_length(separator) : strlen(separator));
		if (breaks)
			out_printf(out, "\n%*s", indent, "");
		out_write(out, line->text.s + start, line->parts[i].end - start);
		at = breaks ? indent + width : at + gap + width;
		separator = next < line->count ? line->parts[next].separator : "";
	}
}

void head_line_write(const struct head_line *line, struct out *out)
{
	bool shown[HEAD_PARTS_MAX] = {0};
	const struct out_mark mark = out_mark(out);
	if (line->text.failed)
		out->error = ENOMEM;
	if (line->text.failed || !line->count)
		return;
	if (line->label) {
		out_style(out, OUT_DIM);
		out_puts(out, line->label);
		out_style(out, OUT_NONE);
		out_printf(out, "%*s", label_width(line, out) - (int)strlen(line->label), "");
	}
	choose(line, out, shown);
	write_parts(line, out, shown);
	out_putc(out, '\n');
	// A part that is longer than a line.
	out_wrap(out, mark);
}
