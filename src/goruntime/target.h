/* A live target: the process, its memory, its resolved image. */
#ifndef GOSPY_GORUNTIME_TARGET_H
#define GOSPY_GORUNTIME_TARGET_H

#include "goruntime/image.h"

struct gospy_target {
	struct process process;
	struct mem *mem;
	struct image *image;
	bool namespaced;        /* another PID namespace: m.procid is not our thread id */
	int64_t mono_offset_ns; /* the target's CLOCK_MONOTONIC minus ours */
	struct gospy_target_info info;
	struct arena arena;
};

/** GOSPY_E_GONE if the process ended, or runs another program than was opened. */
enum gospy_code target_check(struct gospy_target *target, struct gospy_error *err);

#endif
