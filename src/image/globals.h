/* The runtime's globals. */
#ifndef GOSPY_IMAGE_GLOBALS_H
#define GOSPY_IMAGE_GLOBALS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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
	X(mProf, 0)      /* up to Go 1.18: its first word is the cycle */                          \
	X(mProfCycle, 0) /* Go 1.19+ */                                                            \
	X(ticks, 0)                                                                                \
	X(blockprofilerate, 0)                                                                     \
	X(mutexprofilerate, 0)                                                                     \
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

struct global_name {
	const char *name; /* "runtime.allgs" */
	size_t offset;    /* in struct globals */
	bool required;
};

#define GLOBAL_INDEX_(name, required) GLOBAL_##name,
enum global_index { IMAGE_GLOBALS(GLOBAL_INDEX_) GLOBAL_COUNT };

/** In the order of IMAGE_GLOBALS. */
extern const struct global_name global_names[GLOBAL_COUNT];

/** Number `i` of them. */
static inline struct global *global_at(struct globals *globals, size_t i)
{
	return (struct global *)((char *)globals + global_names[i].offset);
}

/** Are all there that have to be? If not, which is missing. */
bool globals_complete(const struct globals *globals, const char **missing_ret);

#endif
