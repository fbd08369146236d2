/*
 * The room src/target/: what the engine may ask of a target, wherever that comes from.
 *
 * Enters: a source, which another room makes: it fills the table of functions below.
 * Leaves: what the table answers: memory (mem.h), mappings (mapping.h), threads, files, clocks, and
 *   a moment at which the target stands still (moment.h).
 * Owner: who opened the source destroys it. All that the engine makes of a source borrows it.
 *
 * This file: the table of functions through which the engine asks all that it asks of a target.
 *
 * A running process is one source (live/live.h). A core file is another (core/core.h): its memory
 * cannot change, its moment is there already, and its clocks stand still. The rooms above
 * src/target know no other way to a target, so that every command works on each source.
 *
 * A function of the table may be called by several threads at once.
 */
#ifndef GOSPY_TARGET_SOURCE_H
#define GOSPY_TARGET_SOURCE_H

#include "target/cpu_sampler.h"
#include "target/mapping.h"
#include "target/mem.h"
#include "target/moment.h"

/** TASK_COMM_LEN of the kernel is 16; workqueue names may be longer in /proc. */
#define COMM_MAX 64

/* What gospy needs of the auxiliary vector; a missing entry is 0. elf.h: AT_*. */
struct auxv {
	uint64_t entry, phdr, phent, phnum, base, sysinfo_ehdr;
};

/* A thread as it is listed, before anything stands still. */
struct task {
	pid_t tid;
	pid_t nstid;    /* in the target's own PID namespace: what gettid() says there, m.procid */
	char state;     /* as in /proc/PID/stat; '?': the source does not tell */
	bool io_worker; /* of io_uring: a thread of the process that runs kernel code only */
	char comm[COMM_MAX]; /* may hold any byte: escape to print */
};

struct tasks {
	VEC(struct task) tasks;
};

void tasks_deinit(struct tasks *tasks);

/* What a source holds on to for somebody who asks again and again, such as a collector, so that the
 * next answer costs less: open files, say. One thread uses it at a time, with one source. Whoever
 * asks has a pointer to it, which is NULL at first, and lets go of it by source_forget(). */
struct source_kept {
	void (*destroy)(struct source_kept *kept);
};

/** NULL is allowed. The source may be gone by then. */
static inline void source_forget(struct source_kept *kept)
{
	if (kept)
		kept->destroy(kept);
}

enum source_clock {
	SOURCE_REAL, /* CLOCK_REALTIME: since 1970 */
	SOURCE_BOOT, /* CLOCK_BOOTTIME, from which .start_ns is taken */
	SOURCE_MONO, /* CLOCK_MONOTONIC of the target, whose time namespace may move it: nanotime()
		      */
};

/* How well a g was read when a bundle was made of it: enum gospy_soundness. A mark of its own
 * says that the wait of its goroutine began after the heap was copied. */
struct source_mark {
	uint64_t g;
	uint64_t soundness;
};
enum { SOURCE_MARK_NEW_WAIT = 0x100 };

/* What the kernel said of a descriptor that goroutines wait for when a bundle was made. */
struct source_descriptor {
	uint64_t poll; /* address of the pollDesc, which had the descriptor all the while */
	struct gospy_descriptor is;
};

/* A function of C code, by a program counter in it; whoever opens a bundle has no files that name
 * it. */
struct source_function {
	uint64_t pc, entry;
	const char *name;
};

/* Of a bundle. */
enum source_heap {
	SOURCE_HEAP_NONE,
	SOURCE_HEAP_RUNNING, /* it was copied while the process ran */
	SOURCE_HEAP_INSTANT, /* it is of the same instant as all else */
};

/* How a bundle was made. All zero: the source is none. */
struct source_taken {
	bool known;
	bool of_core;               /* it was made of a core file */
	bool redacted;              /* of stacks only addresses were kept */
	bool no_labels;             /* the texts of profiler labels were not read */
	bool sockets;               /* it was looked up what descriptors are */
	bool native;                /* it has the stacks of C code */
	enum source_heap heap;      /* is the heap in it? */
	bool figures_steady;        /* the figures were steady when they were read: steady.h */
	uint64_t cycles_per_second; /* of the processor's counter there; 0: not known */
	bool non_blocking; /* as of struct gospy_snapshot_info, and so are the next three */
	bool instant;
	uint64_t paused_ns, stopped_threads;
	const struct source_mark *marks; /* by address; of all others nothing is to be said */
	size_t mark_count;
	const struct source_descriptor *descriptors;
	size_t descriptor_count;
	const struct source_function *functions; /* by program counter */
	size_t function_count;
};

