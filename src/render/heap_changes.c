#include "render/heap_changes.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "render/report_heap.h"
#include "render/table.h"
#include "render/units.h"

void heap_changes_deinit(struct heap_changes *changes)
{
	vec_free(&changes->list);
}

static int compare_types(const struct gospy_graph_type *x, const struct gospy_graph_type *y)
{
	if (x->name && y->name)
		return strcmp(x->name, y->name);
	if (x->name || y->name)
		return x->name ? -1 : 1;
	if (x->slot != y->slot)
		return x->slot < y->slot ? -1 : 1;
	return x->pointers - y->pointers;
}

static int by_type(const void *a, const void *b)
{
	const struct heap_change *x = a, *y = b;
	return compare_types(x->type, y->type);
}

static int64_t grown(const struct heap_change *change)
{
	return (int64_t)(change->after.bytes - change->before.bytes);
}

/* What grew most first, then what shrank least; of others the larger. */
static int by_growth(const void *a, const void *b)
{
	const struct heap_change *x = a, *y = b;
	if (grown(x) != grown(y))
		return grown(x) < grown(y) ? 1 : -1;
	return by_type(a, b);
}

static bool is_changed(const struct heap_change *change)
{
	return change->after.bytes != change->before.bytes ||
	       change->after.objects != change->before.objects;
}

static bool add_all(struct heap_changes *changes, const struct gospy_graph *graph, bool after)
{
	size_t n;
	const struct gospy_graph_type *types = gospy_graph_types(graph, &n);
	for (size_t i = 0; i < n; i++) {
		struct heap_change change = {.type = &types[i]};
		*(after ? &change.after : &change.before) = types[i].sum;
		if (!vec_push(&changes->list, change))
			return false;
	}
	return true;
}

static void join(struct heap_changes *changes)
{
	size_t n = 0;
	if (changes->list.len)
		qsort(changes->list.at, changes->list.len, sizeof(*changes->list.at), by_type);
	for (size_t i = 0; i < changes->list.len; i++) {
		struct heap_change *last = n ? &changes->list.at[n - 1] : NULL,
				   *now = &changes->list.at[i];
		if (!last || compare_types(last->type, now->type) != 0) {
			changes->list.at[n++] = *now;
			continue;
		}
		last->before.objects += now->before.objects;
		last->before.bytes += now->before.bytes;
		last->after.objects += now->after.objects;
		last->after.bytes += now->after.bytes;
	}
	changes->list.len = 0;
	for (size_t i = 0; i < n; i++) {
		if (is_changed(&changes->list.at[i]))
			changes->list.at[changes->list.len++] = changes->list.at[i];
	}
	if (changes->list.len)
		qsort(changes->list.at, changes->list.len, sizeof(*changes->list.at), by_growth);
}

enum gospy_code heap_changes_make(struct heap_changes *changes, const struct gospy_graph *before,
				  const struct gospy_graph *after, struct gospy_error *err)
{
	*changes = (struct heap_changes){.before = gospy_graph_info(before),
					 .after = gospy_graph_info(after)};
	if (!add_all(changes, after, true) || !add_all(changes, before, false))
		return err_nomem(err);
	join(changes);
	return GOSPY_OK;
}

size_t heap_changes_shown(const struct heap_changes *changes, uint64_t limit)
{
	return limit && limit < changes->list.len ? (size_t)limit : changes->list.len;
}

/* ---------------------------------------------------------------------------------------- text --
 */

static const struct table_column columns[] = {
	{.gap = "", .title = "CHANGE", .right = true},
	{.gap = "  ", .title = "OBJECTS", .right = true, .rank = 1},
	{.gap = "  ", .title = "BEFORE", .right = true, .rank = 3},
	{.gap = "  ", .title = "AFTER", .right = true, .rank = 2},
	{.gap = "  ", .title = "TYPE", .good = 60},
};

static const char *sign(uint64_t before, uint64_t after)
{
	return after > before ? "+" : after < before ? "-" : "";
}

static uint64_t distance(uint64_t before, uint64_t after)
{
	return after > before ? after - before : before - after;
}

static void add_row(struct table *table, struct arena *arena, const struct heap_change *c)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	strbuf_printf(&text, "%s%s", sign(c->before.bytes, c->after.bytes),
		      units_bytes(distance(c->before.bytes, c->after.bytes)).s);
	table_cell_buf(table, &text);
	strbuf_clear(&text);
	strbuf_printf(&text, "%s%" PRIu64, sign(c->before.objects, c->after.objects),
		      distance(c->before.objects, c->after.objects));
	table_cell_buf(table, &text);
	table_cell(table, units_bytes(c->before.bytes).s);
	table_cell(table, units_bytes(c->after.bytes).s);
	report_heap_type_cell(table, arena, c->type);
}

void heap_changes_text(struct out *out, const struct heap_changes *changes, uint64_t limit)
{
	size_t n = heap_changes_shown(changes, limit);
	if (!n)
		return;
	CLEANUP(arena_deinit) struct arena arena = {0};
	CLEANUP(table_deinit)
	struct table table = {.columns = columns,
			      .column_count = sizeof(columns) / sizeof(columns[0])};
	table_titles(&table);
	for (size_t i = 0; i < n; i++)
		add_row(&table, &arena, &changes->list.at[i]);
	table_print(&table, out);
	if (n < changes->list.len)
		out_printf(out, "... %zu more\n", changes->list.len - n);
}

/* ---------------------------------------------------------------------------------------- JSON --
 */

void heap_sum_json(struct json *json, const char *key, const struct gospy_graph_sum *sum)
{
	json_object(json, key);
	json_u64(json, "objects", sum->objects);
	json_u64(json, "bytes", sum->bytes);
	json_object_end(json);
}

void heap_change_json(struct json *json, const struct heap_change *change)
{
	report_heap_type_json(json, change->type);
	heap_sum_json(json, "before", &change->before);
	heap_sum_json(json, "after", &change->after);
}
