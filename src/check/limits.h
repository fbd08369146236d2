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
	/* Findings of one kind that are told apart; the others are counted. */
	LIMIT_FINDINGS = 5,
	/* Goroutines of a finding that are named. */
	LIMIT_GOIDS = 8,
};

/* A lock that somebody is known to wait for so long: worth a look. Whoever holds a lock for a
 * minute does not compute under it. */
#define LIMIT_LOCK_NS (60 * LIMIT_S)
/* A request without an answer for so long: worth a look, and wrong. Who is to see a page waits for
 * seconds; after half a minute the defaults of many proxies and clients have given up (30 s is also
 * what net/http gives a connection to come about). */
#define LIMIT_REQUEST_NS      (5 * LIMIT_S)
#define LIMIT_REQUEST_HUNG_NS (30 * LIMIT_S)
/* A thread that has been in one uninterruptible sleep for so long: wrong. A disk that works answers
 * in some hundredths of a second. */
#define LIMIT_UNINTERRUPTIBLE_NS (900 * LIMIT_MS)
/* Watched for so long, a group that only grew is wrong: what a burst of requests has started has
 * ended by then. Before, it is worth a look. */
#define LIMIT_GROWTH_NS (30 * LIMIT_S)
/* Growth of the heap is not judged if it is watched for less: one collection after the other leaves
 * more or less behind. */
#define LIMIT_HEAP_NS (10 * LIMIT_S)
/* Nor is less than this. */
#define LIMIT_HEAP_BYTES (16 * LIMIT_MIB)
/* A larger heap is not read to look for leaks, unless a stop is allowed: it takes seconds. */
#define LIMIT_HEAP_READ (2048 * LIMIT_MIB)

#endif
