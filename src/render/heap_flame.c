#include "render/heap_flame.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "render/flame_html.h"
#include "render/flame_svg.h"
#include "render/units.h"

enum { BYTES, OBJECTS, COLUMNS };

static bool add_path(struct flame *flame, const struct gospy_graph_path *path)
{
	uint32_t node = FLAME_ROOT, name;
	if (!flame_name(flame, path->root, &name) || !flame_call(flame, node, name, &node))
		return false;
	for (size_t i = 0; i < path->step_count; i++) {
		if (!flame_name(flame, path->steps[i].name, &name) ||
		    !flame_call(flame, node, name, &node))
			return false;
	}
	flame_add(flame, node, BYTES, (int64_t)path->sum.bytes);
	flame_add(flame, node, OBJECTS, (int64_t)path->sum.objects);
	return true;
}

bool heap_flame(struct out *out, const struct gospy_target_info *target,
		const struct gospy_graph_info *info, const struct gospy_graph_paths *paths,
		bool svg)
{
	static const struct gospy_profile_value_type types[COLUMNS] = {
		[BYTES] = {"reachable", "bytes"}, [OBJECTS] = {"objects", "count"}};
	CLEANUP(flame_deinit) struct flame flame = {0};
	CLEANUP(strbuf_deinit) struct strbuf title = {0};
	const struct units_date date = units_date(info->time_unix_ns);
	const char *facts[] = {target->go_version, date.s};
	strbuf_printf(&title, "heap of %s (%d): what keeps it alive", target->comm,
		      (int)target->pid);
	if (title.failed || !flame_init(&flame, COLUMNS))
		return false;
	for (size_t i = 0; i < paths->path_count; i++) {
		if (!add_path(&flame, &paths->paths[i]))
			return false;
	}
	const struct flame_picture picture = {
		.flame = &flame,
		.title = title.s,
		.facts = facts,
		.fact_count = sizeof(facts) / sizeof(facts[0]),
		.note = info->instant ? NULL : "copied while the process ran",
		.types = types,
		.type_count = COLUMNS,
		.type = BYTES,
	};
	return flame_end(&flame) && (svg ? flame_svg(out, &picture) : flame_html(out, &picture));
}
