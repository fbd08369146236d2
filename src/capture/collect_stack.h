/*
 * The stacks of those goroutines for which they are asked for. Copies of bytes are dropped as they
 * are walked.
 */
#ifndef GOSPY_CAPTURE_COLLECT_STACK_H
#define GOSPY_CAPTURE_COLLECT_STACK_H

#include "capture/passes.h"

/** To be called before all else: note for which goroutines. False: out of memory. */
bool collect_stacks_prepare(struct passes *p);
/** Does the goroutine have a stack that can be walked, and is it asked for? Decided anew with each
 * reading of a g: who comes to a state that is asked for later is read again because of that. */
bool collect_wants_stack(const struct passes *p, const struct g_rec *rec);
/** Does it prove that a goroutine stood still if its g is found the same again? */
bool collect_is_proved_by_g(const struct passes *p, const struct g_rec *rec);
/** Target running: copy and walk the stacks of all that are not running, as the first copy of the
 * g's tells. Those of goroutines that are the same in the second copy are right. */
enum gospy_code collect_stacks(struct passes *p, struct gospy_error *err);
/** Instead, where recording is put off (mem_record_later): only say that they are wanted. What is
 * recorded is read once more in any case, and each page of a million stacks is read once like this.
 */
enum gospy_code collect_stacks_later(struct passes *p, struct gospy_error *err);
/** After the stop, in place of mem_record_now(): walk those of goroutines that are not active, as
 * they are read to be recorded. */
enum gospy_code collect_stacks_now(struct passes *p, struct gospy_error *err);
/** Forget what collect_stacks_later() has put off. */
void collect_stacks_forget(struct passes *p);

struct stopped_stacks;
/** In the stop: copy the stacks of g's that were read there and are not proved to have been parked
 * since their stacks were walked, as far as the deadline lets it come. `*ret` is set on failure,
 * too, as soon as there is anything. */
enum gospy_code collect_stopped_stacks(struct passes *p, const struct moment *moment,
				       struct stopped_stacks **ret, struct gospy_error *err);
void stopped_stacks_destroy(struct stopped_stacks *stopped);
/** What was copied of the stack of this goroutine: its bytes from its stack pointer on. NULL:
 * nothing. `stopped` may be NULL. */
const uint8_t *stopped_stacks_bytes(const struct stopped_stacks *stopped, const struct g_rec *rec,
				    size_t *len_ret);
/** Walk the stack of a goroutine whose thread stands still, where it is. `held`: somebody holds it
 * meanwhile, so that a very deep one is left. */
void collect_stack_here(struct passes *p, struct g_rec *rec, bool held);
/** After the resume: walk what was copied. */
enum gospy_code collect_stopped_walk(struct passes *p, struct stopped_stacks *stopped,
				     struct gospy_error *err);
/** Read the stacks that were not copied in the stop, with their g's. Stacks of goroutines that were
 * parked from the stop on are as good as copied there. Of others the g is the later one, and they
 * are marked GOSPY_SOUND_LATE: the deadline left them over. */
enum gospy_code collect_late_stacks(struct passes *p, struct gospy_error *err);
/** No stop: copy the stacks, look which g's have changed, and read those one by one. */
enum gospy_code collect_validated_stacks(struct passes *p, struct gospy_error *err);

#endif
