/* The heap figures of runtime.ReadMemStats. */
#ifndef GOSPY_SNAPSHOT_MEMSTATS_H
#define GOSPY_SNAPSHOT_MEMSTATS_H

#include "image/image.h"

/** As gospy_memstats_read. */
enum gospy_code memstats_read(struct source *source, struct image *image,
			      const struct gospy_read_options *options, struct gospy_memstats *ret,
			      struct gospy_error *err);

#endif
