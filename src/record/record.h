/*
 * The room src/record/: where a running target spends time, on and off the processor.
 *
 * Enters: a source and its image. The source makes a sampler (target/cpu_sampler.h), which tells
 *   registers and pieces of stacks.
 * Leaves: a struct gospy_recording: how the sampling went, and a profile of it.
 * Owner: who asked for the recording destroys it. It holds nothing of the target.
 *
 * What becomes of a sample: the ring of the kernel (live/perf_ring.h) -> struct cpu_sample -> whose
 * it is (whose.h) and its stack (walk.h) -> a group of samples that are alike (sample_groups.h) ->
 * the profile (cpu_profile.h). Of wall-clock time goroutines are looked at instead (wall.h). All
 * but the last happens while the target runs on, as samples come; nothing of it stops the target.
 */
#ifndef GOSPY_RECORD_RECORD_H
#define GOSPY_RECORD_RECORD_H

#include "image/image.h"

/** As gospy_record. */
enum gospy_code record_run(struct source *source, struct image *image,
			   const struct gospy_record_options *options, struct gospy_recording **ret,
			   struct gospy_error *err);
/** As gospy_recording_destroy. */
void record_destroy(struct gospy_recording *recording);

#endif
