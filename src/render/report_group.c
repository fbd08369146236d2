#include "render/report_group.h"

#include <inttypes.h>

#include "base/cleanup.h"
#include "render/report_goroutine.h"
#include "render/state.h"
#include "render/table.h"
#include "render/units.h"

static const struct table_column columns[] = {
	{.gap = "", .title = "COUNT", .right = true},
	{.gap = "  ", .title = "STATES", .good = 20, .rank = 1},
	{.gap = "  ", .title = "LONGEST WAIT", .rank = 2},
	{.gap = "  ", .title = "LOCATION", .good = 38},
	{.gap = "  ", .title = "WAITS AT", .good = 38, .rank = 3},
};

/* "9800 chan receive, 12 syscall"; "9800 chan recv" on a terminal. */
static void add_states(struct strbuf *b, const group_states *states, size_t index,
		       const struct out *out)
{
	enum { STATES_SHOWN = 4 };
	size_t n;
	const struct group_state *of = group_states_of(states, index, &n);
	uint64_t others = 0;
	for (size_t i = 0; i < n; i++) {
		if (i >= STATES_SHOWN) {
			others += of[i].count;
			continue;
		}
		strbuf_printf(b, "%s%" PRIu64 " ", i ? ", " : "", of[i].count);
		if (out->cols)
			state_short(of[i].state, b);
		else
			strbuf_puts(b, of[i].state);
		strbuf_puts(b, of[i].leaked ? " (leaked)" : "");
	}
	if (others)
		strbuf_printf(b, ", %" PRIu64 " in other states", others);
}

static void add_place(struct table *table, const struct gospy_location *location, const char *after)
{
	struct name name = name_place(location);
	name.parens = true;
	name.after = after;
	table_name(table, &name);
}

void report_groups_text(struct out *out, const struct groups *groups, const group_states *states,
			bool waits_at, size_t n)
{
	enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };
	CLEANUP(table_deinit)
	struct table table = {.columns = columns, .column_count = COLUMNS - !waits_at};
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	table_titles(&table);
	for (size_t i = 0; i < n; i++) {
		const struct group *group = &groups->groups.at[i];
		struct units_wait wait = units_wait(group->longest_wait_ns);
		table_cell_u64(&table, group->count);
		strbuf_clear(&text);
		add_states(&text, states, i, out);
		table_name_buf(&table, &text);
		strbuf_clear(&text);
		if (wait.n && out->cols)
			strbuf_puts(&text, units_span(group->longest_wait_ns).s);
		else if (wait.n)
			strbuf_printf(&text, "%" PRIu64 " %s", wait.n, wait.unit);
		else
			strbuf_putc(&text, '-');
		table_cell_buf(&table, &text);
		const struct gospy_location *location = group_location(group->largest, groups->key);
		add_place(&table, location, NULL);
		if (waits_at)
			add_place(&table, group->largest->user,
				  group->users_differ ? " ..." : NULL);
	}
	table_print(&table, out);
	size_t places = groups->groups.len;
	out_printf(out, "total: %" PRIu64 " goroutine%s at %zu location%s\n", groups->goroutines,
		   units_plural(groups->goroutines), places, units_plural(places));
}

static void reasons_json(struct json *json, const group_states *states, size_t index)
{
	size_t n;
	const struct group_state *of = group_states_of(states, index, &n);
	json_array(json, "wait_reasons");
	for (size_t i = 0; i < n; i++) {
		if (!of[i].waits)
			continue;
		json_object(json, NULL);
		json_str(json, "wait_reason", of[i].state);
		json_bool(json, "leaked", of[i].leaked);
		json_u64(json, "count", of[i].count);
		json_object_end(json);
	}
	json_array_end(json);
}

void report_group_json(struct json *json, const struct groups *groups, const group_states *states,
		       size_t index)
{
	const struct group *group = &groups->groups.at[index];
	json_u64(json, "count", group->count);
	json_object(json, "states");
	for (unsigned i = 0; i < SELECT_STATES; i++) {
		if (group->states[i])
			json_u64(json, select_state_name((enum gospy_status)i), group->states[i]);
	}
	if (group->unreadable)
		json_u64(json, "unreadable", group->unreadable);
	json_object_end(json);
	reasons_json(json, states, index);
	json_u64(json, "longest_wait_ns", group->longest_wait_ns);
	report_location_json(json, "location", group_location(group->largest, groups->key));
	if (!groups->has_stacks)
		return;
	report_location_json(json, "user", group->largest->user);
	json_bool(json, "users_differ", group->users_differ);
}
