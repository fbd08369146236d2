/*
 * libgospy: look into a running Go process from outside.
 *
 * Open a target, take a snapshot of it, read the snapshot; the `gospy` program is written on this
 * header alone. Nothing here writes to a target, sends it a signal or injects a call.
 *
 * Conventions. Fallible functions return an enum gospy_code; results go through `ret`, which is
 * written only on success; `err` is always last and may be NULL. Handles are opaque and belong to
 * the caller, who gives them back to the matching _close, _destroy or _free (NULL is allowed
 * there). Pointers inside results live as long as the handle they came from. A NULL option pointer
 * means all defaults.
 *
 * Growth. A program that was built with an older gospy.h works with this library as it did with the
 * older one. Enums and structs grow at their end only.
 * - A struct that the caller provides comes with its size. Options begin with it; the size of a
 *   result is passed by an inline function of this header, which calls one called .._sized. Nothing
 *   is read or written beyond that size.
 * - If it is the library that is older, it refuses options that it does not know of, unless they
 *   are zero, and sets to zero what it does not know of a result.
 * - A struct that is an element of an array, or a member of another struct, does not grow, nor does
 *   struct gospy_error: what is new about it comes by a new function or a new member elsewhere.
 *
 * Cancellation. What may take long has a descriptor among its options, .cancel_fd; 0: none. When
 * that becomes readable the call gives up, within some hundredths of a second, with
 * GOSPY_E_CANCELLED: nothing of the target is held then, nothing was kept, and threads that worked
 * for the call have ended. The library only polls the descriptor. It may be an eventfd that another
 * thread or a signal handler writes to, a signalfd, a timerfd for a limit of time, the socket of a
 * client that waits; and any number of calls may have the same one. A system call that the kernel
 * does not come back from is waited for: reading a file of a server that does not answer, say.
 *
 * Threads. Different handles are independent of each other, a target and its snapshots too, and any
 * thread may use any handle. Of one handle:
 * - A target may be used by several threads at once. Those that stop the process wait for one
 *   another; so do those with other targets of the same process.
 * - A snapshot may be read by several threads at once, but gospy_snapshot_stack() and
 *   gospy_snapshot_thread_stack() by one at a time: what they return is the snapshot's, until the
 *   next call.
 * - Diagnoses, lists and other results do not change: any thread may read them. An agent, and a
 *   collector, is for one thread at a time.
 * Closing or destroying a handle has to be the last use of it. A target may be closed while its
 * snapshots are read.
 *
 * Nothing here changes what belongs to the whole program: signal handlers and masks, locale, umask,
 * working directory, environment, limits. Threads that the library starts take no signals of the
 * program. One thing shows: while a process is held this program is its tracer, so SIGCHLD may come
 * for it (not with SA_NOCLDSTOP), and a waitpid(-1) of another thread may be told of its threads.
 *
 * Units: durations are nanoseconds (`_ns`), sizes are bytes, addresses are target addresses held in
 * uint64_t. GOSPY_UNKNOWN stands for a number that this target does not have or that could not be
 * read; it is never a guess.
 */
#ifndef GOSPY_H
#define GOSPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GOSPY_API __attribute__((visibility("default")))

#define GOSPY_UNKNOWN UINT64_MAX

/** What went wrong, in terms of what the caller can do about it. */
enum gospy_code {
	GOSPY_OK = 0,
	GOSPY_E_NOMEM,       /**< memory allocation failed */
	GOSPY_E_OS,          /**< a system call failed; os_errno says how */
	GOSPY_E_PERM,        /**< not permitted; the message names the cause and one remedy */
	GOSPY_E_GONE,        /**< no such process, or it ended or exec'ed meanwhile */
	GOSPY_E_NOT_GO,      /**< the process does not run a Go runtime */
	GOSPY_E_UNSUPPORTED, /**< other machine, unknown format, unknown Go version */
	GOSPY_E_NOT_FOUND,   /**< something that is needed is not there (debug information, say) */
	GOSPY_E_FAULT,       /**< target memory at `addr` cannot be read */
	GOSPY_E_BAD_DATA,    /**< what was read contradicts itself */
	GOSPY_E_LIMIT,       /**< a named limit was met */
	GOSPY_E_USAGE,       /**< an argument makes no sense */
	GOSPY_E_CANCELLED,   /**< the caller asked to give up */
};

/** Filled on failure; `msg` is one line for a person, without a trailing full stop or newline. */
struct gospy_error {
	enum gospy_code code;
	int os_errno;  /**< errno of the failed call, or 0 */
	uint64_t addr; /**< faulting target address with GOSPY_E_FAULT, else 0 */
	char msg[400];
};

/** Stable lower-case name of a code ("permission", "gone", ...), for JSON and logs. */
GOSPY_API const char *gospy_code_name(enum gospy_code code);

/** Version of this library, "major.minor.patch". */
GOSPY_API const char *gospy_version(void);

/* ------------------------------------------------------------------------------------ targets --
 */

/** A live Go process, or a core file of one, with what was learnt of its runtime. */
struct gospy_target;

/** What stands for the process. */
enum gospy_target_kind {
	GOSPY_TARGET_PROCESS, /**< the process itself, which runs */
	/** A core file. Its memory does not change, nothing is stopped, and what it does not hold
	   is GOSPY_UNKNOWN: how long the process ran and what its threads were called, say. Options
	   that are about stopping a process are accepted and mean nothing. */
	GOSPY_TARGET_CORE,
	/** A bundle, which gospy_capture_write() wrote: a core file with no more than gospy reads.
	   It tells what a core file does not; .left_out says what it is without. */
	GOSPY_TARGET_BUNDLE,
};

struct gospy_open_options {
	size_t size;       /**< sizeof(struct gospy_open_options) */
	const char *bin;   /**< unstripped twin to take symbols from, or NULL */
	int64_t cancel_fd; /**< give up when this becomes readable; 0: none */
	/** Modules whose code is the user's own, besides those that GOSPY_ORIGIN_OWN names, or the
	   beginnings of their paths: "example.com/lib". They are copied. */
	const char *const *own;
	size_t own_count;
	/** Of a core file: the files that were mapped in the process are looked for below this
	   directory, under the names that the process had for them. NULL: below "/". */
	const char *root;
	/** Of a core file that is packed: as many bytes as it may become in a temporary file; 0:
	   all but a tenth of the space that is free. */
	uint64_t max_unpacked;
};

/** What is fixed about a target from opening to closing. */
struct gospy_target_info {
	pid_t pid;
	const char *exe;        /**< path as the target's mount namespace names it */
	bool exe_deleted;       /**< the file was deleted or replaced since the start */
	const char *comm;       /**< thread-group name, at most 15 bytes, unescaped */
	const char *go_version; /**< as the runtime says: "go1.24.4", "devel go1.26-..." */
	uint64_t start_ns;      /**< start of the process, CLOCK_BOOTTIME */
	bool pie;               /**< loaded with a bias */
	uint64_t load_bias;     /**< or GOSPY_UNKNOWN: no file tells; .pie is meaningless then */
	const char *build_id;   /**< GNU build ID in hex, or NULL */
	/** Where the Go runtime is: path of a shared library, "memory" if no file describes it,
	   NULL: in the program itself. .pie, .load_bias and .build_id are of this. */
	const char *object;
	const char *note; /**< something a person should know (a version newer than this
				   gospy knows, say), or NULL */
	enum gospy_target_kind kind;
	const char *file;    /**< path of the core file, or NULL */
	const char *problem; /**< what is missing of that file (it was cut off, say), or NULL */
	int signal;          /**< of which the process died; 0: of none, or not known */
	pid_t signal_tid;    /**< the thread that took this signal, or 0 */
	uint64_t fault_addr; /**< what could not be accessed (SIGSEGV ...), or GOSPY_UNKNOWN */
	/** Go build ID as its text, in the way of .build_id: before Go 1.24 most programs have no
	   other. NULL: the program has none that can be printed. */
	const char *go_build_id;
	const char *left_out; /**< of a bundle: what it was made without, or NULL */
	bool redacted; /**< of a bundle: of stacks it has only what are addresses, no other values
			*/
};

/**
 * Attach to nothing yet: find out what runs as `pid` and resolve all that a snapshot needs.
 * The target keeps running. GOSPY_E_GONE, _PERM, _NOT_GO, _UNSUPPORTED (not x86-64), _NOT_FOUND (no
 * symbols, and what stands for them did not help: give .bin), _BAD_DATA (.bin is not a twin of what
 * runs), _CANCELLED. The descriptor is for this call alone.
 */
GOSPY_API enum gospy_code gospy_target_open_pid(pid_t pid, const struct gospy_open_options *options,
						struct gospy_target **ret, struct gospy_error *err)
	__attribute__((warn_unused_result));
/**
 * The same for a core file: of the kernel, of gdb's gcore, of `dlv dump`; also packed by zstd, xz,
 * lz4 or gzip. The kernel leaves out what can be read from the program's file: it is used if it is
 * proved to be the one that ran. .bin names it, or a twin of it; else it is looked for where the
 * core says it was. The path "-" is standard input, which may be a pipe. GOSPY_E_BAD_DATA: it is
 * no core file; _OS: it cannot be opened; _NOT_FOUND: the program's file is needed, and the message
 * says which; the rest as above.
 */
GOSPY_API enum gospy_code gospy_target_open_core(const char *path,
						 const struct gospy_open_options *options,
						 struct gospy_target **ret, struct gospy_error *err)
	__attribute__((warn_unused_result));
/** Does this path name a file that begins as a core file does, or as a packed file? */
GOSPY_API bool gospy_is_core(const char *path);
/** The process runs on as if nothing had been. NULL is allowed. */
GOSPY_API void gospy_target_close(struct gospy_target *target);
/** Never NULL; the target's. */
GOSPY_API const struct gospy_target_info *gospy_target_info(const struct gospy_target *target);

/** Where a fact came from, for `-v` and doctor. */
struct gospy_provenance {
	const char *name;   /**< "runtime.allgs", "layout runtime.g" */
	const char *source; /**< "symtab", "code", "scan", "type descriptor", "DWARF" */
	uint64_t addr;      /**< address in the target, or 0 */
};
/** Every global and layout the target's resolver settled on; `*n_ret` entries. */
GOSPY_API const struct gospy_provenance *gospy_target_provenance(const struct gospy_target *target,
								 size_t *n_ret);

/* ---------------------------------------------------------------------------------- diagnosis --
 */

enum gospy_verdict {
	GOSPY_VERDICT_OK,
	GOSPY_VERDICT_NOTE,    /**< something a person should know */
	GOSPY_VERDICT_PROBLEM, /**< something cannot be read or done */
};

/** One thing that was looked at to find out what can be read of a process. */
struct gospy_finding {
	const char *topic;  /**< "process", "access", "runtime", "global", "layout"; of a
			     *   machine see gospy_diagnosis_create_host() */
	const char *name;   /**< "memory", "stop", "Go version", "runtime.allgs" ... */
	const char *text;   /**< what was found, in words; NULL for most globals and layouts */
	const char *source; /**< where it came from ("symtab", "DWARF" ...), or NULL */
	const char *check;  /**< what it was held against in the process, or NULL: nothing */
	const char *remedy; /**< what would make it better, or NULL */
	uint64_t addr;      /**< address in the target, or 0 */
	enum gospy_verdict verdict;
};

struct gospy_diagnosis {
	const struct gospy_finding *findings; /**< grouped by topic */
	size_t finding_count;
	enum gospy_code code; /**< why the process could not be opened, or GOSPY_OK */
	const char *left_out; /**< of a bundle: what it was made without, or NULL */
};

/**
 * Find out what can be read of `pid`, what it would cost, and the remedy for what cannot. The
 * process is not stopped. What gospy_target_open_pid would fail with is a finding, and `code`; only
 * GOSPY_E_GONE (no such process), _NOMEM, _USAGE and _CANCELLED fail the call. Owned by the caller.
 */
GOSPY_API enum gospy_code
gospy_diagnosis_create(pid_t pid, const struct gospy_open_options *options,
		       struct gospy_diagnosis **ret, struct gospy_error *err)
	__attribute__((warn_unused_result));
/** The same of a core file: what it holds, and what the files hold that were mapped. As
 * gospy_target_open_core(). */
GOSPY_API enum gospy_code
gospy_diagnosis_create_core(const char *path, const struct gospy_open_options *options,
			    struct gospy_diagnosis **ret, struct gospy_error *err)
	__attribute__((warn_unused_result));
/**
 * Find out what this machine, its kernel, the container that gospy is in and its user permit,
 * whatever the target: reading, stopping, recording, seeing other processes; topics are "access",
 * "record" and "machine". Owned by the caller. Fails with GOSPY_E_NOMEM, or where there is no
 * /proc.
 */
GOSPY_API enum gospy_code gospy_diagnosis_create_host(struct gospy_diagnosis **ret,
						      struct gospy_error *err)
	__attribute__((warn_unused_result));
/** NULL is allowed. */
GOSPY_API void gospy_diagnosis_destroy(struct gospy_diagnosis *diagnosis);

/* ---------------------------------------------------------------------------------- snapshots --
 */

/** Everything read of a target at (nearly) one instant. Independent of the target once taken. */
struct gospy_snapshot;

enum gospy_progress_phase {
	GOSPY_PHASE_COPY,   /**< first copy, target runs */
	GOSPY_PHASE_STACKS, /**< copy of the stacks, target runs */
	GOSPY_PHASE_RECOPY, /**< second copy, target runs */
	GOSPY_PHASE_STOP,   /**< target stopped; reported once */
	GOSPY_PHASE_VERIFY, /**< third copy, target runs */
	GOSPY_PHASE_HEAP,   /**< copy of what the heap points to, target runs; in bytes */
	GOSPY_PHASE_TYPES,  /**< finding out types, target runs; in spans */
};

