/*
 * Where the runtime's globals are, from the code that uses them: for programs without symbols.
 * Functions keep their names when a program is stripped. For each global this file knows a few
 * functions that take its address, read it or write it; what all of them refer to is the global.
 */
#ifndef GOSPY_DWARF_GO_CODE_GLOBALS_H
#define GOSPY_DWARF_GO_CODE_GLOBALS_H

#include "dwarf/go/pclntab.h"

/** X(name): what is looked for, in src/runtime of Go 1.12 to 1.27 by these names. */
#define CODE_GLOBALS(X)                                                                            \
	X(firstmoduledata)                                                                         \
	X(allgs)                                                                                   \
	X(allglen)                                                                                 \
	X(allgptr) /* Go 1.16+ */                                                                  \
	X(allp)                                                                                    \
	X(allm)                                                                                    \
	X(gomaxprocs)                                                                              \
	X(sched)                                                                                   \
	X(memstats)                                                                                \
	X(mheap_)                                                                                  \
	X(gcController)                                                                            \
	X(waitReasonStrings)                                                                       \
	X(buildVersion)                                                                            \
	X(modinfo) /* Go 1.13+ */                                                                  \
	X(emptymspan)                                                                              \
	X(dbgvars)                                                                                 \
	X(bubbleGen)   /* Go 1.25+, where bubbles can be made */                                   \
	X(fingRunning) /* up to Go 1.19 */                                                         \
	X(fingStatus)  /* Go 1.20+ */                                                              \
	X(semtable)                                                                                \
	X(gcphase)                                                                                 \
	X(gcpercent) /* up to Go 1.16 */                                                           \
	X(work)                                                                                    \
	X(ncpu)          /* up to Go 1.24 */                                                       \
	X(numCPUStartup) /* Go 1.25+ */                                                            \
	X(ncgocall)      /* Go 1.17+ */                                                            \
	X(netpollWaiters)                                                                          \
	X(allfin)                                                                                  \
	X(gcCleanups)       /* Go 1.25+ */                                                         \
	X(spanSetBlockPool) /* Go 1.15+ */                                                         \
	X(timers)           /* up to Go 1.13 */                                                    \
	X(MemProfileRate)                                                                          \
	X(mbuckets)                                                                                \
	X(xbuckets)                                                                                \
	X(bbuckets)                                                                                \
	X(mProf)                                                                                   \
	X(mProfCycle)                                                                              \
	X(ticks)                                                                                   \
	X(blockprofilerate)                                                                        \
	X(mutexprofilerate)

#define CODE_GLOBAL_(name) CODE_GLOBAL_##name,
enum code_global_id { CODE_GLOBALS(CODE_GLOBAL_) CODE_GLOBAL_COUNT };
#undef CODE_GLOBAL_

enum { CODE_GLOBAL_CANDIDATES = 8 };

struct code_global {
	const char *name; /* "runtime.allgs" */
	/* The addresses that agree with all that is known; one if nothing is wrong. */
	uint64_t addr[CODE_GLOBAL_CANDIDATES];
	size_t count;    /* may be more than there is room for */
	uint64_t length; /* of an array: its number of elements, where code checks that; else 0 */
};

struct code_globals {
	struct code_global at[CODE_GLOBAL_COUNT];
	uint64_t main_main; /* entry of main.main, or 0 */
};

/* Looking takes time, so what few ask for is looked for only then. */
enum code_global_set {
	CODE_GLOBALS_ALWAYS,
	CODE_GLOBALS_PROFILE, /* mProf, mProfCycle, ticks, blockprofilerate, mutexprofilerate */
};

/**
 * Look for all of a set. Only `pcln->minor` says which shape of code to expect, so it has to be
 * right for all but buildVersion. What is not found has `count` 0. GOSPY_E_UNSUPPORTED: this gospy
 * was built without a decoder; GOSPY_E_NOMEM.
 */
enum gospy_code code_globals_find(struct pclntab *pcln, enum code_global_set set,
				  struct code_globals *ret, struct gospy_error *err);

/** The one called `name` ("runtime.allgs"), or NULL: it is not in the list. */
const struct code_global *code_globals_named(const struct code_globals *globals, const char *name);

#endif
