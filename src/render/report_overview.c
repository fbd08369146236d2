#include "render/report_overview.h"

#include "base/cleanup.h"
#include "render/report_group.h"
#include "render/units.h"

static void states_free(group_states *states)
{
	vec_free(states);
}

/* What of them there is room for, between title and totals, and with a line of the pager's. */
static size_t rows_for_groups(const struct out *out, size_t groups, size_t head_lines)
{
	enum { OTHER_LINES = 6, LEAST = 3 };
	size_t others = head_lines + OTHER_LINES, screen = (size_t)out->rows;
	size_t rows = screen > others + LEAST ? screen - others : LEAST;
	return groups < rows ? groups : rows;
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
	size_t n = groups.groups.len, shown = rows_for_groups(out, n, head_lines);
	out_printf(out, "\n%zu group%s by %s%s:\n", n, units_plural(n), group_key_text(key),
		   starts ? ", or start where there is none" : "");
	report_groups_text(out, &groups, &states, waits_at, shown, ", which --group shows");
	out_putc(out, '\n');
	return GOSPY_OK;
}