/** Which goroutines a snapshot is of. */
enum gospy_scope {
	GOSPY_SCOPE_ALL = 0, /**< all that there are */
	/** Those that an M has as its own (m.curg): they run, are in a system call or in C code, or
	   the runtime acts for them on the system stack. No others are looked at, nor is allgs, so
	   that it costs the same however many there are. (One that is locked to a thread and waits,
	   or is next in a run queue, is on no M.) Their indexes run in the order of runtime.allm.
	   What it would take more to know is GOSPY_UNKNOWN in gospy_snapshot_info: .goroutines but
	   .running and .syscall, which count these; without .figures .heap; without .threads
	   .threads. The runtime takes a goroutine off its M while the timers of its bubble of
	   testing/synctest run (Go 1.25+), and up to Go 1.13 puts it there a moment after it has
	   made it GOSPY_STATUS_RUNNING: it is missing then. */
	GOSPY_SCOPE_RUNNING,
};

struct gospy_snapshot_options {
	size_t size; /**< sizeof(struct gospy_snapshot_options) */
	/** Never stop the target. While nothing of it runs it is read at one instant all the same;
	   else each goroutine is validated instead. */
	bool non_blocking;
	/** Re-read every g inside the stop instead of proving that the parked ones stood still. */
	bool exact;
	/** Read the channel that each channel waiter waits on. */
	bool channels;
	/** Read what each waiter waits for: .channels, and the semaphores of package sync. */
	bool objects;
	/** Walk the stack of each goroutine, or of those that `stack_goids` and `stack_states`
	   pick out. */
	bool stacks;
	/** Figures of scheduler and heap count: what is missing of them is a .problem. */
	bool figures;
	/** Read the profiler labels. */
	bool labels;
	/** With `stacks`: keep the arguments that tracebacks print. */
	bool arguments;
	/** List the threads. */
	bool threads;
	/** With `stacks`: walk the C code that goroutines have called (cgo); with `threads`: all
	   code that is not on a goroutine's own stack. Takes a stop. */
	bool native;
	/** Longest time to hold the target; 0: one second. What was not copied by then is read
	   after the resume and marked GOSPY_SOUND_LATE. */
	uint64_t max_pause_ns;
	/** Called now and then from the calling thread while the target runs; may be NULL. */
	void (*progress)(void *ctx, enum gospy_progress_phase phase, uint64_t done, uint64_t total);
	void *progress_ctx;
	/** With `stacks`: tell what tracebacks elide under GOTRACEBACK=system, which hides nothing.
	 */
	bool system;
	/** With `stacks`: read only the stacks of these goroutines; count 0: of all. */
	const uint64_t *stack_goids;
	size_t stack_goid_count;
	/** With `stacks`: and only of those in these states, (1 << enum gospy_status) for each; 0:
	   in any. */
	uint32_t stack_states;
	int64_t cancel_fd;      /**< give up when this becomes readable; 0: none */
	enum gospy_scope scope; /**< which goroutines are looked at */
	/** With `stacks`: walk them only if there are no more goroutines than this, dead ones
	   counted, too; 0: in any case. gospy_snapshot_info.stacks says whether they were. */
	uint64_t stack_limit;
	/** With .objects: look up what the descriptors are that goroutines wait for, and who has
	   the other end on this machine. It is done when all else has been read, for at most 4,096
	   descriptors; the peer of a socket is looked for in the target's network namespace. Of
	   processor time it takes at most half a second for the tables of sockets, and a fifth of
	   one for the processes that have the peers. */
	bool sockets;
	/** With .objects: of so many goroutines that are not the runtime's own, those with the
	   lowest goids; of others it may be unknown. 0: of all. */
	uint64_t object_limit;
	/** With .objects: of those that `stack_goids` and `stack_states` pick out; of others it may
	   be unknown. */
	bool objects_picked;
	/** With .objects and .stacks: read the objects of package sync that are waited for, and
	   find out who holds them, of at most so many goroutines that hold any: see
	   gospy_snapshot_objects(). 0: do not. */
	uint64_t holder_limit;
	/** With .objects: ask the kernel for the system calls that goroutines are in, and with
	   .sockets what the descriptors are that these are about. Of at most 4,096; of a process
	   only. */
	bool syscalls;
};

/* ----------------------------------------------------------------------------------- bundles --
 */

/** What gospy reads of a target, kept to be looked at elsewhere and later: an ELF core file with
 * those pages alone. It needs no executable. Its format is in docs/bundle.md. */
struct gospy_capture;

enum gospy_redaction {
	/** Of stacks only what are addresses of something is kept, so that arguments that are
	   numbers, and texts in local variables, are not. */
	GOSPY_REDACT_POINTERS = 0,
	GOSPY_REDACT_NONE,
};

struct gospy_capture_options {
	size_t size;           /**< sizeof(struct gospy_capture_options) */
	bool non_blocking;     /**< as in gospy_snapshot_options, and the next */
	uint64_t max_pause_ns; /**< 0: one second */
	enum gospy_redaction redact;
	bool labels;       /**< with the texts of profiler labels */
	int64_t cancel_fd; /**< give up when this becomes readable; 0: none */
	/** As in gospy_snapshot_options. */
	void (*progress)(void *ctx, enum gospy_progress_phase phase, uint64_t done, uint64_t total);
	void *progress_ctx;
	/** With what descriptors are that goroutines wait for, as by
	   gospy_snapshot_options.sockets: addresses of sockets, who has the other end, paths.
	   GOSPY_E_USAGE: of a core file. */
	bool sockets;
	/** With the stacks of C code, and of all threads that are on system stacks: these are
	   stopped for it, also those that sleep. Redacted as all stacks are. */
	bool native;
	/** With .heap: bytes that may be used meanwhile; 0: a quarter of what is available. */
	uint64_t max_memory;
	/** With .heap: called before it is read: `bytes` of it are going to be, which are packed;
	   `pause_ns`: for about so long the target will be held; 0: it is copied while it runs. May
	   be NULL. */
	void (*heap_expected)(void *ctx, uint64_t bytes, uint64_t pause_ns);
	void *heap_expected_ctx;
	/** With the objects of the heap that may have pointers, as they are, numbers included, and
	   with all globals, so that gospy_graph_take and gospy_leaks_find work on the bundle. The
	   texts of strings are in objects without pointers, which are left out. The heap is of the
	   same instant as all else if it could be read within .max_pause_ns, which is the case for
	   about half a gigabyte a second; else it is copied before, while the target runs, and
	   nothing that takes a proof can be proved on the bundle. */
	bool heap;
};

/** Of what was captured, or written. */
struct gospy_capture_info {
	uint64_t goroutines;                 /**< runtime.NumGoroutine */
	uint64_t time_unix_ns;               /**< instant, wall clock */
	uint64_t paused_ns, stopped_threads; /**< as in gospy_snapshot_info, and the next four */
	const char *not_stopped, *problem;
	uint64_t moved, torn, late, unreadable;
	const char *left_out;  /**< what it is without, for a person; or NULL */
	uint64_t pages, bytes; /**< of 4 KiB, and in the file; 0: not written yet */
	uint64_t heap_bytes;   /**< of objects of the heap that were read; 0: it is without them */
	bool heap_instant;     /**< they are of the same instant as the goroutines */
};

/**
 * Read all that snapshots, statistics, profiles and diagnoses of the target need, in one stop. It
 * is kept packed in memory, and nothing is written. A core file is a target as well. Errors as
 * gospy_snapshot_take.
 */
GOSPY_API enum gospy_code gospy_capture_take(struct gospy_target *target,
					     const struct gospy_capture_options *options,
					     struct gospy_capture **ret, struct gospy_error *err)
	__attribute__((warn_unused_result));
/** Write it to a descriptor, from its beginning to its end: as a seekable zstd, or `plain` as an
 * ELF core file. GOSPY_E_OS, GOSPY_E_UNSUPPORTED (without libzstd only plain), GOSPY_E_CANCELLED:
 * the options' descriptor counts here, too. To be called once. */
GOSPY_API enum gospy_code gospy_capture_write(struct gospy_capture *capture, int fd, bool plain,
					      struct gospy_error *err)
	__attribute__((warn_unused_result));
/** Never NULL; the capture's. */
GOSPY_API const struct gospy_capture_info *gospy_capture_info(const struct gospy_capture *capture);
/** NULL is allowed. */
GOSPY_API void gospy_capture_destroy(struct gospy_capture *capture);

/* -------------------------------------------------------------------------------- collectors --
 */

/**
 * Takes snapshots of one target, again and again, and keeps what is needed to do so cheaply: what
 * of the process has not changed since the snapshot before is not read again. Each snapshot is as
 * gospy_snapshot_take() would take it: a goroutine of which it is not proved that it was parked
 * from one to the other is read anew. What is kept takes as much memory as a snapshot, and of a
 * target with up to 64 threads three descriptors for each, but in all collectors together no more
 * than an eighth of RLIMIT_NOFILE.
 *
 * It is for one thread at a time. Its snapshots are independent of it and of its target, and may be
 * read and destroyed by other threads. Its target must not be closed before it is destroyed.
 */
struct gospy_collector;

/** `target` is borrowed. Nothing is read yet. GOSPY_E_NOMEM. */
GOSPY_API enum gospy_code gospy_collector_create(struct gospy_target *target,
						 struct gospy_collector **ret,
						 struct gospy_error *err)
	__attribute__((warn_unused_result));
/** NULL is allowed. */
GOSPY_API void gospy_collector_destroy(struct gospy_collector *collector);
/** Take a snapshot; options may be other ones each time. The next snapshot is cheap if .stacks and
 * .stack_states are the same and neither .arguments nor .stack_goids are given; snapshots with
 * GOSPY_SCOPE_RUNNING, which are always cheap, may come in between. Errors as gospy_snapshot_take;
 * after one the next snapshot reads everything. */
GOSPY_API enum gospy_code gospy_collector_take(struct gospy_collector *collector,
					       const struct gospy_snapshot_options *options,
					       struct gospy_snapshot **ret, struct gospy_error *err)
	__attribute__((warn_unused_result));

/** g.atomicstatus without the scan bit: src/runtime/runtime2.go, same numbers in Go 1.12-1.27. */
enum gospy_status {
	GOSPY_STATUS_IDLE = 0,
	GOSPY_STATUS_RUNNABLE = 1,
	GOSPY_STATUS_RUNNING = 2,
	GOSPY_STATUS_SYSCALL = 3,
	GOSPY_STATUS_WAITING = 4,
	GOSPY_STATUS_DEAD = 6,
	GOSPY_STATUS_COPYSTACK = 8,
	GOSPY_STATUS_PREEMPTED = 9,  /**< Go 1.14+ */
	GOSPY_STATUS_LEAKED = 10,    /**< Go 1.26+ */
	GOSPY_STATUS_DEADEXTRA = 11, /**< Go 1.26+ */
};

/** How far one goroutine's entry can be trusted. */
enum gospy_soundness {
	GOSPY_SOUND = 0,     /**< exact for the instant of the snapshot */
	GOSPY_SOUND_RETRIED, /**< consistent in itself, after being read more than once */
	GOSPY_SOUND_LATE,    /**< consistent, but read after --max-pause had run out */
	GOSPY_SOUND_MOVED,   /**< residue: moved between the copies and was not seen in the stop */
	GOSPY_SOUND_TORN, /**< never read twice alike: its fields may stem from different moments */
	GOSPY_SOUND_UNREADABLE, /**< only `addr` is known */
};

/** Whose code a function is. Its package tells, and where its file lies. */
enum gospy_origin {
	GOSPY_ORIGIN_UNKNOWN = 0, /**< or C code */
	/** Package runtime and those below it, with what it does under the names of other packages,
	   such as sync.runtime_Semacquire; also what the compiler makes. */
	GOSPY_ORIGIN_RUNTIME,
	GOSPY_ORIGIN_STANDARD,   /**< the rest of the standard library */
	GOSPY_ORIGIN_DEPENDENCY, /**< any other module */
	/** The user's own: package main; the main module by build information, and modules that
	   were built from a directory instead of a version; gospy_open_options.own. If there is no
	   build information, or it tells no modules: what lies where package main lies. */
	GOSPY_ORIGIN_OWN,
};

/** A place in the program. Strings are raw bytes of the target: escape them before printing. */
struct gospy_location {
	uint64_t pc;
	const char *func;    /**< name as the runtime prints it; NULL if no function holds pc */
	const char *file;    /**< NULL if unknown */
	uint32_t line;       /**< 0 if unknown */
	const char *wrapper; /**< start only: the compiler's wrapper that calls func, or NULL */
};

/** The channel a goroutine waits on (Go's hchan). A nil channel has addr 0. */
struct gospy_channel {
	uint64_t addr;
	uint64_t cap; /**< hchan.dataqsiz */
	uint64_t len; /**< hchan.qcount */
	uint64_t elem_size;
	bool closed;
};

/** What a goroutine waits for, where one address says it. */
enum gospy_object_kind {
	GOSPY_OBJECT_NONE = 0, /**< nothing of the kind, or unknown */
	GOSPY_OBJECT_CHANNEL,  /**< addr is the hchan: chan receive, chan send */
	/** addr is the word that sync.Mutex, RWMutex and WaitGroup wait at, each for a purpose of
	   its own; wait_reason says whose. */
	GOSPY_OBJECT_SEMAPHORE,
	GOSPY_OBJECT_NOTIFY_LIST, /**< addr is the list in a sync.Cond (Go 1.26+) */
};

