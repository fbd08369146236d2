/*
 * The sampler of a running process: perf events with a software clock. Nothing is stopped and no
 * signal is sent: the kernel notes registers and a piece of the stack when a thread has used so
 * much processor time.
 *
 * Each event has a ring of its processor to write to; all events of a processor share one.
 */
#ifndef GOSPY_LIVE_PERF_SAMPLER_H
#define GOSPY_LIVE_PERF_SAMPLER_H

#include "live/process.h"
#include "target/cpu_sampler.h"

/** As source_sampler(). The process stays open for as long as the sampler is there. */
enum gospy_code perf_sampler_create(struct process *process,
				    const struct cpu_sampler_options *options,
				    struct cpu_sampler **ret, struct gospy_error *err);

#endif
