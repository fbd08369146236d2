#include "render/report_group.h"

#include <inttypes.h>

#include "base/cleanup.h"
#include "base/status_name.h"
#include "render/report_goroutine.h"
#include "render/state.h"
#include "render/table.h"
#include "render/units.h"

enum { COUNT, STATES, LONGEST_WAIT, LOCATION, WAITS_AT, COLUMNS };
enum { STATE_WIDTH = 12 /* "12 chan recv" */, WHOLE_STATES_FROM = 50 /* columns */ };

static const struct table_column columns[COLUMNS] = {
	[COUNT] = {.gap = "", .title = "COUNT", .right = true},
	[STATES] = {.gap = "  ", .title = "STATES", .good = 20, .enough = 8, .rank = 1},
	[LONGEST_WAIT] = {.gap = "  ", .title = "LONGEST WAIT", .rank = 3},
	[LOCATION] = {.gap = "  ", .title = "LOCATION", .good = 38},
	[WAITS_AT] = {.gap = "  ",
		      .title = "WAITS AT",
		      .good = 38,
		      .enough = 18,
		      .rank = 2,
		      .below = "at "},
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
		// On a narrow terminal COUNT has said how many: names need the room more.
		bool said = n == 1 && out->cols && out->cols < WHOLE_STATES_FROM;
		if (!said)
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

static void add_place(struct table *table, struct name name, const char *after)
{
	name.parens = true;
	name.after = after;
	table_name(table, &name);
}

static bool is_wait_known(const struct groups *groups, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (units_wait(groups->groups.at[i].longest_wait_ns).n)
			return true;
	}
	return false;
}

/* The columns that are shown. */
struct shown {
	size_t which[COLUMNS];
	struct table_column columns[COLUMNS];
	size_t count;
};

/* On a terminal a column in which nothing is known would only take room. */
static void choose_columns(const struct out *out, const struct groups *groups, bool waits_at,
			   size_t n, struct shown *shown)
{
	shown->count = 0;
	for (size_t i = 0; i < COLUMNS; i++) {
		if ((i == WAITS_AT && !waits_at) ||
		    (i == LONGEST_WAIT && out->cols && !is_wait_known(groups, n)))
			continue;
		shown->which[shown->count] = i;
		shown->columns[shown->count] = columns[i];
		// On a narrower one half a word is better than none. On this one WAITS AT, which
		// may be narrow, has to leave room for whole ones.
		if (i == STATES && waits_at && out->cols >= WHOLE_STATES_FROM)
			shown->columns[shown->count].enough = STATE_WIDTH;
		shown->count++;
	}
}

static void add_wait(struct table *table, const struct group *group, const struct out *out)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	struct units_wait wait = units_wait(group->longest_wait_ns);
	if (wait.n)
		strbuf_puts(&text, units_at_least(group->wait_at_least, out->cols && out->utf8));
	if (wait.n && out->cols)
		strbuf_puts(&text, units_span(group->longest_wait_ns).s);
	else if (wait.n)
		strbuf_printf(&text, "%" PRIu64 " %s", wait.n, wait.unit);
	else
		strbuf_putc(&text, '-');
	table_cell_buf(table, &text);
}

static void add_cell(struct table *table, const struct out *out, const struct groups *groups,
		     const group_states *states, size_t index, size_t column)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	const struct group *group = &groups->groups.at[index];
	const struct gospy_location *place = group_location(group->largest, groups->key);
	const char *more = out->cols ? name_more(out->utf8) : " ...";
	switch (column) {
	case COUNT:
		table_cell_u64(table, group->count);
		break;
	case STATES:
		add_states(&text, states, index, out);
		table_name_buf(table, NAME_STATES, &text);
		break;
	case LONGEST_WAIT:
		add_wait(table, group, out);
		break;
	case LOCATION:
		add_place(table, name_place(place), NULL);
		break;
	case WAITS_AT:
		add_place(table, name_beside(group->largest->user, out->cols ? place : NULL),
			  group->users_differ ? more : NULL);
		break;
	}
}

/* A pipe gets first what it has always got first. */
static void write_totals(struct out *out, const struct groups *groups, size_t n, const char *hint)
{
	size_t places = groups->groups.len;
	for (int line = 0; line < 2; line++) {
		if (line == (out->cols ? 1 : 0))
			out_printf(out, "total: %" PRIu64 " goroutine%s at %zu location%s\n",
				   groups->goroutines, units_plural(groups->goroutines), places,
				   units_plural(places));
		else if (n < places)
			out_printf(out, "... %zu more%s\n", places - n, hint);
	}
}

void report_groups_text(struct out *out, const struct groups *groups, const group_states *states,
			bool waits_at, size_t n, const char *hint)
{
	struct shown shown;
	choose_columns(out, groups, waits_at, n, &shown);
	CLEANUP(table_deinit)
	struct table table = {.columns = shown.columns, .column_count = shown.count};
	table_titles(&table);
	for (size_t i = 0; i < n; i++) {
		for (size_t c = 0; c < shown.count; c++)
			add_cell(&table, out, groups, states, i, shown.which[c]);
	}
	table_print(&table, out);
	write_totals(out, groups, n, hint);
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
			json_u64(json, status_name((enum gospy_status)i), group->states[i]);
	}
	if (group->unreadable)
		json_u64(json, "unreadable", group->unreadable);
	json_object_end(json);
	reasons_json(json, states, index);
	json_u64(json, "longest_wait_ns", group->longest_wait_ns);
	if (group->wait_at_least)
		json_bool(json, "wait_at_least", true);
	report_location_json(json, "location", group_location(group->largest, groups->key));
	if (!groups->has_stacks)
		return;
	report_location_json(json, "user", group->largest->user);
	json_bool(json, "users_differ", group->users_differ);
}
