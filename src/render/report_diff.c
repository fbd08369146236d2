#include "render/report_diff.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "render/report_goroutine.h"
#include "render/report_header.h"
#include "render/table.h"
#include "render/traceback.h"
#include "render/units.h"

static size_t all_count(const struct diff_report *report)
{
	return report->unchanged ? report->diff->changes.len : report->diff->changed;
}

static size_t shown_count(const struct diff_report *report)
{
	size_t n = all_count(report);
	return report->limit && report->limit < n ? (size_t)report->limit : n;
}

static const struct diff_group *now_of(const struct diff_change *change)
{
	return change->new ? change->new : change->old;
}

/* "new", "gone", "grown", "shrunk", "moved", "same" */
static const char *kind_of(const struct diff_change *change)
{
	if (!change->old)
		return "new";
	if (!change->new)
		return "gone";
	if (change->after == change->before)
		return change->match == DIFF_SIMILAR ? "moved" : "same";
	return change->after > change->before ? "grown" : "shrunk";
}

/* The sign of the change says the rest to a person. */
static const char *mark_of(const struct diff_change *change, bool people)
{
	return people && change->old && change->new ? "" : kind_of(change);
}

static int64_t change_of(uint64_t before, uint64_t after)
{
	return (int64_t)(after - before);
}

/* ---------------------------------------------------------------------------------------- text --
 */

/* "+12", "-3", "0" */
static void add_signed(struct strbuf *b, int64_t n)
{
	strbuf_printf(b, "%s%" PRId64, n > 0 ? "+" : "", n);
}

/* A rate has a sign; units_rate() has none. */
static void add_rate(struct strbuf *b, const struct diff *diff, int64_t change)
{
	double rate;
	if (!diff_rate(diff, change, &rate))
		strbuf_putc(b, '-');
	else if (!change)
		strbuf_putc(b, '0');
	else
		strbuf_printf(b, "%s%s",
			      rate > 0   ? "+"
			      : rate < 0 ? "-"
					 : "",
			      units_rate(rate < 0 ? -rate : rate).s);
}

static void side_text(struct out *out, const char *title, const struct diff_input *input)
{
	const struct gospy_target_info *target = input->target;
	uint64_t time = gospy_snapshot_info(input->snapshot)->time_unix_ns;
	out_puts(out, title);
	out_text(out, target->comm);
	out_printf(out, " (%d), ", (int)target->pid);
	out_text(out, target->go_version);
	if (target->file) {
		out_puts(out, ", ");
		out_text(out, target->file);
	}
	if (time != GOSPY_UNKNOWN)
		out_printf(out, ", %s", units_date(time).s);
	out_putc(out, '\n');
}

static void sides_text(struct out *out, const struct diff_report *report)
{
	const struct diff *diff = report->diff;
	side_text(out, "before: ", &report->request->before);
	if (!diff->same_process)
		side_text(out, "after:  ", &report->request->after);
	else if (diff->elapsed_ns != GOSPY_UNKNOWN)
		out_printf(out, "after:  the same process, %s later\n",
			   units_ms(diff->elapsed_ns).s);
	else
		out_printf(out, "after:  the same process%s\n",
			   diff->backwards ? ", earlier than before" : "");
}

static void goroutines_text(struct out *out, const struct diff *diff)
{
	CLEANUP(strbuf_deinit) struct strbuf b = {0};
	uint64_t before = diff->before.goroutines, after = diff->after.goroutines;
	double rate;
	int64_t change = change_of(before, after);
	strbuf_printf(&b, "Goroutines: %" PRIu64 " before, %" PRIu64 " after: ", before, after);
	add_signed(&b, change);
	if (change && diff_rate(diff, change, &rate)) {
		strbuf_puts(&b, ", ");
		add_rate(&b, diff, change);
		strbuf_puts(&b, " a minute");
	}
	if (diff->same_process)
		strbuf_printf(&b,
			      "; %" PRIu64 " began, %" PRIu64 " ended, %" PRIu64
			      " waited at one place all the time",
			      diff->born, diff->ended, diff->stuck);
	if (diff->same_process && diff->unsure)
		strbuf_printf(&b, ", of %" PRIu64 " that is not known", diff->unsure);
	if (!b.failed)
		out_write(out, b.s, b.len);
	out_putc(out, '\n');
	if (diff->before.ignored || diff->after.ignored)
		out_printf(out, "ignored: %" PRIu64 " before, %" PRIu64 " after\n",
			   diff->before.ignored, diff->after.ignored);
}

