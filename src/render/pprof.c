#include "render/pprof.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/intern.h"
#include "render/gzip.h"

/* Fields of the messages, by their numbers in profile.proto. */
enum {
	PROFILE_SAMPLE_TYPE = 1,
	PROFILE_SAMPLE,
	PROFILE_MAPPING,
	PROFILE_LOCATION,
	PROFILE_FUNCTION,
	PROFILE_STRING_TABLE,
	PROFILE_DROP_FRAMES,
	PROFILE_KEEP_FRAMES,
	PROFILE_TIME_NANOS,
	PROFILE_DURATION_NANOS,
	PROFILE_PERIOD_TYPE,
	PROFILE_PERIOD,
	PROFILE_COMMENT,
	PROFILE_DEFAULT_SAMPLE_TYPE,
	PROFILE_DOC_URL
};
enum { VALUE_TYPE_TYPE = 1, VALUE_TYPE_UNIT };
enum { SAMPLE_LOCATION = 1, SAMPLE_VALUE, SAMPLE_LABEL };
enum { LABEL_KEY = 1, LABEL_STR, LABEL_NUM, LABEL_NUM_UNIT };
enum {
	MAPPING_ID = 1,
	MAPPING_START,
	MAPPING_LIMIT,
	MAPPING_OFFSET,
	MAPPING_FILENAME,
	MAPPING_BUILD_ID,
	MAPPING_HAS_FUNCTIONS,
	MAPPING_HAS_FILENAMES,
	MAPPING_HAS_LINE_NUMBERS,
	MAPPING_HAS_INLINE_FRAMES
};
enum { LOCATION_ID = 1, LOCATION_MAPPING_ID, LOCATION_ADDRESS, LOCATION_LINE, LOCATION_FOLDED };
enum { LINE_FUNCTION_ID = 1, LINE_LINE };
enum {
	FUNCTION_ID = 1,
	FUNCTION_NAME,
	FUNCTION_SYSTEM_NAME,
	FUNCTION_FILENAME,
	FUNCTION_START_LINE
};

