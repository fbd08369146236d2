/*
 * Names made to fit into a width: functions and places, types (type_name.h), files, reasons to
 * wait, objects. All views and all reports for a terminal shorten here, and nowhere else.
 *
 * Of a place goes, until it fits:
 *
 *     google.golang.org/grpc/internal/transport.(*http2Server).keepalive /src/http2_server.go:1179
 *     google.golang.org/grpc/internal/transport.(*http2Server).keepalive http2_server.go:1179
 *     transport.(*http2Server).keepalive http2_server.go:1179
 *     transport.(*http2Server).keepalive:1179
 *     (*http2Server).keepalive:1179
 *     (*http2Server).keepalive
 *     ….keepalive:1179
 *     ….keepalive
 *
 * Type parameters, as in cache.(*Store[go.shape.string]).Get, become […] before the package goes.
 * What says which closure it is, .func1.2, becomes … before the line goes, which tells it as well.
 * A type is whole or not there: half of one looks like another. A method is whole as long as it
 * fits together with the … that stands for its type (struct name_size.least); then it loses its
 * middle.
 */
#ifndef GOSPY_RENDER_NAME_H
#define GOSPY_RENDER_NAME_H

#include "base/arena.h"
#include "base/strbuf.h"
#include "gospy.h"

enum name_kind {
	NAME_TEXT,  /* anything: loses its end */
	NAME_PLACE, /* loses as above */
	NAME_LINE,  /* ":33", of a place whose function is said beside it */
	NAME_PATH,  /* of a file, behind spaces perhaps: loses its outermost directories */
	NAME_STATE, /* "chan receive (nil chan)": in its shorter words, "chan recv nil" (state.h) */
	NAME_STATES, /* "9800 chan recv, 12 select": loses the last, "9800 chan recv +12" */
	NAME_OBJECT, /* "channel 0xc000012345": loses its first digits, "channel …345" */
	NAME_TYPE,   /* a type of Go, as in type_name.h */
};

/** What is to be shown. Strings are raw text of a target, and borrowed. */
struct name {
	enum name_kind kind;
	const char *text; /* NAME_PLACE: the function; NULL: only .pc is known */
	const char *file; /* NAME_PLACE: NULL if unknown, as are .line and .pc for other kinds */
	uint32_t line;
	uint64_t pc;
	bool parens;        /* "main.main (main.go:12)" */
	bool lined;         /* NAME_PLACE: the line tells it from another: the type goes first */
	const char *before; /* stands before it; goes after the line, or before what tells it; or
			       NULL */
	const char *args;   /* NAME_PLACE: "(0xc000012345, 0x1)": lose their end first; or NULL */
	const char *after;  /* stands behind it, unless there is no room for more; or NULL */
};

/** Length of the start of a function's name that ends with its import path; 0: it has none. */
size_t name_package(const char *func);
/** What stands for something that is cut out: "…", or "~". */
const char *name_more(bool utf8);
/** A place; "-" for NULL. */
struct name name_place(const struct gospy_location *location);
/** The same, and its line only if it is in the function of `beside`, which the reader sees, too. */
struct name name_beside(const struct gospy_location *location, const struct gospy_location *beside);

/** The same with strings of its own, in `arena`; false: out of memory. */
bool name_copy(struct arena *arena, const struct name *name, struct name *ret);

/** Columns that it takes. */
struct name_size {
	int least; /* below it goes what tells it from others: the method, all of a reason */
	int core;  /* below it goes the type, the first that is missed */
	int lined; /* with its line */
	int good;  /* with its package and line, a file without directories */
	int full;  /* nothing has to go but directories of a file */
	int most;  /* nothing has to go */
};
struct name_size name_size(const struct name *name, bool utf8);

/** Append it, escaped, in at most `width` columns, and nothing if `width` is not positive. `utf8`:
 * else "~" stands for "…". */
void name_fit(const struct name *name, int width, bool utf8, struct strbuf *text);
/** The same, but a function whose type and method do not fit loses its beginning:
 * "…rver).keepalive". For a row of them side by side, whose beginnings are often alike. */
void name_fit_end(const struct name *name, int width, bool utf8, struct strbuf *text);
/** Append all of it, escaped. */
void name_full(const struct name *name, struct strbuf *text);

#endif
