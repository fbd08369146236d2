/* Texts of which only the beginnings are shown: what those leave out that would look alike. */
#ifndef GOSPY_RENDER_ALIKE_H
#define GOSPY_RENDER_ALIKE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/strbuf.h"

/** Escaped text (escape.h). */
struct alike_text {
	const char *s;
	size_t len;
	size_t skip; /* so many of its bytes are left out, but for its first word; 0: none are */
};

/**
 * Find out what texts leave out in `width` columns: as far as those go on alike that would look
 * alike there, "etcd --config /etc/a/…", though they are not. `n` texts that end up alike once
 * more leave out more. false: out of memory.
 */
bool alike_find(struct alike_text *texts, size_t n, int width, bool utf8);
/** Append it without what is left out: "etcd …b/etcd.yml --name second". */
void alike_show(const struct alike_text *text, int width, bool utf8, struct strbuf *ret);

#endif