struct encoder {
	enum pprof_writer writer;
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
	enum { MOST = 10 };
	char aside[MOST];
	bool room = b->cap - b->len > MOST; // most of the time
	char *to = room ? b->s + b->len : aside;
	size_t n = 0;
	for (; value >= 0x80; value >>= 7)
		to[n++] = (char)(value | 0x80);
	to[n++] = (char)value;
	if (!room) {
		strbuf_add(b, aside, n);
		return;
	}
	b->len += n;
	b->s[b->len] = '\0';
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

/* Numbers of 0 are left out; the runtime writes them all the same. */
static void add_value_type(struct encoder *e, unsigned tag,
			   const struct gospy_profile_value_type *type)
{
	void (*add)(struct strbuf *, unsigned, uint64_t) =
		e->writer == PPROF_RUNTIME ? add_u64 : add_nonzero;
	add(&e->message, VALUE_TYPE_TYPE, string_of(e, type->type));
	add(&e->message, VALUE_TYPE_UNIT, string_of(e, type->unit));
	end_message(&e->message, tag, e->out);
}

static void add_function(struct encoder *e, const struct gospy_profile_function *function,
			 uint64_t id)
{
	add_nonzero(&e->message, FUNCTION_ID, id);
	add_nonzero(&e->message, FUNCTION_NAME, string_of(e, function->name));
	add_nonzero(&e->message, FUNCTION_SYSTEM_NAME, string_of(e, function->system_name));
	add_nonzero(&e->message, FUNCTION_FILENAME, string_of(e, function->file));
	add_nonzero(&e->message, FUNCTION_START_LINE, function->start_line);
	end_message(&e->message, PROFILE_FUNCTION, e->out);
}

static void add_lines(struct encoder *e, const struct gospy_profile_location *location)
{
	for (size_t i = 0; i < location->line_count; i++) {
		const struct gospy_profile_line *line = &location->lines[i];
		add_nonzero(&e->inner, LINE_FUNCTION_ID, line->function + UINT64_C(1));
		add_nonzero(&e->inner, LINE_LINE, line->line);
		end_message(&e->inner, LOCATION_LINE, &e->message);
	}
}

static void add_label(struct encoder *e, const char *key, const char *text, int64_t number,
		      const char *unit)
{
	add_nonzero(&e->inner, LABEL_KEY, string_of(e, key));
	add_nonzero(&e->inner, LABEL_STR, string_of(e, text));
	add_nonzero(&e->inner, LABEL_NUM, (uint64_t)number);
	if (e->writer == PPROF_TOOL)
		add_nonzero(&e->inner, LABEL_NUM_UNIT, string_of(e, unit));
	end_message(&e->inner, SAMPLE_LABEL, &e->message);
}

/* For github.com/google/pprof a number that is 0 is no label. */
static bool is_label(const struct encoder *e, const struct gospy_number_label *label)
{
	return e->writer != PPROF_TOOL || label->value || *label->unit;
}

static void add_labels(struct encoder *e, const struct gospy_profile_sample *sample)
{
	for (size_t i = 0; i < sample->label_count; i++)
		add_label(e, sample->labels[i].key, sample->labels[i].value, 0, "");
	for (size_t i = 0; i < sample->number_count; i++) {
		const struct gospy_number_label *label = &sample->numbers[i];
		if (is_label(e, label))
			add_label(e, label->key, "", label->value, label->unit);
	}
}

static void add_values(struct encoder *e, const struct gospy_profile *p,
		       const struct gospy_profile_sample *sample)
{
	bool packed = is_packed(p->type_count) && e->writer != PPROF_HTTP;
	for (size_t i = 0; i < p->type_count; i++) {
		if (packed)
			add_varint(&e->inner, (uint64_t)sample->values[i]);
		else
			add_u64(&e->message, SAMPLE_VALUE, (uint64_t)sample->values[i]);
	}
	if (packed)
		end_message(&e->inner, SAMPLE_VALUE, &e->message);
}

static void add_stack(struct encoder *e, const struct gospy_profile_sample *sample)
{
	for (size_t i = 0; i < sample->location_count; i++) {
		if (is_packed(sample->location_count))
			add_varint(&e->inner, sample->locations[i] + UINT64_C(1));
		else
			add_u64(&e->message, SAMPLE_LOCATION, sample->locations[i] + UINT64_C(1));
	}
	if (is_packed(sample->location_count))
		end_message(&e->inner, SAMPLE_LOCATION, &e->message);
}

static void add_mapping(struct encoder *e, const struct gospy_profile_mapping *mapping, uint64_t id)
{
	add_nonzero(&e->message, MAPPING_ID, id);
	add_nonzero(&e->message, MAPPING_START, mapping->start);
	add_nonzero(&e->message, MAPPING_LIMIT, mapping->end);
	add_nonzero(&e->message, MAPPING_OFFSET, mapping->offset);
	add_nonzero(&e->message, MAPPING_FILENAME, string_of(e, mapping->file));
	add_nonzero(&e->message, MAPPING_BUILD_ID, string_of(e, mapping->build_id));
	add_nonzero(&e->message, MAPPING_HAS_FUNCTIONS, mapping->has_functions);
	add_nonzero(&e->message, MAPPING_HAS_FILENAMES, mapping->has_filenames);
	add_nonzero(&e->message, MAPPING_HAS_LINE_NUMBERS, mapping->has_line_numbers);
	add_nonzero(&e->message, MAPPING_HAS_INLINE_FRAMES, mapping->has_inline_frames);
	end_message(&e->message, PROFILE_MAPPING, e->out);
}

static void add_strings(struct encoder *e)
{
	for (size_t i = 0; i < e->strings.all.len; i++) {
		const char *string = e->strings.all.at[i];
		add_bytes(e->out, PROFILE_STRING_TABLE, string, strlen(string));
	}
}

/* ----------------------------------------------------------------------------- as runtime/pprof --
 */

/* Functions that are new with a location follow it. */
static void add_location(struct encoder *e, const struct gospy_profile *p, uint32_t index)
{
	const struct gospy_profile_location *location = &p->locations[index];
	uint32_t functions = e->functions;
	add_nonzero(&e->message, LOCATION_ID, index + UINT64_C(1));
	add_nonzero(&e->message, LOCATION_ADDRESS, location->addr);
	add_lines(e, location);
	for (size_t i = 0; i < location->line_count; i++) {
		if (location->lines[i].function >= functions)
			functions = location->lines[i].function + 1;
	}
	add_nonzero(&e->message, LOCATION_MAPPING_ID, location->mapping);
	end_message(&e->message, PROFILE_LOCATION, e->out);
	for (; e->functions < functions; e->functions++)
		add_function(e, &p->functions[e->functions], e->functions + UINT64_C(1));
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
	add_values(e, p, sample);
	add_stack(e, sample);
	add_labels(e, sample);
	end_message(&e->message, PROFILE_SAMPLE, e->out);
}

static void add_as_runtime(struct encoder *e, const struct gospy_profile *p)
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
	add_strings(e);
}

/* ------------------------------------------------------------------------------ as other programs
 * --
 */

