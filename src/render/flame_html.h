/*
 * A flame graph as a page that needs nothing else: flame.html with the data put in. It loads
 * nothing, and its policy (CSP) forbids it to; only the script and the style that it was built with
 * may run, known by their hashes.
 *
 * The data is JSON:
 *
 *     title, facts, note, diff, type   as struct flame_picture has them
 *     merged   calls were too many
 *     types    [{"name": "inuse_space", "unit": "bytes"}, ...]
 *     names    of functions, sorted; each is a number, how many characters of the name before it it
 *              begins with, and the rest
 *     nodes    how many calls there are
 *     calls    all calls, parents before their children, the root first
 *
 * A call is these numbers: twice as many levels as its caller is above the call before it, plus 1
 * if it has values; its name; then its values of all columns, if any is not 0, without those of the
 * calls that it makes. A number is written with the 64 digits of base64url, five bits in each, the
 * least first, and 32 is added where more follow. The first digit of a value has its sign in bit 0.
 */
#ifndef GOSPY_RENDER_FLAME_HTML_H
#define GOSPY_RENDER_FLAME_HTML_H

#include "render/flame_picture.h"
#include "render/out.h"

/* More calls than that are too many for a browser; the smallest are merged. */
enum { FLAME_HTML_CALLS = 1 << 20 };

/** False: out of memory; failed writes are found in `out`. */
bool flame_html(struct out *out, const struct flame_picture *picture);

#endif