static const char *level_text(const struct diff *diff)
{
	switch (diff->level) {
	case DIFF_EXACT:
		return "place in the code";
	case DIFF_LINE:
		return "lines of functions";
	case DIFF_FUNCTION:
		return "functions called";
	case DIFF_START:
		return "start function";
	case DIFF_LEVELS:
		break;
	}
	return "?";
}

/* Of the changes, how many are of groups that have grown, have shrunk, or are elsewhere. */
struct kinds {
	uint64_t grown, shrunk, moved;
};

static struct kinds count_kinds(const struct diff *diff)
{
	struct kinds kinds = {0};
	for (size_t i = 0; i < diff->changed; i++) {
		const struct diff_change *change = &diff->changes.at[i];
		kinds.grown += change->after > change->before;
		kinds.shrunk += change->after < change->before;
		kinds.moved += change->after == change->before;
	}
	return kinds;
}

static void groups_text(struct out *out, const struct diff *diff)
{
	struct kinds kinds = count_kinds(diff);
	bool nothing = !diff->changed;
	size_t unchanged = diff->changes.len - diff->changed;
	bool came_and_went = diff->same_process && (diff->born || diff->ended);
	if (nothing)
		out_printf(out, "%s: %zu group%s by %s\n",
			   came_and_went ? "No group has changed" : "Nothing has changed",
			   unchanged, units_plural(unchanged), level_text(diff));
	else
		out_printf(out,
			   "Groups by %s: %" PRIu64 " grew, %" PRIu64 " shrank, %" PRIu64
			   " moved, %zu unchanged\n",
			   level_text(diff), kinds.grown, kinds.shrunk, kinds.moved, unchanged);
}

enum {
	CHANGE,
	MARK,
	RATE,
	BEFORE,
	AFTER,
	SHARE,
	BORN,
	ENDED,
	STUCK,
	OLDEST,
	STATE,
	START,
	WAITS_AT,
	COLUMNS
};

static const struct table_column columns[COLUMNS] = {
	[CHANGE] = {.gap = "", .title = "CHANGE", .right = true},
	[MARK] = {.gap = " ", .title = "KIND"},
	[RATE] = {.gap = "  ", .title = "/MIN", .right = true, .rank = 4},
	[BEFORE] = {.gap = "  ", .title = "BEFORE", .right = true, .rank = 7},
	[AFTER] = {.gap = "  ", .title = "AFTER", .right = true, .rank = 5},
	[SHARE] = {.gap = "  ", .title = "SHARE", .right = true, .rank = 9},
	[BORN] = {.gap = "  ", .title = "BORN", .right = true, .rank = 10},
	[ENDED] = {.gap = "  ", .title = "ENDED", .right = true, .rank = 8},
	[STUCK] = {.gap = "  ", .title = "STUCK", .right = true, .rank = 11},
	[OLDEST] = {.gap = "  ", .title = "OLDEST", .right = true, .rank = 6},
	[STATE] = {.gap = "  ", .title = "STATE", .good = 14, .enough = 8, .rank = 2},
	[START] = {.gap = "  ", .title = "START", .good = 38},
	[WAITS_AT] = {.gap = "  ",
		      .title = "WAITS AT",
		      .good = 38,
		      .enough = 12,
		      .rank = 1,
		      .below = "at "},
};

/* The columns that are shown. */
struct shown {
	size_t which[COLUMNS];
	struct table_column columns[COLUMNS];
	size_t count;
};

