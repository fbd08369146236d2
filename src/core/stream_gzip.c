#include "core/stream_gzip.h"

#include <limits.h>
#include <stdlib.h>
#define ZLIB_CONST
#include <zlib.h>

static void *gzip_begin(void)
{
	enum { GZIP = 16 + MAX_WBITS };
	z_stream *z = calloc(1, sizeof(*z));
	if (z && inflateInit2(z, GZIP) != Z_OK) {
		free(z);
		return NULL;
	}
	return z;
}

static uInt some(size_t len)
{
	return len < UINT_MAX ? (uInt)len : UINT_MAX;
}

static enum stream_step gzip_step(void *state, struct stream_io *io)
{
	z_stream *z = state;
	uInt in = some(io->in_len), out = some(io->out_len);
	z->next_in = io->in;
	z->avail_in = in;
	z->next_out = io->out;
	z->avail_out = out;
	int result = inflate(z, Z_NO_FLUSH);
	io->in += in - z->avail_in;
	io->in_len -= in - z->avail_in;
	io->out += out - z->avail_out;
	io->out_len -= out - z->avail_out;
	if (result == Z_STREAM_END)
		return inflateReset(z) == Z_OK ? STREAM_ENDED : STREAM_BROKEN;
	// Z_BUF_ERROR: it went no further.
	if (result == Z_OK || result == Z_BUF_ERROR)
		return STREAM_GOES_ON;
	return result == Z_MEM_ERROR ? STREAM_NOMEM : STREAM_BROKEN;
}

static void gzip_end(void *state)
{
	inflateEnd(state);
	free(state);
}

const struct stream_format stream_gzip = {
	.name = "gzip",
	.library = "zlib",
	.begin = gzip_begin,
	.step = gzip_step,
	.end = gzip_end,
};
