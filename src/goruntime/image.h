/*
 * The Go runtime inside one running program: where its globals are, how its structures are laid
 * out, what its functions are called. Resolved once when a target is opened, before anything is
 * stopped, and shared by all snapshots of that target.
 */
#ifndef GOSPY_GORUNTIME_IMAGE_H
#define GOSPY_GORUNTIME_IMAGE_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/map.h"
#include "base/vec.h"
#include "dwarf/elf_file.h"
#include "dwarf/go_version.h"
#include "dwarf/layout.h"
#include "dwarf/pclntab.h"
#include "dwarf/table_types.h"
#include "target/mem.h"
#include "target/process.h"

/* X(member, required): the runtime's globals by their Go names; src/runtime of Go 1.12 to 1.27. */
#define IMAGE_GLOBALS(X)                                                                           \
	X(firstmoduledata, 1)                                                                      \
	X(allgs, 1)                                                                                \
	X(allglen, 1)                                                                              \
	X(allgptr, 0) /* Go 1.16+ */                                                               \
	X(allp, 1)                                                                                 \
	X(allm, 1)                                                                                 \
	X(gomaxprocs, 1)                                                                           \
	X(sched, 1)                                                                                \
	X(memstats, 1)                                                                             \
	X(mheap_, 1)                                                                               \
	X(gcController, 1)                                                                         \
	X(waitReasonStrings, 1)                                                                    \
	X(buildVersion, 0)                                                                         \
	X(emptymspan, 0)                                                                           \
	X(spanSetBlockPool, 0) /* Go 1.15+ */                                                      \
	X(semtable, 0)                                                                             \
	X(dbgvars, 0) /* Go 1.21+ as a slice of pointers */                                        \
	X(modinfo, 0)                                                                              \
	X(MemProfileRate, 0)                                                                       \
	X(mbuckets, 0)                                                                             \
	X(xbuckets, 0)                                                                             \
	X(bbuckets, 0)                                                                             \
	X(gcphase, 0)                                                                              \
	X(gcpercent, 0) /* up to Go 1.16 */                                                        \
	X(work, 0)                                                                                 \
	X(ncpu, 0)          /* up to Go 1.24 */                                                    \
	X(numCPUStartup, 0) /* Go 1.25+ */                                                         \
	X(ncgocall, 0)      /* Go 1.17+ */                                                         \
	X(netpollWaiters, 0)                                                                       \
	X(allfin, 0)                                                                               \
	X(gcCleanups, 0)  /* Go 1.25+ */                                                           \
	X(timers, 0)      /* up to Go 1.13 */                                                      \
	X(bubbleGen, 0)   /* Go 1.25+: how many bubbles there were */                              \
	X(fingRunning, 0) /* bool, up to Go 1.19 */                                                \
	X(fingStatus, 0)  /* atomic.Uint32, Go 1.20+ */

struct global {
	uint64_t addr; /* in the process; 0: this program does not have it */
	uint64_t size;
};

#define IMAGE_GLOBAL_(name, required) struct global name;

struct globals {
	IMAGE_GLOBALS(IMAGE_GLOBAL_)
};

/* Whose goroutine a start function makes it; src/runtime/traceback.go:isSystemGoroutine. */
enum start_role {
	START_USER,
	START_SYSTEM,
	START_FINALIZER, /* user code while a finalizer runs, else system */
	START_CLEANUPS,  /* Go 1.25+: user code while g.runningCleanups */
};

struct location {
	struct gospy_location pub;
	enum start_role role; /* meaningful for start locations */
};

/* Another module of the same Go runtime: plugin.Open loads it as a shared object. */
struct plugin {
	struct paged window;
	struct pclntab pcln;
};

/* Something that must be true of the process, and whether it is; see verify.h. */
struct image_check {
	const char *what;   /* "runtime.schedt" */
	const char *source; /* where the layout of that came from: "layout table" */
	uint64_t addr;      /* what was looked at, or 0 */
	const char *check;  /* "npidle is the number of idle P's" */
	const char *found;  /* what contradicts it; NULL: ok */
	bool ok;
	size_t rule; /* of verify.c */
};

struct image {
	atomic_uint refs;
	/* Of what still changes once the image is made: mem, window, locations, arena. Snapshots
	 * share the image with their target, and each handle may have a thread of its own. */
	pthread_mutex_t lock;
	struct mem *mem; /* borrowed until image_forget_target */
	/* The file of the program or library that holds the runtime; with nothing in it if there is
	 * none that can be used: see object.h. */
	struct elf_file elf;
	struct elf_file bin; /* --bin, or nothing */
	bool has_bin;
	struct proc_auxv auxv; /* changes with every exec */
	uint64_t bias;
	struct paged window;  /* the object's mapped range */
	const char *object;   /* path of the library that it is, or "memory"; NULL: the program */
	VEC(uint64_t) others; /* where further objects of Go begin that are no plugins of this */
	int64_t tls_g;        /* from the thread pointer to the word with g, before Go 1.17 */
	struct moduledata md;
	struct pclntab pcln;
	VEC(struct plugin *) plugins; /* in the arena; linked behind pcln */
	const char *go_version;
	struct go_version version;
	struct globals globals;
	uint64_t by_code; /* bits in the order of IMAGE_GLOBALS: not a symbol, but code led to it */
	/* Addresses of the values of GODEBUG=tracebacklabels, Go 1.26+, and =tracebackancestors; 0:
	 * not known. */
	uint64_t traceback_labels, traceback_ancestors;
	uint64_t main_main; /* entry of main.main, or 0: not known */
	struct layout layout;
	struct table_types tables; /* where layouts came from that the program does not hold */
	VEC(struct image_check) checks;
	const char *note; /* what a person should know of all this, or NULL */
	const char **wait_reasons;
	size_t wait_reason_count;
	struct map locations; /* pc and kind -> struct location * */
	struct map sites;     /* pc and kind -> struct frame_site *, see frames.h */
	VEC(struct gospy_provenance) provenance;
	struct arena arena;
};

/** Resolve what runs as `process`. `bin_path` may be NULL. Errors as gospy_target_open_pid. */
enum gospy_code image_create(const struct process *process, struct mem *mem, const char *bin_path,
			     struct image **ret, struct gospy_error *err);
/** Snapshots keep the image alive after its target was closed. */
struct image *image_ref(struct image *image);
void image_unref(struct image *image);
/** The target is going away: nothing may be fetched from it any more. */
void image_forget_target(struct image *image);

/** GOSPY_E_GONE if the process exec'ed since the image was made (same pid, other address space). */
enum gospy_code image_check(const struct image *image, const struct process *process,
			    struct gospy_error *err);

enum location_kind {
	LOCATION_START,   /* entry of a start function; a go wrapper is looked through */
	LOCATION_RETURN,  /* a return address: the line is that of the call */
	LOCATION_CREATOR, /* return address of a go statement: the physical function, as
			     traceback.go */
	LOCATION_EXACT,   /* a program counter: interrupted here */
	LOCATION_KINDS
};

/** Symbolise, cached; never NULL but when memory runs out. Valid as long as the image. May be
 * called by several threads. */
const struct location *image_location(struct image *image, uint64_t pc, enum location_kind kind);

/** Text of a wait reason, or "unknown wait reason" as waitReason.String says. */
const char *image_wait_reason(const struct image *image, unsigned reason);

#endif