/** What a bundle says of `pc`, which is in C code, or NULL. */
const struct source_function *source_function_at(const struct source_taken *taken, uint64_t pc);

struct source;

struct source_ops {
	enum gospy_code (*check)(struct source *source, struct gospy_error *err);
	enum gospy_code (*explain)(struct source *source, enum gospy_code code,
				   struct gospy_error *err);
	enum gospy_code (*auxv)(struct source *source, struct auxv *ret, struct gospy_error *err);
	enum gospy_code (*mappings)(struct source *source, struct mappings *ret,
				    struct gospy_error *err);
	enum gospy_code (*tasks)(struct source *source, struct source_kept **kept,
				 struct tasks *ret, struct gospy_error *err);
	enum gospy_code (*exe_path)(struct source *source, struct arena *arena, const char **ret,
				    bool *deleted_ret, struct gospy_error *err);
	enum gospy_code (*open_exe)(struct source *source, int *fd_ret, struct gospy_error *err);
	enum gospy_code (*open_mapped)(struct source *source, const struct mapping *map,
				       int *fd_ret, struct gospy_error *err);
	uint64_t (*private_bytes)(struct source *source);
	enum gospy_code (*stop)(struct source *source, uint64_t max_pause_ns,
				const struct moment_work *work, struct moment *ret,
				struct gospy_error *err);
	enum gospy_code (*watch)(struct source *source, uint64_t max_pause_ns,
				 const struct moment_work *work, struct moment *ret,
				 struct gospy_error *err);
	bool (*watch_thread)(struct source *source, pid_t tid,
			     bool (*visit)(void *ctx, const struct place *place), void *ctx);
	uint64_t (*clock_ns)(const struct source *source, enum source_clock clock);
	/** NULL: nothing of this source runs. */
	enum gospy_code (*sampler)(struct source *source, const struct cpu_sampler_options *options,
				   struct cpu_sampler **ret, struct gospy_error *err);
	void (*destroy)(struct source *source);
};

struct source {
	const struct source_ops *ops;
	struct mem *mem; /* owned */
	pid_t pid;
	char comm[COMM_MAX];
	uint64_t start_ns;  /* since boot; GOSPY_UNKNOWN */
	uint64_t exe_inode; /* of the executable; 0: not known */
	bool namespaced;    /* the target has another PID namespace: .nstid of tasks differ */
	bool frozen;        /* memory cannot change: one pass will do, nothing is worth a wait */
	enum gospy_target_kind kind;
	char name[96];    /* how messages call it: "pid 4711", "core.4711" */
	const char *file; /* the source's; the file that it was read from, or NULL */
	/* What is known of the program and its runtime already, so that nothing has to be searched
	 * for (image/program_facts.h). The source's; empty: nothing. */
	struct span program_facts;
	struct source_taken taken; /* what it refers to is the source's */
	const char *left_out;      /* the source's; what a bundle was made without, or NULL */
	const char *problem;       /* the source's; what is missing of it, for a person, or NULL */
	int signal;                /* of which it died; 0: of none, or not known */
	pid_t signal_tid;          /* the thread that took the signal, or 0 */
	uint64_t fault_addr;       /* the address that could not be accessed, or GOSPY_UNKNOWN */
};

/** NULL is allowed. */
void source_destroy(struct source *source);

/** The same for CLEANUP(). */
static inline void source_free(struct source **source)
{
	source_destroy(*source);
}

/** Is it still there, running the same program? GOSPY_E_GONE says what became of it. */
static inline enum gospy_code source_check(struct source *source, struct gospy_error *err)
{
	return source->ops->check(source, err);
}

/** Something has failed, with `code` and `err`. If the target's end is the cause, `err` says so
 * afterwards. Returns what is to be reported. */
static inline enum gospy_code source_explain(struct source *source, enum gospy_code code,
					     struct gospy_error *err)
{
	return source->ops->explain(source, code, err);
}

