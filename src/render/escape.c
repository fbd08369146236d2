#include "render/escape.h"

#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/utf8.h"

#define REPEAT(byte) (UINT64_C(0x0101010101010101) * (byte))

static uint64_t has_byte(uint64_t word, uint8_t byte)
{
	uint64_t x = word ^ REPEAT(byte);
	return (x - REPEAT(1)) & ~x & REPEAT(0x80);
}

static bool is_clean_word(const char *s, enum escape_mode mode)
{
	uint64_t word;
	memcpy(&word, s, sizeof(word));
	uint64_t unfit = (word | (word - REPEAT(0x20))) & REPEAT(0x80);
	unfit |= has_byte(word, 0x7f);
	if (mode == ESCAPE_JSON)
		unfit |= has_byte(word, '"') | has_byte(word, '\\');
	return !unfit;
}

/* Length of a leading run of printable ASCII. It is exact if all of the text is such, as nearly
 * every name is; otherwise it comes in steps of eight bytes. */
static size_t ascii_run(const char *s, size_t len, enum escape_mode mode)
{
	size_t i = 0;
	for (; len - i >= 8; i += 8) {
		if (!is_clean_word(s + i, mode))
			return i;
	}
	return len >= 8 && is_clean_word(s + len - 8, mode) ? len : i;
}

static bool is_unfit(uint32_t code, enum escape_mode mode)
{
	if (code < 0x80)
		return code < 0x20 || code == 0x7f ||
		       (mode == ESCAPE_JSON && (code == '"' || code == '\\'));
	return code <= 0x9f || code == 0x061c || code == 0x200e || code == 0x200f ||
	       (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
}

struct escape_step escape_next(const char *s, size_t len, enum escape_mode mode)
{
	size_t i = ascii_run(s, len, mode);
	while (i < len) {
		uint32_t code;
		unsigned n = utf8_decode(s + i, len - i, &code);
		if (!n)
			return (struct escape_step){i, 1, ESCAPE_INVALID};
		if (is_unfit(code, mode))
			return (struct escape_step){i, n, code};
		i += n;
	}
	return (struct escape_step){len, 0, 0};
}

char *escape_byte(char *dst, char byte)
{
	static const char digits[] = "0123456789abcdef";
	*dst++ = '\\';
	*dst++ = 'x';
	*dst++ = digits[(uint8_t)byte >> 4];
	*dst++ = digits[byte & 15];
	return dst;
}

static void add_bytes(struct strbuf *b, const char *s, size_t len)
{
	char text[4];
	for (size_t i = 0; i < len; i++) {
		escape_byte(text, s[i]);
		strbuf_add(b, text, sizeof(text));
	}
}

void escape_add(struct strbuf *b, const char *s)
{
	size_t len = strlen(s);
	while (len) {
		struct escape_step step = escape_next(s, len, ESCAPE_TEXT);
		strbuf_add(b, s, step.clean);
		s += step.clean;
		add_bytes(b, s, step.unfit);
		s += step.unfit;
		len -= step.clean + step.unfit;
	}
}

void escape_add_markup(struct strbuf *b, const char *s)
{
	// U+FFFE and U+FFFF: XML has no place for them.
	static const struct {
		const char *what, *as;
	} special[] = {
		{"&", "&amp;"}, {"<", "&lt;"},          {">", "&gt;"},          {"\"", "&quot;"},
		{"'", "&#39;"}, {"\xef\xbf\xbe", NULL}, {"\xef\xbf\xbf", NULL},
	};
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	escape_add(&text, s);
	b->failed |= text.failed;
	for (const char *c = text.s ? text.s : ""; *c;) {
		size_t plain = strcspn(c, "&<>\"'\xef");
		strbuf_add(b, c, plain);
		c += plain;
		size_t i = 0, n = sizeof(special) / sizeof(special[0]);
		while (*c && i < n && strncmp(c, special[i].what, strlen(special[i].what)) != 0)
			i++;
		if (!*c)
			break;
		size_t len = i < n ? strlen(special[i].what) : 1;
		if (i == n)
			strbuf_add(b, c, len);
		else if (special[i].as)
			strbuf_puts(b, special[i].as);
		else
			add_bytes(b, c, len);
		c += len;
	}
}
