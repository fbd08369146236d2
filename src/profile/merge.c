#include "profile/merge.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/intern.h"
#include "profile/made.h"

/* What is looked up by what it is made of: its index in an array. */
struct table {
	struct map by_hash;      /* -> 1 + index of the last one */
	VEC(uint32_t) same_hash; /* 1 + index of another one with its hash, or 0 */
};

/* A label, and where in its sample it stood. */
struct placed_label {
	struct gospy_label label;
	size_t place;
};
struct placed_number {
	struct gospy_number_label label;
	size_t place;
};

struct merger {
	struct made *made;
	struct intern strings; /* copies in the arena, so that equal ones have one address */
	VEC(struct gospy_profile_sample) samples;
	VEC(struct gospy_profile_location) locations;
	VEC(struct gospy_profile_function) functions;
	VEC(struct gospy_profile_mapping) mappings;
	struct table by_sample, by_location, by_function, by_mapping;
	/* Of the part that is merged: 1 + index of what its own became, or 0. */
	VEC(uint32_t) location_of, function_of, mapping_of;
	/* Of the sample or location that is looked at. */
	VEC(uint32_t) stack;
	VEC(struct gospy_profile_line) lines;
	VEC(struct placed_label) labels;
	VEC(struct placed_number) numbers;
};

static void table_deinit(struct table *table)
{
	map_deinit(&table->by_hash);
	vec_free(&table->same_hash);
}

static void merger_deinit(struct merger *m)
{
	made_destroy(m->made ? &m->made->pub : NULL);
	intern_deinit(&m->strings);
	vec_free(&m->samples);
	vec_free(&m->locations);
	vec_free(&m->functions);
	vec_free(&m->mappings);
	table_deinit(&m->by_sample);
	table_deinit(&m->by_location);
	table_deinit(&m->by_function);
	table_deinit(&m->by_mapping);
	vec_free(&m->location_of);
	vec_free(&m->function_of);
	vec_free(&m->mapping_of);
	vec_free(&m->stack);
	vec_free(&m->lines);
	vec_free(&m->labels);
	vec_free(&m->numbers);
}

/* ------------------------------------------------------------------------------------- finding --
 */

typedef bool same_function(const struct merger *m, size_t index, const void *what);

/* 1 + index, or 0. NULL: out of memory. `slot` is where a new one is to be put by add_to. */
static bool find_in(const struct merger *m, struct table *table, uint64_t hash, same_function *same,
		    const void *what, uint64_t **slot_ret, uint32_t *ret)
{
	*ret = 0;
	*slot_ret = map_put(&table->by_hash, hash);
	if (!*slot_ret)
		return false;
	for (uint64_t i = **slot_ret; i; i = table->same_hash.at[i - 1]) {
		if (same(m, (size_t)i - 1, what)) {
			*ret = (uint32_t)i;
			return true;
		}
	}
	return true;
}

/* The next one in the array has this hash. */
static bool add_to(struct table *table, uint64_t *slot)
{
	if (!vec_push(&table->same_hash, (uint32_t)*slot))
		return false;
	*slot = table->same_hash.len;
	return true;
}

static uint64_t mix_pointer(uint64_t hash, const void *p)
{
	return hash_mix(hash, (uintptr_t)p);
}

/* The copy of a string; NULL: out of memory. */
static const char *put(struct merger *m, const char *s)
{
	uint32_t number;
	size_t known = m->strings.all.len;
	if (!intern_put(&m->strings, s, &number))
		return NULL;
	if (m->strings.all.len == known)
		return m->strings.all.at[number];
	const char *copy = arena_strdup(&m->made->arena, s);
	// Without a copy nothing is looked up any more.
	m->strings.all.at[number] = copy ? copy : "";
	return copy;
}

/* ------------------------------------------------------------------------------------ mappings --
 */

/* Where programs are loaded may differ, and their size a little. */
static uint64_t rounded_size(const struct gospy_profile_mapping *mapping)
{
	const uint64_t page = 0x1000;
	uint64_t size = mapping->end - mapping->start + page - 1;
	return size - size % page;
}

