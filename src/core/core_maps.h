/* What was mapped into a process, as its core tells: by its segments, and by the list of files. */
#ifndef GOSPY_CORE_CORE_MAPS_H
#define GOSPY_CORE_CORE_MAPS_H

#include "core/mapped_files.h"
#include "target/mapping.h"

/** To be freed by mappings_deinit(). The inode of a mapping is 1 + position of its file in
 * `files`, or 0. GOSPY_E_NOMEM. */
enum gospy_code core_maps(const struct segments *segments, const struct mapped_files *files,
			  uint64_t vdso, struct mappings *ret, struct gospy_error *err);

#endif
