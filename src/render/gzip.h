/* Compressing as gzip does (RFC 1952), fast rather than well. ISA-L does it in a sixth of zlib's
 * time; zlib does it where gospy is built without ISA-L. */
#ifndef GOSPY_RENDER_GZIP_H
#define GOSPY_RENDER_GZIP_H

#include "base/strbuf.h"

/** Append `len` bytes, which are less than 4 GiB, as one member. False: out of memory, or there are
 * too many. */
bool gzip_append(const char *bytes, size_t len, struct strbuf *ret);

#endif
