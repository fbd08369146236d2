/* Text as Go's strconv.Quote writes it. */
#ifndef GOSPY_BASE_QUOTE_H
#define GOSPY_BASE_QUOTE_H

#include "base/strbuf.h"

/** Append it in quotes: what is not printable, or no UTF-8, is escaped. Go knows of more characters
 * that are not printable: those that Unicode has not given a meaning. */
void quote_add(struct strbuf *b, const char *s);

#endif