static const char *identity_of(const struct gospy_profile_mapping *mapping)
{
	return *mapping->build_id ? mapping->build_id : mapping->file;
}

static bool same_mapping(const struct merger *m, size_t index, const void *what)
{
	const struct gospy_profile_mapping *a = &m->mappings.at[index], *b = what;
	return rounded_size(a) == rounded_size(b) && a->offset == b->offset &&
	       identity_of(a) == identity_of(b);
}

static bool map_mapping(struct merger *m, const struct gospy_profile *p, uint32_t index)
{
	uint32_t *known = &m->mapping_of.at[index], found;
	uint64_t *slot;
	if (*known)
		return true;
	struct gospy_profile_mapping mapping = p->mappings[index];
	mapping.file = put(m, mapping.file);
	mapping.build_id = put(m, mapping.build_id);
	if (!mapping.file || !mapping.build_id)
		return false;
	uint64_t hash = hash_mix(hash_mix(0, rounded_size(&mapping)), mapping.offset);
	hash = mix_pointer(hash, identity_of(&mapping));
	if (!find_in(m, &m->by_mapping, hash, same_mapping, &mapping, &slot, &found))
		return false;
	*known = found;
	if (found)
		return true;
	*known = (uint32_t)m->mappings.len + 1;
	return add_to(&m->by_mapping, slot) && vec_push(&m->mappings, mapping);
}

/* ----------------------------------------------------------------------------------- functions --
 */

static bool same_functions(const struct merger *m, size_t index, const void *what)
{
	const struct gospy_profile_function *a = &m->functions.at[index], *b = what;
	return a->start_line == b->start_line && a->name == b->name &&
	       a->system_name == b->system_name && a->file == b->file;
}

static bool map_function(struct merger *m, const struct gospy_profile *p, uint32_t index)
{
	uint32_t *known = &m->function_of.at[index], found;
	uint64_t *slot;
	if (*known)
		return true;
	struct gospy_profile_function function = p->functions[index];
	function.name = put(m, function.name);
	function.printed = put(m, function.printed);
	function.system_name = put(m, function.system_name);
	function.file = put(m, function.file);
	if (!function.name || !function.printed || !function.system_name || !function.file)
		return false;
	uint64_t hash = mix_pointer(hash_mix(0, function.start_line), function.name);
	hash = mix_pointer(mix_pointer(hash, function.system_name), function.file);
	if (!find_in(m, &m->by_function, hash, same_functions, &function, &slot, &found))
		return false;
	*known = found;
	if (found)
		return true;
	*known = (uint32_t)m->functions.len + 1;
	return add_to(&m->by_function, slot) && vec_push(&m->functions, function);
}

/* ----------------------------------------------------------------------------------- locations --
 */

/* From the beginning of the mapping. */
static uint64_t place_of(const struct merger *m, const struct gospy_profile_location *location)
{
	uint64_t start = location->mapping ? m->mappings.at[location->mapping - 1].start : 0;
	return location->addr - start;
}

static bool same_location(const struct merger *m, size_t index, const void *what)
{
	const struct gospy_profile_location *a = &m->locations.at[index], *b = what;
	if (a->mapping != b->mapping || place_of(m, a) != place_of(m, b) ||
	    a->line_count != b->line_count || a->folded != b->folded)
		return false;
	for (size_t i = 0; i < a->line_count; i++) {
		if (a->lines[i].function != b->lines[i].function ||
		    a->lines[i].line != b->lines[i].line)
			return false;
	}
	return true;
}

/* The lines of a location, of the functions that there are now. */
static bool map_lines(struct merger *m, const struct gospy_profile *p,
		      const struct gospy_profile_location *location, uint64_t *hash)
{
	m->lines.len = 0;
	for (size_t i = 0; i < location->line_count; i++) {
		struct gospy_profile_line line = location->lines[i];
		if (!map_function(m, p, line.function))
			return false;
		line.function = m->function_of.at[line.function] - 1;
		*hash = hash_mix(hash_mix(*hash, line.function), line.line);
		if (!vec_push(&m->lines, line))
			return false;
	}
	return true;
}