/* On a terminal a column in which nothing is known would only take room. */
static bool is_known(const struct diff_report *report, size_t column)
{
	double rate;
	bool any = column != MARK && column != OLDEST;
	switch (column) {
	case RATE:
		return diff_rate(report->diff, 1, &rate);
	case BORN:
	case ENDED:
	case STUCK:
		return report->diff->same_process;
	}
	for (size_t i = 0; !any && i < shown_count(report); i++) {
		const struct diff_change *change = &report->diff->changes.at[i];
		any = column == MARK ? !change->old || !change->new || change->match == DIFF_SIMILAR
				     : units_wait(now_of(change)->longest_wait_ns).n;
	}
	return any;
}

static void choose_columns(const struct out *out, const struct diff_report *report,
			   struct shown *shown)
{
	shown->count = 0;
	for (size_t i = 0; i < COLUMNS; i++) {
		if (out->cols && !is_known(report, i))
			continue;
		shown->which[shown->count] = i;
		shown->columns[shown->count] = columns[i];
		if (out->cols && i == MARK)
			shown->columns[shown->count].title = "";
		shown->count++;
	}
}

static void add_count(struct strbuf *b, uint64_t n)
{
	if (n == GOSPY_UNKNOWN)
		strbuf_putc(b, '-');
	else
		strbuf_printf(b, "%" PRIu64, n);
}

/* "7?": at least so many. */
static void add_stuck(struct strbuf *b, const struct diff_change *change)
{
	bool unsure = change->unsure != GOSPY_UNKNOWN && change->unsure;
	if (change->stuck || !unsure)
		add_count(b, change->stuck);
	strbuf_puts(b, unsure ? "?" : "");
}

static void add_wait(struct strbuf *b, const struct diff_group *group, const struct out *out)
{
	uint64_t wait_ns = group->longest_wait_ns;
	struct units_wait wait = units_wait(wait_ns);
	if (wait.n)
		strbuf_puts(b, units_at_least(group->wait_at_least, out->cols && out->utf8));
	if (!wait.n)
		strbuf_putc(b, '-');
	else if (out->cols)
		strbuf_puts(b, units_span(wait_ns).s);
	else
		strbuf_printf(b, "%" PRIu64 " %s", wait.n, wait.unit);
}

static void add_share(struct strbuf *b, const struct diff *diff, uint64_t count)
{
	uint64_t all = diff->after.goroutines;
	strbuf_printf(b, "%.1f%%", all ? 100 * (double)count / (double)all : 0.0);
}

static void add_place(struct table *table, struct name name)
{
	name.parens = true;
	table_name(table, &name);
}

/* What a group is: the last columns. */
static void add_names(struct table *table, const struct out *out, const struct diff_group *group,
		      size_t column)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	switch (column) {
	case STATE:
		strbuf_puts(&text, group->state);
		if (out->cols)
			table_name_buf(table, NAME_STATE, &text);
		else
			table_cell_buf(table, &text);
		break;
	case START:
		add_place(table, name_place(group->begin));
		break;
	case WAITS_AT:
		add_place(table, name_beside(group->place, out->cols ? group->begin : NULL));
		break;
	}
}

static void add_cell(struct table *table, const struct out *out, const struct diff *diff,
		     const struct diff_change *change, size_t column)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	int64_t n = change_of(change->before, change->after);
	switch (column) {
	case CHANGE:
		add_signed(&text, n);
		break;
	case MARK:
		strbuf_puts(&text, mark_of(change, out->cols));
		break;
	case RATE:
		add_rate(&text, diff, n);
		break;
	case BEFORE:
		add_count(&text, change->before);
		break;
	case AFTER:
		add_count(&text, change->after);
		break;
	case SHARE:
		add_share(&text, diff, change->after);
		break;
	case BORN:
		add_count(&text, change->born);
		break;
	case ENDED:
		add_count(&text, change->ended);
		break;
	case STUCK:
		add_stuck(&text, change);
		break;
	case OLDEST:
		add_wait(&text, now_of(change), out);
		break;
	default:
		add_names(table, out, now_of(change), column);
		return;
	}
	table_cell_buf(table, &text);
}

