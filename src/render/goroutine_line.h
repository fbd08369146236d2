/*
 * A goroutine in one line of a terminal. Until it fits, it loses: the words "waiting for"; numbers
 * about its channel, the own address of its socket, until when it waits; packages of functions;
 * words of the reason to wait; the line of the function that it began in; how many channels it
 * selects from. If that is still too much, where it waits goes to a second line, or all names do:
 * types, methods, the line where it waits and what it waits for are always there. In the function
 * that it began in, that is only a line: "at :12".
 */
#ifndef GOSPY_RENDER_GOROUTINE_LINE_H
#define GOSPY_RENDER_GOROUTINE_LINE_H

#include "gospy.h"
#include "render/out.h"

/** What the line is about. */
struct goroutine_line {
	const struct gospy_goroutine *g; /* readable */
	const struct gospy_location *place;
	const struct gospy_location *user; /* where it is in the user's own code; NULL: nothing */
	enum out_style style;              /* of its state */
	int after;                         /* columns to be left free at the end */
};

/** Without the end of the line. */
void goroutine_line(struct out *out, const struct goroutine_line *line);

#endif