static bool map_location(struct merger *m, const struct gospy_profile *p, uint32_t index)
{
	uint32_t *known = &m->location_of.at[index], found;
	uint64_t *slot, hash = 0;
	if (*known)
		return true;
	struct gospy_profile_location location = p->locations[index];
	if (location.mapping) {
		const struct gospy_profile_mapping *mapping = &p->mappings[location.mapping - 1];
		if (!map_mapping(m, p, location.mapping - 1))
			return false;
		location.mapping = m->mapping_of.at[location.mapping - 1];
		location.addr += m->mappings.at[location.mapping - 1].start - mapping->start;
	}
	if (!map_lines(m, p, &p->locations[index], &hash))
		return false;
	location.lines = m->lines.at;
	hash = hash_mix(hash_mix(hash, place_of(m, &location)), location.mapping);
	if (!find_in(m, &m->by_location, hash, same_location, &location, &slot, &found))
		return false;
	*known = found;
	if (found)
		return true;
	struct gospy_profile_line *lines =
		arena_calloc(&m->made->arena, m->lines.len + 1, sizeof(*lines));
	if (!lines)
		return false;
	if (m->lines.len)
		memcpy(lines, m->lines.at, m->lines.len * sizeof(*lines));
	location.lines = lines;
	*known = (uint32_t)m->locations.len + 1;
	return add_to(&m->by_location, slot) && vec_push(&m->locations, location);
}

/* -------------------------------------------------------------------------------------- labels --
 */

static int compare_labels(const void *a, const void *b)
{
	const struct placed_label *x = a, *y = b;
	int by_key = strcmp(x->label.key, y->label.key);
	return by_key ? by_key : (x->place > y->place) - (x->place < y->place);
}

static int compare_numbers(const void *a, const void *b)
{
	const struct placed_number *x = a, *y = b;
	int by_key = strcmp(x->label.key, y->label.key);
	return by_key ? by_key : (x->place > y->place) - (x->place < y->place);
}

static bool add_text(struct merger *m, const struct gospy_label *label)
{
	const struct gospy_label copy = {put(m, label->key), put(m, label->value)};
	const struct placed_label placed = {copy, m->labels.len};
	return copy.key && copy.value && vec_push(&m->labels, placed);
}

static bool add_number(struct merger *m, const struct gospy_number_label *label)
{
	const struct gospy_number_label copy = {put(m, label->key), put(m, label->unit),
						label->value};
	const struct placed_number placed = {copy, m->numbers.len};
	return copy.key && copy.unit && vec_push(&m->numbers, placed);
}

static bool is_set_by(const struct gospy_profile_part *part, const char *key)
{
	for (size_t i = 0; i < part->label_count; i++) {
		if (strcmp(part->labels[i].key, key) == 0)
			return true;
	}
	return false;
}

/* The labels of a sample in the order of their keys, as they are encoded. One without text is a
 * number for Go: encode.go:postDecode. */
static bool map_labels(struct merger *m, const struct gospy_profile_part *part,
		       const struct gospy_profile_sample *sample, uint64_t *hash)
{
	m->labels.len = m->numbers.len = 0;
	for (size_t i = 0; i < sample->label_count; i++) {
		const struct gospy_label *label = &sample->labels[i];
		const struct gospy_number_label zero = {label->key, "", 0};
		if (*label->value && is_set_by(part, label->key))
			continue;
		if (!(*label->value ? add_text(m, label) : add_number(m, &zero)))
			return false;
	}
	for (size_t i = 0; i < part->label_count; i++) {
		if (!add_text(m, &part->labels[i]))
			return false;
	}
	for (size_t i = 0; i < sample->number_count; i++) {
		if (!add_number(m, &sample->numbers[i]))
			return false;
	}
	if (m->labels.len)
		qsort(m->labels.at, m->labels.len, sizeof(*m->labels.at), compare_labels);
	if (m->numbers.len)
		qsort(m->numbers.at, m->numbers.len, sizeof(*m->numbers.at), compare_numbers);
	for (size_t i = 0; i < m->labels.len; i++) {
		*hash = mix_pointer(*hash, m->labels.at[i].label.key);
		*hash = mix_pointer(*hash, m->labels.at[i].label.value);
	}
	for (size_t i = 0; i < m->numbers.len; i++) {
		*hash = mix_pointer(*hash, m->numbers.at[i].label.key);
		*hash = hash_mix(*hash, (uint64_t)m->numbers.at[i].label.value);
	}
	return true;
}

