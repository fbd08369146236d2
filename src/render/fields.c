#include "render/fields.h"

uint64_t fields_value(const struct field *field, const void *base)
{
	uint64_t value;
	memcpy(&value, (const char *)base + field->offset, sizeof(value));
	return value;
}

void fields_json(struct json *json, const struct field *fields, size_t n, const void *base)
{
	for (size_t i = 0; i < n; i++)
		json_u64(json, fields[i].key, fields_value(&fields[i], base));
}

void fields_text(struct out *out, const struct field *fields, size_t n, const void *base,
		 enum fields_style style)
{
	const char *separator = "";
	for (size_t i = 0; i < n; i++) {
		if (!fields[i].label)
			continue;
		out_puts(out, separator);
		separator = ", ";
		if (style == FIELDS_LABEL_FIRST) {
			out_puts(out, fields[i].label);
			out_putc(out, ' ');
		}
		out_count(out, fields_value(&fields[i], base));
		if (style == FIELDS_NUMBER_FIRST) {
			out_putc(out, ' ');
			out_puts(out, fields[i].label);
		}
	}
}