/** What a goroutine waits for, as the program has it: one name for one thing, whoever waits for it
 * and in which of its parts. */
enum gospy_wait_kind {
	GOSPY_WAIT_NONE = 0,    /**< nothing of what follows, or it is not known */
	GOSPY_WAIT_CHANNEL,     /**< .wait_addr is the hchan, and .channel what is in it */
	GOSPY_WAIT_NIL_CHANNEL, /**< it waits forever, by its wait reason */
	/** Channels: .select_cases; a select without cases, by its wait reason, has none. */
	GOSPY_WAIT_SELECT,
	/** .wait_addr is the word that the runtime's semacquire waits at. What it is a part of is
	   not known: the runtime's own semaphores, those that a package has got by a linkname. */
	GOSPY_WAIT_SEMAPHORE,
	/** sync.Mutex. Its kind and address come from the word that the goroutine waits at
	   (sudog.elem), its wait reason (Go 1.20+) and the innermost calls of one that waits there
	   (runtime_SemacquireMutex, (*Mutex).lockSlow), and the word's place in the type, which is
	   the same in Go 1.12 to 1.27: src/sync/mutex.go. The same is true of those that follow. */
	GOSPY_WAIT_MUTEX,
	GOSPY_WAIT_INTERNAL_MUTEX, /**< internal/sync.Mutex, used without a sync.Mutex; Go 1.24+ */
	GOSPY_WAIT_RWMUTEX,        /**< sync.RWMutex: its writerSem, its readerSem or its w */
	GOSPY_WAIT_WAITGROUP,      /**< sync.WaitGroup */
	/** sync.Cond: by sudog.elem from Go 1.26 on; before, by the argument of
	   runtime_notifyListWait, whose list leads back to the goroutine. */
	GOSPY_WAIT_COND,
	GOSPY_WAIT_FD_MUTEX, /**< internal/poll.fdMutex: of a file or connection */
	/** IO wait: .wait_addr is the runtime's pollDesc, which names the goroutine (rg, wg), and
	   .wait_fd the descriptor in it. */
	GOSPY_WAIT_FD,
	GOSPY_WAIT_SLEEP, /**< time.Sleep: .wait_addr is g.timer */
	/** It is in a system call, with .syscalls: .syscall. Its status is GOSPY_STATUS_SYSCALL. */
	GOSPY_WAIT_SYSCALL,
};

enum gospy_direction {
	GOSPY_DIRECTION_UNKNOWN = 0,
	GOSPY_RECEIVE, /**< read, of a descriptor */
	GOSPY_SEND,    /**< write, of a descriptor */
};

/** A case of a select that waits. Cases of nil channels are not among them: the runtime leaves them
 * out. */
struct gospy_select_case {
	/** .addr is that of its sudog's c; if the channel cannot be read the rest is
	   GOSPY_UNKNOWN. */
	struct gospy_channel channel;
	/** Known by the queue of the channel that is not empty (recvq, sendq). */
	enum gospy_direction direction;
	bool due_known;
	uint64_t due_ns; /**< as gospy_goroutine.due_ns, of the channel's timer */
};

/** What the kernel says of a descriptor of the target. Addresses are text as in struct
 * gospy_socket; NULL where there is none. Texts are raw. */
struct gospy_descriptor {
	int fd;
	const char *type; /**< "tcp", "udp", "unix", "pipe", or what /proc has for it */
	const char *local, *remote;
	const char *state; /**< of tcp: "ESTABLISHED", "LISTEN", ... */
	/** A process of this machine that has the other end; 0: none is known. It may be the
	   target. */
	pid_t peer_pid;
	const char *peer_comm; /**< its name, or NULL */
	/** Of a connection: bytes that have come and nobody has read; that the other end has not
	   acknowledged. Of one of tcp that listens: connections that nobody has accepted; how many
	   there may be. Else GOSPY_UNKNOWN. */
	uint64_t receive_queue, send_queue;
	/** Of tcp: how long ago data was sent, and received, or since the connection came about if
	   none was; GOSPY_UNKNOWN: the kernel does not say, or it is of a bundle. It counts in
	   ticks of some milliseconds. */
	uint64_t sent_ago_ns, received_ago_ns;
	uint64_t sent, received; /**< bytes in all, or GOSPY_UNKNOWN */
	/** Of tcp: for so long at least the other end has not acknowledged what was sent, although
	   that was sent again; 0: it was not; or GOSPY_UNKNOWN. */
	uint64_t unacked_ns;
	/** Of tcp whose other end is on this machine and has never read anything, be it that nobody
	   has accepted the connection: how long ago the last of what it was sent came there. Else
	   GOSPY_UNKNOWN. */
	uint64_t unread_ns;
};

/** The system call that a goroutine is in, by what the kernel says of its thread: a moment after
 * the instant it was in this one. */
struct gospy_syscall {
	int64_t number;
	const char *name; /**< "read"; NULL: one that gospy has no name for */
	int fd;           /**< its first argument, if that is a descriptor; -1: it is none */
	const struct gospy_descriptor *descriptor; /**< of .fd, with .sockets, or NULL */
};

/** A label set by pprof.Do. Raw bytes of the target. */
struct gospy_label {
	const char *key, *value;
};

/** One goroutine. Unknown pointers are NULL, unknown numbers GOSPY_UNKNOWN, no thread is tid 0. */
struct gospy_goroutine {
	uint64_t addr; /**< of the g */
	uint64_t goid;
	uint64_t parent_goid; /**< Go 1.21+; 0: none */
	enum gospy_status status;
	bool scan;          /**< the GC holds its stack right now (_Gscan) */
	bool locked;        /**< runtime.LockOSThread */
	bool system;        /**< the runtime's own (isSystemGoroutine of that version) */
	bool labels;        /**< pprof labels are set */
	bool channel_known; /**< `channel` is filled */
	enum gospy_object_kind object_kind; /**< with .objects */
	bool durable;                       /**< waits for something of its bubble (Go 1.25+) */
	enum gospy_soundness soundness;
	const char *wait_reason; /**< the process's own text; NULL: none, or it does not wait */
	/** Time since the GC noted that it waits, or GOSPY_UNKNOWN: no cycle did yet. The runtime
	   notes the start of a cycle before, so that this may be longer than the wait. */
	uint64_t wait_ns;
	uint64_t m_id;   /**< M it runs on or is locked to, or GOSPY_UNKNOWN */
	uint64_t m_addr; /**< g.m: the M it runs on, or 0 */
	pid_t tid;       /**< that M's thread in gospy's PID namespace, or 0 */
	uint64_t stack_lo, stack_hi;
	uint64_t sp;                          /**< where an unwind starts, or GOSPY_UNKNOWN */
	const struct gospy_location *start;   /**< function of the go statement */
	const struct gospy_location *creator; /**< the go statement; NULL for goroutine 1 */
	const struct gospy_location *current; /**< where it is; NULL if running and not stopped */
	/** Innermost call of the user's own code, GOSPY_ORIGIN_OWN; where there is none, innermost
	   call outside of the standard library. What cgo makes for calls of C does not count. With
	   .stacks; NULL: there is none, or unknown. */
	const struct gospy_location *user;
	struct gospy_channel channel;
	uint64_t object; /**< address of what it waits for, as object_kind says; else 0 */
	/** Its bubble of testing/synctest, of Go 1.24 the goid of the group's root; 0: none. */
	uint64_t bubble;
	/** Number of its stack, from 1 on; 0: none was read. The same for goroutines at the same
	   program counters, of this snapshot. */
	uint32_t stack_id;
	/** The same for goroutines at the same program counters, in all snapshots of a target; 0:
	   no stack was read. */
	uint64_t stack_hash;
	/** Its profiler labels: with .labels; label_count 0: none are known. */
	const struct gospy_label *label_list;
	size_t label_count;
	enum gospy_origin user_origin; /**< of .user */
	/** Innermost call outside of the runtime: time.Sleep, sync.(*Mutex).Lock ... If all its
	   calls are the runtime's, the innermost that does not only park it. With .stacks; NULL:
	   there is none, or unknown. */
	const struct gospy_location *call;
	/** What it waits for, with .objects. What is behind .wait_addr was read after the instant
	   of the snapshot, and is of a goroutine that had not moved by then. */
	enum gospy_wait_kind wait_kind;
	bool due_known;     /**< .due_ns is */
	bool cases_cut;     /**< it has more cases than .select_cases has */
	uint64_t wait_addr; /**< or 0 */
	/** How long after the instant of the snapshot it goes on by itself: the end of a sleep, the
	   timer of the channel (Go 1.23+), the deadline of an IO wait. 0: that is over. By
	   timer.when, or pollDesc.rd and .wd, against the target's monotonic clock. Not known of
	   what the fake time of a testing/synctest bubble decides. */
	uint64_t due_ns;
	int wait_fd;                               /**< with GOSPY_WAIT_FD */
	const struct gospy_descriptor *descriptor; /**< of .wait_fd, with .sockets, or NULL */
	enum gospy_direction direction; /**< of a channel, by the wait reason; of a descriptor */
	const struct gospy_select_case *select_cases; /**< with GOSPY_WAIT_SELECT */
	size_t select_case_count;
	/** Of one that is parked, how often it has left a processor, modulo 256 (g.trackingSeq, Go
	   1.17+); GOSPY_UNKNOWN: it is not parked, it may leave such a wait uncounted, it is
	   torn, or this Go does not count. If this, goid, sp, stack_hi, place and wait_reason are
	   as in an earlier snapshot, it has been parked all the time (but for a multiple of 256
	   waits at the same place). */
	uint64_t departures;
	/** .wait_ns is how long it waits at least: a core file does not tell when its process died.
	   It was after the newest time that the runtime has noted. */
	bool wait_at_least;
	const struct gospy_syscall *syscall; /**< with GOSPY_WAIT_SYSCALL */
};

/** p.status: src/runtime/runtime2.go. _Psyscall is gone from Go 1.26, where gospy derives it. */
enum gospy_p_status {
	GOSPY_P_IDLE = 0,
	GOSPY_P_RUNNING = 1,
	GOSPY_P_SYSCALL = 2,
	GOSPY_P_GCSTOP = 3,
	GOSPY_P_DEAD = 4,
};

struct gospy_p {
	uint64_t id;
	enum gospy_p_status status;
	uint64_t schedtick;
	uint64_t syscalltick;
	uint64_t m_id;      /**< or GOSPY_UNKNOWN */
	uint64_t runq_size; /**< local run queue, runnext included */
};

struct gospy_m {
	uint64_t id;
	pid_t tid;          /**< in gospy's PID namespace, or 0: no thread */
	uint64_t curg_goid; /**< or GOSPY_UNKNOWN */
	uint64_t p_id;      /**< or GOSPY_UNKNOWN */
	bool spinning, blocked, incgo, locked;
};

/** What a thread does, as its M tells. */
enum gospy_thread_role {
	GOSPY_THREAD_GOROUTINE, /**< it runs one, or is in a system call or in C code for it */
	GOSPY_THREAD_LOCKED,    /**< it waits for the goroutine that is locked to it */
	GOSPY_THREAD_IDLE,      /**< it is parked until there is work */
	GOSPY_THREAD_SCHEDULER, /**< it looks for work, or polls the network */
	GOSPY_THREAD_SYSMON,    /**< runtime.sysmon */
	GOSPY_THREAD_TEMPLATE,  /**< runtime.templateThread, which starts threads for others */
	GOSPY_THREAD_NO_M,      /**< C code, or a thread that is beginning or ending */
	GOSPY_THREAD_IO_WORKER, /**< a worker of io_uring: it runs kernel code only */
};

/** A thread of the target. */
struct gospy_thread {
	pid_t tid;        /**< in gospy's PID namespace */
	const char *comm; /**< its name, unescaped; "" if it is not known */
	/** R, S, D, ... as /proc had it shortly before the instant of the snapshot; '?' for a
	   thread that began since. */
	char state;
	enum gospy_thread_role role;
	uint64_t m_id;    /**< or GOSPY_UNKNOWN: it has none */
	size_t goroutine; /**< index of the one it runs or waits for; SIZE_MAX: none, or unknown */
};

/** Fields of runtime.sched, under their Go names. */
struct gospy_sched {
	uint64_t nmidle, nmspinning, nmfreed, npidle, ngsys, runqsize, goidgen, gomaxprocs;
};

/** Counters of the heap and the GC, as runtime.MemStats defines them. */
struct gospy_heap {
	uint64_t in_use;  /**< HeapInuse */
	uint64_t sys;     /**< HeapSys */
	uint64_t live;    /**< gcController.heapLive (memstats.heap_live before 1.17) */
	uint64_t objects; /**< HeapObjects */
	uint64_t next_gc; /**< NextGC: the goal of the cycle */
	uint64_t num_gc, num_forced_gc;
	uint64_t last_gc_unix_ns; /**< 0: none yet */
	uint64_t pause_total_ns;
	uint64_t last_pause_ns; /**< of the last cycle (MemStats.PauseNs); 0: none yet */
};

/** CPU time by use. It is wall-clock time of P's, as the runtime counts it. */
struct gospy_gc_cpu {
	uint64_t assist_ns;    /**< goroutines that mark as they allocate */
	uint64_t dedicated_ns; /**< background workers on P's of their own, and fractional ones */
	uint64_t idle_ns;      /**< background workers on P's that had nothing to do */
	uint64_t pause_ns;     /**< all P's while the world was stopped; unknown in .mark_cpu */
	uint64_t total_ns;     /**< of all P's, GC or not; unknown in .mark_cpu */
};

