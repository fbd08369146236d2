#include "core/frame_zstd.h"

#include <zstd.h>
#include <zstd_errors.h>

bool frame_available(void)
{
	return true;
}

/* The type exists in name only: it stands for a ZSTD_DCtx. */
struct frame_unpacker *frame_unpacker_create(void)
{
	return (struct frame_unpacker *)ZSTD_createDCtx();
}

void frame_unpacker_destroy(struct frame_unpacker *unpacker)
{
	ZSTD_freeDCtx((ZSTD_DCtx *)unpacker);
}

enum gospy_code frame_unpack(struct frame_unpacker *unpacker, const void *packed, size_t packed_len,
			     void *dst, size_t len, struct gospy_error *err)
{
	size_t result = ZSTD_decompressDCtx((ZSTD_DCtx *)unpacker, dst, len, packed, packed_len);
	if (ZSTD_isError(result) && ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation)
		return err_nomem(err);
	if (ZSTD_isError(result))
		return err_set(err, GOSPY_E_BAD_DATA, "%s", ZSTD_getErrorName(result));
	if (result != len)
		return err_set(err, GOSPY_E_BAD_DATA, "it holds %zu bytes rather than %zu", result,
			       len);
	return GOSPY_OK;
}
