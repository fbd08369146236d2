#include "render/profile_top.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/map.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "render/measure.h"
#include "render/name.h"
#include "render/units.h"

/* github.com/google/pprof/internal/report and internal/graph, as Go 1.26 has them. */
static const double node_fraction = 0.005, edge_fraction = 0.001;

/* A function; what has no name is told apart by its mapping. */
struct node {
	const char *name; /* "": see `file` */
	const char *file; /* of the mapping, or NULL */
	int64_t flat, cum;
	size_t seen; /* 1 + number of the last sample that it was met in */
	bool kept;
	bool inlined, called; /* it has a caller that it is inlined into; that calls it */
};

struct edge {
	uint32_t from, to;
	int64_t weight;
	size_t seen;
	bool inlined;
};

struct graph {
	const struct gospy_profile *profile;
	size_t type;
	VEC(struct node) nodes;
	VEC(struct edge) edges;
	struct map by_ends;        /* of edges -> 1 + index */
	VEC(struct node *) ranked; /* those that are shown, in this order */
	int64_t total;             /* of all samples, without their signs; or of the base */
	int64_t base_total;        /* of samples of the base alone */
	int64_t flat_total;        /* of all nodes */
	size_t dropped, before_limit;
	const char *unit; /* in which values are shown */
};

static void graph_deinit(struct graph *g)
{
	vec_free(&g->nodes);
	vec_free(&g->edges);
	map_deinit(&g->by_ends);
	vec_free(&g->ranked);
}

static int64_t sum(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a + (uint64_t)b);
}

static int64_t size_of(int64_t value)
{
	return value < 0 ? (int64_t) - (uint64_t)value : value;
}

static int64_t share_of(int64_t value, double fraction)
{
	return size_of((int64_t)((double)value * fraction));
}

/* --------------------------------------------------------------------------------------- nodes --
 */

static bool make_nodes(struct graph *g)
{
	const struct gospy_profile *p = g->profile;
	for (size_t i = 0; i < p->function_count; i++) {
		if (!vec_push(&g->nodes, ((struct node){.name = p->functions[i].name})))
			return false;
	}
	for (size_t i = 0; i <= p->mapping_count; i++) {
		struct node node = {.name = "", .file = i ? p->mappings[i - 1].file : NULL};
		if (!vec_push(&g->nodes, node))
			return false;
	}
	return true;
}

static uint32_t node_of(const struct graph *g, const struct gospy_profile_location *location,
			size_t line)
{
	uint32_t function =
		line < location->line_count ? location->lines[line].function : UINT32_MAX;
	if (function != UINT32_MAX && *g->profile->functions[function].name)
		return function;
	return (uint32_t)g->profile->function_count + location->mapping;
}

/* One of which nothing is known is a call all the same. */
static size_t lines_of(const struct gospy_profile_location *location)
{
	return location->line_count ? location->line_count : 1;
}

/* DiffBaseSample: what -diff_base has taken off. */
static bool is_base(const struct gospy_profile_sample *sample)
{
	for (size_t i = 0; i < sample->label_count; i++) {
		if (strcmp(sample->labels[i].key, "pprof::base") == 0)
			return strcmp(sample->labels[i].value, "true") == 0;
	}
	return false;
}

static void add_sample(struct graph *g, size_t number)
{
	const struct gospy_profile_sample *sample = &g->profile->samples[number];
	int64_t value = sample->values[g->type];
	struct node *leaf = NULL;
	g->total = sum(g->total, size_of(value));
	if (is_base(sample))
		g->base_total = sum(g->base_total, size_of(value));
	if (!value)
		return;
	for (size_t i = sample->location_count; i-- > 0;) {
		const struct gospy_profile_location *location =
			&g->profile->locations[sample->locations[i]];
		for (size_t k = lines_of(location); k-- > 0;) {
			leaf = &g->nodes.at[node_of(g, location, k)];
			if (leaf->seen != number + 1)
				leaf->cum = sum(leaf->cum, value);
			leaf->seen = number + 1;
		}
	}
	if (leaf)
		leaf->flat = sum(leaf->flat, value);
}