/* The numbers of all strings: encode.go:preEncode. */
static void number_strings(struct encoder *e, const struct gospy_profile *p)
{
	string_of(e, "");
	for (size_t i = 0; i < p->type_count; i++) {
		string_of(e, p->types[i].type);
		string_of(e, p->types[i].unit);
	}
	for (size_t i = 0; i < p->sample_count; i++) {
		const struct gospy_profile_sample *sample = &p->samples[i];
		for (size_t k = 0; k < sample->label_count; k++) {
			string_of(e, sample->labels[k].key);
			string_of(e, sample->labels[k].value);
		}
		for (size_t k = 0; k < sample->number_count; k++) {
			if (is_label(e, &sample->numbers[k]))
				string_of(e, sample->numbers[k].key);
			if (e->writer == PPROF_TOOL)
				string_of(e, sample->numbers[k].unit);
		}
	}
	for (size_t i = 0; i < p->mapping_count; i++) {
		string_of(e, p->mappings[i].file);
		string_of(e, p->mappings[i].build_id);
	}
	for (size_t i = 0; i < p->function_count; i++) {
		string_of(e, p->functions[i].name);
		string_of(e, p->functions[i].system_name);
		string_of(e, p->functions[i].file);
	}
	string_of(e, p->drop_frames);
	string_of(e, p->keep_frames);
	string_of(e, p->period_type.type);
	string_of(e, p->period_type.unit);
	for (size_t i = 0; e->writer == PPROF_TOOL && i < p->comment_count; i++)
		string_of(e, p->comments[i]);
	if (e->writer == PPROF_TOOL) {
		string_of(e, p->default_type ? p->default_type : "");
		string_of(e, p->doc_url);
	}
}

static void add_messages(struct encoder *e, const struct gospy_profile *p)
{
	for (size_t i = 0; i < p->type_count; i++)
		add_value_type(e, PROFILE_SAMPLE_TYPE, &p->types[i]);
	for (size_t i = 0; i < p->sample_count; i++) {
		add_stack(e, &p->samples[i]);
		add_values(e, p, &p->samples[i]);
		add_labels(e, &p->samples[i]);
		end_message(&e->message, PROFILE_SAMPLE, e->out);
	}
	for (size_t i = 0; i < p->mapping_count; i++)
		add_mapping(e, &p->mappings[i], i + 1);
	for (size_t i = 0; i < p->location_count; i++) {
		const struct gospy_profile_location *location = &p->locations[i];
		add_nonzero(&e->message, LOCATION_ID, i + 1);
		add_nonzero(&e->message, LOCATION_MAPPING_ID, location->mapping);
		add_nonzero(&e->message, LOCATION_ADDRESS, location->addr);
		add_lines(e, location);
		if (e->writer == PPROF_TOOL)
			add_nonzero(&e->message, LOCATION_FOLDED, location->folded);
		end_message(&e->message, PROFILE_LOCATION, e->out);
	}
	for (size_t i = 0; i < p->function_count; i++)
		add_function(e, &p->functions[i], i + 1);
}

static void add_comments(struct encoder *e, const struct gospy_profile *p)
{
	for (size_t i = 0; i < p->comment_count; i++) {
		uint64_t number = string_of(e, p->comments[i]);
		if (is_packed(p->comment_count))
			add_varint(&e->message, number);
		else
			add_u64(e->out, PROFILE_COMMENT, number);
	}
	if (is_packed(p->comment_count))
		end_message(&e->message, PROFILE_COMMENT, e->out);
}

static void add_in_order(struct encoder *e, const struct gospy_profile *p)
{
	number_strings(e, p);
	add_messages(e, p);
	add_strings(e);
	add_nonzero(e->out, PROFILE_DROP_FRAMES, string_of(e, p->drop_frames));
	add_nonzero(e->out, PROFILE_KEEP_FRAMES, string_of(e, p->keep_frames));
	add_nonzero(e->out, PROFILE_TIME_NANOS, p->time_unix_ns);
	add_nonzero(e->out, PROFILE_DURATION_NANOS, (uint64_t)p->duration_ns);
	if (*p->period_type.type || *p->period_type.unit)
		add_value_type(e, PROFILE_PERIOD_TYPE, &p->period_type);
	add_nonzero(e->out, PROFILE_PERIOD, (uint64_t)p->period);
	if (e->writer == PPROF_TOOL) {
		add_comments(e, p);
		add_u64(e->out, PROFILE_DEFAULT_SAMPLE_TYPE,
			string_of(e, p->default_type ? p->default_type : ""));
		add_nonzero(e->out, PROFILE_DOC_URL, string_of(e, p->doc_url));
	}
}

/* -----------------------------------------------------------------------------------------------
 */

bool pprof_encode(const struct gospy_profile *profile, enum pprof_writer writer, struct strbuf *ret)
{
	CLEANUP(encoder_deinit) struct encoder e = {.writer = writer, .out = ret};
	if (writer == PPROF_RUNTIME)
		add_as_runtime(&e, profile);
	else
		add_in_order(&e, profile);
	return !e.failed && !ret->failed;
}

bool pprof_encode_gzip(const struct gospy_profile *profile, enum pprof_writer writer,
		       struct strbuf *ret)
{
	CLEANUP(strbuf_deinit) struct strbuf plain = {0};
	return pprof_encode(profile, writer, &plain) && gzip_append(plain.s, plain.len, ret);
}
