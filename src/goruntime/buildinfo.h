/* Build information of a running program. */
#ifndef GOSPY_GORUNTIME_BUILDINFO_H
#define GOSPY_GORUNTIME_BUILDINFO_H

#include "dwarf/build_info.h"
#include "target/process.h"

/**
 * From the file of `process`, or, where that only has pointers that are relocated at load time,
 * from its memory. GOSPY_E_NOT_GO; GOSPY_E_NOT_FOUND: it is Go, but the information was left out.
 */
enum gospy_code buildinfo_read(const struct process *process, struct arena *arena,
			       struct build_info_text *ret, struct gospy_error *err);

#endif