struct gospy_thread_counts {
	uint64_t total, running, sleeping, stopped, zombie;
};

struct gospy_goroutine_counts {
	uint64_t total; /**< what runtime.NumGoroutine counts: alive and not the runtime's own */
	uint64_t idle, runnable, running, syscall, waiting, other; /**< they add up to total */
	uint64_t system;                                           /**< alive, the runtime's own */
	uint64_t dead; /**< freed g's that the runtime keeps */
};

/** What a snapshot does not hold although it was asked for: it cannot be so in a Go process, or is
 * more than a snapshot may take, so that its memory stays within 256 MiB and 400 bytes a goroutine.
 */
struct gospy_missing {
	/** Of runtime.allgs: no g is there, or one that is there already. With GOSPY_SCOPE_RUNNING
	   of the M's: there can be no g where the M's is said to be. */
	uint64_t entries;
	uint64_t stacks;    /**< goroutines whose stack is not shown, or not all of it */
	uint64_t arguments; /**< goroutines whose arguments are not shown */
	uint64_t ancestors; /**< goroutines whose ancestors are not shown */
	uint64_t labels;    /**< goroutines whose labels are not shown */
};

struct gospy_snapshot_info {
	uint64_t time_unix_ns; /**< instant of the snapshot, wall clock */
	uint64_t uptime_ns;    /**< of the target at that instant */
	/** Nothing was stopped, each goroutine was validated: as was asked, or see .not_stopped. */
	bool non_blocking;
	/** What is marked GOSPY_SOUND is of one instant: all that ran was stopped, or nothing ran.
	 */
	bool instant;
	bool exact;
	bool stacks, arguments, native; /**< what was asked for */
	bool labels_printed;            /**< the runtime's tracebacks show labels (Go 1.26+) */
	/** Under GOTRACEBACK=system its tracebacks name the g and the m (Go 1.22+). */
	bool addresses_printed;
	/** How long a thread stood still at most that would have run; 0: nothing had to be stopped.
	 */
	uint64_t paused_ns;
	uint64_t stopped_threads; /**< those that ran, or were about to: of .threads.total */
	/** Why the process was not stopped although that was asked for; or NULL. */
	const char *not_stopped;
	uint64_t total_ns; /**< the whole capture */
	uint64_t active;   /**< goroutines that were read while it stood still */
	uint64_t consistent, retried, late, moved, torn, unreadable; /**< entries by soundness */
	/** What is missing from this snapshot, or NULL: complete. */
	const char *problem;
	struct gospy_missing missing;
	struct gospy_goroutine_counts goroutines;
	struct gospy_thread_counts threads;
	struct gospy_sched sched;
	struct gospy_heap heap;
	size_t p_count;
	size_t m_count;
	enum gospy_scope scope; /**< as was asked */
	/** Of the GC since the start, up to the end of the last cycle; Go 1.20+. */
	struct gospy_gc_cpu gc_cpu;
	/** With more threads than that the program ends: debug.SetMaxThreads. GOSPY_UNKNOWN. */
	uint64_t max_threads;
};

/**
 * Take a snapshot. GOSPY_E_USAGE (.native and .non_blocking), GOSPY_E_UNSUPPORTED (.native, and
 * gospy was built without it), GOSPY_E_GONE (ended or exec'ed), _PERM (may not stop: another tracer
 * is named, non_blocking may still work), _LIMIT (could not even be stopped within max_pause_ns),
 * _FAULT, _BAD_DATA, _CANCELLED. Single goroutines that cannot be read do not fail the call; they
 * are marked.
 */
GOSPY_API enum gospy_code gospy_snapshot_take(struct gospy_target *target,
					      const struct gospy_snapshot_options *options,
					      struct gospy_snapshot **ret, struct gospy_error *err)
	__attribute__((warn_unused_result));
/** NULL is allowed. What came out of the snapshot goes with it. */
GOSPY_API void gospy_snapshot_destroy(struct gospy_snapshot *snapshot);
/** Never NULL; the snapshot's. */
GOSPY_API const struct gospy_snapshot_info *
gospy_snapshot_info(const struct gospy_snapshot *snapshot);

/** Number of g's of every kind, dead and system ones included; indexes run in allgs order. With
 * GOSPY_SCOPE_RUNNING: see there. */
GOSPY_API size_t gospy_snapshot_goroutine_count(const struct gospy_snapshot *snapshot);
/** As gospy_snapshot_goroutine, with the size of `*ret`. */
GOSPY_API void gospy_snapshot_goroutine_sized(struct gospy_snapshot *snapshot, size_t index,
					      struct gospy_goroutine *ret, size_t ret_size);
/** Decode goroutine `index`, less than gospy_snapshot_goroutine_count(), into `ret`; cheap, nothing
 * is allocated. */
static inline void gospy_snapshot_goroutine(struct gospy_snapshot *snapshot, size_t index,
					    struct gospy_goroutine *ret)
{
	gospy_snapshot_goroutine_sized(snapshot, index, ret, sizeof(*ret));
}

/** One call, as a traceback names it. Strings are raw bytes of the target. */
struct gospy_frame {
	const char *func; /**< name as the runtime prints it; NULL: unreadable */
	const char *file; /**< NULL if unknown */
	uint32_t line;    /**< 0 if unknown */
	uint64_t pc;      /**< of the physical frame: a return address, unless `interrupted` */
	uint64_t entry;   /**< of the physical function */
	/** Of the physical frame: stack pointer, and that of its caller; 0: not known. */
	uint64_t sp, fp;
	bool inlined;     /**< a call inlined into the next frame that is not */
	bool interrupted; /**< it was at `pc`, not in a call that returns there */
	/** The runtime's traceback leaves it out: its own code, or a wrapper. Under
	   GOTRACEBACK=system it does not. */
	bool hidden;
	bool elided; /**< the runtime's traceback leaves it out: too many */
	/** Found by frame pointers behind code that is not Go's: callees of it may be missing. */
	bool by_frame_pointer;
	/** What stands between the parentheses; NULL: not known, or `inlined`. */
	const char *args;
	bool native;          /**< C code: `func` is the symbol's name, NULL if none is there */
	const char *module;   /**< path of the file it is in; NULL: unknown, or not `native` */
	uint64_t module_base; /**< address of the first byte of that file */
};

/** A goroutine that started another one, and where it was when it did. */
struct gospy_ancestor {
	uint64_t goid;
	const struct gospy_frame *frames; /**< innermost call first, without arguments */
	size_t frame_count;
	bool elided;                          /**< there were more frames than the runtime keeps */
	const struct gospy_frame *created_by; /**< as in struct gospy_stack, may be .hidden */
};

/** A goroutine's stack, innermost call first. */
struct gospy_stack {
	const struct gospy_frame *frames;
	size_t frame_count;
	/** Of them, those of C code: they come first. */
	size_t native_count;
	/** Why C code could not be followed to the Go code that called it, at `native_end_addr`;
	   NULL: it could. */
	const char *native_problem;
	uint64_t native_end_addr;
	/** The line that stands for the elided frames; NULL: none. */
	const char *elision;
	size_t elision_at; /**< of the frame that it stands before; frame_count: after all */
	uint64_t elided;   /**< calls that are left out because there are too many */
	/** Of them, those that were counted and are not in `frames`; they would stand before the
	   frame `left_out_at`. 0: none. */
	uint64_t left_out;
	size_t left_out_at;
	uint64_t foreign_pc; /**< of the code before the frames found by frame pointers; or 0 */
	/** Why the walk could not go on, at `end_addr`; NULL: the stack is complete. */
	const char *problem;
	uint64_t end_addr;
	/** The go statement; NULL where the runtime's traceback has none, either. It may be
	   .hidden. */
	const struct gospy_frame *created_by;
	/** With GODEBUG=tracebackancestors=N: the one that started it first, then who started
	   that. */
	const struct gospy_ancestor *ancestors;
	size_t ancestor_count;
	bool ancestors_unread;            /**< it has some that could not be read */
	const enum gospy_origin *origins; /**< of each of `frames` */
	/** Of each of `frames`, the line that its function begins at, of an inlined call too; 0:
	   not known (before Go 1.20; C code). */
	const uint32_t *start_lines;
};

/** As gospy_snapshot_stack, with the size of `*ret`. */
GOSPY_API enum gospy_code gospy_snapshot_stack_sized(struct gospy_snapshot *snapshot, size_t index,
						     struct gospy_stack *ret, size_t ret_size,
						     struct gospy_error *err)
	__attribute__((warn_unused_result));
/**
 * The stack of goroutine `index`, of a snapshot taken with .stacks. `*ret` is valid until the next
 * call of this function. GOSPY_E_NOT_FOUND: none was read (it is running and was not stopped, say);
 * then .created_by is filled all the same. GOSPY_E_NOMEM.
 */
__attribute__((warn_unused_result)) static inline enum gospy_code
gospy_snapshot_stack(struct gospy_snapshot *snapshot, size_t index, struct gospy_stack *ret,
		     struct gospy_error *err)
{
	return gospy_snapshot_stack_sized(snapshot, index, ret, sizeof(*ret), err);
}

/** As gospy_snapshot_thread_stack, with the size of `*ret`. */
GOSPY_API enum gospy_code
gospy_snapshot_thread_stack_sized(struct gospy_snapshot *snapshot, size_t index,
				  struct gospy_stack *ret, size_t ret_size, struct gospy_error *err)
	__attribute__((warn_unused_result));
/**
 * What runs on thread `index`, of a snapshot taken with .threads, .native and .stacks: C code, then
 * the stack of its goroutine or, without one (or where that is not sound), the runtime's calls.
 * Otherwise as gospy_snapshot_stack, with which it shares the memory of `*ret`. There is no
 * .created_by.
 */
__attribute__((warn_unused_result)) static inline enum gospy_code
gospy_snapshot_thread_stack(struct gospy_snapshot *snapshot, size_t index, struct gospy_stack *ret,
			    struct gospy_error *err)
{
	return gospy_snapshot_thread_stack_sized(snapshot, index, ret, sizeof(*ret), err);
}

/** All P's in the order of their ids: gospy_snapshot_info.p_count of them, the snapshot's. */
GOSPY_API const struct gospy_p *gospy_snapshot_ps(const struct gospy_snapshot *snapshot);
/** All M's in the order of runtime.allm: gospy_snapshot_info.m_count of them, the snapshot's. */
GOSPY_API const struct gospy_m *gospy_snapshot_ms(const struct gospy_snapshot *snapshot);
/** All threads, of a snapshot taken with .threads; `*n_ret` entries. */
GOSPY_API const struct gospy_thread *gospy_snapshot_threads(const struct gospy_snapshot *snapshot,
							    size_t *n_ret);

/** Why it is not certain that a goroutine holds a lock. */
enum gospy_doubt {
	GOSPY_DOUBT_NONE = 0,
	GOSPY_DOUBT_PATHS,   /**< it is not held on all ways through the code to where it is */
	GOSPY_DOUBT_MEMORY,  /**< a word of memory led to the lock, which may have changed since */
	GOSPY_DOUBT_CALLEE,  /**< a call that it made meanwhile may have released it */
	GOSPY_DOUBT_STATE,   /**< the lock says otherwise, or was not read at the same instant */
	GOSPY_DOUBT_SEVERAL, /**< others seem to hold it as well */
	GOSPY_DOUBT_HEAP,    /**< the heap says so, but was read while the target ran */
};

/** A goroutine that holds a lock, or may do. */
struct gospy_holder {
	size_t goroutine; /**< its index */
	bool reader;      /**< by RLock */
	/** GOSPY_DOUBT_NONE: by what its code has done, it has taken the lock and not released it.
	   Another goroutine may release it all the same: Go allows that. */
	enum gospy_doubt doubt;
	const struct gospy_location *at; /**< where it was taken, or NULL */
};

/** An object of package sync that goroutines wait for. Unknown numbers are GOSPY_UNKNOWN. */
struct gospy_object {
	uint64_t addr;             /**< gospy_goroutine.wait_addr of those who wait for it */
	enum gospy_wait_kind kind; /**< their .wait_kind: Mutex, RWMutex, WaitGroup or Cond */
	uint64_t locked;           /**< of a Mutex: 1 or 0; of a RWMutex: for writing */
	uint64_t waiters;          /**< of a Mutex or WaitGroup, as it counts them */
	uint64_t readers;          /**< of a RWMutex: those that have it */
	uint64_t readers_waiting;  /**< of a RWMutex: for a writer */
	uint64_t counter;          /**< of a WaitGroup */
	const struct gospy_holder *holders;
	size_t holder_count;
	const char *symbol;  /**< the global variable that it is in, or NULL */
	uint64_t symbol_off; /**< and where in it */
	uint64_t lock;       /**< of a Cond: where the lock is that its L leads to, or 0 */
};

struct gospy_objects {
	const struct gospy_object *objects; /**< by address */
	size_t count;
	/** Goroutines, by index, that release a lock which they have not taken: locks may be
	   released by others than those who have taken them, then. */
	const size_t *releasers;
	size_t releaser_count;
	bool cut; /**< there was more to look at than was looked at: holders may be missing */
};

/** As gospy_snapshot_objects, with the size of `*ret`. */
GOSPY_API void gospy_snapshot_objects_sized(const struct gospy_snapshot *snapshot,
					    struct gospy_objects *ret, size_t ret_size);
/** What was found with .holder_limit; the snapshot's. All that is said is of one instant, at which
 * each waiter and each holder without doubt was where the snapshot has it. */
