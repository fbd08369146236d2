/* The passes over all g's. */
#ifndef GOSPY_CAPTURE_COLLECT_H
#define GOSPY_CAPTURE_COLLECT_H

#include "capture/passes.h"

enum {
	/* g's of one process. Each costs the target 2 KiB of stack at least: 64 GiB. */
	G_MAX = 1 << 25,
};

/** Read allgs and prepare a sorted record for each g. `room`: how many g's there can be at most in
 * the target's memory. Entries that are no g's are left out and counted. */
enum gospy_code collect_allgs(struct capture *c, struct image *image, uint64_t room,
			      struct gospy_error *err);
/** Prepare a sorted record for each g that an M of c->sched has, in the place of those that there
 * were. */
enum gospy_code collect_on_ms(struct capture *c, struct gospy_error *err);
/** Of the first `*done` records, which were read, drop those that no M has any more, or that are no
 * goroutines; `*done` becomes how many of them are left. Positions change. */
void collect_keep_on_ms(struct capture *c, size_t *done);
/** Add the g's that have come to allgs since its first .listed entries were looked at, and
 * put all records in order. */
enum gospy_code collect_listed(struct capture *c, const struct image *image,
			       struct gospy_error *err);
/** Fill .uncounted of the capture, before the first copy. */
void collect_uncounted(struct passes *p);
/** Are they so few that all are read in the stop? */
bool collect_all_are_active(const struct capture *c);
/** First copy, target running. */
enum gospy_code collect_first(struct passes *p, struct gospy_error *err);
/** Second copy: whatever changed, or cannot be proved to stand still, becomes active. */
enum gospy_code collect_active(struct passes *p, struct gospy_error *err);
/** Add the g's of allgs that were born since collect_allgs, or the last call, to the active ones.
 * g's that there is no room or time for are missing: .grew_too_fast. */
enum gospy_code collect_newborn(struct passes *p, uint64_t deadline_ns, struct gospy_error *err);
/** In the stop: read the active g's again; `*done_ret` of them before the deadline. */
enum gospy_code collect_stopped(struct passes *p, uint64_t deadline_ns, size_t *done_ret,
				struct gospy_error *err);
/** In the stop, the exact way: read every g but the newborn. */
enum gospy_code collect_all_stopped(struct passes *p, uint64_t deadline_ns, size_t *done_ret,
				    struct gospy_error *err);
/** After the resume: read what the deadline left over, active ones from `active_done` on and all
 * others from `all_done` on, and mark it GOSPY_SOUND_LATE. */
enum gospy_code collect_late(struct passes *p, size_t active_done, size_t all_done,
			     struct gospy_error *err);
/** Forget what was read of newborn g's and in the stop. */
void passes_forget_stop(struct passes *p);
/** Last copy. A goroutine that moved since it was read loses its channel. If `prove`, one that
 * moved without having been read inside the stop is marked GOSPY_SOUND_MOVED; with .doubt also one
 * that was read inside. */
enum gospy_code collect_verify(struct passes *p, bool prove, struct gospy_error *err);
/** No stop: copy each g twice, again until both copies agree. */
enum gospy_code collect_validated(struct passes *p, struct gospy_error *err);

#endif
