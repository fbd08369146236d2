#include "core/stream_zstd.h"

#include <zstd.h>
#include <zstd_errors.h>

static void *zstd_begin(void)
{
	enum { WINDOW_LOG_MAX = 27 };
	_Static_assert(1 << WINDOW_LOG_MAX == STREAM_WINDOW_MAX, "the same limit");
	ZSTD_DCtx *z = ZSTD_createDCtx();
	if (z && ZSTD_isError(ZSTD_DCtx_setParameter(z, ZSTD_d_windowLogMax, WINDOW_LOG_MAX))) {
		ZSTD_freeDCtx(z);
		return NULL;
	}
	return z;
}

static enum stream_step zstd_step(void *state, struct stream_io *io)
{
	ZSTD_inBuffer in = {io->in, io->in_len, 0};
	ZSTD_outBuffer out = {io->out, io->out_len, 0};
	size_t result = ZSTD_decompressStream(state, &out, &in);
	io->in += in.pos;
	io->in_len -= in.pos;
	io->out += out.pos;
	io->out_len -= out.pos;
	if (result == 0)
		return STREAM_ENDED;
	if (!ZSTD_isError(result))
		return STREAM_GOES_ON;
	if (ZSTD_getErrorCode(result) == ZSTD_error_frameParameter_windowTooLarge)
		return STREAM_TOO_LARGE;
	return ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation ? STREAM_NOMEM
									 : STREAM_BROKEN;
}

static void zstd_end(void *state)
{
	ZSTD_freeDCtx(state);
}

const struct stream_format stream_zstd = {
	.name = "zstd",
	.library = "libzstd",
	.begin = zstd_begin,
	.step = zstd_step,
	.end = zstd_end,
};
