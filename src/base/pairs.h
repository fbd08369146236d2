/*
 * Text of lines with a key and its value each, such as a bundle of gospy's holds:
 *
 *	go_version go1.26.8
 *	global runtime.allgs 0x5d2a60 24
 *
 * A key has no space in it. The value goes on to the end of the line; bytes below a space, the
 * byte 127 and '%' are written as %XX. So any bytes but a zero come back as they were.
 */
#ifndef GOSPY_BASE_PAIRS_H
#define GOSPY_BASE_PAIRS_H

#include "base/arena.h"
#include "base/span.h"
#include "base/strbuf.h"

/** Append a line. */
void pairs_add(struct strbuf *text, const char *key, const char *value);
/** The same with a value that printf() makes; what it makes of texts has to be without what is
 * escaped. */
void pairs_addf(struct strbuf *text, const char *key, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

struct pair {
	const char *key, *value; /* in the arena */
};

/* A place in such a text. */
struct pairs {
	struct span text;
	size_t at;
	struct arena *arena;
	bool failed; /* out of memory */
};

/** The next line that is one; false: there is none, or .failed. Texts may come from anybody: a line
 * without a key is passed over. */
bool pairs_next(struct pairs *pairs, struct pair *ret);

/** Numbers in a value, from `*at` on, which moves behind what was read: decimal, or hexadecimal
 * with 0x. False: there is none. */
bool pair_u64(const char **at, uint64_t *ret);
/** The same of a word, up to a space: in the arena; NULL: there is none, or out of memory. */
const char *pair_word(const char **at, struct arena *arena);

#endif
