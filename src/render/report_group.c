#include "render/report_group.h"

#include <inttypes.h>

#include "base/cleanup.h"
#include "render/report_goroutine.h"
#include "render/table.h"
#include "render/units.h"

static const struct table_column columns[] = {
	{.gap = "", .title = "COUNT", .right = true},
	{.gap = "  ", .title = "STATES"},
	{.gap = "  ", .title = "LONGEST WAIT"},
	{.gap = "  ", .title = "LOCATION"},
};

/* "9800 waiting, 12 syscall" */
static void add_states(struct strbuf *b, const struct group *group)
{
	const char *separator = "";
	for (unsigned i = 0; i < SELECT_STATES; i++) {
		if (!group->states[i])
			continue;
		strbuf_printf(b, "%s%" PRIu64 " %s", separator, group->states[i],
			      select_state_name((enum gospy_status)i));
		separator = ", ";
	}
	if (group->unreadable)
		strbuf_printf(b, "%s%" PRIu64 " unreadable", separator, group->unreadable);
}

static void add_location(struct strbuf *b, const struct gospy_location *loc)
{
	if (!loc)
		strbuf_putc(b, '-');
	else if (!loc->func)
		strbuf_printf(b, "0x%" PRIx64, loc->pc);
	else if (!loc->file)
		strbuf_puts(b, loc->func);
	else
		strbuf_printf(b, "%s (%s:%" PRIu32 ")", loc->func, loc->file, loc->line);
}

void report_groups_text(struct out *out, const struct groups *groups, size_t n)
{
	CLEANUP(table_deinit) struct table table = {.columns = columns, .column_count = 4};
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	table_titles(&table);
	for (size_t i = 0; i < n; i++) {
		const struct group *group = &groups->groups.at[i];
		struct units_wait wait = units_wait(group->longest_wait_ns);
		table_cell_u64(&table, group->count);
		strbuf_clear(&text);
		add_states(&text, group);
		table_cell_buf(&table, &text);
		strbuf_clear(&text);
		if (wait.n)
			strbuf_printf(&text, "%" PRIu64 " %s", wait.n, wait.unit);
		else
			strbuf_putc(&text, '-');
		table_cell_buf(&table, &text);
		strbuf_clear(&text);
		add_location(&text, group_location(group->largest, groups->key));
		table_cell_buf(&table, &text);
	}
	table_print(&table, out);
	out_printf(out, "total: %" PRIu64 " goroutines at %zu locations\n", groups->goroutines,
		   groups->groups.len);
}

void report_group_json(struct json *json, const struct groups *groups, size_t index)
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
	json_u64(json, "longest_wait_ns", group->longest_wait_ns);
	report_location_json(json, "location", group_location(group->largest, groups->key));
}
