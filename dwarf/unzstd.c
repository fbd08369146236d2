#include "dwarf/unzstd.h"

#include <stdlib.h>
#include <zstd.h>
#include <zstd_errors.h>

struct unzstd {
	ZSTD_DCtx *stream;
	ZSTD_inBuffer in;
	bool frame_ended; /* there may be another one */
	bool broken;
	bool too_large; /* its window; broken, too */
	inflate_read_fn read;
	void *ctx;
	uint8_t bytes[INFLATE_INPUT];
};

bool unzstd_available(void)
{
	return true;
}

struct unzstd *unzstd_create(inflate_read_fn read, void *ctx)
{
	struct unzstd *z = calloc(1, sizeof(*z));
	if (!z)
		return NULL;
	z->read = read;
	z->ctx = ctx;
	z->in.src = z->bytes;
	z->stream = ZSTD_createDCtx();
	if (!z->stream || ZSTD_isError(ZSTD_DCtx_setParameter(z->stream, ZSTD_d_windowLogMax,
							      UNZSTD_WINDOW_LOG_MAX))) {
		unzstd_destroy(z);
		return NULL;
	}
	return z;
}

void unzstd_destroy(struct unzstd *z)
{
	if (!z)
		return;
	ZSTD_freeDCtx(z->stream);
	free(z);
}

/* False: there is no more input. */
static bool refill(struct unzstd *z)
{
	if (z->in.pos == z->in.size) {
		z->in.pos = 0;
		z->in.size = z->read(z->ctx, z->bytes, sizeof(z->bytes));
	}
	return z->in.size;
}

size_t unzstd_run(struct unzstd *z, uint8_t *dst, size_t len)
{
	ZSTD_outBuffer out = {dst, len, 0};
	while (out.pos < len && !z->broken) {
		bool more = refill(z);
		if (!more && z->frame_ended)
			break;
		size_t before = out.pos;
		size_t result = ZSTD_decompressStream(z->stream, &out, &z->in);
		z->frame_ended = result == 0;
		z->too_large =
			ZSTD_getErrorCode(result) == ZSTD_error_frameParameter_windowTooLarge;
		z->broken = ZSTD_isError(result) || (!more && result && out.pos == before);
	}
	return out.pos;
}

bool unzstd_ended(struct unzstd *z)
{
	return !z->broken && z->frame_ended && !refill(z);
}

bool unzstd_too_large(const struct unzstd *z)
{
	return z->too_large;
}
