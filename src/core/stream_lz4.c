#include "core/stream_lz4.h"

#include <lz4frame.h>
#include <string.h>

static void *lz4_begin(void)
{
	LZ4F_dctx *z;
	return LZ4F_isError(LZ4F_createDecompressionContext(&z, LZ4F_VERSION)) ? NULL : z;
}

static enum stream_step lz4_step(void *state, struct stream_io *io)
{
	size_t in = io->in_len, out = io->out_len;
	size_t result = LZ4F_decompress(state, io->out, &out, io->in, &in, NULL);
	if (LZ4F_isError(result))
		return strcmp(LZ4F_getErrorName(result), "ERROR_allocation_failed") ? STREAM_BROKEN
										    : STREAM_NOMEM;
	io->in += in;
	io->in_len -= in;
	io->out += out;
	io->out_len -= out;
	return result == 0 ? STREAM_ENDED : STREAM_GOES_ON;
}

static void lz4_end(void *state)
{
	LZ4F_freeDecompressionContext(state);
}

const struct stream_format stream_lz4 = {
	.name = "lz4",
	.library = "liblz4",
	.begin = lz4_begin,
	.step = lz4_step,
	.end = lz4_end,
};
