#include "record/cpu_profile.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/hash.h"
#include "base/status_name.h"
#include "profile/locations.h"

struct maker {
	const struct cpu_profile *of;
	struct made *made;
	struct locations locations;
	VEC(struct gospy_profile_sample) samples;
	VEC(uint32_t) stack; /* locations of the sample that is made */
	struct map named;    /* hash of a name -> 1 + index of its location */
};

static void maker_deinit(struct maker *m)
{
	locations_deinit(&m->locations);
	vec_free(&m->samples);
	vec_free(&m->stack);
	map_deinit(&m->named);
}

/* Append a frame that is no code. */
static bool add_named(struct maker *m, const char *name)
{
	uint64_t *slot = map_put(&m->named, hash_bytes(0, name, strlen(name)));
	uint32_t index;
	if (!slot)
		return false;
	if (!*slot) {
		if (!locations_add_named(&m->locations, name, &index))
			return false;
		*slot = index + UINT64_C(1);
	}
	return vec_push(&m->stack, (uint32_t)(*slot - 1));
}

static bool add_stack(struct maker *m, const uint64_t *pcs, size_t n)
{
	const uint32_t *locations;
	uint32_t count;
	if (!locations_of_stack(&m->locations, pcs, n, &locations, &count))
		return false;
	for (uint32_t i = 0; i < count; i++) {
		if (!vec_push(&m->stack, locations[i]))
			return false;
	}
	return true;
}

/* What it waits for, as the runtime says it; NULL: it does not, or that is not known. */
static const char *reason_of(struct maker *m, const struct sample_group *group)
{
	return group->reason ? image_wait_reason(m->of->image, group->reason) : NULL;
}

/* The frame that tells the parts of the recording apart; false: out of memory. */
static bool add_part(struct maker *m, const struct sample_group *group)
{
	const struct gospy_record_options *options = m->of->options;
	const struct label_set *labels = owners_labels(m->of->owners, group->whose.labels);
	const char *name = NULL;
	switch (options->by) {
	case GOSPY_RECORD_BY_NOTHING:
		return true;
	case GOSPY_RECORD_BY_THREAD:
		name = arena_printf(&m->made->arena, "thread %d", (int)group->tid);
		break;
	case GOSPY_RECORD_BY_GOROUTINE:
		if (group->whose.kind == WHOSE_GOROUTINE)
			name = arena_printf(&m->made->arena, "goroutine %" PRIu64,
					    group->whose.goid);
		else
			name = group->whose.kind == WHOSE_NONE ? "no goroutine"
							       : "unknown goroutine";
		break;
	case GOSPY_RECORD_BY_STATE:
		name = status_name((enum gospy_status)group->state);
		break;
	case GOSPY_RECORD_BY_REASON:
		name = reason_of(m, group);
		if (!name)
			name = status_name((enum gospy_status)group->state);
		break;
	case GOSPY_RECORD_BY_LABEL:
		for (size_t i = 0; i < labels->count && !name; i++) {
			if (strcmp(labels->list[i].key, options->label_key) == 0)
				name = arena_printf(&m->made->arena, "%s=%s", options->label_key,
						    labels->list[i].value);
		}
		if (!name)
			name = arena_printf(&m->made->arena, "%s: %s", options->label_key,
					    group->whose.kind == WHOSE_UNKNOWN ||
							    (group->whose.kind == WHOSE_GOROUTINE &&
							     !group->whose.has_labels)
						    ? "unknown"
						    : "none");
		break;
	}
	return name && add_named(m, name);
}

/* All frames of a group, innermost first. */
static bool add_frames(struct maker *m, const struct sample_group *group)
{
	const uint64_t *pcs = m->of->groups->stacks.pcs.at + group->first_pc;
	uint64_t start = group->whose.startpc + 1;
	m->stack.len = 0;
	if (m->of->options->kernel && group->kernel && !add_named(m, "[kernel]"))
		return false;
	if (group->moving && !add_named(m, "[moving]"))
		return false;
	if (group->wall && group->state == GOSPY_STATUS_RUNNING && !add_named(m, "[running]"))
		return false;
	if (group->pc_count && !add_stack(m, pcs, group->pc_count))
		return false;
	bool is_told = group->wall && !group->pc_count;
	if (group->cut && !is_told && !add_named(m, "[missing frames]"))
		return false;
	if (group->cut && group->whose.startpc && !add_stack(m, &start, 1))
		return false;
	return add_part(m, group);
}

static void set_label(struct gospy_label *labels, uint32_t *count, const char *key,
		      const char *value)
{
	uint32_t i = 0;
	while (i < *count && strcmp(labels[i].key, key) != 0)
		i++;
	labels[i] = (struct gospy_label){.key = key, .value = value};
	*count += i == *count;
}

/* In the place of profiler labels with these keys; there is room for two more. */
static void add_state(struct maker *m, const struct sample_group *group, struct gospy_label *labels,
		      uint32_t *count)
{
	const char *reason = reason_of(m, group);
	set_label(labels, count, "state", status_name((enum gospy_status)group->state));
	if (reason)
		set_label(labels, count, "reason", arena_strdup(&m->made->arena, reason));
}