static inline void gospy_snapshot_objects(const struct gospy_snapshot *snapshot,
					  struct gospy_objects *ret)
{
	gospy_snapshot_objects_sized(snapshot, ret, sizeof(*ret));
}

/* -------------------------------------------------------------------------- leaked goroutines --
 */

/** Can a goroutine that waits for something which only others can do ever run again? */
enum gospy_leak_verdict {
	GOSPY_LEAK_NONE = 0,
	/** Nothing that may run seemed to have what it waits for, but that is not certain. */
	GOSPY_LEAK_LIKELY,
	/** Nothing that may run had what it waits for at one instant, so nothing ever will, but see
	   .locks of the options; or it waits for a nil channel, or in a select without cases. */
	GOSPY_LEAK_PROVED,
};

struct gospy_leak_peer;

struct gospy_leak_options {
	size_t size; /**< sizeof(struct gospy_leak_options) */
	/** Never stop the target: verdicts are GOSPY_LEAK_LIKELY at most, but for those that need
	   no look. */
	bool non_blocking;
	/** Longest time to hold the target; 0: one second. If the proof would take longer, or does,
	   there is none. */
	uint64_t max_pause_ns;
	/** Bytes of memory that may be used for the heap, about a quarter of what it has in objects
	   with pointers; 0: a quarter of what is available, to this machine and to the
	   cgroup of this process. What does not fit counts as alive. */
	uint64_t max_memory;
	int64_t cancel_fd; /**< give up when this becomes readable; 0: none */
	/** Called before the stop: how long it is going to be; `made` is false if that is too long.
	   May be NULL. */
	void (*predicted)(void *ctx, uint64_t pause_ns, bool made);
	void *predicted_ctx;
	/** As in gospy_snapshot_options; in GOSPY_PHASE_HEAP, too. */
	void (*progress)(void *ctx, enum gospy_progress_phase phase, uint64_t done, uint64_t total);
	void *progress_ctx;
	/** What else its snapshot has, as in gospy_snapshot_options, and the next
	   ones. */
	uint64_t holder_limit;
	bool sockets, threads, figures, syscalls;
	bool paths;  /**< for gospy_leaks_path(): takes half as much time and memory again */
	bool labels; /**< its snapshot has profiler labels */
	/** Called with the snapshot, taken with .holder_limit: which of its goroutines wait for a
	   lock, and who has it for certain, `*n_ret` pairs that stay until gospy_leaks_find()
	   returns. Nobody else may release these locks. Who waits for one that is leaked is leaked
	   himself then, although anybody may have the lock: without this such a goroutine is none.
	   May be NULL. */
	enum gospy_code (*locks)(void *ctx, struct gospy_snapshot *snapshot,
				 const struct gospy_leak_peer **ret, size_t *n_ret,
				 struct gospy_error *err);
	void *locks_ctx;
};

/** A goroutine that may have been leaked. */
struct gospy_leak {
	size_t goroutine; /**< its index in the snapshot */
	enum gospy_leak_verdict verdict;
	const char *why; /**< in words, for a person */
};

/** One that waits, and one that could end that if it ever ran: indexes in the snapshot. */
struct gospy_leak_peer {
	size_t goroutine, other;
};

/** How it was found. */
struct gospy_leak_info {
	uint64_t candidates;   /**< goroutines that wait for what only others can do */
	uint64_t live;         /**< of these, those that may run again */
	uint64_t objects;      /**< of the heap, allocated */
	uint64_t heap_bytes;   /**< of these */
	uint64_t scanned;      /**< bytes of the heap that were looked through for pointers */
	uint64_t predicted_ns; /**< how long the stop was to be */
	uint64_t paused_ns;    /**< how long it was; 0: there was none */
	uint64_t stopped_threads;
	const char *not_proved; /**< why there is no proof although one was needed, or NULL */
	const char *problem;    /**< what of the heap is not known, and counts as alive, or NULL */
	/** Of a bundle whose heap was copied before its goroutines: candidates that began to wait
	   after that. What has what they wait for is not known, so they are no leaks, nor alive. */
	uint64_t unknown;
};

/** The goroutines of a target that can never run again, with the snapshot that they are of. */
struct gospy_leaks;
struct gospy_graph_path;

/**
 * Find goroutines that nobody can wake, as Go 1.27's goroutineleak profile does, in any version
 * from 1.12 on: nothing that may run can reach what they wait for. The heap is read while the
 * target runs; a stop proves what was found. Errors as gospy_snapshot_take; GOSPY_E_UNSUPPORTED:
 * layouts of the heap are not known, or it is a bundle without the heap.
 */
GOSPY_API enum gospy_code gospy_leaks_find(struct gospy_target *target,
					   const struct gospy_leak_options *options,
					   struct gospy_leaks **ret, struct gospy_error *err)
	__attribute__((warn_unused_result));
/** NULL is allowed. Its snapshot goes with it. */
GOSPY_API void gospy_leaks_destroy(struct gospy_leaks *leaks);
/** Those whose verdict is not GOSPY_LEAK_NONE, by index; `*n_ret` entries. */
GOSPY_API const struct gospy_leak *gospy_leaks_get(const struct gospy_leaks *leaks, size_t *n_ret);
/**
 * Of goroutines that are proved to be leaked, or if nothing could be proved of all that are likely
 * to be: who of the others has what one waits for, on its stack or in objects that only it refers
 * to. Nobody else does; so where that leads back to the first one, they wait for each other. Those
 * that wait for the same are no peers, and of more than 65,536 pairs the rest is left out. `*n_ret`
 * entries, the handle's.
 */
GOSPY_API const struct gospy_leak_peer *gospy_leaks_peers(const struct gospy_leaks *leaks,
							  size_t *n_ret);
/** Never NULL; the handle's. */
GOSPY_API const struct gospy_leak_info *gospy_leaks_info(const struct gospy_leaks *leaks);
/** The snapshot, with .objects and .stacks; the handle's. */
GOSPY_API struct gospy_snapshot *gospy_leaks_snapshot(const struct gospy_leaks *leaks);

/**
 * What still refers to what a goroutine of the snapshot waits for, be it leaked or not: a shortest
 * path from a root, its own stack apart. .root is NULL if nothing that may run has it: then the
 * steps are objects that nobody has either. The path is that handle's. GOSPY_E_NOT_FOUND: it waits
 * for nothing that others may have; GOSPY_E_USAGE: they were found without .paths.
 */
GOSPY_API enum gospy_code gospy_leaks_path(struct gospy_leaks *leaks, size_t goroutine,
					   const struct gospy_graph_path **ret,
					   struct gospy_error *err)
	__attribute__((warn_unused_result));

/* --------------------------------------------------------------------------------- statistics --
 */

/** How gospy_memstats_read and gospy_stats_read read. */
struct gospy_read_options {
	size_t size; /**< sizeof(struct gospy_read_options) */
	/** Never stop the target: read twice and compare. */
	bool non_blocking;
	/** Longest time to hold the target; 0: one second. */
	uint64_t max_pause_ns;
	int64_t cancel_fd; /**< give up when this becomes readable; 0: none */
};

/** How and when figures were read. */
struct gospy_reading {
	uint64_t time_unix_ns; /**< the instant they are of, wall clock */
	uint64_t paused_ns;    /**< see struct gospy_snapshot_info */
	/** GOSPY_SOUND; _RETRIED: only a later attempt found the figures at rest; _TORN: none did,
	   so they may stem from different moments, or be off by what was being counted. */
	enum gospy_soundness soundness;
	/** Something is GOSPY_UNKNOWN that this Go version has; or NULL. */
	const char *problem;
};

enum {
	GOSPY_SIZE_CLASSES = 61, /**< len(MemStats.BySize) */
	GOSPY_GC_PAUSES = 256,   /**< len(MemStats.PauseNs) */
};

/** An entry of MemStats.BySize. */
struct gospy_size_class {
	uint64_t size, mallocs, frees;
};

/** The end of a GC cycle: an entry of MemStats.PauseNs and PauseEnd. */
struct gospy_gc_pause {
	uint64_t gc;          /**< number of the cycle, from 1 on */
	uint64_t pause_ns;    /**< all its pauses together */
	uint64_t end_unix_ns; /**< wall clock */
};

/** runtime.gcphase: src/runtime/mgc.go, same numbers in Go 1.12-1.27. */
enum gospy_gc_phase {
	GOSPY_GC_OFF = 0, /**< no marking; there may be sweeping */
	GOSPY_GC_MARK = 1,
	GOSPY_GC_MARK_TERMINATION = 2,
	GOSPY_GC_UNKNOWN,
};

/**
 * What runtime.ReadMemStats would return, under its names (runtime.MemStats documents them), and
 * what else is known of the GC. Bytes, or counts.
 */
struct gospy_memstats {
	uint64_t alloc, total_alloc, sys, lookups, mallocs, frees;
	uint64_t heap_alloc, heap_sys, heap_idle, heap_inuse, heap_released, heap_objects;
	uint64_t stack_inuse, stack_sys, mspan_inuse, mspan_sys, mcache_inuse, mcache_sys;
	uint64_t buck_hash_sys, gc_sys, other_sys;
	/** Heap_alloc to reach before the next cycle ends: the goal. With GOGC=off before Go 1.19
	   it is UINT64_MAX itself; then .gc_percent is negative. */
	uint64_t next_gc;
	uint64_t last_gc_unix_ns; /**< LastGC; 0: none yet */
	uint64_t pause_total_ns, num_gc, num_forced_gc;
	double gc_cpu_fraction; /**< negative: unknown */
	bool enable_gc, debug_gc;
	size_t pause_count;                            /**< of .pauses */
	struct gospy_gc_pause pauses[GOSPY_GC_PAUSES]; /**< the newest last */
	size_t by_size_count;                          /**< GOSPY_SIZE_CLASSES, or 0: unknown */
	struct gospy_size_class by_size[GOSPY_SIZE_CLASSES];

	/* What MemStats does not have. */
	enum gospy_gc_phase gc_phase;
	bool gc_percent_known;
	int64_t gc_percent;    /**< GOGC; negative: off */
	uint64_t memory_limit; /**< GOMEMLIMIT, Go 1.19+; INT64_MAX: none */
	uint64_t heap_live;    /**< bytes marked by the last cycle and allocated since */
	uint64_t heap_marked;  /**< bytes that the last cycle has marked */
	/** Live heap when the last cycle began, and when it had marked; Go 1.19+. */
	uint64_t heap_before, heap_after;
	uint64_t uptime_ns; /**< of the process */
	uint64_t gomaxprocs;
	/** Of the cycle that runs; while .gc_phase is off of the last one. */
	struct gospy_gc_cpu mark_cpu;
	/** Since the start, up to the end of the last cycle; Go 1.20+. */
	struct gospy_gc_cpu cpu;
	struct gospy_reading reading;
};

/** As gospy_memstats_read, with the size of `*ret`. */
GOSPY_API enum gospy_code
gospy_memstats_read_sized(struct gospy_target *target, const struct gospy_read_options *options,
			  struct gospy_memstats *ret, size_t ret_size, struct gospy_error *err)
	__attribute__((warn_unused_result));
/**
 * Read the memory statistics: some hundred small pieces of memory, whatever the size of the heap.
 * `options` may be NULL. Errors as gospy_snapshot_take; figures that cannot be known do not fail
 * the call, they are GOSPY_UNKNOWN.
 */
__attribute__((warn_unused_result)) static inline enum gospy_code
gospy_memstats_read(struct gospy_target *target, const struct gospy_read_options *options,
		    struct gospy_memstats *ret, struct gospy_error *err)
{
	return gospy_memstats_read_sized(target, options, ret, sizeof(*ret), err);
}

/** Counts of what the scheduler has, without a look at each goroutine. */
struct gospy_stats {
	uint64_t goroutines; /**< runtime.NumGoroutine */
	uint64_t
		threads; /**< M's ever made that are left: the length of the threadcreate profile */
	uint64_t gomaxprocs;
	uint64_t num_cpu; /**< runtime.NumCPU: CPUs that it could use when it was started */
	uint64_t p_idle, p_running, p_syscall, p_gcstop; /**< P's by status */
	uint64_t m_idle, m_spinning, m_incgo, m_locked;  /**< M's; some may be two of these */
	uint64_t runq_global, runq_local; /**< goroutines in run queues; those of P's together */
	uint64_t timers;     /**< in the heaps, stopped ones that are still in there included */
	uint64_t finalizers; /**< queued to be run */
	uint64_t cleanups;   /**< queued to be run, Go 1.25+ */
	uint64_t netpoll_waiters; /**< goroutines that wait for the network poller */
	uint64_t cgo_calls;       /**< runtime.NumCgoCall */
	struct gospy_reading reading;
};

/** As gospy_stats_read, with the size of `*ret`. */
GOSPY_API enum gospy_code
gospy_stats_read_sized(struct gospy_target *target, const struct gospy_read_options *options,
		       struct gospy_stats *ret, size_t ret_size, struct gospy_error *err)
	__attribute__((warn_unused_result));
/** Read the counts. `options` may be NULL. Errors as gospy_memstats_read. */
__attribute__((warn_unused_result)) static inline enum gospy_code
gospy_stats_read(struct gospy_target *target, const struct gospy_read_options *options,
		 struct gospy_stats *ret, struct gospy_error *err)
{
	return gospy_stats_read_sized(target, options, ret, sizeof(*ret), err);
}

/* --------------------------------------------------------------------------------- heap graph --
 */

/** The objects of a heap: of which types they are, and what points to what. */
struct gospy_graph;

