/*
 * A compressed stream, unpacked piece by piece. One table of functions stands for each format; the
 * library of a format may be missing, then its table has no functions.
 */
#ifndef GOSPY_CORE_STREAM_H
#define GOSPY_CORE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a stream may make its decoder keep. Enough for all that zstd and xz write unless they are
 * told otherwise (`zstd --long=28`); the formats would allow for gigabytes. */
enum { STREAM_WINDOW_MAX = 128 << 20 };

enum stream_step {
	STREAM_GOES_ON,
	STREAM_ENDED,     /* a frame did; another one may follow */
	STREAM_BROKEN,    /* what follows is no stream of this format, or contradicts itself */
	STREAM_TOO_LARGE, /* it needs more than STREAM_WINDOW_MAX */
	STREAM_NOMEM,
};

/* What a step reads from and writes to. Each step moves both on. */
struct stream_io {
	const uint8_t *in;
	size_t in_len;
	uint8_t *out;
	size_t out_len;
	bool last; /* there is no input behind `in` */
};

struct stream_format {
	const char *name;    /* "zstd" */
	const char *library; /* "libzstd", for messages */
	/** NULL: no memory is left. The member is NULL if gospy is built without the library. */
	void *(*begin)(void);
	/** Unpack as far as input and room go. */
	enum stream_step (*step)(void *state, struct stream_io *io);
	void (*end)(void *state);
};

#endif
