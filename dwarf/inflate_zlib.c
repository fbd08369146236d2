/* In place of inflate.c where gospy is built without ISA-L. */
#include <stdlib.h>
#include <zlib.h>

#include "dwarf/inflate.h"

struct inflater {
	z_stream stream;
	int result; /* of the last call */
	inflate_read_fn read;
	void *ctx;
	uint8_t in[INFLATE_INPUT];
};

struct inflater *inflater_create(inflate_read_fn read, void *ctx)
{
	struct inflater *z = calloc(1, sizeof(*z));
	if (!z)
		return NULL;
	z->read = read;
	z->ctx = ctx;
	z->result = inflateInit(&z->stream);
	if (z->result != Z_OK) {
		free(z);
		return NULL;
	}
	return z;
}

void inflater_destroy(struct inflater *z)
{
	if (!z)
		return;
	inflateEnd(&z->stream);
	free(z);
}

size_t inflater_run(struct inflater *z, uint8_t *dst, size_t len)
{
	z->stream.next_out = dst;
	z->stream.avail_out = (uInt)len;
	while (z->result == Z_OK && z->stream.avail_out) {
		if (!z->stream.avail_in) {
			z->stream.next_in = z->in;
			z->stream.avail_in = (uInt)z->read(z->ctx, z->in, sizeof(z->in));
		}
		// Without input and without anything to write it is Z_BUF_ERROR.
		z->result = inflate(&z->stream, Z_NO_FLUSH);
	}
	return len - z->stream.avail_out;
}

bool inflater_ended(const struct inflater *z)
{
	return z->result == Z_STREAM_END;
}