/** GOSPY_E_GONE, GOSPY_E_PERM, GOSPY_E_BAD_DATA. */
static inline enum gospy_code source_auxv(struct source *source, struct auxv *ret,
					  struct gospy_error *err)
{
	return source->ops->auxv(source, ret, err);
}

/** To be freed by mappings_deinit(). */
static inline enum gospy_code source_mappings(struct source *source, struct mappings *ret,
					      struct gospy_error *err)
{
	return source->ops->mappings(source, ret, err);
}

/** All threads; to be freed by tasks_deinit(). `kept`: NULL if nobody will ask again. */
static inline enum gospy_code source_tasks(struct source *source, struct source_kept **kept,
					   struct tasks *ret, struct gospy_error *err)
{
	return source->ops->tasks(source, kept, ret, err);
}

/** Path of the executable in the arena, as the target's mount namespace names it. */
static inline enum gospy_code source_exe_path(struct source *source, struct arena *arena,
					      const char **ret, bool *deleted_ret,
					      struct gospy_error *err)
{
	return source->ops->exe_path(source, arena, ret, deleted_ret, err);
}

/** Open the executable itself, read-only. The caller closes it. GOSPY_E_PERM, GOSPY_E_NOT_FOUND. */
static inline enum gospy_code source_open_exe(struct source *source, int *fd_ret,
					      struct gospy_error *err)
{
	return source->ops->open_exe(source, fd_ret, err);
}

/** Open the file behind a mapping. Another file may be there by now: compare. GOSPY_E_BAD_DATA: it
 * is a device or the like, which was not opened. */
static inline enum gospy_code source_open_mapped(struct source *source, const struct mapping *map,
						 int *fd_ret, struct gospy_error *err)
{
	return source->ops->open_mapped(source, map, fd_ret, err);
}

/** Bytes of memory that are the target's own, which no file holds, at most: resident or swapped
 * out. GOSPY_UNKNOWN. */
static inline uint64_t source_private_bytes(struct source *source)
{
	return source->ops->private_bytes(source);
}

/** Make the target stand still, do the work, let it run on: live/pause.h has the contract.
 * `*ret`, to be freed by moment_deinit(), is what there was to see, also on failure. */
static inline enum gospy_code source_stop(struct source *source, uint64_t max_pause_ns,
					  const struct moment_work *work, struct moment *ret,
					  struct gospy_error *err)
{
	return source->ops->stop(source, max_pause_ns, work, ret, err);
}

/** The same without a stop, while the threads are only watched. GOSPY_E_LIMIT: something ran. */
static inline enum gospy_code source_watch(struct source *source, uint64_t max_pause_ns,
					   const struct moment_work *work, struct moment *ret,
					   struct gospy_error *err)
{
	return source->ops->watch(source, max_pause_ns, work, ret, err);
}

/** If the thread does not run, `visit` is called. Returns whether `visit` returned true and the
 * thread has executed nothing meanwhile. */
static inline bool source_watch_thread(struct source *source, pid_t tid,
				       bool (*visit)(void *ctx, const struct place *place),
				       void *ctx)
{
	return source->ops->watch_thread(source, tid, visit, ctx);
}

/** Begin to sample where the threads of the target are that use processor time. The sampler ends
 * before the source. GOSPY_E_PERM; GOSPY_E_UNSUPPORTED: there is nothing to be sampled, or no means
 * to do so. */
static inline enum gospy_code source_sampler(struct source *source,
					     const struct cpu_sampler_options *options,
					     struct cpu_sampler **ret, struct gospy_error *err)
{
	if (!source->ops->sampler)
		return err_set(err, GOSPY_E_UNSUPPORTED,
			       "%s does not run: there is nothing to be recorded", source->name);
	return source->ops->sampler(source, options, ret, err);
}

/** How long the target had run when SOURCE_BOOT said `boot_ns`. GOSPY_UNKNOWN. */
static inline uint64_t source_uptime_ns(const struct source *source, uint64_t boot_ns)
{
	bool known = boot_ns != GOSPY_UNKNOWN && source->start_ns != GOSPY_UNKNOWN;
	return known ? boot_ns - source->start_ns : GOSPY_UNKNOWN;
}

/** What a clock of the target says now. GOSPY_UNKNOWN. */
static inline uint64_t source_clock_ns(const struct source *source, enum source_clock clock)
{
	return source->ops->clock_ns(source, clock);
}

#endif
