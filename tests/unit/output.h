/* What a test wrote to a struct out, as a string. */
#ifndef GOSPY_TESTS_OUTPUT_H
#define GOSPY_TESTS_OUTPUT_H

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "render/out.h"

static inline struct out *output_open(void)
{
	struct out *out = malloc(sizeof(*out));
	assert_non_null(out);
	out_init(out, memfd_create("output", MFD_CLOEXEC), false);
	assert_true(out->fd >= 0);
	return out;
}

/** The text, to be freed; the output is closed. */
static inline char *output_close(struct out *out)
{
	assert_true(out_flush(out));
	off_t len = lseek(out->fd, 0, SEEK_END);
	assert_true(len >= 0);
	char *text = calloc(1, (size_t)len + 1);
	assert_non_null(text);
	assert_int_equal(pread(out->fd, text, (size_t)len, 0), len);
	close(out->fd);
	free(out);
	return text;
}

#endif