/* ------------------------------------------------------------------------------------- samples --
 */

static bool is_zero(const struct gospy_profile *p, const struct gospy_profile_sample *sample)
{
	for (size_t i = 0; i < p->type_count; i++) {
		if (sample->values[i])
			return false;
	}
	return true;
}

/* The sample that is looked at is in the merger. */
static bool same_sample(const struct merger *m, size_t index, const void *what)
{
	(void)what;
	const struct gospy_profile_sample *s = &m->samples.at[index];
	if (s->location_count != m->stack.len || s->label_count != m->labels.len ||
	    s->number_count != m->numbers.len)
		return false;
	for (size_t i = 0; i < m->stack.len; i++) {
		if (s->locations[i] != m->stack.at[i])
			return false;
	}
	for (size_t i = 0; i < m->labels.len; i++) {
		const struct gospy_label *label = &m->labels.at[i].label;
		if (s->labels[i].key != label->key || s->labels[i].value != label->value)
			return false;
	}
	for (size_t i = 0; i < m->numbers.len; i++) {
		const struct gospy_number_label *label = &m->numbers.at[i].label;
		if (s->numbers[i].key != label->key || s->numbers[i].value != label->value ||
		    s->numbers[i].unit != label->unit)
			return false;
	}
	return true;
}

/* A new one, without values, of what is looked at. */
static bool add_sample(struct merger *m, bool has_labels)
{
	struct arena *arena = &m->made->arena;
	uint32_t *stack = arena_calloc(arena, m->stack.len + 1, sizeof(*stack));
	struct gospy_label *labels = arena_calloc(arena, m->labels.len + 1, sizeof(*labels));
	struct gospy_number_label *numbers =
		arena_calloc(arena, m->numbers.len + 1, sizeof(*numbers));
	if (!stack || !labels || !numbers)
		return false;
	if (m->stack.len)
		memcpy(stack, m->stack.at, m->stack.len * sizeof(*stack));
	for (size_t i = 0; i < m->labels.len; i++)
		labels[i] = m->labels.at[i].label;
	for (size_t i = 0; i < m->numbers.len; i++)
		numbers[i] = m->numbers.at[i].label;
	const struct gospy_profile_sample sample = {
		.locations = stack,
		.location_count = (uint32_t)m->stack.len,
		.labels = labels,
		.label_count = (uint32_t)m->labels.len,
		.numbers = numbers,
		.number_count = (uint32_t)m->numbers.len,
		.has_labels = has_labels || m->labels.len,
	};
	return vec_push(&m->samples, sample);
}

static bool map_sample(struct merger *m, const struct gospy_profile_part *part,
		       const struct gospy_profile_sample *sample)
{
	uint64_t hash = 0, *slot;
	uint32_t found;
	m->stack.len = 0;
	for (size_t i = 0; i < sample->location_count; i++) {
		uint32_t location = sample->locations[i];
		if (!map_location(m, part->profile, location))
			return false;
		location = m->location_of.at[location] - 1;
		hash = hash_mix(hash, location);
		if (!vec_push(&m->stack, location))
			return false;
	}
	if (!map_labels(m, part, sample, &hash) ||
	    !find_in(m, &m->by_sample, hash, same_sample, NULL, &slot, &found))
		return false;
	if (!found) {
		if (!add_to(&m->by_sample, slot) || !add_sample(m, sample->has_labels))
			return false;
		found = (uint32_t)m->samples.len;
	}
	struct gospy_profile_sample *to = &m->samples.at[found - 1];
	for (size_t i = 0; i < part->profile->type_count; i++) {
		uint64_t value = (uint64_t)sample->values[i] * (uint64_t)part->factor;
		to->values[i] = (int64_t)((uint64_t)to->values[i] + value);
		to->recorded[i] = to->values[i];
	}
	return true;
}

