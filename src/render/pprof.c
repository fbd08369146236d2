#include "render/pprof.h"

#include <string.h>
#include <zlib.h>

#include "base/cleanup.h"
#include "base/intern.h"

/* Fields of the messages, by their numbers in profile.proto. */
enum {
	PROFILE_SAMPLE_TYPE = 1,
	PROFILE_SAMPLE,
	PROFILE_MAPPING,
	PROFILE_LOCATION,
	PROFILE_FUNCTION,
	PROFILE_STRING_TABLE,
	PROFILE_TIME_NANOS = 9,
	PROFILE_PERIOD_TYPE = 11,
	PROFILE_PERIOD,
	PROFILE_DEFAULT_SAMPLE_TYPE = 14
};
enum { VALUE_TYPE_TYPE = 1, VALUE_TYPE_UNIT };
enum { SAMPLE_LOCATION = 1, SAMPLE_VALUE, SAMPLE_LABEL };
enum { LABEL_KEY = 1, LABEL_STR, LABEL_NUM };
enum {
	MAPPING_ID = 1,
	MAPPING_START,
	MAPPING_LIMIT,
	MAPPING_OFFSET,
	MAPPING_FILENAME,
	MAPPING_BUILD_ID,
	MAPPING_HAS_FUNCTIONS
};
enum { LOCATION_ID = 1, LOCATION_MAPPING_ID, LOCATION_ADDRESS, LOCATION_LINE };
enum { LINE_FUNCTION_ID = 1, LINE_LINE };
enum {
	FUNCTION_ID = 1,
	FUNCTION_NAME,
	FUNCTION_SYSTEM_NAME,
	FUNCTION_FILENAME,
	FUNCTION_START_LINE
};

struct encoder {
	struct strbuf *out;
	struct strbuf message, inner; /* what is being written, and a message in it */
	struct intern strings;
	uint32_t locations, functions; /* so many were written */
	bool failed;
};

static void encoder_deinit(struct encoder *e)
{
	strbuf_deinit(&e->message);
	strbuf_deinit(&e->inner);
	intern_deinit(&e->strings);
}

/* ------------------------------------------------------------------------------------ protobuf --
 */

static void add_varint(struct strbuf *b, uint64_t value)
{
	char bytes[10];
	size_t n = 0;
	for (; value >= 0x80; value >>= 7)
		bytes[n++] = (char)(value | 0x80);
	bytes[n++] = (char)value;
	strbuf_add(b, bytes, n);
}

static void add_u64(struct strbuf *b, unsigned tag, uint64_t value)
{
	add_varint(b, (uint64_t)tag << 3);
	add_varint(b, value);
}

static void add_nonzero(struct strbuf *b, unsigned tag, uint64_t value)
{
	if (value)
		add_u64(b, tag, value);
}

static void add_bytes(struct strbuf *b, unsigned tag, const char *s, size_t len)
{
	add_varint(b, (uint64_t)tag << 3 | 2);
	add_varint(b, len);
	strbuf_add(b, s, len);
}

/* A message that was built is a field of another one. */
static void end_message(struct strbuf *message, unsigned tag, struct strbuf *in)
{
	add_bytes(in, tag, message->s ? message->s : "", message->len);
	in->failed |= message->failed;
	strbuf_clear(message);
}

/* More than two numbers are packed. */
static bool is_packed(size_t n)
{
	return n > 2;
}

/* ------------------------------------------------------------------------------------- strings --
 */

/* Number of the string; the empty one has 0. */
static uint64_t string_of(struct encoder *e, const char *s)
{
	uint32_t number = 0;
	e->failed |= !intern_put(&e->strings, s, &number);
	return number;
}

/* ------------------------------------------------------------------------------------ messages --
 */

static void add_value_type(struct encoder *e, unsigned tag,
			   const struct gospy_profile_value_type *type)
{
	add_u64(&e->message, VALUE_TYPE_TYPE, string_of(e, type->type));
	add_u64(&e->message, VALUE_TYPE_UNIT, string_of(e, type->unit));
	end_message(&e->message, tag, e->out);
}

static void add_function(struct encoder *e, const struct gospy_profile_function *function,
			 uint64_t id)
{
	uint64_t name = string_of(e, function->name);
	add_nonzero(&e->message, FUNCTION_ID, id);
	add_nonzero(&e->message, FUNCTION_NAME, name);
	add_nonzero(&e->message, FUNCTION_SYSTEM_NAME, name);
	add_nonzero(&e->message, FUNCTION_FILENAME, string_of(e, function->file));
	add_nonzero(&e->message, FUNCTION_START_LINE, function->start_line);
	end_message(&e->message, PROFILE_FUNCTION, e->out);
}

/* Functions that are new with a location follow it. */
static void add_location(struct encoder *e, const struct gospy_profile *p, uint32_t index)
{
	const struct gospy_profile_location *location = &p->locations[index];
	uint32_t functions = e->functions;
	add_nonzero(&e->message, LOCATION_ID, index + UINT64_C(1));
	add_nonzero(&e->message, LOCATION_ADDRESS, location->addr);
	for (size_t i = 0; i < location->line_count; i++) {
		const struct gospy_profile_line *line = &location->lines[i];
		add_nonzero(&e->inner, LINE_FUNCTION_ID, line->function + UINT64_C(1));
		add_nonzero(&e->inner, LINE_LINE, line->line);
		end_message(&e->inner, LOCATION_LINE, &e->message);
		if (line->function >= functions)
			functions = line->function + 1;
	}
	add_nonzero(&e->message, LOCATION_MAPPING_ID, location->mapping);
	end_message(&e->message, PROFILE_LOCATION, e->out);
	for (; e->functions < functions; e->functions++)
		add_function(e, &p->functions[e->functions], e->functions + UINT64_C(1));
}

