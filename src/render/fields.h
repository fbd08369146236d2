/* Structs of numbers, each member named once for text and JSON. */
#ifndef GOSPY_RENDER_FIELDS_H
#define GOSPY_RENDER_FIELDS_H

#include "render/json.h"

struct field {
	const char *key;   /* in JSON */
	const char *label; /* in text; NULL: JSON only */
	size_t offset;     /* of a uint64_t, GOSPY_UNKNOWN where it is not known */
};

/** The number of one member. */
uint64_t fields_value(const struct field *field, const void *base);
/** The members of an object that is already open. */
void fields_json(struct json *json, const struct field *fields, size_t n, const void *base);

enum fields_style { FIELDS_LABEL_FIRST /* "NMidle 7" */, FIELDS_NUMBER_FIRST /* "14 total" */ };
/** Print the members that have a label, separated by ", ". */
void fields_text(struct out *out, const struct field *fields, size_t n, const void *base,
		 enum fields_style style);

#endif