/* ------------------------------------------------------------------------------------- the whole
 * --
 */

/* Room for what `n` things of a part became, all unknown. */
#define FORGET(vec, n)                                                                             \
	({                                                                                         \
		const size_t forget_ = (n) + 1;                                                    \
		bool room_ = vec_reserve(vec, forget_);                                            \
		if (room_)                                                                         \
			memset((vec)->at, 0, forget_ * sizeof(*(vec)->at));                        \
		room_;                                                                             \
	})

static bool add_part(struct merger *m, const struct gospy_profile_part *part)
{
	const struct gospy_profile *p = part->profile;
	if (!FORGET(&m->location_of, p->location_count) ||
	    !FORGET(&m->function_of, p->function_count) ||
	    !FORGET(&m->mapping_of, p->mapping_count))
		return false;
	// The first mapping is the program, for whoever reads the profile.
	if (!m->mappings.len && p->mapping_count && !map_mapping(m, p, 0))
		return false;
	for (size_t i = 0; i < p->sample_count; i++) {
		if (!is_zero(p, &p->samples[i]) && !map_sample(m, part, &p->samples[i]))
			return false;
	}
	return true;
}

static bool same_type(const struct gospy_profile_value_type *a,
		      const struct gospy_profile_value_type *b)
{
	return strcmp(a->type, b->type) == 0 && strcmp(a->unit, b->unit) == 0;
}

static enum gospy_code check_types(const struct gospy_profile *a, const struct gospy_profile *b,
				   struct gospy_error *err)
{
	if (!same_type(&a->period_type, &b->period_type))
		return err_set(err, GOSPY_E_USAGE,
			       "one profile is of '%.40s' in '%.40s', the other of '%.40s' in "
			       "'%.40s'",
			       a->period_type.type, a->period_type.unit, b->period_type.type,
			       b->period_type.unit);
	if (a->type_count != b->type_count)
		return err_set(err, GOSPY_E_USAGE,
			       "one profile has %zu types of values, the other %zu", a->type_count,
			       b->type_count);
	for (size_t i = 0; i < a->type_count; i++) {
		if (!same_type(&a->types[i], &b->types[i]))
			return err_set(err, GOSPY_E_USAGE,
				       "one profile has '%.40s' in '%.40s' where the other has "
				       "'%.40s' in '%.40s'",
				       a->types[i].type, a->types[i].unit, b->types[i].type,
				       b->types[i].unit);
	}
	return GOSPY_OK;
}

static bool put_all(struct merger *m, const char **strings[], size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (*strings[i] && !(*strings[i] = put(m, *strings[i])))
			return false;
	}
	return true;
}

/* Each comment once. */
static bool merge_comments(struct merger *m, const struct gospy_profile_part *parts, size_t count)
{
	struct gospy_profile *pub = &m->made->pub;
	CLEANUP(intern_deinit) struct intern seen = {0};
	uint32_t number;
	for (size_t i = 0; i < count; i++) {
		for (size_t k = 0; k < parts[i].profile->comment_count; k++) {
			const char *comment = put(m, parts[i].profile->comments[k]);
			if (!comment || !intern_put(&seen, comment, &number))
				return false;
		}
	}
	const char **comments = arena_calloc(&m->made->arena, seen.all.len + 1, sizeof(*comments));
	if (!comments)
		return false;
	for (size_t i = 0; i < seen.all.len; i++)
		comments[i] = seen.all.at[i];
	pub->comments = comments;
	pub->comment_count = seen.all.len;
	return true;
}

