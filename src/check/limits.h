/*
 * From when on something is called wrong, or worth a look. All thresholds of `gospy check` stand
 * here, each with its reason; docs/gospy.1 lists them.
 */
#ifndef GOSPY_CHECK_LIMITS_H
#define GOSPY_CHECK_LIMITS_H

#include <stdint.h>

#define LIMIT_MS  UINT64_C(1000000)
#define LIMIT_S   UINT64_C(1000000000)
#define LIMIT_MIB (UINT64_C(1) << 20)

enum {
	/* Goroutines that wait for one lock, at each look: wrong. With so many behind it, nearly
	 * all of the program goes one by one; a lock that is only busy has a handful, and most of
	 * the time none. */
	LIMIT_LOCK_CROWD = 100,
	/* The same, if not one of them has moved meanwhile: worth a look. */
	LIMIT_LOCK_STUCK = 10,
	/* Goroutines that send to one channel which nobody receives from, none of which has moved:
	 * worth a look. One alone may offer something for who may come. */
	LIMIT_SENDERS = 10,
	/* Goroutines that came to a group from which none has gone: worth a look. A few come with
	 * any request. */
	LIMIT_GROWTH = 10,
	/* Goroutines in the run queues for each processor, whenever it was looked: worth a look.
	 * Each may run for 10 ms before it is made to give way (src/runtime/proc.go,
	 * forcePreemptNS), so the last in the queue waits for half a second. */
	LIMIT_QUEUE = 50,
	/* Percent of all processor time for the GC, while it was watched: worth a look; wrong if
	 * the memory limit or a small GOGC makes it so. A quarter is what the runtime gives it
	 * while it marks (src/runtime/mgcpacer.go, gcBackgroundUtilization): whoever is above that
	 * marks all the time, and its goroutines have to help. */
	LIMIT_GC_PERCENT = 25,
	/* A GOGC below this is small. The default is 100. */
	LIMIT_GOGC = 50,
	/* Percent of the memory limit from which on the GC works for it (GOMEMLIMIT). */
	LIMIT_MEMORY_PERCENT = 95,
	/* Percent by which the heap that is left after collections may grow while it is watched. */
	LIMIT_HEAP_PERCENT = 20,
	/* Percent of the descriptors, threads or memory that it may have: worth a look; wrong. What
	 * is left of a twentieth, one burst of requests takes. */
	LIMIT_NEAR_PERCENT = 80,
	LIMIT_FULL_PERCENT = 95,
	/* The same of memory: programs are told to use most of what they may. */
	LIMIT_NEAR_MEMORY_PERCENT = 90,
	/* Percent of the periods in which it had to wait for its share of processors: worth a look,
	 * and it has to be so many of them. Whoever only computes does so on purpose. */
	LIMIT_THROTTLED_PERCENT = 25,
	LIMIT_THROTTLED = 3,
	/* Threads that a program may have before the runtime ends it, unless it calls
	 * debug.SetMaxThreads (src/runtime/proc.go, schedinit(), Go 1.12-1.27). */
	LIMIT_THREADS = 10000,
	/* Findings of one kind that are told apart; the others are counted. */
	LIMIT_FINDINGS = 5,
	/* Goroutines of a finding that are named. */
	LIMIT_GOIDS = 8,
};

/* A lock that somebody is known to wait for so long: worth a look. Whoever holds a lock for a
 * minute does not compute under it. */
#define LIMIT_LOCK_NS (60 * LIMIT_S)
/* A request without an answer for so long: worth a look. Who is to see a page waits for seconds. It
 * may be one that is answered when there is news (a long poll), however long that takes. It is
 * wrong if the kernel says for half a minute that the other end does not even take it: by then the
 * defaults of many proxies and clients have given up (30 s is also what net/http gives a connection
 * to come about). */
#define LIMIT_REQUEST_NS      (5 * LIMIT_S)
#define LIMIT_REQUEST_HUNG_NS (30 * LIMIT_S)
/* A thread that has been in one uninterruptible sleep for so long: wrong. A disk that works answers
 * in some hundredths of a second. */
#define LIMIT_UNINTERRUPTIBLE_NS (900 * LIMIT_MS)
/* Watched for so long, a group that only grew is wrong: what a burst of requests has started has
 * ended by then. Before, it is worth a look. */
#define LIMIT_GROWTH_NS (30 * LIMIT_S)
/* Watched for so long, it is looked more often. */
#define LIMIT_LOOKS_NS (10 * LIMIT_S)
/* Growth of the heap is not judged if it is watched for less: one collection after the other leaves
 * more or less behind. */
#define LIMIT_HEAP_NS (10 * LIMIT_S)
/* Nor is less than this. */
#define LIMIT_HEAP_BYTES (16 * LIMIT_MIB)
/* A larger heap is not read to look for leaks, unless a stop is allowed: it takes seconds. */
#define LIMIT_HEAP_READ (2048 * LIMIT_MIB)

#endif
