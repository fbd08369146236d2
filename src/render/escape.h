/*
 * Text that comes from a target, made fit for a terminal and for JSON. Unfit are C0 and C1 control
 * characters, DEL, line and paragraph separators, the characters that reorder text (bidi) and bytes
 * that are not UTF-8; in JSON also the quote and the backslash. Other UTF-8 passes.
 */
#ifndef GOSPY_RENDER_ESCAPE_H
#define GOSPY_RENDER_ESCAPE_H

#include <stddef.h>
#include <stdint.h>

#include "base/strbuf.h"

enum escape_mode { ESCAPE_TEXT, ESCAPE_JSON };

#define ESCAPE_INVALID UINT32_MAX /* not UTF-8 */

/** A run that passes, and the one unfit character (or stray byte) that ends it, if any. */
struct escape_step {
	size_t clean;
	unsigned unfit; /* bytes of the unfit character; 0: there is none, all is clean */
	uint32_t code;  /* its code point, or ESCAPE_INVALID */
};
struct escape_step escape_next(const char *s, size_t len, enum escape_mode mode);

/** Four characters "\xNN"; the end of them is returned. */
char *escape_byte(char *dst, char byte);

/** Append `s` as text: each byte of an unfit character becomes "\xNN". */
void escape_add(struct strbuf *b, const char *s);
/** The same, as text or the value of an attribute in HTML and XML. */
void escape_add_markup(struct strbuf *b, const char *s);

#endif