/* The name that is shown of what has none. */
static void add_name(struct strbuf *b, const struct node *node)
{
	const char *slash = node->file ? strrchr(node->file, '/') : NULL;
	if (*node->name)
		strbuf_puts(b, node->name);
	else if (node->file && *node->file)
		strbuf_printf(b, "[%s]", slash ? slash + 1 : node->file);
	else
		strbuf_puts(b, "<unknown>");
}

static int compare_names(const struct node *a, const struct node *b)
{
	CLEANUP(strbuf_deinit) struct strbuf x = {0}, y = {0};
	if (*a->name && *b->name)
		return strcmp(a->name, b->name);
	add_name(&x, a);
	add_name(&y, b);
	return x.s && y.s ? strcmp(x.s, y.s) : 0;
}

/* FlatNameOrder */
static int compare_nodes(const void *a, const void *b)
{
	const struct node *x = *(struct node *const *)a, *y = *(struct node *const *)b;
	int64_t i = size_of(x->flat), j = size_of(y->flat);
	if (i != j)
		return i < j ? 1 : -1;
	int by_name = compare_names(x, y);
	if (by_name)
		return by_name;
	i = size_of(x->cum);
	j = size_of(y->cum);
	return (i < j) - (i > j);
}

/* newTrimmedGraph: what is too little to be seen is dropped. */
static bool rank(struct graph *g, size_t limit)
{
	size_t all = 0;
	for (size_t i = 0; i < g->nodes.len; i++)
		g->flat_total = sum(g->flat_total, g->nodes.at[i].flat);
	int64_t least = share_of(g->flat_total, node_fraction);
	for (size_t i = 0; i < g->nodes.len; i++) {
		struct node *node = &g->nodes.at[i];
		if (!node->cum && !node->flat)
			continue;
		all++;
		if (size_of(node->cum) >= least && !vec_push(&g->ranked, node))
			return false;
	}
	g->dropped = all - g->ranked.len;
	if (g->ranked.len)
		qsort(g->ranked.at, g->ranked.len, sizeof(*g->ranked.at), compare_nodes);
	g->before_limit = g->ranked.len;
	if (limit && limit < g->ranked.len)
		g->ranked.len = limit;
	for (size_t i = 0; i < g->ranked.len; i++)
		g->ranked.at[i]->kept = true;
	return true;
}

/* ----------------------------------------------------------------- who is inlined into callers --
 */

static bool add_edge(struct graph *g, uint32_t from, uint32_t to, bool inlined, size_t number)
{
	int64_t value = g->profile->samples[number].values[g->type];
	uint64_t *slot = map_put(&g->by_ends, (uint64_t)from << 32 | to);
	if (!slot)
		return false;
	if (!*slot) {
		const struct edge edge = {.from = from,
					  .to = to,
					  .weight = value,
					  .seen = number,
					  .inlined = inlined};
		*slot = g->edges.len + 1;
		return vec_push(&g->edges, edge);
	}
	struct edge *edge = &g->edges.at[*slot - 1];
	if (edge->seen == number)
		return true; // a sample counts once, whatever it does later
	edge->seen = number;
	edge->weight = sum(edge->weight, value);
	edge->inlined &= inlined;
	return true;
}

/* Edges go from one that is shown to the next. */
static bool add_edges(struct graph *g, size_t number)
{
	const struct gospy_profile_sample *sample = &g->profile->samples[number];
	uint32_t parent = UINT32_MAX;
	for (size_t i = sample->location_count; sample->values[g->type] && i-- > 0;) {
		const struct gospy_profile_location *location =
			&g->profile->locations[sample->locations[i]];
		for (size_t k = lines_of(location); k-- > 0;) {
			uint32_t node = node_of(g, location, k);
			if (!g->nodes.at[node].kept)
				continue;
			bool inlined = k + 1 != lines_of(location);
			if (parent != UINT32_MAX && parent != node &&
			    !add_edge(g, parent, node, inlined, number))
				return false;
			parent = node;
		}
	}
	return true;
}

