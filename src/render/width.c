#include "render/width.h"

#include <stdint.h>

#include "base/utf8.h"

wchar_t width_next(const char **s, size_t *len)
{
	uint32_t code;
	unsigned n = utf8_decode(*s, *len, &code);
	if (!n) {
		n = 1;
		code = '?';
	}
	*s += n;
	*len -= n;
	return (wchar_t)code;
}

int width_char(wchar_t *c, bool utf8)
{
	int width = *c < 0x80 ? 1 : utf8 ? wcwidth(*c) : -1;
	if (width >= 0 && width <= 2)
		return width;
	*c = L'?';
	return 1;
}

int width_text(const char *s, size_t len, bool utf8)
{
	int columns = 0;
	while (len) {
		wchar_t c = width_next(&s, &len);
		columns += width_char(&c, utf8);
	}
	return columns;
}
