/*
 * The looks at a target that all checks share: one at first, some cheap ones meanwhile, and the
 * last one, in which the heap is read as well. Of a core file there is one look alone.
 */
#ifndef GOSPY_CHECK_LOOKS_H
#define GOSPY_CHECK_LOOKS_H

#include "check/sites.h"
#include "render/still.h"
#include "render/waits.h"

struct looks_options {
	bool non_blocking;
	uint64_t max_pause_ns; /* of each stop */
	uint64_t for_ns;       /* from the first look to the last; 0: look once */
	bool large;            /* read the heap even if it is large */
	uint64_t max_memory;   /* as in gospy_leak_options */
	/* As in gospy_snapshot_options. */
	void (*progress)(void *ctx, enum gospy_progress_phase phase, uint64_t done, uint64_t total);
	void *progress_ctx;
};

/* A thread in uninterruptible sleep. */
struct looks_thread {
	pid_t tid;
	uint64_t switches;
};

/** Large: on the heap. All zero is empty. */
struct looks {
	struct gospy_target *target;  /* borrowed */
	struct gospy_snapshot *first; /* NULL: there is but one look */
	struct gospy_snapshot *last;  /* of .leaks, if that is there */
	struct gospy_leaks *leaks;    /* NULL: see .no_leaks */
	char no_leaks[400];
	struct map again; /* goids of leaks that a second search has found -> looks_place() */
	struct waits before, now;
	struct still still;
	struct sites sites;
	struct gospy_memstats mem[2]; /* the first is valid with two looks */
	bool mem_known[2];
	struct gospy_process_usage usage[2];
	struct gospy_process_limits limits[2];
	bool usage_known[2], limits_known[2];
	uint64_t queued_least, queue_looks;
	VEC(struct looks_thread) asleep; /* at the first look */
	uint64_t watched_ns, paused_ns;
};

/** Look, for as long as it takes. GOSPY_E_NOMEM, and what gospy_snapshot_take() fails with. */
enum gospy_code looks_take(struct gospy_target *target, const struct looks_options *options,
			   struct looks *ret, struct gospy_error *err);
/** Where the goroutine waits, and how often it has moved: another number if it has since. */
uint64_t looks_place(const struct gospy_goroutine *g);
void looks_deinit(struct looks *looks);

#endif
