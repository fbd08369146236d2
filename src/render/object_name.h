/*
 * What goroutines wait for, made to fit into a width. Of it goes, until it fits:
 *
 *     select of 0xc000012345 (receive), 0xc000067890 (send)
 *     select of 0xc000012345, 0xc000067890
 *     select of …345, …890
 *     select of …345 +1
 *
 *     fd 7 tcp 127.0.0.1:80 with 127.0.0.1:4711 of pid 815 curl
 *     fd 7 tcp with 127.0.0.1:4711 of pid 815 curl
 *     fd 7 with 127.0.0.1:4711 of pid 815 curl
 *     fd 7 with 127.0.0.1:4711 of pid 815
 *     fd 7 with :4711 of pid 815
 *     fd 7 with :4711
 *     fd 7
 *
 * A single address loses its first digits.
 */
#ifndef GOSPY_RENDER_OBJECT_NAME_H
#define GOSPY_RENDER_OBJECT_NAME_H

#include "render/part.h"

/** Append a name of wait.h, escaped, in at most `width` columns. */
void object_fit(struct part object, int width, bool utf8, struct strbuf *text);
/** Columns below which there is no more of it than its kind. */
int object_least(struct part object, bool utf8);

#endif
