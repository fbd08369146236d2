/* Reads numbers and words out of text that the kernel wrote. As with base/cursor.h, the first
 * mismatch sets `failed`; from then on every read gives 0 and nothing moves. */
#ifndef GOSPY_LIVE_SCAN_H
#define GOSPY_LIVE_SCAN_H

#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/types.h>

#include "base/span.h"

struct scan {
	const uint8_t *at, *end;
	bool failed;
};

static inline struct scan scan_of(struct span text)
{
	return (struct scan){.at = text.ptr, .end = text.len ? text.ptr + text.len : text.ptr};
}

static inline bool scan_at_end(const struct scan *s)
{
	return s->failed || s->at == s->end;
}

/** The next byte must be `c`. */
static inline void scan_char(struct scan *s, char c)
{
	if (scan_at_end(s) || *s->at != (uint8_t)c)
		s->failed = true;
	else
		s->at++;
}

/** Skip blanks and tabs, if there are any. */
static inline void scan_blanks(struct scan *s)
{
	while (!scan_at_end(s) && (*s->at == ' ' || *s->at == '\t'))
		s->at++;
}

/** Bytes up to the next blank or line end; at least one. */
static inline struct span scan_word(struct scan *s)
{
	const uint8_t *start = s->at;
	while (!scan_at_end(s) && *s->at != ' ' && *s->at != '\t' && *s->at != '\n')
		s->at++;
	if (s->at == start)
		s->failed = true;
	return s->failed ? (struct span){NULL, 0} : (struct span){start, (size_t)(s->at - start)};
}

/** The rest of the line; the scan moves behind its newline. */
static inline struct span scan_line(struct scan *s)
{
	if (scan_at_end(s))
		return (struct span){NULL, 0};
	const uint8_t *start = s->at;
	const uint8_t *newline = memchr(start, '\n', (size_t)(s->end - start));
	s->at = newline ? newline + 1 : s->end;
	return (struct span){start, (size_t)((newline ? newline : s->end) - start)};
}

/** An unsigned number in base 10 or 16, without sign or prefix. */
uint64_t scan_u64(struct scan *s, unsigned base);

/** A decimal process or thread id. */
static inline pid_t scan_pid(struct scan *s)
{
	uint64_t id = scan_u64(s, 10);
	if (id > INT_MAX)
		s->failed = true;
	return s->failed ? 0 : (pid_t)id;
}

#endif
