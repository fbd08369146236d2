/*
 * A sampler: what tells, at a rate, where the threads of a target are that use processor time. A
 * source that can do so makes one (source.h); live/perf_sampler.h is it of a running process.
 *
 * It knows nothing of Go: a sample is registers, some bytes of the stack, and a chain of return
 * addresses. None of it is to be trusted: the target chooses its registers and its stack.
 */
#ifndef GOSPY_TARGET_CPU_SAMPLER_H
#define GOSPY_TARGET_CPU_SAMPLER_H

#include <sys/types.h>

#include "base/error.h"
#include "base/span.h"

enum {
	/* A record of a ring is shorter than 64 KiB, so no chain has more addresses. */
	SAMPLE_CHAIN_MAX = 8192,
};

/* The registers of user mode. */
struct cpu_sample_regs {
	uint64_t ax, bx, cx, dx, si, di, bp, sp, ip, r8, r9, r10, r11, r12, r13, r14, r15;
};

struct cpu_sample {
	pid_t tid;
	uint64_t time_ns; /* of CLOCK_MONOTONIC */
	bool kernel;      /* it was taken in the kernel: the registers are those of the entry */
	/* The thread runs 64-bit code, and has registers: none has a worker of io_uring. */
	bool has_regs;
	struct cpu_sample_regs regs;
	struct span stack;     /* from regs.sp on; shorter where the stack ends, or empty */
	const uint64_t *chain; /* the pc, then return addresses by frame pointers; user mode only */
	size_t chain_len;
	bool chain_full; /* the kernel notes no more: there may be further ones */
};

struct cpu_sampler_options {
	uint64_t period_ns; /* of processor time, between two samples of a thread */
	uint32_t stack_bytes;
	enum gospy_record_events events;
	bool prompt; /* a sample makes the descriptors of cpu_sampler_wait() ready, at some cost */
};

/* What is known of the sampling so far. */
struct cpu_sampler_facts {
	enum gospy_record_events events;
	bool kernel_unseen;
	uint32_t event_count, ring_count, thread_count;
	uint64_t lost, throttled, malformed;
	bool exec; /* the target has begun another program: what follows is not of this one */
};

struct cpu_sampler;

struct cpu_sampler_ops {
	/** See cpu_sampler_wait(). */
	bool (*wait)(struct cpu_sampler *sampler, int end_fd, uint64_t ns);
	/** See cpu_sampler_drain(). */
	bool (*drain)(struct cpu_sampler *sampler,
		      bool (*visit)(void *ctx, const struct cpu_sample *sample), void *ctx);
	/** See cpu_sampler_cpu_ns(). */
	uint64_t (*cpu_ns)(struct cpu_sampler *sampler);
	void (*stop)(struct cpu_sampler *sampler);
	void (*destroy)(struct cpu_sampler *sampler);
};

struct cpu_sampler {
	const struct cpu_sampler_ops *ops;
	struct cpu_sampler_facts facts;
};

/** NULL is allowed. */
static inline void cpu_sampler_destroy(struct cpu_sampler *sampler)
{
	if (sampler)
		sampler->ops->destroy(sampler);
}

/** Wait for that time, or less: until `end_fd` is readable, unless it is -1, the target has ended,
 * or, with .prompt, there is a sample. Returns false if the target has ended. */
static inline bool cpu_sampler_wait(struct cpu_sampler *sampler, int end_fd, uint64_t ns)
{
	return sampler->ops->wait(sampler, end_fd, ns);
}

/** Show all samples that there are. Each is valid for its visit. False: a visit returned false,
 * which ends it. */
static inline bool cpu_sampler_drain(struct cpu_sampler *sampler,
				     bool (*visit)(void *ctx, const struct cpu_sample *sample),
				     void *ctx)
{
	return sampler->ops->drain(sampler, visit, ctx);
}

/** Processor time of the target that the kernel has counted so far; GOSPY_UNKNOWN. */
static inline uint64_t cpu_sampler_cpu_ns(struct cpu_sampler *sampler)
{
	return sampler->ops->cpu_ns(sampler);
}

/** No more samples are taken. Those that there are can still be drained. */
static inline void cpu_sampler_stop(struct cpu_sampler *sampler)
{
	sampler->ops->stop(sampler);
}

#endif
