/* The executable memory of a target, as runtime/pprof lists it: proto.go:parseProcSelfMaps and
 * elf.go:elfBuildID, Go 1.12-1.27. */
#ifndef GOSPY_PROFILE_EXECUTABLES_H
#define GOSPY_PROFILE_EXECUTABLES_H

#include "profile/locations.h"
#include "target/source.h"

/** Fill .mappings. A file that cannot be read has no build ID. */
enum gospy_code executables_list(struct source *source, struct locations *locations,
				 struct gospy_error *err);

#endif
