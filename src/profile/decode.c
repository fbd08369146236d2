#include "profile/decode.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/cursor.h"
#include "base/error.h"
#include "base/map.h"
#include "image/func_name.h"
#include "profile/gunzip.h"
#include "profile/made.h"

/* The largest profiles of Go programs, of some 100,000 stacks, have 5 MB, which gzip makes a tenth
 * of. */
enum { PACKED_MAX = 256 << 20, PLAIN_MAX = 512 << 20 };
/* So many samples, locations, functions, mappings and strings each: a sample takes 50 times the
 * memory of the shortest one in a file. */
enum { ENTRIES_MAX = 1 << 22 };

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

struct field {
	uint64_t number;
	unsigned wire;
	uint64_t value;    /* WIRE_VARINT */
	struct span bytes; /* WIRE_BYTES */
};

typedef VEC(uint64_t) numbers;

struct decoder {
	struct made *made;
	const char *wrong; /* what was first found wrong, or NULL */
	bool limit, nomem; /* it has too much of something; memory ran out */
	VEC(const char *) strings;
	VEC(struct gospy_profile_sample) samples;
	VEC(struct gospy_profile_location) locations;
	VEC(struct gospy_profile_function) functions;
	VEC(struct gospy_profile_mapping) mappings;
	struct map location_ids, function_ids, mapping_ids; /* -> 1 + index */
	/* Of the message that is read. */
	numbers ids, values;
	VEC(struct gospy_profile_line) lines;
	VEC(struct gospy_label) labels;
	VEC(struct gospy_number_label) number_labels;
};

static void decoder_deinit(struct decoder *d)
{
	made_destroy(d->made ? &d->made->pub : NULL);
	vec_free(&d->strings);
	vec_free(&d->samples);
	vec_free(&d->locations);
	vec_free(&d->functions);
	vec_free(&d->mappings);
	map_deinit(&d->location_ids);
	map_deinit(&d->function_ids);
	map_deinit(&d->mapping_ids);
	vec_free(&d->ids);
	vec_free(&d->values);
	vec_free(&d->lines);
	vec_free(&d->labels);
	vec_free(&d->number_labels);
}

/* ------------------------------------------------------------------------------------ protobuf --
 */

static void fail(struct decoder *d, const char *wrong)
{
	d->wrong = d->wrong ? d->wrong : wrong;
}

static bool has_failed(const struct decoder *d)
{
	return d->wrong || d->limit || d->nomem;
}

/* The next field of a message; false: that was the last one, or something is wrong. */
static bool next_field(struct decoder *d, struct cursor *c, struct field *ret)
{
	if (!cursor_left(c) || has_failed(d))
		return false;
	uint64_t key = cursor_uleb128(c), len = 0;
	*ret = (struct field){.number = key >> 3, .wire = key & 7};
	if (ret->wire == WIRE_VARINT)
		ret->value = cursor_uleb128(c);
	else if (ret->wire == WIRE_BYTES)
		len = cursor_uleb128(c);
	else if (ret->wire == WIRE_64)
		cursor_skip(c, sizeof(uint64_t));
	else if (ret->wire == WIRE_32)
		cursor_skip(c, sizeof(uint32_t));
	else
		fail(d, "a field has a type that there is not");
	if (len)
		ret->bytes = (struct span){cursor_bytes(c, len), len};
	if (c->failed)
		fail(d, "a field is cut off");
	return !has_failed(d);
}

static uint64_t number_in(struct decoder *d, const struct field *f)
{
	if (f->wire != WIRE_VARINT)
		fail(d, "something that is no number is where one has to be");
	return f->value;
}

static struct cursor message_in(struct decoder *d, const struct field *f)
{
	if (f->wire != WIRE_BYTES)
		fail(d, "a number is where something else has to be");
	return cursor_at(f->bytes, 0);
}

/* A repeated number, packed or not. */
static void add_numbers(struct decoder *d, const struct field *f, numbers *to)
{
	if (f->wire != WIRE_BYTES) {
		d->nomem |= !vec_push(to, number_in(d, f));
		return;
	}
	struct cursor c = cursor_at(f->bytes, 0);
	while (cursor_left(&c) && !d->nomem)
		d->nomem |= !vec_push(to, cursor_uleb128(&c));
	if (c.failed)
		fail(d, "a number is cut off");
}

/* ------------------------------------------------------------------------------ what refers to --
 */

static const char *string_of(struct decoder *d, uint64_t number)
{
	if (number < d->strings.len)
		return d->strings.at[number];
	fail(d, "it refers to a string that it does not have");
	return "";
}

static const char *string_in(struct decoder *d, const struct field *f)
{
	return string_of(d, number_in(d, f));
}

