/* The memory of a process as its core and the files have it that were mapped in it. */
#ifndef GOSPY_CORE_MEM_CORE_H
#define GOSPY_CORE_MEM_CORE_H

#include "core/exact_ranges.h"
#include "core/mapped_files.h"
#include "core/record_copy.h"

/** All is borrowed. `exact`: of a bundle, what was read of its pages; NULL: all of them was.
 * `records`: copies of what lies on them, or NULL. GOSPY_E_NOMEM. */
enum gospy_code mem_core_create(const struct segments *segments, struct input *input,
				struct mapped_files *files, const struct exact_ranges *exact,
				struct record_copy *records, struct mem **ret,
				struct gospy_error *err);

#endif
