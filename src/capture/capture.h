/*
 * The room src/capture/: copying: before, in and after the stop, as fast as may be.
 *
 * Enters: a source, an image of what runs there, and what the snapshot is to hold.
 * Leaves: a struct capture: records of g's, walked stacks, the scheduler, threads, each with how
 *   sound it is. In it addresses are still addresses. Counters leave as copies (memcopy.h,
 *   steady.h).
 * Owner: the caller owns the capture. It refers to the image's symbols, which it holds, and to
 *   nothing of the target.
 *
 * What was copied of a Go process at one instant: g's, stacks, the scheduler, threads.
 */
#ifndef GOSPY_CAPTURE_CAPTURE_H
#define GOSPY_CAPTURE_CAPTURE_H

#include "capture/label_reader.h"
#include "capture/native.h"
#include "capture/store.h"
#include "image/schedstate.h"
#include "target/source.h"

enum { POLL_USES = 2 };

/* What a goroutine waits for. */
struct chan_rec {
	uint64_t addr; /* first: see bulk.h; of the sudog, then of what `kind` or `wait` say */
	union {
		struct {
			uint64_t cap, len;
		} chan;
		struct {
			uint64_t object; /* what the semaphore or notify list at `addr` is in */
			/* Of a semaphore that has no g.waiting, up to Go 1.25; else 0. */
			uint64_t sudog;
		};
		struct {
			size_t first; /* in select_cases */
			uint32_t count;
			bool cut; /* there are more */
		} select;
		struct {
			int fd;
			uint8_t direction;        /* enum gospy_direction */
			uint8_t layout;           /* of the pollDesc */
			bool same;                /* until `fd` was looked up it was not closed */
			uint32_t uses[POLL_USES]; /* see collect_poll.c */
		} poll;
	} of;
	/* With .objects: when it goes on by itself, in nanotime() of the target; 0: not known. It
	 * is the address of the channel's timer until collect_timers(). */
	uint64_t when;
	uint32_t g; /* position of the waiter in recs */
	uint16_t elem_size;
	uint8_t kind; /* enum gospy_object_kind */
	uint8_t wait; /* enum gospy_wait_kind, with .objects */
	bool closed;
	bool known;
	bool of_stop; /* a pollDesc: it was read in the stop, as its goroutine was */
};

/* A case of a select. */
struct select_rec {
	uint64_t sudog, addr;
	uint64_t cap, len;
	uint64_t when; /* as chan_rec.when */
	uint16_t elem_size;
	uint8_t direction; /* enum gospy_direction */
	bool closed;
	bool known;
};

enum {
	OBJECT_BYTES = 24, /* of a sync.RWMutex, the largest; Go 1.12-1.27 */
	/* Before and behind a word that goroutines wait at: enough for the object it is in. */
	SEMA_BEFORE = 12,
	SEMA_BYTES = 32,
};

/* The memory around a word that goroutines wait at, as it was at the instant. */
struct sema_words {
	uint64_t sema;
	uint8_t bytes[SEMA_BYTES]; /* from SEMA_BEFORE bytes before it on */
};

/* An object of package sync that goroutines wait for. */
struct object_rec {
	uint64_t addr;
	uint8_t kind;      /* enum gospy_wait_kind */
	bool read;         /* .bytes are there */
	bool at_instant;   /* and are of the instant; else they were read after it */
	bool writer_waits; /* of a sync.RWMutex: for its readers, at its writerSem */
	uint8_t bytes[OBJECT_BYTES];
	size_t first, count; /* in .holders */
};

/* Who holds it, or may do. */
struct holder_rec {
	uint32_t object; /* index */
	uint32_t g;      /* position in recs */
	uint64_t pc;     /* where it was taken */
	bool reader;
	bool held;     /* by a goroutine that stands there still, whenever .bytes were read */
	uint8_t doubt; /* enum gospy_doubt */
};