/* combineHeaders */
static bool merge_heads(struct merger *m, const struct gospy_profile_part *parts, size_t count)
{
	struct gospy_profile *pub = &m->made->pub;
	*pub = *parts[0].profile;
	pub->samples = NULL;
	pub->frames = NULL;
	pub->frame_count = 0;
	for (size_t i = 1; i < count; i++) {
		const struct gospy_profile *p = parts[i].profile;
		int64_t time_ns = (int64_t)p->time_unix_ns;
		if (!pub->time_unix_ns || time_ns < (int64_t)pub->time_unix_ns)
			pub->time_unix_ns = p->time_unix_ns;
		pub->duration_ns = (int64_t)((uint64_t)pub->duration_ns + (uint64_t)p->duration_ns);
		if (!pub->period || pub->period < p->period)
			pub->period = p->period;
		if (!pub->default_type)
			pub->default_type = p->default_type;
		if (!*pub->doc_url)
			pub->doc_url = p->doc_url;
		if (!pub->note)
			pub->note = p->note;
		if (p->soundness != GOSPY_SOUND)
			pub->soundness = p->soundness;
		pub->paused_ns += p->paused_ns;
	}
	const char **strings[] = {&pub->name,
				  &pub->period_type.type,
				  &pub->period_type.unit,
				  &pub->default_type,
				  &pub->drop_frames,
				  &pub->keep_frames,
				  &pub->doc_url,
				  &pub->note};
	if (!put_all(m, strings, sizeof(strings) / sizeof(strings[0])))
		return false;
	for (size_t i = 0; i < pub->type_count; i++) {
		const char **type[] = {&pub->types[i].type, &pub->types[i].unit};
		if (!put_all(m, type, 2))
			return false;
	}
	return merge_comments(m, parts, count);
}

static enum gospy_code finish(struct merger *m, struct gospy_profile **ret, struct gospy_error *err)
{
	struct gospy_profile *pub = &m->made->pub;
	pub->samples = m->samples.at;
	pub->sample_count = m->samples.len;
	pub->locations = m->locations.at;
	pub->location_count = m->locations.len;
	pub->functions = m->functions.at;
	pub->function_count = m->functions.len;
	pub->mappings = m->mappings.at;
	pub->mapping_count = m->mappings.len;
	if (!MADE_TAKE(m->made, &m->samples) || !MADE_TAKE(m->made, &m->locations) ||
	    !MADE_TAKE(m->made, &m->functions) || !MADE_TAKE(m->made, &m->mappings))
		return err_nomem(err);
	m->made = NULL;
	*ret = pub;
	return GOSPY_OK;
}

static enum gospy_code merge_once(const struct gospy_profile_part *parts, size_t count,
				  struct gospy_profile **ret, struct gospy_error *err)
{
	CLEANUP(merger_deinit) struct merger m = {.made = made_create()};
	if (!m.made || !merge_heads(&m, parts, count))
		return err_nomem(err);
	for (size_t i = 0; i < count; i++) {
		if (!add_part(&m, &parts[i]))
			return err_nomem(err);
	}
	return finish(&m, ret, err);
}

enum gospy_code profile_merge(const struct gospy_profile_part *parts, size_t count,
			      struct gospy_profile **ret, struct gospy_error *err)
{
	struct gospy_profile *merged;
	for (size_t i = 1; i < count; i++) {
		enum gospy_code code = check_types(parts[0].profile, parts[i].profile, err);
		if (code)
			return code;
	}
	enum gospy_code code = merge_once(parts, count, &merged, err);
	bool zero = false;
	for (size_t i = 0; !code && i < merged->sample_count && !zero; i++)
		zero = is_zero(merged, &merged->samples[i]);
	// Once more without those that have become nothing, and what only they needed.
	if (!code && zero) {
		const struct gospy_profile_part all = {.profile = merged, .factor = 1};
		code = merge_once(&all, 1, ret, err);
		made_destroy(merged);
	} else if (!code)
		*ret = merged;
	return code;
}
