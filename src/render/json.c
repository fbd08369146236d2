#include "render/json.h"

#include <float.h>
#include <inttypes.h>

#include "gospy.h"
#include "render/escape.h"
#include "render/units.h"

static void separate(struct json *json, const char *key)
{
	struct out *out = json->out;
	if (json->comma)
		out_putc(out, ',');
	json->comma = true;
	if (!key)
		return;
	out_putc(out, '"');
	out_puts(out, key);
	out_write(out, "\":", 2);
}

static void open_bracket(struct json *json, const char *key, char bracket)
{
	separate(json, key);
	out_putc(json->out, bracket);
	json->comma = false;
}

static void close_bracket(struct json *json, char bracket)
{
	out_putc(json->out, bracket);
	json->comma = true;
}

void json_object(struct json *json, const char *key)
{
	open_bracket(json, key, '{');
}

void json_object_end(struct json *json)
{
	close_bracket(json, '}');
}

void json_array(struct json *json, const char *key)
{
	open_bracket(json, key, '[');
}

void json_array_end(struct json *json)
{
	close_bracket(json, ']');
}

void json_newline(struct json *json)
{
	out_putc(json->out, '\n');
	json->comma = false;
}

static void unicode_escape(struct out *out, uint32_t unit)
{
	static const char digits[] = "0123456789abcdef";
	char text[6] = {'\\', 'u'};
	for (unsigned i = 0; i < 4; i++)
		text[2 + i] = digits[unit >> (12 - 4 * i) & 15];
	out_write(out, text, sizeof(text));
}

static void unfit_char(struct out *out, uint32_t code)
{
	if (code == '"' || code == '\\') {
		out_putc(out, '\\');
		out_putc(out, (char)code);
		return;
	}
	// What escape.h calls unfit lies in the basic plane: no surrogate pairs.
	unicode_escape(out, code == ESCAPE_INVALID ? 0xfffd : code);
}

static void clean_text(const struct json *json, const char *s, size_t len)
{
	const char *less;
	while (json->in_html && (less = memchr(s, '<', len))) {
		out_write(json->out, s, (size_t)(less - s));
		unicode_escape(json->out, '<');
		len -= (size_t)(less + 1 - s);
		s = less + 1;
	}
	out_write(json->out, s, len);
}

void json_str(struct json *json, const char *key, const char *s)
{
	if (!s)
		return;
	struct out *out = json->out;
	separate(json, key);
	out_putc(out, '"');
	size_t len = strlen(s);
	while (len) {
		struct escape_step step = escape_next(s, len, ESCAPE_JSON);
		clean_text(json, s, step.clean);
		if (step.unfit)
			unfit_char(out, step.code);
		s += step.clean + step.unfit;
		len -= step.clean + step.unfit;
	}
	out_putc(out, '"');
}

void json_number(struct json *json, const char *key, uint64_t n)
{
	separate(json, key);
	out_u64(json->out, n);
}

void json_u64(struct json *json, const char *key, uint64_t n)
{
	if (n != GOSPY_UNKNOWN)
		json_number(json, key, n);
}

void json_float(struct json *json, const char *key, double v)
{
	if (!(v >= 0) || v > DBL_MAX)
		return;
	separate(json, key);
	out_puts(json->out, units_go_float(v).s);
}

void json_addr(struct json *json, const char *key, uint64_t addr)
{
	if (addr == GOSPY_UNKNOWN)
		return;
	separate(json, key);
	out_putc(json->out, '"');
	out_addr(json->out, addr);
	out_putc(json->out, '"');
}

void json_bool(struct json *json, const char *key, bool b)
{
	separate(json, key);
	out_puts(json->out, b ? "true" : "false");
}

void json_i64(struct json *json, const char *key, int64_t n)
{
	separate(json, key);
	out_printf(json->out, "%" PRId64, n);
}

void json_decimal(struct json *json, const char *key, double n)
{
	if (!(n > -1e15 && n < 1e15))
		return;
	separate(json, key);
	out_printf(json->out, "%.3f", n);
}

void json_percent(struct json *json, const char *key, double percent)
{
	if (percent >= 0)
		json_decimal(json, key, percent);
}

void json_begin(struct json *json, const char *type)
{
	json_object(json, NULL);
	json_u64(json, "schema_version", JSON_SCHEMA_VERSION);
	json_str(json, "type", type);
}
