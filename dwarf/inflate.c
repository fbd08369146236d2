#include "dwarf/inflate.h"

#include <isa-l/igzip_lib.h>
#include <stdlib.h>

struct inflater {
	struct inflate_state state;
	bool broken;
	inflate_read_fn read;
	void *ctx;
	uint8_t in[INFLATE_INPUT];
};

struct inflater *inflater_create(inflate_read_fn read, void *ctx)
{
	struct inflater *z = malloc(sizeof(*z));
	if (!z)
		return NULL;
	isal_inflate_init(&z->state);
	z->state.crc_flag = ISAL_ZLIB; // header and checksum of RFC 1950
	z->state.avail_in = 0;
	z->broken = false;
	z->read = read;
	z->ctx = ctx;
	return z;
}

void inflater_destroy(struct inflater *z)
{
	free(z);
}

/* False: there is no more input. */
static bool refill(struct inflater *z)
{
	if (z->state.avail_in)
		return true;
	z->state.next_in = z->in;
	z->state.avail_in = (uint32_t)z->read(z->ctx, z->in, sizeof(z->in));
	return z->state.avail_in;
}

size_t inflater_run(struct inflater *z, uint8_t *dst, size_t len)
{
	z->state.next_out = dst;
	z->state.avail_out = (uint32_t)len;
	while (z->state.avail_out && !z->broken && z->state.block_state != ISAL_BLOCK_FINISH) {
		bool more = refill(z);
		uint32_t before = z->state.avail_out;
		// What was read before may still hold something to be written.
		int result = isal_inflate(&z->state);
		z->broken = (result != ISAL_DECOMP_OK && result != ISAL_END_INPUT) ||
			    (!more && z->state.avail_out == before);
	}
	return len - z->state.avail_out;
}

bool inflater_ended(const struct inflater *z)
{
	return !z->broken && z->state.block_state == ISAL_BLOCK_FINISH;
}
