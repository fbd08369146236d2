/*
 * The goroutines of a running target, looked at every so often: what they do, and what they wait
 * for. Nothing is stopped: each is read, its stack is, and it is read again. If it has changed
 * meanwhile, that is done once more; then it counts as moving. It is never left out: that would be
 * in favour of those that sleep.
 *
 * Of many goroutines some are drawn, without regard to what they do: the slots of allgs are divided
 * into equal parts, and of each part one slot is drawn. So each has the same chance, at each tick
 * anew, and stands for as many as there are for each that is drawn.
 */
#ifndef GOSPY_RECORD_WALL_H
#define GOSPY_RECORD_WALL_H

#include "capture/unwind.h"
#include "record/sample_groups.h"

struct wall {
	struct source *source; /* borrowed, as what follows */
	struct image *image;
	struct symbols *symbols;
	struct sample_groups *groups;
	struct owners *owners; /* for labels */
	bool off;              /* running goroutines do not count */
	bool apart;            /* each goroutine has groups of its own */
	/* So far: ticks, goroutines that were drawn at all ticks, those of them whose stack was
	 * found whole, those that kept moving; and how many there were at the last tick. */
	uint64_t ticks, drawn, whole, moving, goroutines;
	/* The rest is this module's. */
	VEC(uint64_t) gs; /* allgs */
	struct unwinder go;
	struct map labels; /* address of a set -> 1 + its number, during one tick */
	uint8_t *windows, *again, *stacks, *refilled;
	uint64_t random;
	uint64_t refills;
	uint64_t found; /* of those that this tick has drawn */
	struct wall_batch *batch;
};

/** Set what is borrowed first. GOSPY_E_NOMEM, or nothing can be read. */
enum gospy_code wall_init(struct wall *wall, struct gospy_error *err);
void wall_deinit(struct wall *wall);
/** Look at them; each stands for so much time. Nothing is counted yet. GOSPY_E_NOMEM; or nothing
 * can be read any more. */
enum gospy_code wall_tick(struct wall *wall, uint64_t ns, struct gospy_error *err);
/** Count what the last tick has seen. GOSPY_E_NOMEM */
enum gospy_code wall_commit(struct wall *wall, struct gospy_error *err);
/** A number below 2^32, each as likely. */
uint32_t wall_random(struct wall *wall);

#endif
