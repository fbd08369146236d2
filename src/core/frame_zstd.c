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

/* A ZSTD_CCtx. Higher levels take longer, and memory of Go programs does not become smaller by
 * them.
 */
struct frame_packer *frame_packer_create(void)
{
	return (struct frame_packer *)ZSTD_createCCtx();
}

/* .min_match 0: what goes with the level. */
static const struct {
	int level, min_match;
} efforts[] = {
	[FRAME_SMALL] = {1, 0},
	[FRAME_QUICK] = {-1, 5},
};

static bool set_effort(ZSTD_CCtx *z, enum frame_effort effort)
{
	return !ZSTD_isError(
		       ZSTD_CCtx_setParameter(z, ZSTD_c_compressionLevel, efforts[effort].level)) &&
	       !ZSTD_isError(ZSTD_CCtx_setParameter(z, ZSTD_c_minMatch, efforts[effort].min_match));
}

void frame_packer_destroy(struct frame_packer *packer)
{
	ZSTD_freeCCtx((ZSTD_CCtx *)packer);
}

size_t frame_bound(size_t len)
{
	return ZSTD_compressBound(len);
}

enum gospy_code frame_pack(struct frame_packer *packer, enum frame_effort effort, const void *bytes,
			   size_t len, void *dst, size_t cap, size_t *len_ret,
			   struct gospy_error *err)
{
	ZSTD_CCtx *z = (ZSTD_CCtx *)packer;
	if (!set_effort(z, effort))
		return err_set(err, GOSPY_E_UNSUPPORTED, "libzstd does not know such levels");
	size_t result = ZSTD_compress2(z, dst, cap, bytes, len);
	if (ZSTD_isError(result) && ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation)
		return err_nomem(err);
	if (ZSTD_isError(result))
		return err_set(err, GOSPY_E_UNSUPPORTED, "libzstd: %s", ZSTD_getErrorName(result));
	*len_ret = result;
	return GOSPY_OK;
}
