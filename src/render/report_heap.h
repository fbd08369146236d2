/* The objects of a heap by type. */
#ifndef GOSPY_RENDER_REPORT_HEAP_H
#define GOSPY_RENDER_REPORT_HEAP_H

#include "base/arena.h"
#include "base/strbuf.h"
#include "gospy.h"
#include "render/json.h"
#include "render/report.h"
#include "render/table.h"

struct heap_report {
	const struct gospy_target_info *target;
	const struct gospy_graph *graph;
	uint64_t limit; /* of types; 0: all */
};

struct heap_who_report {
	const struct gospy_target_info *target;
	const struct gospy_graph_paths *paths;
	/* Of one object, what is in it. */
	bool has_values, more_values;
	const struct gospy_graph_value *values;
	size_t value_count;
};

/** What keeps the objects of a type alive, or one object. */
void report_heap_who(struct out *out, const struct heap_who_report *report,
		     enum report_format format);
/** The members "root" and "steps" of a path. */
void report_heap_path_json(struct json *json, const struct gospy_graph_path *path);
/** How a type is called in text, and the members that say it in JSON. */
void report_heap_add_type(struct strbuf *text, const struct gospy_graph_type *type);
/** The same as the next cell of a table. The arena stays until the table is printed. */
void report_heap_type_cell(struct table *table, struct arena *arena,
			   const struct gospy_graph_type *type);
void report_heap_type_json(struct json *json, const struct gospy_graph_type *type);

void report_heap(struct out *out, const struct heap_report *report, enum report_format format);

#endif
