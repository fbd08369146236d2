/* The objects of package sync that goroutines wait for. */
#ifndef GOSPY_SNAPSHOT_DECODE_OBJECTS_H
#define GOSPY_SNAPSHOT_DECODE_OBJECTS_H

#include "capture/capture.h"
#include "image/image.h"

/** By address. GOSPY_E_NOMEM. */
enum gospy_code decode_objects(const struct capture *capture, struct source *source,
			       const struct image *image, struct arena *arena,
			       struct gospy_objects *ret, struct gospy_error *err);

#endif
