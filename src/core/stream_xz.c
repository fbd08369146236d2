#include "core/stream_xz.h"

#include <lzma.h>
#include <stdlib.h>

static void *xz_begin(void)
{
	lzma_stream *z = calloc(1, sizeof(*z));
	if (!z)
		return NULL;
	*z = (lzma_stream)LZMA_STREAM_INIT;
	if (lzma_stream_decoder(z, STREAM_WINDOW_MAX, LZMA_CONCATENATED) != LZMA_OK) {
		free(z);
		return NULL;
	}
	return z;
}

static enum stream_step xz_step(void *state, struct stream_io *io)
{
	lzma_stream *z = state;
	z->next_in = io->in;
	z->avail_in = io->in_len;
	z->next_out = io->out;
	z->avail_out = io->out_len;
	lzma_ret result = lzma_code(z, io->last ? LZMA_FINISH : LZMA_RUN);
	io->in = z->next_in;
	io->in_len = z->avail_in;
	io->out = z->next_out;
	io->out_len = z->avail_out;
	if (result == LZMA_STREAM_END)
		return STREAM_ENDED;
	// LZMA_BUF_ERROR: it went no further, twice in a row.
	if (result == LZMA_OK || result == LZMA_BUF_ERROR)
		return STREAM_GOES_ON;
	if (result == LZMA_MEMLIMIT_ERROR)
		return STREAM_TOO_LARGE;
	return result == LZMA_MEM_ERROR ? STREAM_NOMEM : STREAM_BROKEN;
}

static void xz_end(void *state)
{
	lzma_end(state);
	free(state);
}

const struct stream_format stream_xz = {
	.name = "xz",
	.library = "liblzma",
	.begin = xz_begin,
	.step = xz_step,
	.end = xz_end,
};
