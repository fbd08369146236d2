/* Build information of a running program. */
#ifndef GOSPY_GORUNTIME_BUILDINFO_H
#define GOSPY_GORUNTIME_BUILDINFO_H

#include "dwarf/build_info.h"
#include "target/process.h"

/**
 * Of the object in `process` that holds its Go runtime: from its file, or, where that only has
 * pointers that are relocated at load time, or is of no use, from memory; of a program of 32 bits
 * from its file alone, GOSPY_E_UNSUPPORTED if that cannot be read. GOSPY_E_NOT_GO;
 * GOSPY_E_NOT_FOUND: it is Go, but the information was left out.
 */
enum gospy_code buildinfo_read(const struct process *process, struct arena *arena,
			       struct build_info_text *ret, struct gospy_error *err);

/** The same; where there is none (Go 1.12) and no symbols tell it, the version alone as the runtime
 * in memory says it, which takes as long as opening a target. */
enum gospy_code buildinfo_or_version(const struct process *process, struct arena *arena,
				     struct build_info_text *ret, struct gospy_error *err);

#endif