static void judge_edges(struct graph *g)
{
	int64_t least = share_of(g->flat_total, edge_fraction);
	for (size_t i = 0; i < g->edges.len; i++) {
		const struct edge *edge = &g->edges.at[i];
		if (size_of(edge->weight) < least)
			continue;
		struct node *node = &g->nodes.at[edge->to];
		node->inlined |= edge->inlined;
		node->called |= !edge->inlined;
	}
}

/* --------------------------------------------------------------------------------------- print --
 */

/* selectOutputUnit: one in which the smallest value is not nothing, nor the largest endless. */
static const char *choose_unit(const struct graph *g)
{
	const char *unit = g->profile->types[g->type].unit, *least_unit, *most_unit;
	int64_t least = 0;
	for (size_t i = 0; i < g->ranked.len; i++) {
		const struct node *node = g->ranked.at[i];
		int64_t value = size_of(node->flat ? node->flat : node->cum);
		if (value > 0 && (!least || value < least))
			least = value;
	}
	if (!g->ranked.len)
		return "minimum";
	least = least ? least : g->total;
	measure_scale(least, unit, "minimum", &least_unit);
	measure_scale(g->total, unit, "minimum", &most_unit);
	if (strcmp(least_unit, most_unit) != 0 && least <= (g->total - 1) / 100)
		measure_scale(100 * least, unit, "minimum", &least_unit);
	return *least_unit ? least_unit : unit;
}

static struct measure_text label(const struct graph *g, int64_t value)
{
	return measure_label(value, g->profile->types[g->type].unit, g->unit);
}

static void print_line(struct out *out, const char *what, const char *text)
{
	out_puts(out, what);
	out_text(out, text);
	out_putc(out, '\n');
}

/* How long it is about, and if it counts time, how much of that this is. */
static void print_duration(struct out *out, const struct graph *g)
{
	const struct gospy_profile *p = g->profile;
	const char *unit;
	double total_ns = measure_scale(g->total, p->types[g->type].unit, "nanoseconds", &unit);
	out_printf(out, "Duration: %s, Total samples = %s ",
		   measure_label(p->duration_ns, "nanoseconds", "minimum").s, label(g, g->total).s);
	if (strcmp(unit, "ns") == 0 && total_ns != 0) {
		const struct measure_text share =
			measure_percent((int64_t)total_ns, p->duration_ns);
		out_printf(out, "(%s)", share.s);
	}
	out_putc(out, '\n');
}

/* ProfileLabels */
static void print_labels(struct out *out, const struct graph *g)
{
	const struct gospy_profile *p = g->profile;
	const struct gospy_profile_mapping *program = p->mapping_count ? &p->mappings[0] : NULL;
	if (program && *program->file) {
		const char *slash = strrchr(program->file, '/');
		print_line(out, "File: ", slash ? slash + 1 : program->file);
	}
	if (program && *program->build_id)
		print_line(out, "Build ID: ", program->build_id);
	for (size_t i = 0; i < p->comment_count; i++) {
		if (*p->comments[i] != '#')
			print_line(out, "", p->comments[i]);
	}
	if (*p->types[g->type].type)
		print_line(out, "Type: ", p->types[g->type].type);
	if (p->doc_url && *p->doc_url)
		print_line(out, "Doc: ", p->doc_url);
	if (p->time_unix_ns)
		out_printf(out, "Time: %s\n", units_date(p->time_unix_ns).s);
	if (p->duration_ns)
		print_duration(out, g);
}

