#include "base/quote.h"

#include <inttypes.h>
#include <string.h>

#include "base/utf8.h"

/* Is it space, format, control, surrogate or private? Of spaces only that of ASCII is printable:
 * strconv.IsPrint. */
static bool is_printable(uint32_t code)
{
	static const struct {
		uint32_t first, last;
	} unprintable[] = {
		{0, 0x1f},          {0x7f, 0xa0},          {0xad, 0xad},       {0x600, 0x605},
		{0x61c, 0x61c},     {0x6dd, 0x6dd},        {0x70f, 0x70f},     {0x890, 0x891},
		{0x8e2, 0x8e2},     {0x1680, 0x1680},      {0x180e, 0x180e},   {0x2000, 0x200f},
		{0x2028, 0x202f},   {0x205f, 0x206f},      {0x3000, 0x3000},   {0xd800, 0xf8ff},
		{0xfeff, 0xfeff},   {0xfff0, 0xfffb},      {0xfffe, 0xffff},   {0x110bd, 0x110bd},
		{0x110cd, 0x110cd}, {0x13430, 0x1343f},    {0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a},
		{0xe0000, 0xe00ff}, {0xe01f0, UINT32_MAX},
	};
	for (size_t i = 0; i < sizeof(unprintable) / sizeof(unprintable[0]); i++) {
		if (code >= unprintable[i].first && code <= unprintable[i].last)
			return false;
	}
	return true;
}

/* strconv/quote.go:appendEscapedRune */
static void add_code(struct strbuf *b, uint32_t code)
{
	static const char letters[] = "abfnrtv\\\"", meaning[] = "\a\b\f\n\r\t\v\\\"";
	const char *found = code && code < 0x80 ? strchr(meaning, (char)code) : NULL;
	if (found)
		strbuf_printf(b, "\\%c", letters[found - meaning]);
	else if (code < 0x80)
		strbuf_printf(b, "\\x%02" PRIx32, code);
	else if (code < 0x10000)
		strbuf_printf(b, "\\u%04" PRIx32, code);
	else
		strbuf_printf(b, "\\U%08" PRIx32, code);
}

void quote_add(struct strbuf *b, const char *s)
{
	size_t len = strlen(s);
	strbuf_putc(b, '"');
	while (len) {
		uint32_t code = 0;
		unsigned n = utf8_decode(s, len, &code);
		if (!n)
			strbuf_printf(b, "\\x%02x", (uint8_t)*s);
		else if (code == '"' || code == '\\' || !is_printable(code))
			add_code(b, code);
		else
			strbuf_add(b, s, n);
		s += n ? n : 1;
		len -= n ? n : 1;
	}
	strbuf_putc(b, '"');
}