/* A thread that there was at the instant of the snapshot. */
struct thread_rec {
	pid_t tid;
	char state; /* see proc_stat.state; of shortly before; '?': not known */
	bool io_worker;
	char comm[COMM_MAX];
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
	struct store *store;     /* a reference; all but .recs of it is its own */
	struct store_pool *pool; /* borrowed, for its store; may be NULL */
	/* Of the store: [0, sorted) by address, then those born meanwhile. */
	struct g_rec *recs;
	size_t count, sorted, cap;
	size_t listed;       /* entries of allgs that were looked at; of them count have a record */
	size_t listed_first; /* the same by collect_allgs; of them sorted have one */
	uint64_t listed_in;  /* allgs was this array then */
	struct map newborn;  /* address of a g behind the sorted ones -> position in recs */
	VEC(struct chan_rec) chans;
	VEC(struct select_rec) select_cases;
	VEC(struct sema_words) semas; /* by address; with .holder_limit, as what follows */
	VEC(struct object_rec) objects;
	VEC(struct holder_rec) holders;
	/* Positions in recs of goroutines that release a lock which they have not taken. */
	VEC(uint32_t) releasers;
	bool holders_cut; /* there was more to look at than is looked at */
	/* By wait reason: what such a wait is for, enum gospy_wait_kind; with .objects. */
	uint8_t wait_kinds[256];
	/* By wait reason: a goroutine may leave such a wait and come back unnoticed. */
	bool uncounted[256];
	struct symbols *symbols; /* held as long as this */
	struct stacks stacks;    /* if they were asked for */
	VEC(struct label_set) label_sets;
	struct map label_index; /* address of the labels -> 1 + position in label_sets */
	struct arena label_arena;
	VEC(struct rare) rares;
	struct map rare_index; /* position in recs -> 1 + position in rares */
	VEC(struct ancestor_rec) ancestors;
	VEC(uint64_t) ancestor_pcs;
	struct schedstate sched;
	struct tasks tasks;
	bool lists_tasks; /* false: .tasks holds no more than was needed to read the rest */
	VEC(struct thread_rec) threads; /* if they were asked for */
	VEC(struct native_rec) natives;
	struct map native_index; /* tid -> 1 + position in natives */
	struct arena native_arena;
	uint64_t unnamed_files; /* of C code: too much to look at their symbols */
	/* What an M was started with, as m.mstartfn says: address of the func value -> entry. */
	struct map start_entries;
	/* When all had stopped, without a stop when allgs was read, by the clocks of the target. */
	uint64_t instant_mono_ns, instant_real_ns, instant_boot_ns;
	/* Where the first is not known: it was this or later (newest_time.h); or GOSPY_UNKNOWN. */
	uint64_t instant_least_ns;
	uint64_t paused_ns;
	uint64_t active;
	size_t interrupted; /* threads that were stopped */
	bool instant;       /* it is of one instant: threads were stopped, or none ran */
	bool gave_up;       /* the process could not be made to stand still: as .non_blocking */
	char why[sizeof(((struct gospy_error *)0)->msg)]; /* it could not */
	bool exact;                                       /* all g's were read inside the stop */
	bool kept;          /* the records began as those of an earlier capture */
	bool rearranged;    /* but at other positions, or with other numbers of stacks */
	bool still;         /* nothing has run since: they are those of the earlier capture */
	bool same_threads;  /* if so: the threads are known to be the very same ones */
	bool outgrown;      /* there is no room for what was born since then */
	bool grew_too_fast; /* more g's were born than there was room or time for */
	struct gospy_missing missing;
};

void capture_deinit(struct capture *capture);
/** Parts of it: labels; ancestors and bubbles. */
void capture_forget_labels(struct capture *capture);
void capture_forget_rare(struct capture *capture);
/** What the goroutine of this record has, or NULL. */
const struct rare *capture_rare(const struct capture *capture, const struct g_rec *rec);
/** The record of the g at `addr`, or NULL. */
const struct g_rec *capture_g(const struct capture *capture, uint64_t addr);
/** Index the M's by the thread that each runs on: tid -> 1 + position in sched.ms. False: out of
 * memory. */
bool capture_index_ms(const struct capture *capture, struct map *ret);
/** What was walked of a thread, or NULL. */
const struct native_rec *capture_native(const struct capture *capture, pid_t tid);

#endif
