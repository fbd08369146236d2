/* The CPU profile that the samples of a recording are. */
#ifndef GOSPY_RECORD_CPU_PROFILE_H
#define GOSPY_RECORD_CPU_PROFILE_H

#include "profile/made.h"
#include "record/sample_groups.h"

/* What it is made of; all of it is borrowed. */
struct cpu_profile {
	const struct gospy_record_options *options;
	const struct gospy_recording_info *info;
	struct source *source;
	struct image *image;
	struct symbols *symbols;
	const struct sample_groups *groups;
	const struct owners *owners;
	const struct foreign *foreign;
	/* What was executable when the recording began: the target may be gone. */
	const struct locations *executables;
};

enum gospy_code cpu_profile_create(const struct cpu_profile *of, struct made **ret,
				   struct gospy_error *err);

#endif
