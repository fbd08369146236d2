/*
 * The records in the ring of a perf event: perf_event_open(2). The kernel writes them, so they are
 * right; but a mistake about one of them must not cost more than the samples of that ring.
 */
#ifndef GOSPY_LIVE_PERF_RING_H
#define GOSPY_LIVE_PERF_RING_H

#include "target/cpu_sampler.h"

enum {
	/* struct perf_event_header has 16 bits for the size. */
	PERF_RECORD_BYTES = 1 << 16,
	PERF_RECORD_WORDS = PERF_RECORD_BYTES / 8,
};

/* What the events are opened with, and what their samples hold: PERF_SAMPLE_*, PERF_REG_X86_*. */
extern const uint64_t perf_sample_type, perf_sample_regs;

struct perf_ring {
	const uint8_t *data;
	uint64_t size; /* of it, a power of two */
	uint64_t tail; /* so many bytes were taken, ever */
	uint32_t chain_max;
	/* The record that was taken last: one may begin at the end of the ring and go on at its
	 * beginning. */
	uint64_t record[PERF_RECORD_WORDS];
	uint64_t chain[SAMPLE_CHAIN_MAX];
};

enum perf_kind {
	PERF_OTHER, /* nothing that matters */
	PERF_A_SAMPLE,
	PERF_LOST,     /* .count samples had no room */
	PERF_THROTTLE, /* the event is held back for a moment */
	PERF_FORK,     /* .pid has a new thread .tid */
	PERF_EXEC,     /* .pid executes another program */
	PERF_BAD,      /* makes no sense: it is skipped, or all that there is */
};

struct perf_record {
	enum perf_kind kind;
	pid_t pid, tid;
	uint64_t count;
	struct cpu_sample sample; /* valid until the next record is taken */
};

/** Take the next record of those up to `head`, which the kernel says it has written ever. False:
 * there is none. */
bool perf_ring_next(struct perf_ring *ring, uint64_t head, struct perf_record *ret);

#endif
