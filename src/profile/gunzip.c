#include "profile/gunzip.h"

#include <limits.h>
#define ZLIB_CONST
#include <zlib.h>

#include "base/error.h"
#include "base/vec.h"

enum { FIRST_ROOM = 64 << 10 };

bool gunzip_is_wanted(struct span bytes)
{
	return bytes.len >= 2 && bytes.ptr[0] == 0x1f && bytes.ptr[1] == 0x8b;
}

typedef VEC(uint8_t) octets;

/* Give the stream room; it grows with what came out so far, not with what the file claims. */
static enum gospy_code make_room(z_stream *stream, octets *out, size_t most,
				 struct gospy_error *err)
{
	// One byte more than is allowed, to see that there would be more.
	size_t want = out->len ? out->len * 2 : FIRST_ROOM;
	if (!vec_reserve(out, want <= most ? want : most + 1))
		return err_nomem(err);
	size_t room = out->cap - out->len < UINT_MAX ? out->cap - out->len : UINT_MAX;
	stream->next_out = out->at + out->len;
	stream->avail_out = (uInt)room;
	return GOSPY_OK;
}

/* One member after the other, as gzip(1) and Go's gzip.Reader do. */
static enum gospy_code inflate_all(z_stream *stream, octets *out, size_t most,
				   struct gospy_error *err)
{
	for (;;) {
		enum gospy_code code =
			stream->avail_out ? GOSPY_OK : make_room(stream, out, most, err);
		if (code)
			return code;
		int status = inflate(stream, Z_NO_FLUSH);
		out->len = (size_t)(stream->next_out - out->at);
		if (out->len > most)
			return err_set(err, GOSPY_E_LIMIT, "it unpacks to more than %zu MiB",
				       most >> 20);
		if (status == Z_STREAM_END && !stream->avail_in)
			return GOSPY_OK;
		if (status == Z_STREAM_END)
			status = inflateReset(stream);
		if (status == Z_MEM_ERROR)
			return err_nomem(err);
		if (status == Z_BUF_ERROR && !stream->avail_out)
			continue;
		if (status)
			return err_set(err, GOSPY_E_BAD_DATA, "it cannot be unpacked: %s",
				       stream->msg ? stream->msg : "it is cut off");
	}
}

enum gospy_code gunzip(struct span bytes, size_t most, uint8_t **ret, size_t *size_ret,
		       struct gospy_error *err)
{
	enum { GZIP = 16 + MAX_WBITS };
	octets out = {0};
	z_stream stream = {0};
	if (bytes.len > UINT_MAX)
		return err_set(err, GOSPY_E_LIMIT, "it is larger than 4 GiB");
	if (inflateInit2(&stream, GZIP))
		return err_nomem(err);
	stream.next_in = bytes.ptr;
	stream.avail_in = (uInt)bytes.len;
	enum gospy_code code = inflate_all(&stream, &out, most, err);
	inflateEnd(&stream);
	if (code) {
		vec_free(&out);
		return code;
	}
	*ret = out.at;
	*size_ret = out.len;
	return GOSPY_OK;
}
