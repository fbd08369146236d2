/*
 * Copying a Go process: all g's, the scheduler, and what channel waiters wait for.
 *
 * The normal way is a double collect (docs/internals.md): everything is copied while the target
 * runs, then again; the stop touches only the goroutines that moved in between or may move; a last
 * copy proves that the others stood still all the time. How long the target stands still depends on
 * its active goroutines, not on all of them.
 */
#ifndef GOSPY_GORUNTIME_CAPTURE_H
#define GOSPY_GORUNTIME_CAPTURE_H

#include "goruntime/bulk.h"
#include "goruntime/grec.h"
#include "goruntime/native.h"
#include "goruntime/schedstate.h"
#include "goruntime/stacks.h"
#include "goruntime/target.h"

/* What somebody waits for: a channel, or with .objects what else a sudog tells. */
struct chan_rec {
	uint64_t addr; /* first: see bulk.h; of the sudog, then of the hchan or the semaphore */
	uint64_t cap, len, elem_size;
	uint32_t g;   /* position of the waiter in recs */
	uint8_t kind; /* enum gospy_object_kind */
	bool closed;
	bool known;
};

/* Profiler labels. */
struct label_set {
	const struct gospy_label *list;
	size_t count;
};

/* A thread that there was at the instant of the snapshot. */
struct thread_rec {
	pid_t tid;
	char state; /* see proc_stat.state; of shortly before; '?': not known */
	char comm[PROC_COMM_MAX];
};

/* What few goroutines have. */
struct rare {
	uint64_t bubble; /* id of its synctest bubble, Go 1.24: goid of the group's root; 0: none */
	size_t ancestors; /* its first one */
	uint32_t ancestor_count;
	bool ancestors_unread; /* it has some that could not be read */
};

/* With GODEBUG=tracebackancestors=N: where a goroutine was when it started this one, or an
 * ancestor of this one. */
struct ancestor_rec {
	uint64_t goid, gopc;
	size_t first; /* of its pcs */
	uint32_t count;
};

/* The stack of C code, and of the system stack it is on. */
struct native_rec {
	struct native_stack stack;
	struct g_rec go; /* its stack: Go's calls on the system stack, if they were asked for */
};

struct capture {
	struct g_rec *recs; /* [0, sorted) by address, then those born meanwhile */
	size_t count, sorted, cap;
	struct map newborn; /* address of a g behind the sorted ones -> position in recs */
	VEC(struct chan_rec) chans;
	struct stacks stacks; /* if they were asked for */
	VEC(struct label_set) label_sets;
	struct map label_index; /* address of the labels -> 1 + position in label_sets */
	struct arena label_arena;
	VEC(struct rare) rares;
	struct map rare_index; /* position in recs -> 1 + position in rares */
	VEC(struct ancestor_rec) ancestors;
	VEC(uint64_t) ancestor_pcs;
	struct schedstate sched;
	struct proc_tasks tasks;
	VEC(struct thread_rec) threads; /* if they were asked for */
	VEC(struct native_rec) natives;
	struct map native_index; /* tid -> 1 + position in natives */
	struct arena native_arena;
	/* What an M was started with, as m.mstartfn says: address of the func value -> entry. */
	struct map start_entries;
	/* Begin of the stop; without one, of the reading of allgs. */
	uint64_t instant_mono_ns, instant_real_ns;
	uint64_t paused_ns;
	uint64_t active;
	bool exact;         /* all g's were read inside the stop */
	bool grew_too_fast; /* more g's were born than there was room for */
};

enum {
	/* g's of one process. Each costs the target 2 KiB of stack at least: 64 GiB. */
	G_MAX = 1 << 25,
};

enum gospy_code capture_take(struct gospy_target *target,
			     const struct gospy_snapshot_options *options, struct capture *ret,
			     struct gospy_error *err);
void capture_deinit(struct capture *capture);
/** What the goroutine of this record has, or NULL. */
const struct rare *capture_rare(const struct capture *capture, const struct g_rec *rec);
/** The record of the g at `addr`, or NULL. */
const struct g_rec *capture_g(const struct capture *capture, uint64_t addr);

/* collect.c: the passes over g's, used by capture.c. */

/** Read allgs and prepare a sorted record for each g. */
enum gospy_code collect_allgs(struct capture *c, struct image *image, struct gospy_error *err);

struct active_item {
	uint64_t addr; /* first: see bulk.h */
	uint32_t rec;
};

struct passes {
	struct capture *capture;
	struct image *image;
	const struct gospy_snapshot_options *options;
	enum gospy_progress_phase phase;
	struct bulk_room *room;
	/* What a pass picked out, one list a worker: no locks. */
	VEC(uint32_t) picked[BULK_WORKERS];
	bool out_of_memory; /* set by a visitor, which cannot fail by itself */
	bool prove;         /* of collect_verify */
	/* By wait reason: a goroutine may leave such a wait and come back unnoticed. */
	bool uncounted[256];
	/* By wait reason: what kind of object such a wait is for (enum gospy_object_kind). */
	uint8_t object_kinds[256];
	VEC(struct active_item) active;
	/* Position of a g found on its own stack -> its sched.pc, the frame pointer, and r12. */
	struct map sched_pcs, frame_pointers, r12s;
};