static void add_label(struct encoder *e, const char *key, const char *text, int64_t number)
{
	add_nonzero(&e->inner, LABEL_KEY, string_of(e, key));
	add_nonzero(&e->inner, LABEL_STR, string_of(e, text));
	add_nonzero(&e->inner, LABEL_NUM, (uint64_t)number);
	end_message(&e->inner, SAMPLE_LABEL, &e->message);
}

static void add_numbers(struct encoder *e, const struct gospy_profile *p,
			const struct gospy_profile_sample *sample)
{
	for (size_t i = 0; i < p->type_count; i++) {
		if (is_packed(p->type_count))
			add_varint(&e->inner, (uint64_t)sample->values[i]);
		else
			add_u64(&e->message, SAMPLE_VALUE, (uint64_t)sample->values[i]);
	}
	if (is_packed(p->type_count))
		end_message(&e->inner, SAMPLE_VALUE, &e->message);
	for (size_t i = 0; i < sample->location_count; i++) {
		if (is_packed(sample->location_count))
			add_varint(&e->inner, sample->locations[i] + UINT64_C(1));
		else
			add_u64(&e->message, SAMPLE_LOCATION, sample->locations[i] + UINT64_C(1));
	}
	if (is_packed(sample->location_count))
		end_message(&e->inner, SAMPLE_LOCATION, &e->message);
}

/* Locations that are new with a sample come before it. */
static void add_sample(struct encoder *e, const struct gospy_profile *p,
		       const struct gospy_profile_sample *sample)
{
	uint32_t locations = e->locations;
	for (size_t i = 0; i < sample->location_count; i++) {
		if (sample->locations[i] >= locations)
			locations = sample->locations[i] + 1;
	}
	for (; e->locations < locations; e->locations++)
		add_location(e, p, e->locations);
	add_numbers(e, p, sample);
	for (size_t i = 0; i < sample->label_count; i++)
		add_label(e, sample->labels[i].key, sample->labels[i].value, 0);
	if (sample->sized)
		add_label(e, "bytes", "", sample->object_size);
	end_message(&e->message, PROFILE_SAMPLE, e->out);
}

static void add_mapping(struct encoder *e, const struct gospy_profile_mapping *mapping, uint64_t id)
{
	add_nonzero(&e->message, MAPPING_ID, id);
	add_nonzero(&e->message, MAPPING_START, mapping->start);
	add_nonzero(&e->message, MAPPING_LIMIT, mapping->end);
	add_nonzero(&e->message, MAPPING_OFFSET, mapping->offset);
	add_nonzero(&e->message, MAPPING_FILENAME, string_of(e, mapping->file));
	add_nonzero(&e->message, MAPPING_BUILD_ID, string_of(e, mapping->build_id));
	if (mapping->has_functions)
		add_u64(&e->message, MAPPING_HAS_FUNCTIONS, 1);
	end_message(&e->message, PROFILE_MAPPING, e->out);
}

static void add_all(struct encoder *e, const struct gospy_profile *p)
{
	string_of(e, "");
	add_value_type(e, PROFILE_PERIOD_TYPE, &p->period_type);
	add_nonzero(e->out, PROFILE_PERIOD, (uint64_t)p->period);
	for (size_t i = 0; i < p->type_count; i++)
		add_value_type(e, PROFILE_SAMPLE_TYPE, &p->types[i]);
	if (p->default_type)
		add_nonzero(e->out, PROFILE_DEFAULT_SAMPLE_TYPE, string_of(e, p->default_type));
	for (size_t i = 0; i < p->sample_count; i++)
		add_sample(e, p, &p->samples[i]);
	add_nonzero(e->out, PROFILE_TIME_NANOS, p->time_unix_ns);
	for (size_t i = 0; i < p->mapping_count; i++)
		add_mapping(e, &p->mappings[i], i + 1);
	for (size_t i = 0; i < e->strings.all.len; i++) {
		const char *string = e->strings.all.at[i];
		add_bytes(e->out, PROFILE_STRING_TABLE, string, strlen(string));
	}
}

bool pprof_encode(const struct gospy_profile *profile, struct strbuf *ret)
{
	CLEANUP(encoder_deinit) struct encoder e = {.out = ret};
	add_all(&e, profile);
	return !e.failed && !ret->failed;
}

bool pprof_encode_gzip(const struct gospy_profile *profile, struct strbuf *ret)
{
	enum { GZIP = 16 + MAX_WBITS, MEMORY = 8 };
	CLEANUP(strbuf_deinit) struct strbuf plain = {0};
	z_stream stream = {0};
	if (!pprof_encode(profile, &plain) || plain.len > UINT32_MAX ||
	    deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, GZIP, MEMORY, Z_DEFAULT_STRATEGY))
		return false;
	uLong most = deflateBound(&stream, plain.len);
	CLEANUP_FREE uint8_t *bytes = malloc(most);
	stream.next_in = (uint8_t *)plain.s;
	stream.avail_in = (uInt)plain.len;
	stream.next_out = bytes;
	stream.avail_out = (uInt)most;
	bool ok = bytes && deflate(&stream, Z_FINISH) == Z_STREAM_END;
	if (ok)
		strbuf_add(ret, bytes, stream.total_out);
	deflateEnd(&stream);
	return ok && !ret->failed;
}