/* Is there room for one more of these? */
static bool has_room(struct decoder *d, size_t n)
{
	d->limit |= n >= ENTRIES_MAX;
	return !has_failed(d);
}

/* What comes next in a table has this id. */
static void note_id(struct decoder *d, struct map *ids, uint64_t id, size_t index)
{
	uint64_t *slot = map_put(ids, id);
	if (!slot)
		d->nomem = true;
	else if (!id || *slot)
		fail(d, id ? "two have the same id" : "something has the id 0");
	else
		*slot = index + 1;
}

/* Line numbers of no file count as not known. */
static uint32_t line_in(struct decoder *d, const struct field *f)
{
	uint64_t line = number_in(d, f);
	return line <= UINT32_MAX ? (uint32_t)line : 0;
}

/* ------------------------------------------------------------------------------------ messages --
 */

static struct gospy_profile_value_type read_value_type(struct decoder *d, struct cursor c)
{
	struct gospy_profile_value_type type = {"", ""};
	for (struct field f; next_field(d, &c, &f);) {
		if (f.number == 1)
			type.type = string_in(d, &f);
		else if (f.number == 2)
			type.unit = string_in(d, &f);
	}
	return type;
}

static void read_mapping(struct decoder *d, struct cursor c)
{
	struct gospy_profile_mapping m = {.file = "", .build_id = ""};
	uint64_t id = 0;
	for (struct field f; next_field(d, &c, &f);) {
		switch (f.number) {
		case 1:
			id = number_in(d, &f);
			break;
		case 2:
			m.start = number_in(d, &f);
			break;
		case 3:
			m.end = number_in(d, &f);
			break;
		case 4:
			m.offset = number_in(d, &f);
			break;
		case 5:
			m.file = string_in(d, &f);
			break;
		case 6:
			m.build_id = string_in(d, &f);
			break;
		case 7:
			m.has_functions = number_in(d, &f);
			break;
		case 8:
			m.has_filenames = number_in(d, &f);
			break;
		case 9:
			m.has_line_numbers = number_in(d, &f);
			break;
		case 10:
			m.has_inline_frames = number_in(d, &f);
			break;
		}
	}
	if (has_room(d, d->mappings.len)) {
		note_id(d, &d->mapping_ids, id, d->mappings.len);
		d->nomem |= !vec_push(&d->mappings, m);
	}
}

static void read_function(struct decoder *d, struct cursor c)
{
	/* Names of older versions are printed as they are: they have no type arguments. */
	enum { PRINTED_SINCE = 21 };
	struct gospy_profile_function function = {.name = "", .system_name = "", .file = ""};
	uint64_t id = 0;
	for (struct field f; next_field(d, &c, &f);) {
		switch (f.number) {
		case 1:
			id = number_in(d, &f);
			break;
		case 2:
			function.name = string_in(d, &f);
			break;
		case 3:
			function.system_name = string_in(d, &f);
			break;
		case 4:
			function.file = string_in(d, &f);
			break;
		case 5:
			function.start_line = line_in(d, &f);
			break;
		}
	}
	if (!has_room(d, d->functions.len))
		return;
	function.printed = func_name_for_print(&d->made->arena, function.name, PRINTED_SINCE);
	note_id(d, &d->function_ids, id, d->functions.len);
	d->nomem |= !function.printed || !vec_push(&d->functions, function);
}

static void read_line(struct decoder *d, struct cursor c)
{
	struct gospy_profile_line line = {0};
	uint64_t id = 0;
	for (struct field f; next_field(d, &c, &f);) {
		if (f.number == 1)
			id = number_in(d, &f);
		else if (f.number == 2)
			line.line = line_in(d, &f);
	}
	const uint64_t *index = map_get(&d->function_ids, id);
	if (id && !index)
		fail(d, "it refers to a function that it does not have");
	if (!index)
		return;
	line.function = (uint32_t)*index - 1;
	d->nomem |= !vec_push(&d->lines, line);
}

/* A copy that lives as long as the profile. */
#define KEEP(d, vec)                                                                               \
	({                                                                                         \
		const size_t keep_size_ = sizeof(*(vec)->at);                                      \
		__typeof__((vec)->at) keep_ =                                                      \
			(vec)->len ? arena_calloc(&(d)->made->arena, (vec)->len, keep_size_)       \
				   : NULL;                                                         \
		if (keep_)                                                                         \
			memcpy(keep_, (vec)->at, (vec)->len *keep_size_);                          \
		else                                                                               \
			(d)->nomem |= (vec)->len != 0;                                             \
		keep_;                                                                             \
	})

