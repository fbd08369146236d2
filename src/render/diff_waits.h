/* What more goroutines wait for than before, in two snapshots of one process. */
#ifndef GOSPY_RENDER_DIFF_WAITS_H
#define GOSPY_RENDER_DIFF_WAITS_H

#include "render/json.h"
#include "render/waits.h"

/* Something that has more waiters now. */
struct diff_wait {
	size_t object; /* of `after` */
	uint64_t before, after;
};

struct diff_waits {
	const struct waits *before, *after; /* borrowed */
	VEC(struct diff_wait) grown;        /* the largest growth first */
};

void diff_waits_deinit(struct diff_waits *diff);
/** GOSPY_E_NOMEM. */
enum gospy_code diff_waits_make(struct diff_waits *diff, const struct waits *before,
				const struct waits *after, struct gospy_error *err);
/** At most `limit` of them; 0: all. */
void diff_waits_text(struct out *out, const struct diff_waits *diff, uint64_t limit);
/** The member "waits". */
void diff_waits_json(struct json *json, const struct diff_waits *diff, uint64_t limit);

#endif
