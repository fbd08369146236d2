/* In place of frame_zstd.c where gospy is built without libzstd. */
#include "core/frame_zstd.h"

bool frame_available(void)
{
	return false;
}

struct frame_unpacker *frame_unpacker_create(void)
{
	return NULL;
}

void frame_unpacker_destroy(struct frame_unpacker *unpacker)
{
	(void)unpacker;
}

enum gospy_code frame_unpack(struct frame_unpacker *unpacker, const void *packed, size_t packed_len,
			     void *dst, size_t len, struct gospy_error *err)
{
	(void)unpacker;
	(void)packed;
	(void)packed_len;
	(void)dst;
	(void)len;
	return err_set(err, GOSPY_E_UNSUPPORTED, "this gospy was built without libzstd");
}

struct frame_packer *frame_packer_create(void)
{
	return NULL;
}

void frame_packer_destroy(struct frame_packer *packer)
{
	(void)packer;
}

size_t frame_bound(size_t len)
{
	return len;
}

enum gospy_code frame_pack(struct frame_packer *packer, enum frame_effort effort, const void *bytes,
			   size_t len, void *dst, size_t cap, size_t *len_ret,
			   struct gospy_error *err)
{
	(void)packer;
	(void)effort;
	(void)bytes;
	(void)len;
	(void)dst;
	(void)cap;
	(void)len_ret;
	return err_set(err, GOSPY_E_UNSUPPORTED, "this gospy was built without libzstd");
}