static bool add_labels(struct maker *m, const struct sample_group *group,
		       struct gospy_profile_sample *sample)
{
	struct arena *arena = &m->made->arena;
	const struct label_set *set = owners_labels(m->of->owners, group->whose.labels);
	struct gospy_label *labels = arena_calloc(arena, set->count + 2, sizeof(*labels));
	struct gospy_number_label *numbers = arena_calloc(arena, 2, sizeof(*numbers));
	if (!labels || !numbers)
		return false;
	for (size_t i = 0; i < set->count; i++) {
		labels[i].key = arena_strdup(arena, set->list[i].key);
		labels[i].value = arena_strdup(arena, set->list[i].value);
		if (!labels[i].key || !labels[i].value)
			return false;
	}
	sample->labels = labels;
	sample->label_count = (uint32_t)set->count;
	if (group->wall)
		add_state(m, group, labels, &sample->label_count);
	sample->numbers = numbers;
	if (group->whose.kind == WHOSE_GOROUTINE && group->whose.goid)
		numbers[sample->number_count++] =
			(struct gospy_number_label){"goroutine", "", (int64_t)group->whose.goid};
	if (group->tid)
		numbers[sample->number_count++] =
			(struct gospy_number_label){"thread", "", group->tid};
	return true;
}

static bool add_sample(struct maker *m, const struct sample_group *group)
{
	const int64_t n = (int64_t)group->count, ns = (int64_t)group->weight_ns;
	struct gospy_profile_sample sample = {.values = {n, ns}, .recorded = {n, ns}};
	if (!add_frames(m, group) || !add_labels(m, group, &sample))
		return false;
	uint32_t *locations = arena_calloc(&m->made->arena, m->stack.len + 1, sizeof(*locations));
	if (!locations)
		return false;
	if (m->stack.len)
		memcpy(locations, m->stack.at, m->stack.len * sizeof(*locations));
	sample.locations = locations;
	sample.location_count = (uint32_t)m->stack.len;
	return vec_push(&m->samples, sample);
}

/* Their texts are in an arena that is not the profile's. */
static bool take_mappings(struct maker *m)
{
	const struct locations *from = m->of->executables;
	struct arena *arena = &m->made->arena;
	for (size_t i = 0; i < from->mappings.len; i++) {
		struct gospy_profile_mapping mapping = from->mappings.at[i];
		mapping.file = arena_strdup(arena, mapping.file);
		mapping.build_id = arena_strdup(arena, mapping.build_id);
		if (!mapping.file || !mapping.build_id ||
		    !vec_push(&m->locations.mappings, mapping) ||
		    !vec_push(&m->locations.looked_up, 0))
			return false;
	}
	return true;
}

static bool finish(struct maker *m)
{
	struct locations *l = &m->locations;
	struct gospy_profile *pub = &m->made->pub;
	locations_end(l);
	pub->samples = m->samples.at;
	pub->sample_count = m->samples.len;
	pub->locations = l->all.at;
	pub->location_count = l->all.len;
	pub->functions = l->functions.at;
	pub->function_count = l->functions.len;
	pub->mappings = l->mappings.at;
	pub->mapping_count = l->mappings.len;
	return MADE_TAKE(m->made, &m->samples) && MADE_TAKE(m->made, &l->all) &&
	       MADE_TAKE(m->made, &l->functions) && MADE_TAKE(m->made, &l->mappings);
}

static void describe(struct maker *m)
{
	const struct gospy_recording_info *info = m->of->info;
	struct gospy_profile *pub = &m->made->pub;
	const bool is_cpu = info->what == GOSPY_RECORD_CPU;
	const char *clock = is_cpu ? "cpu" : "wall";
	pub->kind = is_cpu ? GOSPY_PROFILE_CPU : GOSPY_PROFILE_WALL;
	pub->name = info->what == GOSPY_RECORD_OFF ? "off" : clock;
	pub->go_minor = (uint32_t)m->of->image->version.minor;
	pub->period_type = (struct gospy_profile_value_type){clock, "nanoseconds"};
	pub->period = (int64_t)info->period_ns;
	pub->types[pub->type_count++] = (struct gospy_profile_value_type){"samples", "count"};
	pub->types[pub->type_count++] = (struct gospy_profile_value_type){clock, "nanoseconds"};
	pub->time_unix_ns = info->time_unix_ns;
	pub->duration_ns = (int64_t)info->duration_ns;
	if (m->of->groups->full)
		pub->note = "there were more different stacks than are kept: the stacks of some "
			    "samples are missing";
	else if (symbols_full(m->of->symbols))
		pub->note = "more different program counters were found than are looked up: some "
			    "functions are not known";
}

static const char *name_foreign(const void *ctx, uint64_t addr)
{
	return foreign_name(ctx, addr);
}

enum gospy_code cpu_profile_create(const struct cpu_profile *of, struct made **ret,
				   struct gospy_error *err)
{
	CLEANUP(maker_deinit) struct maker m = {.of = of, .made = made_create()};
	if (!m.made)
		return err_nomem(err);
	m.locations.symbols = of->symbols;
	m.locations.arena = &m.made->arena;
	m.locations.minor = of->image->version.minor;
	m.locations.foreign = (struct locations_foreign){name_foreign, of->foreign};
	describe(&m);
	bool ok = take_mappings(&m);
	for (size_t i = 0; i < of->groups->all.len && ok; i++)
		ok = add_sample(&m, &of->groups->all.at[i]);
	if (!ok || !finish(&m)) {
		made_destroy(&m.made->pub);
		return err_nomem(err);
	}
	*ret = m.made;
	return GOSPY_OK;
}
