#include "render/profile_speedscope.h"

#include "base/cleanup.h"
#include "render/json.h"
#include "render/profile_stack.h"

struct writer {
	struct json json;
	const struct gospy_profile *profile;
	VEC(uint32_t) frames; /* number of the frame of each call; NO_FRAME: none was met */
	VEC(uint32_t) met;    /* the calls that have a frame */
	profile_calls calls;
};
#define NO_FRAME UINT32_MAX

static void writer_deinit(struct writer *w)
{
	vec_free(&w->frames);
	vec_free(&w->met);
	vec_free(&w->calls);
}

/* Number what is met. */
static bool find_frames(struct writer *w)
{
	size_t calls = profile_call_limit(w->profile);
	if (!vec_reserve(&w->frames, calls + 1))
		return false;
	memset(w->frames.at, 0xff, (calls + 1) * sizeof(*w->frames.at));
	for (size_t i = 0; i < w->profile->sample_count; i++) {
		if (!profile_stack(w->profile, &w->profile->samples[i], &w->calls))
			return false;
		for (size_t k = 0; k < w->calls.len; k++) {
			uint32_t call = w->calls.at[k];
			if (w->frames.at[call] != NO_FRAME)
				continue;
			w->frames.at[call] = (uint32_t)w->met.len;
			if (!vec_push(&w->met, call))
				return false;
		}
	}
	return true;
}

static bool write_frames(struct writer *w)
{
	CLEANUP(strbuf_deinit) struct strbuf name = {0};
	const struct gospy_profile *p = w->profile;
	json_object(&w->json, "shared");
	json_array(&w->json, "frames");
	for (size_t i = 0; i < w->met.len; i++) {
		uint32_t call = w->met.at[i];
		const struct gospy_profile_function *function =
			call < p->function_count ? &p->functions[call] : NULL;
		strbuf_clear(&name);
		profile_call_name(p, call, &name);
		if (name.failed)
			return false;
		json_object(&w->json, NULL);
		json_str(&w->json, "name", name.s);
		if (function && *function->file)
			json_str(&w->json, "file", function->file);
		if (function && function->start_line)
			json_u64(&w->json, "line", function->start_line);
		json_object_end(&w->json);
	}
	json_array_end(&w->json);
	json_object_end(&w->json);
	return true;
}

static bool write_stacks(struct writer *w, size_t type)
{
	struct json *json = &w->json;
	const struct gospy_profile *p = w->profile;
	json_array(json, "samples");
	for (size_t i = 0; i < p->sample_count; i++) {
		if (p->samples[i].values[type] <= 0)
			continue;
		if (!profile_stack(p, &p->samples[i], &w->calls))
			return false;
		json_array(json, NULL);
		for (size_t k = 0; k < w->calls.len; k++)
			json_number(json, NULL, w->frames.at[w->calls.at[k]]);
		json_array_end(json);
	}
	json_array_end(json);
	return true;
}

static bool write_profile(struct writer *w, size_t type)
{
	struct json *json = &w->json;
	const struct gospy_profile *p = w->profile;
	const struct gospy_profile_value_type *what = &p->types[type];
	uint64_t total = 0;
	for (size_t i = 0; i < p->sample_count; i++) {
		int64_t value = p->samples[i].values[type];
		total += value > 0 ? (uint64_t)value : 0;
	}
	json_object(json, NULL);
	json_str(json, "type", "sampled");
	json_str(json, "name", what->type);
	json_str(json, "unit", strcmp(what->unit, "count") == 0 ? "none" : what->unit);
	json_number(json, "startValue", 0);
	json_number(json, "endValue", total);
	if (!write_stacks(w, type))
		return false;
	json_array(json, "weights");
	for (size_t i = 0; i < p->sample_count; i++) {
		if (p->samples[i].values[type] > 0)
			json_number(json, NULL, (uint64_t)p->samples[i].values[type]);
	}
	json_array_end(json);
	json_object_end(json);
	return true;
}

bool profile_speedscope(struct out *out, const struct gospy_profile *profile, const char *name,
			size_t type)
{
	CLEANUP(writer_deinit) struct writer w = {.json.out = out, .profile = profile};
	struct json *json = &w.json;
	if (!find_frames(&w))
		return false;
	json_object(json, NULL);
	json_str(json, "$schema", "https://www.speedscope.app/file-format-schema.json");
	json_str(json, "exporter", "gospy " GOSPY_VERSION);
	json_str(json, "name", name);
	json_number(json, "activeProfileIndex", type);
	if (!write_frames(&w))
		return false;
	json_array(json, "profiles");
	for (size_t i = 0; i < profile->type_count; i++) {
		if (!write_profile(&w, i))
			return false;
	}
	json_array_end(json);
	json_object_end(json);
	json_newline(json);
	return true;
}