struct gospy_graph_options {
	size_t size; /**< sizeof(struct gospy_graph_options) */
	/** Bytes that may be used up to hold it; 0: a quarter of what is available, to this machine
	   and to the cgroup of this process. Beyond it the heap is known in part: .partial. */
	uint64_t max_memory;
	/** Remember for each object by which other one it is reached: for gospy_graph_who(). */
	bool paths;
	/** Hold the target while its heap is copied, if that takes no longer than .max_pause_ns.
	   Else it runs meanwhile. */
	bool stop;
	/** Find out what types retain: as much memory again as the graph takes, and more. */
	bool retained;
	uint64_t max_pause_ns; /**< with .stop; 0: one second */
	int64_t cancel_fd;     /**< give up when this becomes readable; 0: none */
	/** As in gospy_snapshot_options; in GOSPY_PHASE_HEAP and GOSPY_PHASE_TYPES. */
	void (*progress)(void *ctx, enum gospy_progress_phase phase, uint64_t done, uint64_t total);
	void *progress_ctx;
	/** With .paths: find out who refers to the objects at these addresses:
	   gospy_graph_referrers(). */
	const uint64_t *watched;
	size_t watched_count;
};

/** Objects and bytes. A slot of the heap counts as large as it is: runtime.MemStats does it so. */
struct gospy_graph_sum {
	uint64_t objects, bytes;
};

struct gospy_graph_info {
	uint64_t time_unix_ns; /**< when it was begun, wall clock */
	uint64_t total_ns;     /**< how long it took */
	/** It is of one instant: nothing ran. Else objects may have moved from one place to another
	   while they were copied, so that some count as garbage that are not. */
	bool instant;
	struct gospy_graph_sum allocated; /**< HeapObjects, HeapAlloc */
	struct gospy_graph_sum reachable; /**< from globals, stacks and what else is a root */
	struct gospy_graph_sum typed;     /**< of the reachable ones, those whose type is known */
	uint64_t pointers;                /**< between objects */
	uint64_t spans, goroutines;
	uint64_t scanned;       /**< bytes of memory that pointers were looked for in */
	uint64_t unknown_spans; /**< that could not be looked at: their objects count as reachable
				 */
	uint64_t unread;    /**< stacks and other roots that could not be read, or in part only */
	bool partial;       /**< .max_memory was used up */
	bool types_cut;     /**< types were not followed to their end: that took too long */
	uint64_t memory;    /**< bytes that the graph takes */
	uint64_t paused_ns; /**< how long a thread was held at most; 0: none was */
	/** With .stop: why it ran on meanwhile; or NULL. */
	const char *not_stopped;
	const char *problem; /**< what is missing, for a person; NULL: nothing */
};

/** What the reachable objects of one type are; where the type is not known, those of one size. */
struct gospy_graph_type {
	const char *name; /**< as Go writes it; NULL: the type is not known */
	uint64_t slot;    /**< without a type: bytes of each object; 0: more than 32 KiB */
	bool pointers;    /**< without a type: may they have pointers? */
	struct gospy_graph_sum sum;
	/** With .retained: bytes that would be freed with them, their own included; of one that is
	   freed with another one of this type nothing counts again. Else GOSPY_UNKNOWN. */
	uint64_t retained;
};

/**
 * Read the heap of the target, which runs on meanwhile, without .stop. GOSPY_E_UNSUPPORTED:
 * the runtime's layout is not known well enough; the rest as gospy_snapshot_take.
 */
GOSPY_API enum gospy_code gospy_graph_take(struct gospy_target *target,
					   const struct gospy_graph_options *options,
					   struct gospy_graph **ret, struct gospy_error *err)
	__attribute__((warn_unused_result));
/** Never NULL; the graph's. */
GOSPY_API const struct gospy_graph_info *gospy_graph_info(const struct gospy_graph *graph);
/** By bytes, with .retained by what they retain, most first; `*n_ret` entries. Names are raw bytes
 * of the target. */
GOSPY_API const struct gospy_graph_type *gospy_graph_types(const struct gospy_graph *graph,
							   size_t *n_ret);

/** A step of a path. */
struct gospy_graph_step {
	const char *name; /**< type of the object, or "? 48 B with pointers" */
	uint64_t addr;    /**< of the first object; 0: the path is that of several */
	bool repeats;     /**< more of the same type follow, one behind the other */
	/** Where in it the pointer is that leads to the next one: ".jobs", "[3].next"; NULL: that
	   is not known, as it is of the last one, and of paths of several. Raw bytes of the target.
	 */
	const char *field;
};

/** What keeps objects alive: a shortest path from a root. */
struct gospy_graph_path {
	struct gospy_graph_sum sum; /**< of the objects at its end that are asked for */
	/** "main.cache", "0x5a1b20" (a global without a name), "stack of main.worker",
	   "finalizer"; raw text of the target. */
	const char *root;
	const struct gospy_graph_step *steps;
	size_t step_count; /**< the last one is the object */
};

/** Paths to objects of one type, or to one object. */
struct gospy_graph_paths {
	const char *name;                     /**< type of the objects */
	uint64_t addr;                        /**< of the one object, or 0 */
	struct gospy_graph_sum sum;           /**< of all objects */
	const struct gospy_graph_path *paths; /**< by bytes, most first */
	size_t path_count;
	size_t more; /**< paths that are left out */
	/** Of one object: where in it the address is, ".mu"; NULL: that is not known. */
	const char *field;
};

/**
 * What keeps the objects of a type alive, which is named as gospy_graph_types() names it; or one
 * object, by an address in it, "0xc000012345"; NULL: all objects. At most `most` paths. The result
 * is the graph's.
 * GOSPY_E_NOT_FOUND: there is no such object, or nothing leads to it; GOSPY_E_USAGE: the graph was
 * taken without .paths.
 */
GOSPY_API enum gospy_code gospy_graph_who(struct gospy_graph *graph, const char *what, size_t most,
					  const struct gospy_graph_paths **ret,
					  struct gospy_error *err)
	__attribute__((warn_unused_result));
/** A root that leads to an object which was asked about. */
struct gospy_graph_referrer {
	size_t watched;   /**< index of its address */
	uint64_t goid;    /**< the stack of this goroutine; GOSPY_UNKNOWN: another root */
	const char *root; /**< as in gospy_graph_path */
	unsigned steps;   /**< objects between the two; roots that are further away are not told */
};

/** Who refers to the objects of .watched, by these; `*n_ret` entries, the graph's. Each goroutine
 * and each global is told once. `*cut_ret`: there may be more. Without a stop a reference that
 * moved while the heap was read may be missing, or be gone. */
GOSPY_API const struct gospy_graph_referrer *gospy_graph_referrers(const struct gospy_graph *graph,
								   size_t *n_ret, bool *cut_ret);
/** What a part of an object holds. All three are text of the target or made of it: raw bytes. */
struct gospy_graph_value {
	const char *field; /**< where it is: ".name", "[3].next"; "" if it is the whole object */
	const char *type;  /**< as Go writes it, or "" */
	const char *value; /**< "42", "\"text\"", "0xc012345", "nil", "len 3 cap 4 at 0xc0123" */
};

/**
 * What is in the object at an address in it, now: it may have changed since the graph was taken. At
 * most `most` parts; `*more_ret`: there are others. The result is the graph's.
 * GOSPY_E_NOT_FOUND: there is no such object; GOSPY_E_UNSUPPORTED: its type is not known;
 * GOSPY_E_FAULT: it cannot be read.
 */
GOSPY_API enum gospy_code gospy_graph_values(struct gospy_graph *graph, uint64_t addr, size_t most,
					     const struct gospy_graph_value **ret, size_t *n_ret,
					     bool *more_ret, struct gospy_error *err)
	__attribute__((warn_unused_result));
/** NULL is allowed. To be called before the target is closed. */
GOSPY_API void gospy_graph_destroy(struct gospy_graph *graph);

/* ------------------------------------------------------------------------- processes, versions --
 */

/** One Go process on this machine. */
struct gospy_process {
	pid_t pid, ppid;
	pid_t ns_pid; /**< in its own PID namespace; `pid` if that is gospy's */
	uid_t uid;
	const char *comm; /**< thread-group name, unescaped */
	const char *name; /**< the same, not cut off after 15 bytes if the command line tells */
	const char *exe;  /**< path as its mount namespace names it, "(deleted)" cut off */
	bool exe_deleted;
	const char *go_version; /**< NULL if the version could not be read though it is Go */
	bool agent;             /**< a live gops agent has its port file */
	bool is_go;             /**< false: an ancestor that a tree needs, or it is not known */
	const char *problem;    /**< why something of it is not known, or NULL */
};

struct gospy_process_list;

/** How processes are looked at. */
struct gospy_process_options {
	size_t size;       /**< sizeof(struct gospy_process_options) */
	int64_t cancel_fd; /**< give up when this becomes readable; 0: none */
	/** For gospy_process_info_create_with: watch its CPU use for that long; 0: do not. */
	uint64_t sample_ns;
	/** For gospy_process_list_create_with: find out what gospy_process_list_details() tells. */
	bool details;
};

/** Look at every process of /proc; processes sorted by pid. `options` may be NULL. Owned by the
 * caller. GOSPY_E_OS (/proc cannot be listed, say), _NOMEM, _CANCELLED. */
GOSPY_API enum gospy_code
gospy_process_list_create_with(const struct gospy_process_options *options,
			       struct gospy_process_list **ret, struct gospy_error *err)
	__attribute__((warn_unused_result));
/** The same without options. */
GOSPY_API enum gospy_code gospy_process_list_create(struct gospy_process_list **ret,
						    struct gospy_error *err)
	__attribute__((warn_unused_result));
/** NULL is allowed. */
GOSPY_API void gospy_process_list_destroy(struct gospy_process_list *list);
/** The Go processes, the processes of which that is not known, and the ancestors of both, sorted by
 * pid. */
GOSPY_API const struct gospy_process *gospy_process_list_get(const struct gospy_process_list *list,
							     size_t *n_ret);
/** Processes whose executable may not be read, so that it is unknown what they are. */
GOSPY_API size_t gospy_process_list_unreadable(const struct gospy_process_list *list);

/** What more there is to say of a Go process of a list. */
struct gospy_process_details {
	uint64_t start_ns;    /**< start of the process, CLOCK_BOOTTIME, or GOSPY_UNKNOWN */
	uint64_t elapsed_ns;  /**< since then, or GOSPY_UNKNOWN */
	uint64_t rss;         /**< bytes of it in memory, or GOSPY_UNKNOWN */
	uint64_t threads;     /**< or GOSPY_UNKNOWN */
	const char *username; /**< name or number of the real user */
	const char *cmdline;  /**< arguments joined by spaces, 4096 bytes at most, or NULL */
	const char *cgroup;   /**< path, as the cgroup namespace of gospy names it; NULL: unknown */
	const char *container;        /**< id of a container that the path has in it, or NULL */
	const char *const *listeners; /**< where it listens on TCP: "127.0.0.1:80", "[::]:80" */
	size_t listener_count;
	bool listeners_known; /**< false: descriptors may not be listed */
	uint64_t net_ns;      /**< inode of its network namespace, or 0: unknown */
	/** .listeners_known is false because the time that a list takes for that was up: half a
	   second of processor time. */
	bool listeners_cut;
};
/** Details of the process at this index of gospy_process_list_get(); NULL: it is not Go's, or the
 * list was made without them. The list's. */
GOSPY_API const struct gospy_process_details *
gospy_process_list_details(const struct gospy_process_list *list, size_t index);

/** A TCP or UDP socket of a process. Addresses are text, "127.0.0.1:80" or "[::1]:80". */
struct gospy_socket {
	char local[64];
	char remote[64];
	const char *state; /**< "ESTABLISHED", "LISTEN", ... or "NONE" for UDP */
};

/** Facts about any process, Go or not. Owned by the caller: gospy_process_info_destroy. */
struct gospy_process_info {
	pid_t pid, ppid;
	pid_t ns_pid; /**< in its own PID namespace; `pid` if that is gospy's */
	uint64_t threads;
	double memory_percent;     /**< RSS of physical memory; negative: unknown */
	double cpu_percent;        /**< since its start, of one CPU; negative: unknown */
	double cpu_percent_sample; /**< over the sample time; negative: not asked for */
	const char *username;      /**< name or number of the real user */
	const char *cmdline;       /**< arguments joined by spaces, unescaped; NULL if unreadable */
	uint64_t elapsed_ns;       /**< since its start */
	const struct gospy_socket *sockets;
	size_t socket_count;
	bool sockets_known; /**< false: descriptors may not be listed */
	/** Sockets of TCP and UDP that are not among them: neither bound nor connected, or of a
	   network namespace that none of its threads is in. */
	uint64_t other_sockets;
	uint64_t start_ns; /**< its start, CLOCK_BOOTTIME */
	uint64_t rss;      /**< bytes of it in memory, or GOSPY_UNKNOWN */
	const char *comm;  /**< thread-group name, at most 15 bytes, unescaped */
	const char *exe; /**< path as its mount namespace names it, "(deleted)" cut off; or NULL */
	const char *cgroup;    /**< as in gospy_process_details */
	const char *container; /**< as in gospy_process_details */
	uint64_t net_ns;       /**< as in gospy_process_details */
	/** There may be more sockets, of both kinds: listing its descriptors, the tables of the
	   kernel, or asking what the others are took longer than half a second of processor time,
	   each. */
	bool sockets_cut;
};

/** `options` may be NULL. GOSPY_E_GONE, _PERM, _CANCELLED. */
GOSPY_API enum gospy_code
gospy_process_info_create_with(pid_t pid, const struct gospy_process_options *options,
			       struct gospy_process_info **ret, struct gospy_error *err)
	__attribute__((warn_unused_result));
