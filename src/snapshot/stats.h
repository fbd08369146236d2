/* The counts that the gops agent calls stats. */
#ifndef GOSPY_SNAPSHOT_STATS_H
#define GOSPY_SNAPSHOT_STATS_H

#include "image/image.h"

/** As gospy_stats_read. */
enum gospy_code stats_read(struct source *source, struct image *image,
			   const struct gospy_read_options *options, struct gospy_stats *ret,
			   struct gospy_error *err);

#endif
