#include "render/heap_pprof.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/intern.h"
#include "render/pprof.h"

/* Each name is a function of its own, and has a location. */
struct making {
	struct intern names;
	struct arena arena;
	struct gospy_profile_sample *samples;
	struct gospy_profile_location *locations;
	struct gospy_profile_function *functions;
	struct gospy_profile_line *lines;
};

static void making_deinit(struct making *m)
{
	intern_deinit(&m->names);
	arena_deinit(&m->arena);
	free(m->samples);
	free(m->locations);
	free(m->functions);
	free(m->lines);
}

static bool add_sample(struct making *m, const struct gospy_graph_path *path,
		       struct gospy_profile_sample *ret)
{
	size_t n = path->step_count + 1;
	uint32_t *stack = arena_calloc(&m->arena, n, sizeof(*stack));
	bool ok = stack && intern_put(&m->names, path->root, &stack[n - 1]);
	for (size_t i = 0; i < path->step_count && ok; i++)
		ok = intern_put(&m->names, path->steps[i].name, &stack[n - 2 - i]);
	*ret = (struct gospy_profile_sample){
		.values = {(int64_t)path->sum.objects, (int64_t)path->sum.bytes},
		.locations = stack,
		.location_count = (uint32_t)n,
	};
	return ok;
}

static bool add_functions(struct making *m)
{
	size_t n = m->names.all.len;
	m->locations = calloc(n + 1, sizeof(*m->locations));
	m->functions = calloc(n + 1, sizeof(*m->functions));
	m->lines = calloc(n + 1, sizeof(*m->lines));
	if (!m->locations || !m->functions || !m->lines)
		return false;
	for (size_t i = 0; i < n; i++) {
		const char *name = m->names.all.at[i];
		m->lines[i] = (struct gospy_profile_line){.function = (uint32_t)i};
		m->locations[i] =
			(struct gospy_profile_location){.line_count = 1, .lines = &m->lines[i]};
		m->functions[i] = (struct gospy_profile_function){
			.name = name, .printed = name, .system_name = name, .file = ""};
	}
	return true;
}

bool heap_pprof(const struct gospy_graph_info *info, const struct gospy_graph_paths *paths,
		struct strbuf *ret)
{
	CLEANUP(making_deinit) struct making m = {0};
	m.samples = calloc(paths->path_count + 1, sizeof(*m.samples));
	bool ok = m.samples;
	for (size_t i = 0; i < paths->path_count && ok; i++)
		ok = add_sample(&m, &paths->paths[i], &m.samples[i]);
	if (!ok || !add_functions(&m))
		return false;
	const struct gospy_profile profile = {
		.kind = GOSPY_PROFILE_OTHER,
		.name = "heap",
		.period_type = {"space", "bytes"},
		.period = 1,
		.type_count = 2,
		.types = {{"objects", "count"}, {"space", "bytes"}},
		.default_type = "space",
		.time_unix_ns = info->time_unix_ns,
		.samples = m.samples,
		.sample_count = paths->path_count,
		.locations = m.locations,
		.location_count = m.names.all.len,
		.functions = m.functions,
		.function_count = m.names.all.len,
	};
	return pprof_encode_gzip(&profile, PPROF_RUNTIME, ret);
}
