/*
 * What a collector keeps of one capture of a target for the next: the order of allgs, the records
 * of the g's and the stacks that they refer to, how often each thread had run, where the M's are,
 * and memory. Of captures that are only of the goroutines on M's nothing is kept but the latter
 * two.
 *
 * What enters: a finished capture. What leaves: records to hold the g's against (keep_begin), and
 * whether anything of the target has run since (keep_is_still). docs/internals.md says what is
 * proved by what. One thread uses it at a time; snapshots that share its records may be read, and
 * destroyed, by others meanwhile.
 */
#ifndef GOSPY_CAPTURE_KEEP_H
#define GOSPY_CAPTURE_KEEP_H

#include "capture/bulk.h"
#include "capture/capture.h"
#include "target/source.h"

/* How often a thread had been put on a processor. */
struct keep_thread {
	pid_t tid;
	uint64_t arrivals;
};

struct keep {
	struct store_pool *pool, *small_pool; /* of captures of all g's, and of those on M's */
	struct bulk_room *room;
	struct store *last;      /* a reference; NULL: nothing is kept */
	struct symbols *symbols; /* a reference: the records' places are of this set */
	/* Counts of the capture that `last` belongs to. */
	size_t count, sorted, listed;
	uint64_t entries; /* of allgs that are no g's */
	uint64_t number;
	bool stacks;
	uint32_t stack_states;
	size_t stacks_left; /* different stacks that were left when they were last looked through */
	size_t untied;      /* records that only standing still can prove */
	bool sound;         /* each is exact for its instant */
	uint32_t fing;      /* see schedstate.h */
	struct gospy_snapshot_info sums;
	VEC(uint32_t) changed; /* positions of records that are not those of the capture before */
	bool changed_known;    /* the other ones are, at the same positions */
	VEC(uint64_t) ms; /* addresses of the M's that the capture before has found, of any scope */
	/* The threads at its instant, sorted by tid, if none of them ran. */
	VEC(struct keep_thread) threads;
	bool quiet;
	/* What it holds on to, for captures of all g's and for those of g's on M's. */
	struct source_kept *source, *small_source;
	/* Captures until all g's are read in a moment that may be over before they are. */
	unsigned rests, rest;
};

/** False: out of memory. */
bool keep_init(struct keep *keep);
void keep_deinit(struct keep *keep);
/** Drop what is kept, but for the memory. */
void keep_drop(struct keep *keep);

/** Give the capture the records that are kept, if they are of use for it; c->kept says whether.
 * c->symbols and c->sched have to be there. The capture's g's are then those that the capture
 * before had, and their stacks take up no more than `stacks_bytes_max`. GOSPY_E_NOMEM. */
enum gospy_code keep_begin(struct keep *keep, struct capture *c,
			   const struct gospy_snapshot_options *options, size_t stacks_bytes_max,
			   struct gospy_error *err);
/** Is there room for all the g's of c->sched, of which some have records, and for some more? */
bool keep_has_room(const struct capture *c);
/** Has no thread of the target executed anything since the capture before? `moment` is the one in
 * which its threads stand still now. `*same_ret`: they are known to be the very same threads, so
 * that it is the same process, too, and it has not executed another program. */
bool keep_is_still(const struct keep *keep, const struct moment *moment, bool *same_ret);
/** Note what came of reading all g's in a moment at which nothing ran: was the reading begun
 * (`spent`), and did it come to its end? */
void keep_note_try(struct keep *keep, bool spent, bool done);
/** Take note of the threads at the instant of a capture. */
void keep_note_threads(struct keep *keep, const struct moment *moment);
/** Take note of where the M's are. False: out of memory. */
bool keep_note_ms(struct keep *keep, const struct schedstate *sched);
/** Add to .changed. False: out of memory. */
bool keep_note_changed(struct keep *keep, const uint32_t *positions, size_t n);
/** Keep what there is of a capture whose records are all named. */
void keep_end(struct keep *keep, const struct capture *c,
	      const struct gospy_snapshot_options *options, const struct gospy_snapshot_info *sums);

#endif
