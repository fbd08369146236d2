#include <stdint.h>
#include <stdlib.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "render/gzip.h"

bool gzip_append(const char *bytes, size_t len, struct strbuf *ret)
{
	enum { GZIP = 16 + MAX_WBITS, MEMORY = 8 };
	z_stream stream = {0};
	if (len > UINT32_MAX || deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, GZIP, MEMORY,
					     Z_DEFAULT_STRATEGY) != Z_OK)
		return false;
	uLong most = deflateBound(&stream, len);
	CLEANUP_FREE uint8_t *out = malloc(most);
	stream.next_in = (uint8_t *)(uintptr_t)bytes;
	stream.avail_in = (uInt)len;
	stream.next_out = out;
	stream.avail_out = (uInt)most;
	bool ok = out && deflate(&stream, Z_FINISH) == Z_STREAM_END;
	if (ok)
		strbuf_add(ret, (const char *)out, stream.total_out);
	deflateEnd(&stream);
	return ok && !ret->failed;
}
