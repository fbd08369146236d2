/*
 * Streaming JSON. The output is valid whatever the values are: strings are escaped, bytes that are
 * not UTF-8 become U+FFFD. A value that is unknown (GOSPY_UNKNOWN, NULL, a negative percentage) is
 * left out together with its key. `key` is NULL for an element of an array; keys are literals that
 * need no escaping.
 */
#ifndef GOSPY_RENDER_JSON_H
#define GOSPY_RENDER_JSON_H

#include "render/out.h"

enum { JSON_SCHEMA_VERSION = 1 };

struct json {
	struct out *out;
	bool comma;   /* something stands before the next value in its object or array */
	bool in_html; /* it stands in a <script>: "<" is escaped, too, so that nothing ends that */
};

void json_object(struct json *json, const char *key);
void json_object_end(struct json *json);
void json_array(struct json *json, const char *key);
void json_array_end(struct json *json);
/** End of a top-level value. */
void json_newline(struct json *json);

void json_str(struct json *json, const char *key, const char *s);
void json_u64(struct json *json, const char *key, uint64_t n);
/** The same, but GOSPY_UNKNOWN is a number like others. */
void json_number(struct json *json, const char *key, uint64_t n);
/** As many digits as it takes; nothing if it is negative. */
void json_float(struct json *json, const char *key, double v);
/** "0x1f": JSON readers keep only 53 bits of a number. */
void json_addr(struct json *json, const char *key, uint64_t addr);
void json_bool(struct json *json, const char *key, bool b);
/** Any number; none stands for an unknown one. */
void json_i64(struct json *json, const char *key, int64_t n);
/** Three decimals; an infinite one or none is left out. */
void json_decimal(struct json *json, const char *key, double n);
/** Not negative, three decimals. */
void json_percent(struct json *json, const char *key, double percent);

/** Open the object that every result is; its first members are schema_version and type. */
void json_begin(struct json *json, const char *type);

#endif