/** The same with one option, .sample_ns. */
GOSPY_API enum gospy_code gospy_process_info_create(pid_t pid, uint64_t sample_ns,
						    struct gospy_process_info **ret,
						    struct gospy_error *err)
	__attribute__((warn_unused_result));
/** NULL is allowed. */
GOSPY_API void gospy_process_info_destroy(struct gospy_process_info *info);

/** What a process has used so far. */
struct gospy_process_usage {
	uint64_t mono_ns; /**< CLOCK_MONOTONIC: when this was so */
	uint64_t cpu_ns;  /**< user and system time of all its threads, those that ended too */
	uint64_t rss;     /**< bytes of it in memory, or GOSPY_UNKNOWN */
	uint64_t rss_max; /**< as many of them as there ever were, or GOSPY_UNKNOWN */
};
/** As gospy_process_usage, with the size of `*ret`. */
GOSPY_API enum gospy_code gospy_process_usage_sized(pid_t pid, struct gospy_process_usage *ret,
						    size_t ret_size, struct gospy_error *err)
	__attribute__((warn_unused_result));
/** Cheap, and for any process. GOSPY_E_GONE. */
__attribute__((warn_unused_result)) static inline enum gospy_code
gospy_process_usage(pid_t pid, struct gospy_process_usage *ret, struct gospy_error *err)
{
	return gospy_process_usage_sized(pid, ret, sizeof(*ret), err);
}

/**
 * What a process may use, and what it does. What its cgroups allow is told of the one, among those
 * that it is in, that is nearest to its limit. Unknown numbers, and limits that there are not, are
 * GOSPY_UNKNOWN.
 */
struct gospy_process_limits {
	uint64_t mono_ns; /**< CLOCK_MONOTONIC: when this was so */
	/** Descriptors; how many there may be (RLIMIT_NOFILE, the soft one). */
	uint64_t descriptors, descriptors_max;
	uint64_t threads; /**< of this process */
	/** Threads of all processes of a cgroup; how many there may be (pids.max). */
	uint64_t tasks, tasks_max;
	/** Bytes that a cgroup uses, but for those of files, which can be read again; how many it
	   may (memory.max). How often it has asked for more so far. */
	uint64_t memory, memory_max, memory_refused;
	/** A cgroup's share of processors, in thousandths of one; in how many periods it had
	   something to run so far, and in how many of these it used up its share, and had to wait
	   (cpu.max, cpu.stat). */
	uint64_t cpu_milli, cpu_periods, cpu_throttled;
};
/** As gospy_process_limits, with the size of `*ret`. */
GOSPY_API enum gospy_code gospy_process_limits_sized(pid_t pid, struct gospy_process_limits *ret,
						     size_t ret_size, struct gospy_error *err)
	__attribute__((warn_unused_result));
/** For any process, which is not touched. GOSPY_E_GONE. */
__attribute__((warn_unused_result)) static inline enum gospy_code
gospy_process_limits(pid_t pid, struct gospy_process_limits *ret, struct gospy_error *err)
{
	return gospy_process_limits_sized(pid, ret, sizeof(*ret), err);
}

/** What a thread has used so far. */
struct gospy_thread_usage {
	uint64_t mono_ns; /**< CLOCK_MONOTONIC: when this was so */
	uint64_t cpu_ns;  /**< user and system time */
};
/** As gospy_thread_usage, with the size of `*ret`. */
GOSPY_API enum gospy_code gospy_thread_usage_sized(pid_t pid, pid_t tid,
						   struct gospy_thread_usage *ret, size_t ret_size,
						   struct gospy_error *err)
	__attribute__((warn_unused_result));
/** Cheap, and for any thread of a process; ids as in gospy's PID namespace. GOSPY_E_GONE. */
__attribute__((warn_unused_result)) static inline enum gospy_code
gospy_thread_usage(pid_t pid, pid_t tid, struct gospy_thread_usage *ret, struct gospy_error *err)
{
	return gospy_thread_usage_sized(pid, tid, ret, sizeof(*ret), err);
}

/** What the kernel says of a thread. */
struct gospy_thread_state {
	/** How often it was taken off a processor, or GOSPY_UNKNOWN: if that is the same later on,
	   and it sleeps both times, it is still in the sleep that it was in. */
	uint64_t switches;
	int64_t syscall; /**< number of the system call that it sleeps in; -1: none, or not known */
	char state;      /**< R, S, D, ... as /proc has it */
};
/** As gospy_thread_state, with the size of `*ret`. */
GOSPY_API enum gospy_code gospy_thread_state_sized(pid_t pid, pid_t tid,
						   struct gospy_thread_state *ret, size_t ret_size,
						   struct gospy_error *err)
	__attribute__((warn_unused_result));
/** Cheap, and for any thread of a process, which is not touched; ids as in gospy's PID namespace.
 * GOSPY_E_GONE. */
__attribute__((warn_unused_result)) static inline enum gospy_code
gospy_thread_state(pid_t pid, pid_t tid, struct gospy_thread_state *ret, struct gospy_error *err)
{
	return gospy_thread_state_sized(pid, tid, ret, sizeof(*ret), err);
}

/* --------------------------------------------------------------------------- the agent of gops --
 */

/** What the agent of github.com/google/gops can be asked for: the first byte of a request
   (gops:signal/signal.go; the same in all versions from 2017 on). */
enum gospy_agent_verb {
	GOSPY_AGENT_STACK = 0x1,        /**< the stacks of all goroutines */
	GOSPY_AGENT_GC = 0x2,           /**< run the garbage collector; answers "ok" */
	GOSPY_AGENT_MEMSTATS = 0x3,     /**< lines of "key: value" */
	GOSPY_AGENT_VERSION = 0x4,      /**< the Go version */
	GOSPY_AGENT_HEAP_PROFILE = 0x5, /**< for pprof, gzip */
	GOSPY_AGENT_CPU_PROFILE = 0x6,  /**< for pprof, gzip; takes 30 s */
	GOSPY_AGENT_STATS = 0x7,        /**< lines of "key: value" */
	GOSPY_AGENT_TRACE = 0x8,        /**< for `go tool trace`; takes 5 s */
	GOSPY_AGENT_BINARY = 0x9,       /**< the executable */
	/** Set the GC percentage to `argument`, -1: off; answers with the one before. */
	GOSPY_AGENT_SET_GC_PERCENT = 0x10,
};

struct gospy_agent_options {
	size_t size; /**< sizeof(struct gospy_agent_options) */
	/** Longest wait for a connection, and for an answer beyond the time that its verb takes;
	   after that each part has to come within that time, and all of it at 64 KiB/s or more.
	   0: 10 s. */
	uint64_t timeout_ns;
	/** Give up when this becomes readable, opening and in every question; 0: none. */
	int cancel_fd;
};

struct gospy_agent_info {
	pid_t pid;           /**< or 0: opened by address */
	const char *address; /**< "127.0.0.1:40123" */
	const char *file;    /**< the port file that named it, as gospy sees it, or NULL */
	bool other_network;  /**< it listens in another network namespace than gospy's */
	const char *note;    /**< what is wrong with its port file, or NULL */
};

/** An agent that was found. Each question is a connection of its own. */
struct gospy_agent;

/**
 * Find the agent of a process: by its port file, whose port the process itself must listen on, or,
 * where the file is missing and the program has the module of the agent in it, among its listening
 * sockets; these are asked for the Go version, and one that tells it is the agent. GOSPY_E_GONE,
 * _PERM (descriptors or files may not be read), _NOT_FOUND (there is none; a stale file is named),
 * _CANCELLED.
 */
GOSPY_API enum gospy_code gospy_agent_open_pid(pid_t pid, const struct gospy_agent_options *options,
					       struct gospy_agent **ret, struct gospy_error *err)
	__attribute__((warn_unused_result));
/** Take it that an agent listens at "host:port". The C library looks up the name of a host, and
 * cannot be made to give up: after a lookup that was called off, or took longer than .timeout_ns, a
 * thread of the library waits for the C library to do so, which is a matter of seconds
 * (resolv.conf(5)). There are no more than eight such threads. GOSPY_E_USAGE, _NOT_FOUND (no such
 * host), _LIMIT, _CANCELLED. */
GOSPY_API enum gospy_code gospy_agent_open_addr(const char *host_port,
						const struct gospy_agent_options *options,
						struct gospy_agent **ret, struct gospy_error *err)
	__attribute__((warn_unused_result));
/** NULL is allowed. */
GOSPY_API void gospy_agent_close(struct gospy_agent *agent);
/** Never NULL; the agent's. */
GOSPY_API const struct gospy_agent_info *gospy_agent_info(const struct gospy_agent *agent);

/** A part of an answer. Another code than GOSPY_OK, with `err` filled, ends the request. */
typedef enum gospy_code (*gospy_agent_part)(void *ctx, const void *bytes, size_t len,
					    struct gospy_error *err);

/**
 * Ask, and pass the answer on as it comes. `argument` is that of the verb. What is known of the
 * form of an answer is checked, so that one that was cut short or is not of an agent fails in the
 * end with GOSPY_E_BAD_DATA; parts were passed on by then. GOSPY_E_LIMIT (time; or longer than any
 * answer can be), GOSPY_E_OS (refused ...), GOSPY_E_PERM (the network namespace may not be
 * entered), GOSPY_E_CANCELLED.
 */
GOSPY_API enum gospy_code gospy_agent_ask(struct gospy_agent *agent, enum gospy_agent_verb verb,
					  int64_t argument, gospy_agent_part part, void *ctx,
					  struct gospy_error *err)
	__attribute__((warn_unused_result));
/** The same for an answer that is text, NUL-terminated: free() it. At most 65 MiB. */
GOSPY_API enum gospy_code gospy_agent_text(struct gospy_agent *agent, enum gospy_agent_verb verb,
					   int64_t argument, char **ret, size_t *len_ret,
					   struct gospy_error *err)
	__attribute__((warn_unused_result));

struct gospy_module {
	const char *path, *version, *sum;
	const struct gospy_module *replace; /**< or NULL */
};

struct gospy_build_setting {
	const char *key, *value;
};

/** What `go version -m` prints. Absent texts are NULL. */
struct gospy_build_info {
	const char *exe;
	const char *go_version;
	const char *path; /**< import path of package main */
	const struct gospy_module *main;
	const struct gospy_module *deps;
	size_t dep_count;
	const struct gospy_build_setting *settings;
	size_t setting_count;
	const char *left_out; /**< of a bundle: what it was made without, or NULL */
};

/** Read the build information of the program that runs as `pid`; needs no debug information.
 * `options` may be NULL. Owned by the caller. GOSPY_E_GONE, _PERM, _NOT_GO, _NOT_FOUND (the program
 * has none), _CANCELLED. */
GOSPY_API enum gospy_code
gospy_build_info_create_with(pid_t pid, const struct gospy_process_options *options,
			     struct gospy_build_info **ret, struct gospy_error *err)
	__attribute__((warn_unused_result));
/** The same without options. */
GOSPY_API enum gospy_code gospy_build_info_create(pid_t pid, struct gospy_build_info **ret,
						  struct gospy_error *err)
	__attribute__((warn_unused_result));
/** The same of the program of a core file. As gospy_target_open_core(). */
GOSPY_API enum gospy_code
gospy_build_info_create_core(const char *path, const struct gospy_open_options *options,
			     struct gospy_build_info **ret, struct gospy_error *err)
	__attribute__((warn_unused_result));
/** NULL is allowed. */
GOSPY_API void gospy_build_info_destroy(struct gospy_build_info *info);

/* ----------------------------------------------------------------------------------- profiles --
 */

/** The profiles that the runtime keeps, or can make at any time: runtime/pprof.Lookup of the name.
 */
enum gospy_profile_kind {
	GOSPY_PROFILE_GOROUTINE = 0, /**< where each goroutine is */
	GOSPY_PROFILE_HEAP,          /**< samples of what was allocated, and what of it lives */
	GOSPY_PROFILE_ALLOCS,        /**< the same, to be shown as what was allocated */
	GOSPY_PROFILE_BLOCK,         /**< where goroutines waited: runtime.SetBlockProfileRate */
	GOSPY_PROFILE_MUTEX,         /**< who made others wait: SetMutexProfileFraction */
	GOSPY_PROFILE_THREADCREATE,  /**< where threads were made */
	GOSPY_PROFILE_OTHER,         /**< of a file, which does not say; cannot be made */
	GOSPY_PROFILE_GOROUTINELEAK, /**< goroutines that can never run again, of any Go version */
	GOSPY_PROFILE_CPU,           /**< of a recording: gospy_record() */
	GOSPY_PROFILE_WALL,          /**< the same, of wall-clock time */
};

struct gospy_profile_options {
	size_t size; /**< sizeof(struct gospy_profile_options) */
	enum gospy_profile_kind kind;
	/** Goroutine, goroutineleak: never stop the target. Where running goroutines are is not
	   known then, and no leak is proved. The other profiles never take a stop. */
	bool non_blocking;
	/** Goroutine, goroutineleak: longest time to hold the target; 0: one second. */
	uint64_t max_pause_ns;
	int64_t cancel_fd; /**< give up when this becomes readable; 0: none */
	bool frames;       /**< samples have .frames */
	/** Goroutine: count those in different states, or that wait for different reasons, apart:
	   they have the labels "state" ("waiting") and "reason" ("chan receive"; of those that
	   wait), in the place of profiler labels with these keys. */
	bool state_label, reason_label;
};

/** "alloc_space" in "bytes". */
struct gospy_profile_value_type {
	const char *type, *unit;
};

