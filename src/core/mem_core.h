/* The memory of a process as its core and the files have it that were mapped in it. */
#ifndef GOSPY_CORE_MEM_CORE_H
#define GOSPY_CORE_MEM_CORE_H

#include "core/mapped_files.h"

/** All is borrowed. GOSPY_E_NOMEM. */
enum gospy_code mem_core_create(const struct segments *segments, struct input *input,
				struct mapped_files *files, struct mem **ret,
				struct gospy_error *err);

#endif