/* Below a group that was somewhere else: where that was. */
static void add_was(struct table *table, const struct out *out, const struct diff_group *old,
		    size_t column)
{
	if (column >= STATE)
		add_names(table, out, old, column);
	else
		table_cell(table, column == MARK ? "was" : "");
}

static void changes_text(struct out *out, const struct diff_report *report)
{
	struct shown shown;
	size_t n = shown_count(report), all = all_count(report);
	if (!n)
		return;
	choose_columns(out, report, &shown);
	CLEANUP(table_deinit)
	struct table table = {.columns = shown.columns, .column_count = shown.count};
	table_titles(&table);
	for (size_t i = 0; i < n; i++) {
		const struct diff_change *change = &report->diff->changes.at[i];
		for (size_t c = 0; c < shown.count; c++)
			add_cell(&table, out, report->diff, change, shown.which[c]);
		for (size_t c = 0; change->match == DIFF_SIMILAR && c < shown.count; c++)
			add_was(&table, out, change->old, shown.which[c]);
	}
	out_putc(out, '\n');
	table_print(&table, out);
	if (n < all)
		out_printf(out, "... %zu more\n", all - n);
}

static void add_value(struct strbuf *b, enum diff_unit unit, uint64_t n)
{
	switch (unit) {
	case DIFF_COUNT:
		strbuf_printf(b, "%" PRIu64, n);
		break;
	case DIFF_BYTES:
		strbuf_puts(b, units_bytes(n).s);
		break;
	case DIFF_NS:
		strbuf_puts(b, units_ms(n).s);
		break;
	}
}

static void figure_cells(struct table *table, const struct diff_figure *figure)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	bool grew = figure->after > figure->before;
	const struct name label = {.kind = NAME_TEXT, .text = figure->label};
	table_name(table, &label);
	add_value(&text, figure->unit, figure->before);
	table_cell_buf(table, &text);
	strbuf_clear(&text);
	add_value(&text, figure->unit, figure->after);
	table_cell_buf(table, &text);
	strbuf_clear(&text);
	strbuf_putc(&text, grew ? '+' : '-');
	add_value(&text, figure->unit,
		  grew ? figure->after - figure->before : figure->before - figure->after);
	table_cell_buf(table, &text);
}

static void figures_text(struct out *out, const struct diff *diff)
{
	enum { LABEL_WIDTH = 20 };
	static const struct table_column figure_columns[] = {
		{.gap = "", .title = "FIGURE", .good = LABEL_WIDTH},
		{.gap = "  ", .title = "BEFORE", .right = true, .rank = 1},
		{.gap = "  ", .title = "AFTER", .right = true},
		{.gap = "  ", .title = "CHANGE", .right = true},
	};
	CLEANUP(table_deinit)
	struct table table = {.columns = figure_columns, .column_count = 4};
	size_t n = 0;
	for (size_t i = 0; i < diff->figure_count; i++) {
		if (diff->figures[i].before == diff->figures[i].after)
			continue;
		if (!n++)
			table_titles(&table);
		figure_cells(&table, &diff->figures[i]);
	}
	if (!n)
		return;
	out_putc(out, '\n');
	table_print(&table, out);
}

/* Without a limit: what follows has little to do with each other. */
enum { HEAP_TYPES = 20 };

static void heap_text(struct out *out, const struct diff_report *report)
{
	const struct heap_changes *heap = report->heap;
	const struct out_mark mark = out_mark(out);
	out_printf(out, "\nHeap: %s in %" PRIu64 " objects before, ",
		   units_bytes(heap->before->reachable.bytes).s, heap->before->reachable.objects);
	out_printf(out, "%s in %" PRIu64 " after\n", units_bytes(heap->after->reachable.bytes).s,
		   heap->after->reachable.objects);
	out_wrap(out, mark);
	heap_changes_text(out, heap, report->limit ? report->limit : HEAP_TYPES);
}