static void read_location(struct decoder *d, struct cursor c)
{
	struct gospy_profile_location location = {0};
	uint64_t id = 0, mapping = 0;
	d->lines.len = 0;
	for (struct field f; next_field(d, &c, &f);) {
		switch (f.number) {
		case 1:
			id = number_in(d, &f);
			break;
		case 2:
			mapping = number_in(d, &f);
			break;
		case 3:
			location.addr = number_in(d, &f);
			break;
		case 4:
			read_line(d, message_in(d, &f));
			break;
		case 5:
			location.folded = number_in(d, &f);
			break;
		}
	}
	if (!has_room(d, d->locations.len))
		return;
	// As Go reads it: one that is not there is none.
	const uint64_t *index = mapping ? map_get(&d->mapping_ids, mapping) : NULL;
	location.mapping = index ? (uint32_t)*index : 0;
	location.lines = KEEP(d, &d->lines);
	location.line_count = (uint32_t)d->lines.len;
	note_id(d, &d->location_ids, id, d->locations.len);
	d->nomem |= !vec_push(&d->locations, location);
}

/* What is neither text nor number is kept as text, which is written the same. */
static void read_label(struct decoder *d, struct cursor c)
{
	struct gospy_number_label label = {.key = "", .unit = ""};
	uint64_t text = 0;
	for (struct field f; next_field(d, &c, &f);) {
		switch (f.number) {
		case 1:
			label.key = string_in(d, &f);
			break;
		case 2:
			text = number_in(d, &f);
			break;
		case 3:
			label.value = (int64_t)number_in(d, &f);
			break;
		case 4:
			label.unit = string_in(d, &f);
			break;
		}
	}
	const struct gospy_label textual = {label.key, text ? string_of(d, text) : ""};
	if (!text && (label.value || *label.unit))
		d->nomem |= !vec_push(&d->number_labels, label);
	else
		d->nomem |= !vec_push(&d->labels, textual);
}

/* Ids of locations to their indexes. */
static void find_locations(struct decoder *d, struct gospy_profile_sample *sample)
{
	size_t n = d->ids.len;
	uint32_t *found = n ? arena_calloc(&d->made->arena, n, sizeof(*found)) : NULL;
	if (n && !found) {
		d->nomem = true;
		return;
	}
	for (size_t i = 0; i < n; i++) {
		const uint64_t *index = map_get(&d->location_ids, d->ids.at[i]);
		if (!index) {
			fail(d, "it refers to a location that it does not have");
			return;
		}
		found[i] = (uint32_t)*index - 1;
	}
	sample->locations = found;
	sample->location_count = (uint32_t)n;
}

static void read_sample(struct decoder *d, struct cursor c)
{
	struct gospy_profile_sample sample = {0};
	size_t types = d->made->pub.type_count;
	d->ids.len = d->values.len = d->labels.len = d->number_labels.len = 0;
	for (struct field f; next_field(d, &c, &f);) {
		if (f.number == 1)
			add_numbers(d, &f, &d->ids);
		else if (f.number == 2)
			add_numbers(d, &f, &d->values);
		else if (f.number == 3)
			read_label(d, message_in(d, &f));
	}
	if (d->values.len != types)
		fail(d, "a sample has more or fewer values than there are types of them");
	if (!has_room(d, d->samples.len))
		return;
	for (size_t i = 0; i < types; i++)
		sample.values[i] = sample.recorded[i] = (int64_t)d->values.at[i];
	find_locations(d, &sample);
	sample.labels = KEEP(d, &d->labels);
	sample.label_count = (uint32_t)d->labels.len;
	sample.has_labels = d->labels.len != 0;
	sample.numbers = KEEP(d, &d->number_labels);
	sample.number_count = (uint32_t)d->number_labels.len;
	d->nomem |= !vec_push(&d->samples, sample);
}

static void read_string(struct decoder *d, struct span bytes)
{
	const char *copy = "";
	if (bytes.len && !d->strings.len)
		fail(d, "the first of its strings is not the empty one");
	if (bytes.len)
		copy = arena_strndup(&d->made->arena, bytes.ptr, bytes.len);
	d->nomem |= !copy;
	if (has_room(d, d->strings.len))
		d->nomem |= !vec_push(&d->strings, copy);
}

static void read_comments(struct decoder *d, const struct field *f)
{
	d->values.len = 0;
	add_numbers(d, f, &d->values);
	for (size_t i = 0; i < d->values.len && !has_failed(d); i++)
		d->nomem |= !vec_push(&d->ids, d->values.at[i]);
}

/* Those that were met, which are no more than the file has bytes. */
static void keep_comments(struct decoder *d)
{
	size_t n = d->ids.len;
	const char **comments = n ? arena_calloc(&d->made->arena, n, sizeof(*comments)) : NULL;
	d->nomem |= n && !comments;
	for (size_t i = 0; i < n && !has_failed(d); i++)
		comments[i] = string_of(d, d->ids.at[i]);
	d->made->pub.comments = comments;
	d->made->pub.comment_count = n;
}

