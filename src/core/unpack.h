/*
 * A whole compressed file, unpacked once to a file without a name, below $TMPDIR or else /var/tmp.
 * Pages of zeros are not written: a core file of 100 GB may hold 1 GB, and so much of the disk is
 * taken.
 */
#ifndef GOSPY_CORE_UNPACK_H
#define GOSPY_CORE_UNPACK_H

#include "base/error.h"
#include "core/stream.h"

struct unpacked {
	int fd; /* opened for reading and writing; the file goes with it */
	uint64_t size;
	/* What of the file was lost, for a person: it is cut off, or damaged. "" else. */
	char problem[160];
};

/**
 * Unpack the file or pipe `fd`, which is called `name` in messages. `max` is how many bytes may be
 * written; 0: the free space of the folder less 10 %. What came out before the stream ended too
 * early is kept. The caller closes the descriptor. GOSPY_E_BAD_DATA: nothing came out.
 * GOSPY_E_LIMIT: `max` or the disk. GOSPY_E_UNSUPPORTED: gospy is built without the library, or the
 * stream needs more memory than STREAM_WINDOW_MAX. GOSPY_E_OS, GOSPY_E_CANCELLED.
 */
enum gospy_code unpack(int fd, const char *name, const struct stream_format *format, uint64_t max,
		       struct unpacked *ret, struct gospy_error *err)
	__attribute__((warn_unused_result));

#endif