static void diff_text(struct out *out, const struct diff_report *report)
{
	const struct out_mark mark = out_mark(out);
	sides_text(out, report);
	goroutines_text(out, report->diff);
	groups_text(out, report->diff);
	out_wrap(out, mark);
	changes_text(out, report);
	if (report->waits)
		diff_waits_text(out, report->waits, report->limit);
	if (report->leaks)
		diff_leaks_text(out, report->leaks, report->limit);
	if (report->heap)
		heap_text(out, report);
	figures_text(out, report->diff);
}

/* ---------------------------------------------------------------------------------------- JSON --
 */

static void side_json(struct json *json, const char *key, const struct diff_input *input)
{
	json_object(json, key);
	report_header_json(json, input->target, input->snapshot);
	json_object_end(json);
}

/* Members of an object that is open. */
static void counts_json(struct json *json, const struct diff *diff, uint64_t before, uint64_t after)
{
	double rate;
	int64_t change = change_of(before, after);
	json_u64(json, "before", before);
	json_u64(json, "after", after);
	json_i64(json, "change", change);
	if (diff_rate(diff, change, &rate))
		json_decimal(json, "rate_per_min", rate);
}

static void fates_json(struct json *json, uint64_t born, uint64_t ended, uint64_t stuck,
		       uint64_t unsure)
{
	json_u64(json, "born", born);
	json_u64(json, "ended", ended);
	json_u64(json, "stuck", stuck);
	json_u64(json, "unsure", unsure);
}

static void goroutines_json(struct json *json, const struct diff *diff)
{
	json_object(json, "goroutines");
	counts_json(json, diff, diff->before.goroutines, diff->after.goroutines);
	fates_json(json, diff->born, diff->ended, diff->stuck, diff->unsure);
	json_object_end(json);
	if (diff->before.ignored || diff->after.ignored) {
		json_object(json, "ignored");
		json_u64(json, "before", diff->before.ignored);
		json_u64(json, "after", diff->after.ignored);
		json_object_end(json);
	}
}

static void limit_json(struct json *json, const struct diff_report *report)
{
	const struct diff_limit *limit = &report->request->limit;
	if (!limit->has_count && !limit->has_percent)
		return;
	json_object(json, "fail_over");
	if (limit->has_count)
		json_u64(json, "count", limit->count);
	if (limit->has_percent)
		json_decimal(json, "growth_percent", limit->percent);
	json_bool(json, "goroutines_over", report->diff->over);
	json_u64(json, "groups_over", report->diff->groups_over);
	json_object_end(json);
}

static void figures_json(struct json *json, const struct diff *diff)
{
	static const char *const units[] = {
		[DIFF_COUNT] = "count", [DIFF_BYTES] = "bytes", [DIFF_NS] = "ns"};
	json_array(json, "figures");
	for (size_t i = 0; i < diff->figure_count; i++) {
		const struct diff_figure *figure = &diff->figures[i];
		json_object(json, NULL);
		json_str(json, "of", figure->group);
		json_str(json, "name", figure->name);
		json_str(json, "unit", units[figure->unit]);
		counts_json(json, diff, figure->before, figure->after);
		json_object_end(json);
	}
	json_array_end(json);
}

static void group_json(struct json *json, const struct diff_group *group)
{
	json_str(json, "state", group->state);
	json_u64(json, "longest_wait_ns", group->longest_wait_ns);
	if (group->wait_at_least)
		json_bool(json, "wait_at_least", true);
	report_location_json(json, "start", group->begin);
	report_location_json(json, "waits_at", group->place);
	report_location_json(json, "creator", group->creator);
}

static enum gospy_code frames_json(struct json *json, const struct diff_report *report,
				   const struct diff_change *change, struct gospy_error *err)
{
	const struct stack_report whole = {.group = true};
	struct gospy_stack stack;
	struct gospy_snapshot *snapshot =
		change->new ? report->request->after.snapshot : report->request->before.snapshot;
	enum gospy_code code = gospy_snapshot_stack(snapshot, now_of(change)->example, &stack, err);
	if (code == GOSPY_E_NOT_FOUND)
		return GOSPY_OK;
	if (!code)
		traceback_json(json, &whole, &stack);
	return code;
}