/* reportLabels */
static void print_head(struct out *out, const struct graph *g)
{
	int64_t shown = 0;
	for (size_t i = 0; i < g->ranked.len; i++)
		shown = sum(shown, g->ranked.at[i]->flat);
	print_labels(out, g);
	const struct measure_text percent = measure_percent(shown, g->total);
	out_printf(out, "Showing nodes accounting for %s, %s of %s total\n", label(g, shown).s,
		   percent.s + strspn(percent.s, " "), label(g, g->total).s);
	if (g->total && g->dropped)
		out_printf(out, "Dropped %zu node%s (cum <= %s)\n", g->dropped,
			   g->dropped > 1 ? "s" : "",
			   label(g, share_of(g->total, node_fraction)).s);
	if (g->total && g->ranked.len < g->before_limit)
		out_printf(out, "Showing top %zu nodes out of %zu\n", g->ranked.len,
			   g->before_limit);
}

/* On a terminal a name is made to fit, or stands below the numbers where these leave no room. */
static void print_name(struct out *out, const struct node *node, const char *name)
{
	enum { LEAST = 30, INDENT = 4 };
	CLEANUP(strbuf_deinit) struct strbuf fitted = {0};
	const char *after = !node->inlined ? "" : node->called ? " (partial-inline)" : " (inline)";
	const struct name shown = {
		.kind = *node->name ? NAME_PLACE : NAME_TEXT, .text = name, .after = after};
	if (!out->cols) {
		out_text(out, name);
		out_puts(out, after);
		return;
	}
	struct out_mark mark = out_mark(out);
	int room = out->cols - out_column(out), core = name_size(&shown, out->utf8).core;
	if (room < LEAST || core > room) {
		out_putc(out, '\n');
		mark = out_mark(out);
		out_printf(out, "%*s", INDENT, "");
		room = out->cols - INDENT;
	}
	// Where type and method have no room in a line they go on in another one.
	name_fit(&shown, core > room ? core : room, out->utf8, &fitted);
	if (fitted.failed)
		out->error = ENOMEM;
	else if (fitted.len)
		out_write(out, fitted.s, fitted.len);
	if (core > room)
		out_wrap(out, mark);
}

static bool print(struct out *out, const struct graph *g)
{
	enum { WIDTH = 46 /* of the numbers */ };
	CLEANUP(strbuf_deinit) struct strbuf name = {0};
	const struct out_mark mark = out_mark(out);
	bool sums = !out->cols || out->cols >= WIDTH;
	int64_t flat = 0;
	print_head(out, g);
	out_wrap(out, mark);
	out_printf(out, "      flat  flat%%%s        cum   cum%%\n", sums ? "   sum%" : "");
	for (size_t i = 0; i < g->ranked.len; i++) {
		const struct node *node = g->ranked.at[i];
		flat = sum(flat, node->flat);
		out_printf(out, "%10s %s ", label(g, node->flat).s,
			   measure_percent(node->flat, g->total).s);
		if (sums)
			out_printf(out, "%s ", measure_percent(flat, g->total).s);
		out_printf(out, "%10s %s  ", label(g, node->cum).s,
			   measure_percent(node->cum, g->total).s);
		strbuf_clear(&name);
		add_name(&name, node);
		if (name.failed)
			return false;
		print_name(out, node, name.s);
		out_putc(out, '\n');
	}
	return true;
}

bool profile_top(struct out *out, const struct gospy_profile *profile, size_t type, size_t limit)
{
	CLEANUP(graph_deinit) struct graph g = {.profile = profile, .type = type};
	if (!make_nodes(&g))
		return false;
	for (size_t i = 0; i < profile->sample_count; i++)
		add_sample(&g, i);
	if (g.base_total > 0)
		g.total = g.base_total;
	if (!rank(&g, limit))
		return false;
	for (size_t i = 0; i < profile->sample_count; i++) {
		if (!add_edges(&g, i))
			return false;
	}
	judge_edges(&g);
	g.unit = choose_unit(&g);
	return print(out, &g);
}