/** A function, by its name: of several with one name the first that was met. */
struct gospy_profile_function {
	const char *name;        /**< as the function table has it: from Go 1.21 on with all type
				    arguments; "": no function holds the pc */
	const char *printed;     /**< as the runtime prints it: "main.F[...]" */
	const char *system_name; /**< as the linker has it; of Go the same as .name */
	const char *file;        /**< "": not known */
	uint32_t start_line;     /**< Go 1.20+; else 0 */
};

/** A call of a location: one for each function that was inlined there, innermost first. */
struct gospy_profile_line {
	uint32_t function; /**< index in .functions */
	uint32_t line;     /**< 0: not known */
	uint64_t pc;       /**< of the call; 0: it is of a file, which does not say */
	uint64_t entry;    /**< of the function that it was compiled into; 0: none holds the pc */
};

struct gospy_profile_location {
	uint64_t addr;    /**< of the call, innermost: a return address less one */
	uint32_t mapping; /**< 1 + index in .mappings; 0: none holds it */
	uint32_t line_count;
	const struct gospy_profile_line *lines;
	bool folded; /**< others of the same code were made one with it, so .addr is any of them */
};

/** A call as runtime/pprof's text shows it: what runtime.CallersFrames says of an address. */
struct gospy_profile_frame {
	uint64_t pc;      /**< of the call */
	uint64_t entry;   /**< of the function that it was compiled into */
	const char *func; /**< as the runtime prints it */
	const char *file; /**< "": not known */
	uint32_t line;    /**< 0: not known */
};

/** Executable memory of the target. */
struct gospy_profile_mapping {
	uint64_t start, end, offset;
	const char *file;
	const char *build_id; /**< GNU build ID of the file in hex, or "" */
	bool has_functions;   /**< locations are in it, and of all the function is known */
	/** The same of what else a location may have. The runtime never says so. */
	bool has_filenames, has_line_numbers, has_inline_frames;
};

/** A label that is a number: "bytes" of a heap profile. Raw bytes of the target. */
struct gospy_number_label {
	const char *key;
	const char *unit; /**< "": it has none */
	int64_t value;
};

enum { GOSPY_PROFILE_VALUES = 4 };

struct gospy_profile_sample {
	/** As many as there are .types: what the record stands for. */
	int64_t values[GOSPY_PROFILE_VALUES];
	/** What the runtime has noted, not scaled. Heap, allocs: as .values; block, mutex: the
	   number, and CPU ticks in the place of nanoseconds; else .values. */
	int64_t recorded[GOSPY_PROFILE_VALUES];
	const uint32_t *locations; /**< indexes in .locations, innermost first */
	/** The stack as it was recorded: return addresses. Not of what was decoded or merged. */
	const uint64_t *pcs;
	/** Indexes in the profile's .frames, innermost first: the calls of all the stack, also of
	   what .locations leave out. NULL unless asked for. */
	const uint32_t *frames;
	const struct gospy_label *labels;
	/** heap, allocs: "bytes", of an object, on average. */
	const struct gospy_number_label *numbers;
	uint32_t location_count, pc_count, frame_count, label_count, number_count;
	bool has_labels; /**< goroutine: g.labels is set, be there labels in it or not */
};

/**
 * A profile: what runtime/pprof of the target's Go version would have written at that moment.
 * Samples, locations and functions are in the order in which it writes them. Or what a file holds,
 * or several profiles merged.
 */
struct gospy_profile {
	enum gospy_profile_kind kind;
	const char *name;  /**< "heap" */
	uint32_t go_minor; /**< it is what Go 1.N would have written */
	struct gospy_profile_value_type period_type;
	int64_t period;
	size_t type_count;
	struct gospy_profile_value_type types[GOSPY_PROFILE_VALUES];
	const char *default_type;  /**< of .types, or NULL */
	uint64_t time_unix_ns;     /**< when reading began */
	int64_t duration_ns;       /**< the time that it is about; 0: all until then */
	uint64_t paused_ns;        /**< how long the target was held */
	uint64_t ticks_per_second; /**< block, mutex; else 0 */
	/** heap, allocs: runtime.MemProfileRate; block, mutex: the present rate; else 0. */
	int64_t rate;
	const struct gospy_profile_sample *samples;
	size_t sample_count;
	const struct gospy_profile_location *locations;
	size_t location_count;
	const struct gospy_profile_function *functions;
	size_t function_count;
	const struct gospy_profile_mapping *mappings;
	size_t mapping_count;
	const struct gospy_profile_frame *frames;
	size_t frame_count;
	/** Of a file, as they were found; "" and 0 of a target. */
	const char *drop_frames, *keep_frames, *doc_url;
	const char *const *comments;
	size_t comment_count;
	/** Why it may have nothing in it, or less than there is; or NULL. */
	const char *note;
	/** GOSPY_SOUND; _TORN: not all of it is of one moment, as .note says. */
	enum gospy_soundness soundness;
};

/**
 * Make a profile of the target. Leaks that could not be proved have the label "verdict", "likely".
 * GOSPY_E_UNSUPPORTED: the program was linked without this profile,
 * or the profile cannot be found in it; .note of the error's message says why. GOSPY_E_LIMIT,
 * _BAD_DATA: what is there cannot be one. Else errors as gospy_snapshot_take. Owned by the caller.
 */
GOSPY_API enum gospy_code gospy_profile_create(struct gospy_target *target,
					       const struct gospy_profile_options *options,
					       struct gospy_profile **ret, struct gospy_error *err)
	__attribute__((warn_unused_result));
/** NULL is allowed. */
GOSPY_API void gospy_profile_destroy(struct gospy_profile *profile);

/**
 * Read a profile from the bytes of a file, compressed by gzip or not: any valid message Profile of
 * github.com/google/pprof/proto/profile.proto with 1 to GOSPY_PROFILE_VALUES kinds of values. The
 * bytes are not needed afterwards. Strings end at their first NUL; a line number that does not fit
 * counts as not known, and a line without a function as none; columns are not kept.
 * GOSPY_E_BAD_DATA, GOSPY_E_LIMIT; the message is about "it". Owned by the caller.
 */
GOSPY_API enum gospy_code gospy_profile_decode(const void *bytes, size_t size,
					       struct gospy_profile **ret, struct gospy_error *err)
	__attribute__((warn_unused_result));

/** What a merged profile is made of. */
struct gospy_profile_part {
	const struct gospy_profile *profile; /**< borrowed for the call */
	int64_t factor;                      /**< 1; -1: it is taken off */
	/** Set in each of its samples; they take the place of those with the same keys. */
	const struct gospy_label *labels;
	size_t label_count;
};

/**
 * Merge profiles, at least one, as internal/profile.Merge of Go 1.16-1.27 does: the samples of the
 * first one, then what is new in the next. Those with one stack and the same labels are one, and
 * left out if all its values are 0; addresses count from the beginning of their mapping. The time
 * is the earliest, the durations are added up, the rest is that of the first one. GOSPY_E_USAGE:
 * they have different types of values. Owned by the caller.
 */
GOSPY_API enum gospy_code gospy_profile_merge(const struct gospy_profile_part *parts, size_t count,
					      struct gospy_profile **ret, struct gospy_error *err)
	__attribute__((warn_unused_result));

/* --------------------------------------------------------------------------------- recordings --
 */

/** Which perf events a recording opens: perf_event_open(2). */
enum gospy_record_events {
	GOSPY_RECORD_EVENTS_ANY = 0, /**< what this target and this kernel allow */
	/** One for each thread on each processor. Threads that are made later inherit them. Each
	   takes a descriptor: RLIMIT_NOFILE. */
	GOSPY_RECORD_EVENTS_THREADS,
	/** One for each processor, of which the samples of all other processes are left out. It
	   takes CAP_PERFMON, or kernel.perf_event_paranoid 0 or less. */
	GOSPY_RECORD_EVENTS_SYSTEM,
};

/** Why a recording ended. */
enum gospy_record_end {
	GOSPY_RECORD_RUNS = 0, /**< it has not: for .progress */
	GOSPY_RECORD_TIME,     /**< its time was over */
	GOSPY_RECORD_ASKED,    /**< .end_fd became readable */
	GOSPY_RECORD_GONE,     /**< the target has ended */
	GOSPY_RECORD_EXEC,     /**< the target runs another program now */
};

/** What a recording is of. */
enum gospy_record_what {
	GOSPY_RECORD_CPU = 0, /**< where processor time goes */
	/** What goroutines do all the time, whether they run or wait; each stands for as much time
	   as passes. Those of the runtime itself do not count. */
	GOSPY_RECORD_WALL,
	GOSPY_RECORD_OFF, /**< the same, of those that do not run */
};

/** By what the stacks of a recording are told apart: each part has an outermost frame of its own.
 */
enum gospy_record_by {
	GOSPY_RECORD_BY_NOTHING = 0,
	GOSPY_RECORD_BY_GOROUTINE, /**< "goroutine 17" */
	GOSPY_RECORD_BY_LABEL,     /**< "tenant=acme": what the label .label_key has */
	GOSPY_RECORD_BY_THREAD,    /**< "thread 4711" */
	/** Wall-clock time only: "waiting"; and "chan receive", or the state of what does not wait.
	 */
	GOSPY_RECORD_BY_STATE,
	GOSPY_RECORD_BY_REASON,
};

/** How a recording is doing, and how it ended. */
struct gospy_recording_info {
	enum gospy_record_end ended;
	enum gospy_record_events events; /**< that were opened */
	bool kernel_unseen; /**< gospy may see user mode only: samples in the kernel are missing */
	uint32_t event_count, ring_count;
	uint32_t thread_count;  /**< that the target had when the recording began */
	uint64_t time_unix_ns;  /**< when it began */
	uint64_t duration_ns;   /**< how long it took */
	uint64_t period_ns;     /**< processor time that a sample stands for */
	uint64_t target_cpu_ns; /**< that the kernel has counted meanwhile; GOSPY_UNKNOWN */
	uint64_t own_cpu_ns;    /**< processor time that the recording itself took */
	uint64_t samples;
	uint64_t lost;      /**< samples for which there was no room in the ring */
	uint64_t throttled; /**< how often the kernel held the events back */
	uint64_t malformed; /**< records that made no sense */
	/** Of the samples: those whose stack is known to its outermost frame; and those taken in
	   the kernel. */
	uint64_t whole, kernel;
	/** Of the samples: those whose goroutine is known; those of no goroutine: the scheduler's,
	   or of threads of C code; the others, of which it is not known. */
	uint64_t of_goroutine, of_none, of_unknown;
	/** How many different ones; of wall-clock time: how many there were in the end, or, if not
	   all are looked at, about how many. */
	uint64_t goroutines;
	enum gospy_record_what what;
	/** Of wall-clock time: how often goroutines were looked at; and of the samples, those of
	   goroutines that were found doing something else each time, so that there is no stack. */
	uint64_t ticks, moving;
};

struct gospy_record_options {
	size_t size; /**< sizeof(struct gospy_record_options) */
	/** Samples in a second of processor time; 0: 99. Of wall-clock time: how often goroutines
	   are looked at in a second; 0: 20. */
	uint32_t rate_hz;
	uint64_t duration_ns; /**< 0: until .end_fd is readable */
	int64_t end_fd;       /**< end, and hand out what there is, when it is readable; 0: none */
	int64_t cancel_fd;    /**< give up when this becomes readable; 0: none */
	enum gospy_record_events events;
	enum gospy_record_by by;
	const char *label_key; /**< with GOSPY_RECORD_BY_LABEL */
	/** Samples that were taken in the kernel have the innermost frame "[kernel]". */
	bool kernel;
	/** Called about ten times a second, on the thread of the call; may be NULL. */
	void (*progress)(void *ctx, const struct gospy_recording_info *info);
	void *ctx;
	enum gospy_record_what what;
};

/** A recording. */
struct gospy_recording {
	const struct gospy_recording_info *info;
	/**
	 * Where processor time went: "samples" and "cpu", as runtime/pprof has them. A sample has
	 * the profiler labels of its goroutine, and the number labels "goroutine", its id, and
	 * "thread". The outermost frame of a stack that is not whole is "[missing frames]", or
	 * what follows that is the start of the goroutine. Code that is not Go's has the names of
	 * its ELF symbols, else of the file, in brackets.
	 */
	const struct gospy_profile *cpu; /**< NULL: it is of wall-clock time */
	/**
	 * What goroutines did: "samples", and "wall", nanoseconds of all goroutines together. At a
	 * tick 512 goroutines are looked at, drawn at random where there are more; then each
	 * stands for several. A sample has the labels "state" and "reason" ("waiting", "chan
	 * receive"), besides those of its goroutine. The innermost frame of one that ran is
	 * "[running]", that of one that was found elsewhere each time is "[moving]".
	 */
	const struct gospy_profile *wall;
};

/**
 * Sample where the target spends processor time, goroutine by goroutine, without stopping it: perf
 * events with a clock tell the registers and the innermost part of the stack; what goroutine it was
 * is read from the target a moment later. Or look at what its goroutines do, without stopping it,
 * either, and without perf events. GOSPY_E_PERM says which right is missing.
 * GOSPY_E_UNSUPPORTED: the target is no running process, or the kernel has no perf events. Owned by
 * the caller.
 */
GOSPY_API enum gospy_code gospy_record(struct gospy_target *target,
				       const struct gospy_record_options *options,
				       struct gospy_recording **ret, struct gospy_error *err)
	__attribute__((warn_unused_result));
/** NULL is allowed. */
GOSPY_API void gospy_recording_destroy(struct gospy_recording *recording);

#ifdef __cplusplus
}
#endif
#endif
