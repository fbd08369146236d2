/*
 * A line of a report's head on a terminal: a label and parts, each of which is whole or not there.
 * Where not all fit, those go that are worth least; what has to stay goes on in the next line.
 */
#ifndef GOSPY_RENDER_HEAD_LINE_H
#define GOSPY_RENDER_HEAD_LINE_H

#include "base/strbuf.h"
#include "render/out.h"

enum { HEAD_PARTS_MAX = 10 };

struct head_part {
	const char *separator; /* before it, unless it is the first: ", " */
	size_t end;            /* in .text */
	int rank;              /* 0: it stays; others go, those with high numbers first */
};

/** All zero is a line without parts. */
struct head_line {
	const char *label; /* NULL: there is none; at most 10 columns */
	struct strbuf text;
	struct head_part parts[HEAD_PARTS_MAX];
	size_t count;
};
void head_line_deinit(struct head_line *line);

/** What was appended to .text since the last part, escaped text, becomes a part. One for which
 * there is no room in .parts becomes a piece of the last one. */
void head_line_part(struct head_line *line, const char *separator, int rank);
/** Would all of it fit into one line? */
bool head_line_fits(const struct head_line *line, const struct out *out);
/** Write it. Without a terminal all is in one line. Running out of memory is an error of `out`. */
void head_line_write(const struct head_line *line, struct out *out);

#endif
