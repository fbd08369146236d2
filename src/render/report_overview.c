#include "render/report_overview.h"

#include "base/cleanup.h"
#include "render/report_group.h"
#include "render/units.h"

static void states_free(group_states *states)
{
	vec_free(states);
}

/* Lines that the first `n` groups take, with title and totals. */
static size_t count_lines(struct out *out, const struct groups *groups, const group_states *states,
			  bool waits_at, size_t n)
{
	size_t lines = 0;
	out->len = 0;
	report_groups_text(out, groups, states, waits_at, n, "");
	for (size_t i = 0; i < out->len; i++)
		lines += out->buf[i] == '\n';
	return lines;
}

/* How many of them there is room for: the screen holds the head, an empty line, a title, and a line
 * of the pager's. */
static size_t rows_for_groups(const struct out *out, const struct groups *groups,
			      const group_states *states, bool waits_at, size_t head_lines)
{
	enum { OTHER_LINES = 3, LEAST = 3 };
	CLEANUP_FREE struct out *draft = out_draft(out);
	size_t others = head_lines + OTHER_LINES, screen = (size_t)out->rows;
	size_t room = screen > others ? screen - others : 0;
	size_t rows = groups->groups.len < room ? groups->groups.len : room;
	while (draft && rows > LEAST) {
		size_t lines = count_lines(draft, groups, states, waits_at, rows);
		if (lines <= room)
			break;
		// A row takes three lines at most.
		size_t less = (lines - room + 2) / 3;
		rows = rows > LEAST + less ? rows - less : LEAST;
	}
	size_t least = groups->groups.len < LEAST ? groups->groups.len : LEAST;
	return rows > least ? rows : least;
}

/* Goroutines that never leave the standard library, of servers most, are known by their start. */
static bool start_for_user(struct census *census)
{
	bool any = false;
	for (size_t i = 0; i < census->classes.len; i++) {
		struct census_class *class = &census->classes.at[i];
		if (class->user || !class->start)
			continue;
		class->user = class->start;
		any = true;
	}
	return any;
}

enum gospy_code report_overview(struct out *out, struct census *census, enum group_key key,
				bool waits_at, size_t head_lines, struct gospy_error *err)
{
	CLEANUP(groups_deinit) struct groups groups = {0};
	CLEANUP(states_free) group_states states = {0};
	bool starts = key == GROUP_USER && start_for_user(census);
	enum gospy_code code = groups_collect(&groups, census, key, err);
	if (!code)
		code = groups_states(&groups, census, &states, err);
	if (code)
		return code;
	size_t n = groups.groups.len;
	size_t shown = rows_for_groups(out, &groups, &states, waits_at, head_lines);
	out_putc(out, '\n');
	const struct out_mark mark = out_mark(out);
	out_printf(out, "%zu group%s by %s%s:\n", n, units_plural(n), group_key_text(key),
		   starts ? ", or start where there is none" : "");
	out_wrap(out, mark);
	report_groups_text(out, &groups, &states, waits_at, shown, ", which --group shows");
	out_putc(out, '\n');
	return GOSPY_OK;
}
