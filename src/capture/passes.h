/* What the passes of one capture share. */
#ifndef GOSPY_CAPTURE_PASSES_H
#define GOSPY_CAPTURE_PASSES_H

#include "base/budget.h"
#include "capture/bulk.h"
#include "capture/keep.h"

struct active_item {
	uint64_t addr; /* first: see bulk.h */
	uint32_t rec;
};

struct stopped_stacks;

struct passes {
	struct capture *capture;
	struct source *source;
	struct image *image;
	const struct gospy_snapshot_options *options;
	enum gospy_progress_phase phase;
	struct bulk_room *room;
	struct budget budget;
	/* What a pass picked out, one list a worker: no locks. */
	VEC(uint32_t) picked[BULK_WORKERS];
	bool out_of_memory;       /* set by a visitor, which cannot fail by itself */
	bool validates;           /* without a stop: each g and each stack by itself */
	struct keep *keep;        /* of a collector; NULL: this is a capture by itself */
	struct source_kept *kept; /* what the source holds on to for the collector; NULL: nothing */
	bool watches;             /* nothing is stopped: the moment is one in which nothing runs */
	bool at_once;             /* all is read in the moment, and nothing before */
	bool spent;               /* it was begun to do so */
	bool prove;               /* of collect_verify */
	bool doubt; /* some threads ran in the moment: active g's have to be proved, too */
	/* By wait reason: what kind of object such a wait is for (enum gospy_object_kind). */
	uint8_t object_kinds[256];
	VEC(struct active_item) active;
	struct map stack_goids; /* those of the options; empty: all */
	/* Nobody will ask what goroutines with higher goids wait for; 0: of none it is known. */
	uint64_t object_goid_max;
	struct stopped_stacks *stopped; /* what was copied in the stop, until the end */
	/* Stacks that are read and walked when what was read of g's is recorded: see
	 * mem_record_later(). NULL: they are read before the stop. */
	struct stack_job *put_off;
	/* Position of a g found on its own stack -> its sched.pc, the frame pointer, and r12. */
	struct map sched_pcs, frame_pointers, r12s;
};

/** Free it. */
void passes_deinit(struct passes *p);
/** Do .stack_goids and .stack_states of the options pick out this goroutine? */
bool passes_picks(const struct passes *p, const struct g_rec *rec);
/** Will anybody ask what it waits for? */
bool passes_wants_object(const struct passes *p, const struct g_rec *rec);
/** Find .object_goid_max by .object_limit of the options, when all g's were read. */
enum gospy_code passes_limit_objects(struct passes *p, struct gospy_error *err);
/** Tell the caller, if it wants to know, how far a phase has come. */
void passes_report(const struct passes *p, enum gospy_progress_phase phase, size_t done,
		   size_t total);

#endif
