#include "base/utf8.h"

/* RFC 3629: shortest form, no surrogates. */
unsigned utf8_decode(const char *s, size_t len, uint32_t *code_ret)
{
	uint8_t b = (uint8_t)s[0];
	unsigned n = b < 0x80 ? 1 : b < 0xc2 ? 0 : b < 0xe0 ? 2 : b < 0xf0 ? 3 : b < 0xf5 ? 4 : 0;
	if (!n || n > len)
		return 0;
	uint32_t code = n == 1 ? b : b & (0x7fu >> n);
	for (unsigned i = 1; i < n; i++) {
		uint8_t next = (uint8_t)s[i];
		if ((next & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (next & 0x3f);
	}
	if ((n == 3 && code < 0x800) || (n == 4 && (code < 0x10000 || code > 0x10ffff)) ||
	    (code >= 0xd800 && code <= 0xdfff))
		return 0;
	*code_ret = code;
	return n;
}
