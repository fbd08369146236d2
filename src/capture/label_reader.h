/* The texts of sets of profiler labels: runtime/pprof keeps a set as a map, from Go 1.24 on as a
 * sorted slice. */
#ifndef GOSPY_CAPTURE_LABEL_READER_H
#define GOSPY_CAPTURE_LABEL_READER_H

#include "base/budget.h"
#include "image/image.h"

/* Profiler labels. */
struct label_set {
	const struct gospy_label *list;
	size_t count;
	bool known; /* false: they cannot be read, or do not fit */
};

/* How sets are read; all of it is borrowed. */
struct label_reader {
	struct image *image;
	struct budget *budget;
	struct arena *arena; /* for the texts */
};

/** Read the sets at these addresses into `*sets[i]`. One that cannot be read whole is not .known.
 * An error only if nothing can be read any more. */
enum gospy_code label_sets_read(const struct label_reader *reader, const uint64_t *addrs,
				struct label_set *const *sets, size_t n, struct gospy_error *err);

#endif