void passes_deinit(struct passes *p);
/** First copy, target running. */
enum gospy_code collect_first(struct passes *p, struct gospy_error *err);
/** Second copy: whatever changed, or cannot be proved to stand still, becomes active. */
enum gospy_code collect_active(struct passes *p, struct gospy_error *err);
/** Add the g's of allgs that were born since collect_allgs, or the last call, to the active ones.
 */
enum gospy_code collect_newborn(struct passes *p, struct gospy_error *err);
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
/** Last copy. What moved since it was read loses its channel; if `prove`, what moved without having
 * been read inside the stop is marked GOSPY_SOUND_MOVED. */
enum gospy_code collect_verify(struct passes *p, bool prove, struct gospy_error *err);
/** No stop: copy each g twice, again until both copies agree. */
enum gospy_code collect_validated(struct passes *p, struct gospy_error *err);

/* collect_chan.c */

/** Fill .object_kinds, with .objects for all kinds, else for channels. Before anything is stopped.
 */
void collect_object_kinds(struct passes *p);
/** Read the channels of waiters: of the active ones, or of all others. */
enum gospy_code collect_channels(struct passes *p, bool active, struct gospy_error *err);
/** collect_sema.c: with .objects, for waiters of a semaphore that have no g.waiting (up to
 * Go 1.25). While the target is stopped all goroutines, if there are not too many; else those that
 * collect_verify will prove to have been parked. */
enum gospy_code collect_semaphores(struct passes *p, bool stopped, struct gospy_error *err);

/* collect_label.c */

/** After the resume, before the last copy: read the labels of goroutines that have any. */
enum gospy_code collect_labels(struct passes *p, struct gospy_error *err);
void capture_forget_labels(struct capture *capture);

/* collect_thread.c: threads, if they are asked for. */

/** After the resume: the threads that were stopped; without a stop those that /proc listed. */
enum gospy_code collect_threads(struct capture *capture, const struct pause *pause,
				struct gospy_error *err);
/** After the resume: read what the M's were started with. */
enum gospy_code collect_starts(struct capture *capture, const struct image *image,
			       struct gospy_error *err);

/* collect_rare.c */

/** After the resume: read ancestors and bubbles, in a program that has any. */
enum gospy_code collect_rare(struct passes *p, struct gospy_error *err);
void capture_forget_rare(struct capture *capture);

/** M's by the thread that each runs on: tid -> 1 + position in sched.ms. False: out of memory. */
bool capture_index_ms(const struct capture *capture, struct map *ret);

/* collect_native.c: stacks of C code, if they are asked for. */

struct native_work;
/** Before the stop: all that can be had without it. GOSPY_E_UNSUPPORTED. */
enum gospy_code collect_native_prepare(struct passes *p, const struct process *process,
				       struct native_work **ret, struct gospy_error *err);
/** In the stop: copy registers and stacks of the threads that are in C code for a goroutine, and if
 * threads are asked for of all that are not on a goroutine's own stack. */
enum gospy_code collect_native_stopped(struct native_work *work, const struct pause *pause,
				       uint64_t deadline_ns, struct gospy_error *err);
/** After the resume: walk what was copied. */
enum gospy_code collect_native_walk(struct native_work *work, struct gospy_error *err);
void native_work_destroy(struct native_work *work);
/** What was walked of a thread, or NULL. */
const struct native_rec *capture_native(const struct capture *capture, pid_t tid);

/* collect_stack.c: stacks, if they are asked for. Copies of bytes are dropped as they are walked.
 */

/** Target running: copy and walk the stacks of all that are not running, as the first copy of the
 * g's tells. Those of goroutines that are the same in the second copy are right. */
enum gospy_code collect_stacks(struct passes *p, struct gospy_error *err);

struct stopped_stacks;
/** In the stop: copy the stacks of the active g's (of all of them in the exact way) as far as the
 * deadline lets it come. `*ret` is set on failure, too, as soon as there is anything. */
enum gospy_code collect_stopped_stacks(struct passes *p, uint64_t deadline_ns,
				       struct stopped_stacks **ret, struct gospy_error *err);
void stopped_stacks_destroy(struct stopped_stacks *stopped);
/** After the resume: walk what was copied. */
enum gospy_code collect_stopped_walk(struct passes *p, struct stopped_stacks *stopped,
				     struct gospy_error *err);
/** Read what the deadline left over, g and stack, and mark it GOSPY_SOUND_LATE. */
enum gospy_code collect_late_stacks(struct passes *p, struct gospy_error *err);
/** No stop: copy the stacks, look which g's have changed, and read those one by one. */
enum gospy_code collect_validated_stacks(struct passes *p, struct gospy_error *err);

#endif
