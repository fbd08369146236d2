#include "dwarf/inflate.h"

#include <isa-l/igzip_lib.h>
#include <stdlib.h>

struct inflater {
	struct inflate_state state;
	int result; /* of the last call */
};

struct inflater *inflater_create(struct span in)
{
	struct inflater *z = malloc(sizeof(*z));
	if (!z)
		return NULL;
	isal_inflate_init(&z->state);
	z->state.crc_flag = ISAL_ZLIB; // header and checksum of RFC 1950
	// It does not write to its input, but has no const.
	z->state.next_in = (uint8_t *)(uintptr_t)in.ptr;
	z->state.avail_in = (uint32_t)in.len;
	z->result = ISAL_DECOMP_OK;
	return z;
}

void inflater_destroy(struct inflater *z)
{
	free(z);
}

size_t inflater_run(struct inflater *z, uint8_t *dst, size_t len)
{
	z->state.next_out = dst;
	z->state.avail_out = (uint32_t)len;
	if (z->result == ISAL_DECOMP_OK && z->state.block_state != ISAL_BLOCK_FINISH)
		z->result = isal_inflate(&z->state);
	return len - z->state.avail_out;
}

bool inflater_ended(const struct inflater *z)
{
	return z->result == ISAL_DECOMP_OK && z->state.block_state == ISAL_BLOCK_FINISH;
}
