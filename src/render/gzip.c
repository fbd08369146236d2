#include "render/gzip.h"

#include <isa-l/igzip_lib.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/cleanup.h"

bool gzip_append(const char *bytes, size_t len, struct strbuf *ret)
{
	enum { LEVEL = 1, LEVEL_BYTES = ISAL_DEF_LVL1_DEFAULT, PIECE = 64 << 10 };
	CLEANUP_FREE struct isal_zstream *stream = malloc(sizeof(*stream));
	CLEANUP_FREE uint8_t *level = malloc(LEVEL_BYTES), *out = malloc(PIECE);
	if (!stream || !level || !out || len > UINT32_MAX)
		return false;
	isal_deflate_init(stream);
	stream->gzip_flag = IGZIP_GZIP;
	stream->level = LEVEL;
	stream->level_buf = level;
	stream->level_buf_size = LEVEL_BYTES;
	stream->end_of_stream = 1;
	stream->next_in = (uint8_t *)(uintptr_t)bytes;
	stream->avail_in = (uint32_t)len;
	do {
		stream->next_out = out;
		stream->avail_out = PIECE;
		if (isal_deflate(stream) != COMP_OK)
			return false;
		strbuf_add(ret, (const char *)out, PIECE - stream->avail_out);
	} while (stream->internal_state.state != ZSTATE_END);
	return !ret->failed;
}
