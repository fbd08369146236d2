/* Profiles merged into one: src/internal/profile/merge.go, Go 1.16-1.27. */
#ifndef GOSPY_PROFILE_MERGE_H
#define GOSPY_PROFILE_MERGE_H

#include "gospy.h"

/** As gospy_profile_merge. */
enum gospy_code profile_merge(const struct gospy_profile_part *parts, size_t count,
			      struct gospy_profile **ret, struct gospy_error *err);

#endif