/* ------------------------------------------------------------------------------------- the file --
 */

static void read_type(struct decoder *d, struct cursor c)
{
	struct gospy_profile *pub = &d->made->pub;
	struct gospy_profile_value_type type = read_value_type(d, c);
	if (pub->type_count == GOSPY_PROFILE_VALUES)
		d->limit = true;
	else
		pub->types[pub->type_count++] = type;
}

static void read_head(struct decoder *d, const struct field *f)
{
	struct gospy_profile *pub = &d->made->pub;
	switch (f->number) {
	case 1:
		read_type(d, message_in(d, f));
		break;
	case 7:
		pub->drop_frames = string_in(d, f);
		break;
	case 8:
		pub->keep_frames = string_in(d, f);
		break;
	case 9:
		pub->time_unix_ns = number_in(d, f);
		break;
	case 10:
		pub->duration_ns = (int64_t)number_in(d, f);
		break;
	case 11:
		pub->period_type = read_value_type(d, message_in(d, f));
		break;
	case 12:
		pub->period = (int64_t)number_in(d, f);
		break;
	case 13:
		read_comments(d, f);
		break;
	case 14:
		pub->default_type = string_in(d, f);
		break;
	case 15:
		pub->doc_url = string_in(d, f);
		break;
	}
}

/* The fields of the file that have this number; 0: those of its head. Others are passed over. */
static void read_all(struct decoder *d, struct span file, uint64_t number)
{
	struct cursor c = cursor_at(file, 0);
	for (struct field f; next_field(d, &c, &f);) {
		if (!number)
			read_head(d, &f);
		else if (f.number != number)
			continue;
		else if (number == 2)
			read_sample(d, message_in(d, &f));
		else if (number == 3)
			read_mapping(d, message_in(d, &f));
		else if (number == 4)
			read_location(d, message_in(d, &f));
		else if (number == 5)
			read_function(d, message_in(d, &f));
		else
			read_string(d, message_in(d, &f).span);
	}
}

/* Each refers only to what was read before. */
static void read_file(struct decoder *d, struct span file)
{
	struct gospy_profile *pub = &d->made->pub;
	pub->kind = GOSPY_PROFILE_OTHER;
	pub->name = "pprof";
	pub->period_type = (struct gospy_profile_value_type){"", ""};
	read_all(d, file, 6);
	read_all(d, file, 0);
	keep_comments(d);
	if (!has_failed(d) && !pub->type_count)
		fail(d, "it does not say what it counts");
	if (pub->default_type && !*pub->default_type)
		pub->default_type = NULL;
	static const uint64_t order[] = {3, 5, 4, 2};
	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		read_all(d, file, order[i]);
}

static enum gospy_code finish(struct decoder *d, struct gospy_profile **ret,
			      struct gospy_error *err)
{
	struct gospy_profile *pub = &d->made->pub;
	if (d->nomem)
		return err_nomem(err);
	if (d->limit)
		return err_set(err, GOSPY_E_LIMIT,
			       "it has more than %d types of values, or more than %d of something "
			       "else",
			       GOSPY_PROFILE_VALUES, ENTRIES_MAX);
	if (d->wrong)
		return err_set(err, GOSPY_E_BAD_DATA, "it is no valid profile of pprof: %s",
			       d->wrong);
	pub->samples = d->samples.at;
	pub->sample_count = d->samples.len;
	pub->locations = d->locations.at;
	pub->location_count = d->locations.len;
	pub->functions = d->functions.at;
	pub->function_count = d->functions.len;
	pub->mappings = d->mappings.at;
	pub->mapping_count = d->mappings.len;
	if (!MADE_TAKE(d->made, &d->samples) || !MADE_TAKE(d->made, &d->locations) ||
	    !MADE_TAKE(d->made, &d->functions) || !MADE_TAKE(d->made, &d->mappings))
		return err_nomem(err);
	d->made = NULL;
	*ret = pub;
	return GOSPY_OK;
}

enum gospy_code profile_decode(const void *bytes, size_t size, struct gospy_profile **ret,
			       struct gospy_error *err)
{
	CLEANUP(decoder_deinit) struct decoder d = {.made = made_create()};
	CLEANUP_FREE uint8_t *unpacked = NULL;
	struct span file = {bytes, size};
	if (!d.made)
		return err_nomem(err);
	if (size > (gunzip_is_wanted(file) ? PACKED_MAX : PLAIN_MAX))
		return err_set(err, GOSPY_E_LIMIT, "it is larger than any profile is");
	if (gunzip_is_wanted(file)) {
		enum gospy_code code = gunzip(file, PLAIN_MAX, &unpacked, &file.len, err);
		if (code)
			return code;
		file.ptr = unpacked;
	}
	read_file(&d, file);
	return finish(&d, ret, err);
}