static enum gospy_code change_json(struct json *json, const struct diff_report *report,
				   const struct diff_change *change, struct gospy_error *err)
{
	const struct diff *diff = report->diff;
	const uint64_t all = diff->after.goroutines;
	json_str(json, "kind", kind_of(change));
	counts_json(json, diff, change->before, change->after);
	if (all)
		json_percent(json, "share_percent", 100 * (double)change->after / (double)all);
	fates_json(json, change->born, change->ended, change->stuck, change->unsure);
	if (report->request->limit.has_count || report->request->limit.has_percent)
		json_bool(json, "over", change->over);
	group_json(json, now_of(change));
	json_str(json, "match", change->old && change->new ? diff_match_name(change->match) : NULL);
	if (change->old && change->new && change->match != DIFF_SAME) {
		json_object(json, "changed_from");
		group_json(json, change->old);
		json_object_end(json);
	}
	return frames_json(json, report, change, err);
}

static enum gospy_code changes_json(struct json *json, const struct diff_report *report, bool lines,
				    struct gospy_error *err)
{
	enum gospy_code code = GOSPY_OK;
	for (size_t i = 0; !code && i < shown_count(report) && !json->out->error; i++) {
		json_object(json, NULL);
		if (lines)
			json_str(json, "type", "group");
		code = change_json(json, report, &report->diff->changes.at[i], err);
		json_object_end(json);
		if (lines)
			json_newline(json);
	}
	return code;
}

static void heap_json(struct json *json, const struct diff_report *report)
{
	const struct heap_changes *heap = report->heap;
	json_object(json, "heap");
	heap_sum_json(json, "before", &heap->before->reachable);
	heap_sum_json(json, "after", &heap->after->reachable);
	json_u64(json, "type_count", heap->list.len);
	json_array(json, "types");
	for (size_t i = 0; i < heap_changes_shown(heap, report->limit); i++) {
		json_object(json, NULL);
		heap_change_json(json, &heap->list.at[i]);
		json_object_end(json);
	}
	json_array_end(json);
	json_object_end(json);
}

static enum gospy_code diff_json(struct out *out, const struct diff_report *report, bool lines,
				 struct gospy_error *err)
{
	struct json json = {.out = out};
	const struct diff *diff = report->diff;
	json_begin(&json, "diff");
	side_json(&json, "before", &report->request->before);
	side_json(&json, "after", &report->request->after);
	json_bool(&json, "same_process", diff->same_process);
	json_bool(&json, "same_build", diff->same_build);
	json_u64(&json, "elapsed_ns", diff->elapsed_ns);
	json_str(&json, "by", diff_level_name(diff->level));
	goroutines_json(&json, diff);
	limit_json(&json, report);
	figures_json(&json, diff);
	if (report->waits)
		diff_waits_json(&json, report->waits, report->limit);
	if (report->leaks)
		diff_leaks_json(&json, report->leaks, report->limit);
	if (report->heap)
		heap_json(&json, report);
	json_u64(&json, "unchanged", diff->changes.len - diff->changed);
	json_u64(&json, "matching", all_count(report));
	json_u64(&json, "shown", shown_count(report));
	if (lines) {
		json_object_end(&json);
		json_newline(&json);
		return changes_json(&json, report, true, err);
	}
	json_array(&json, "groups");
	enum gospy_code code = changes_json(&json, report, false, err);
	json_array_end(&json);
	json_object_end(&json);
	json_newline(&json);
	return code;
}

enum gospy_code report_diff(struct out *out, const struct diff_report *report,
			    enum report_format format, struct gospy_error *err)
{
	if (format != REPORT_TEXT)
		return diff_json(out, report, format == REPORT_JSON_LINES, err);
	diff_text(out, report);
	return GOSPY_OK;
}
