#include "render/report_stack.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/status_name.h"
#include "render/label.h"
#include "render/report_goroutine.h"
#include "render/report_head.h"
#include "render/report_header.h"
#include "render/report_overview.h"
#include "render/traceback.h"
#include "render/wait.h"

static bool is_wanted(const struct stack_report *report, const struct gospy_goroutine *g,
		      size_t index)
{
	struct select *select = report->select;
	struct pattern *func = select->func;
	select->func = NULL;
	bool matches = select_match(select, g, index);
	select->func = func;
	if (!matches || !report->goid_count)
		return matches && !(func && g->soundness == GOSPY_SOUND_UNREADABLE);
	for (size_t i = 0; i < report->goid_count; i++) {
		if (report->goids[i] == g->goid)
			return true;
	}
	return false;
}

static bool any_call_matches(struct select *select, const struct gospy_stack *stack)
{
	for (size_t i = 0; i < stack->frame_count; i++) {
		const char *func = stack->frames[i].func;
		if (!func)
			continue;
		uint64_t *known = map_put(&select->func_cache, (uint64_t)(uintptr_t)func);
		bool matches = known && *known ? *known == 2 : pattern_matches(select->func, func);
		if (known)
			*known = 1 + matches;
		if (matches)
			return true;
	}
	return false;
}

/* A way through the goroutines. */
struct walk {
	struct stack_report *report;
	select_entries order; /* if report->sorted */
	size_t place;         /* the next one */
};

static void walk_deinit(struct walk *walk)
{
	vec_free(&walk->order);
}

static enum gospy_code walk_init(struct walk *walk, struct stack_report *report,
				 struct gospy_error *err)
{
	struct select *select = report->select;
	struct pattern *func = select->func;
	*walk = (struct walk){.report = report};
	if (!report->sorted)
		return GOSPY_OK;
	// It is matched against whole stacks, which next() does.
	select->func = NULL;
	enum gospy_code code = select_run(select, report->snapshot, &walk->order, err);
	select->func = func;
	return code;
}

static bool walk_on(struct walk *walk, size_t *index_ret)
{
	const struct stack_report *report = walk->report;
	size_t n =
		report->sorted ? walk->order.len : gospy_snapshot_goroutine_count(report->snapshot);
	if (walk->place >= n)
		return false;
	*index_ret = report->sorted ? walk->order.at[walk->place].index : walk->place;
	walk->place++;
	return true;
}

/* The next goroutine to be shown. */
static bool next(struct walk *walk, struct gospy_goroutine *g, struct gospy_stack *stack,
		 bool *found_ret, enum gospy_code *code_ret, struct gospy_error *err)
{
	struct stack_report *report = walk->report;
	for (size_t at; walk_on(walk, &at);) {
		gospy_snapshot_goroutine(report->snapshot, at, g);
		if (!is_wanted(report, g, at))
			continue;
		enum gospy_code code = gospy_snapshot_stack(report->snapshot, at, stack, err);
		if (code && code != GOSPY_E_NOT_FOUND) {
			*code_ret = code;
			return false;
		}
		if (report->select->func && !any_call_matches(report->select, stack))
			continue;
		*found_ret = !code;
		report->shown++;
		report->problems += stack->problem || stack->native_problem;
		report->missing += code && g->status != GOSPY_STATUS_RUNNING;
		return true;
	}
	return false;
}

/* Goroutines that are in the same state at the same place, begun by the same statement. */
struct stack_group {
	size_t first; /* index of one of them */
	uint64_t count;
	uint64_t minutes_min, minutes_max;
	uint64_t longest_wait_ns;          /* GOSPY_UNKNOWN: of none it is known */
	const struct gospy_location *call; /* of one of them, as select_location() */
	VEC(uint64_t) goids;
	struct label_tally labels;
	struct wait_tally waits;
	enum gospy_status status;
	const char *wait_reason;
	uint64_t creator; /* pc, or 0 */
	bool locked;
	size_t next; /* 1 + index of another group with the same stack, or 0 */
};

struct stack_groups {
	VEC(struct stack_group) groups;
	struct map by_stack; /* stack id -> 1 + index */
};

static void groups_free(struct stack_groups *groups)
{
	for (size_t i = 0; i < groups->groups.len; i++) {
		vec_free(&groups->groups.at[i].goids);
		label_tally_deinit(&groups->groups.at[i].labels);
		wait_tally_deinit(&groups->groups.at[i].waits);
	}
	vec_free(&groups->groups);
	map_deinit(&groups->by_stack);
}

static bool belongs(const struct stack_group *group, const struct gospy_goroutine *g,
		    uint64_t creator)
{
	return group->status == g->status && group->wait_reason == g->wait_reason &&
	       group->creator == creator && group->locked == g->locked;
}

static struct stack_group *group_of(struct stack_groups *groups, const struct select *select,
				    const struct gospy_goroutine *g, size_t index, uint64_t creator)
{
	uint64_t *head = map_put(&groups->by_stack, g->stack_id);
	if (!head)
		return NULL;
	for (uint64_t i = *head; i; i = groups->groups.at[i - 1].next) {
		if (belongs(&groups->groups.at[i - 1], g, creator))
			return &groups->groups.at[i - 1];
	}
	struct stack_group group = {
		.first = index,
		.minutes_min = UINT64_MAX,
		.longest_wait_ns = GOSPY_UNKNOWN,
		.call = select_location(select, g),
		.status = g->status,
		.wait_reason = g->wait_reason,
		.creator = creator,
		.locked = g->locked,
		.next = (size_t)*head,
	};
	if (!vec_push(&groups->groups, group))
		return NULL;
	*head = groups->groups.len;
	return &groups->groups.at[groups->groups.len - 1];
}

static bool group_add(struct stack_groups *groups, const struct select *select,
		      const struct gospy_goroutine *g, size_t index, uint64_t creator)
{
	struct stack_group *group = group_of(groups, select, g, index, creator);
	if (!group || !vec_push(&group->goids, g->goid) || !label_tally_add(&group->labels, g) ||
	    !wait_tally_add(&group->waits, g, index))
		return false;
	uint64_t waited = traceback_minutes(g);
	group->count++;
	if (waited < group->minutes_min)
		group->minutes_min = waited;
	if (waited > group->minutes_max)
		group->minutes_max = waited;
	group->longest_wait_ns = select_longer(group->longest_wait_ns, g->wait_ns);
	return true;
}

static const char *state_of(const struct stack_group *group)
{
	return group->wait_reason ? group->wait_reason : status_name(group->status);
}

static int compare_by(const struct stack_group *x, const struct stack_group *y,
		      enum select_sort sort)
{
	switch (sort) {
	case SELECT_SORT_GOID:
		break;
	case SELECT_SORT_WAIT:
		return select_compare_waits(x->longest_wait_ns, y->longest_wait_ns);
	case SELECT_SORT_STATE:
		return strcmp(state_of(x), state_of(y));
	case SELECT_SORT_LOCATION:
		return select_compare_locations(x->call, y->call);
	}
	return 0;
}

static int compare_groups(const void *a, const void *b, void *ctx)
{
	const struct stack_group *x = a, *y = b;
	int order = compare_by(x, y, *(const enum select_sort *)ctx);
	if (order)
		return order;
	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return (x->first > y->first) - (x->first < y->first);
}

/* What grouping asks of stacks and go statements. The answer is the same for all goroutines that
 * share one, and a million goroutines have few of them. */
struct group_facts {
	struct map stacks;   /* stack_id -> STACK_ bits */
	struct map creators; /* of gospy_goroutine -> 1 + pc if it is shown, else 1 */
};

enum { STACK_KNOWN = 1, STACK_FOUND = 2, STACK_MATCHES = 4, STACK_PROBLEM = 8 };

static void facts_free(struct group_facts *facts)
{
	map_deinit(&facts->stacks);
	map_deinit(&facts->creators);
}

static enum gospy_code learn(struct stack_report *report, size_t index, uint64_t *stack_ret,
			     uint64_t *creator_ret, struct gospy_error *err)
{
	struct gospy_stack stack;
	enum gospy_code code = gospy_snapshot_stack(report->snapshot, index, &stack, err);
	if (code && code != GOSPY_E_NOT_FOUND)
		return code;
	bool matches = !report->select->func || any_call_matches(report->select, &stack);
	*stack_ret = STACK_KNOWN | (code ? 0 : STACK_FOUND) | (matches ? STACK_MATCHES : 0) |
		     (stack.problem ? STACK_PROBLEM : 0);
	bool created = stack.created_by && (report->all_frames || !stack.created_by->hidden);
	*creator_ret = 1 + (created ? stack.created_by->pc : 0);
	return GOSPY_OK;
}

static enum gospy_code group_one(struct stack_report *report, struct group_facts *facts,
				 struct stack_groups *groups, const struct gospy_goroutine *g,
				 size_t index, struct gospy_error *err)
{
	uint64_t *stack = map_put(&facts->stacks, g->stack_id);
	uint64_t *creator = map_put(&facts->creators, (uint64_t)(uintptr_t)g->creator);
	enum gospy_code code = GOSPY_OK;
	if (!stack || !creator)
		return err_nomem(err);
	if (!*stack || !*creator)
		code = learn(report, index, stack, creator, err);
	if (code || !(*stack & STACK_MATCHES))
		return code;
	report->shown++;
	report->problems += (*stack & STACK_PROBLEM) != 0;
	report->missing += !(*stack & STACK_FOUND) && g->status != GOSPY_STATUS_RUNNING;
	return group_add(groups, report->select, g, index, *creator - 1) ? GOSPY_OK
									 : err_nomem(err);
}

static enum gospy_code collect_groups(struct stack_report *report, struct stack_groups *groups,
				      struct gospy_error *err)
{
	CLEANUP(facts_free) struct group_facts facts = {0};
	struct gospy_goroutine g;
	enum gospy_code code = GOSPY_OK;
	size_t n = gospy_snapshot_goroutine_count(report->snapshot);
	for (size_t i = 0; i < n && !code; i++) {
		gospy_snapshot_goroutine(report->snapshot, i, &g);
		if (is_wanted(report, &g, i))
			code = group_one(report, &facts, groups, &g, i, err);
	}
	if (groups->groups.len)
		qsort_r(groups->groups.at, groups->groups.len, sizeof(*groups->groups.at),
			compare_groups, &report->select->sort);
	return code;
}

static void write_group_header(struct out *out, const struct stack_group *group,
			       const struct gospy_goroutine *g)
{
	enum { GOIDS_SHOWN = 8 };
	out_u64(out, group->count);
	out_puts(out, group->count == 1 ? " goroutine [" : " goroutines [");
	traceback_status(out, g);
	if (group->minutes_max && group->minutes_min != group->minutes_max) {
		out_puts(out, ", ");
		out_u64(out, group->minutes_min);
		out_puts(out, " to ");
		out_u64(out, group->minutes_max);
		out_puts(out, " minutes");
	} else {
		traceback_write_minutes(out, group->minutes_max);
	}
	if (group->locked)
		out_puts(out, ", locked to thread");
	out_puts(out, "]: ");
	for (size_t i = 0; i < group->goids.len && i < GOIDS_SHOWN; i++) {
		if (i)
			out_puts(out, ", ");
		out_u64(out, group->goids.at[i]);
	}
	out_puts(out, group->goids.len > GOIDS_SHOWN ? ", ...\n" : "\n");
}

/* The labels that all goroutines of the group have come first. */
static void write_group_labels(struct out *out, const struct stack_group *group,
			       const label_counts *labels)
{
	enum { LABELS_SHOWN = 8 };
	for (size_t i = 0; i < labels->len && i < LABELS_SHOWN; i++) {
		const struct label_count *label = &labels->at[i];
		out_puts(out, i ? ", " : "labels: ");
		traceback_label(out, label->key, false);
		out_puts(out, ": ");
		traceback_label(out, label->value, false);
		if (label->goroutines == group->count)
			continue;
		out_puts(out, " (");
		out_u64(out, label->goroutines);
		out_puts(out, " of ");
		out_u64(out, group->count);
		out_putc(out, ')');
	}
	if (labels->len)
		out_puts(out, labels->len > LABELS_SHOWN ? ", ...\n" : "\n");
}

/* "waits for: sync.Mutex 0xc000012348 (998 of 1000), ...": what most of them wait for comes first.
 */
static bool write_group_waits(struct out *out, const struct stack_report *report,
			      const struct stack_group *group)
{
	enum { WAITS_SHOWN = 4 };
	CLEANUP(strbuf_deinit) struct strbuf text = {0}, name = {0};
	const struct wait_tally *waits = &group->waits;
	for (size_t i = 0; i < waits->counts.len && i < WAITS_SHOWN; i++) {
		const struct wait_count *count = &waits->counts.at[i];
		struct gospy_goroutine g;
		gospy_snapshot_goroutine(report->snapshot, count->example, &g);
		strbuf_puts(&text, i ? ", " : "waits for: ");
		strbuf_clear(&name);
		wait_name(&g, &name);
		if (name.len)
			strbuf_puts(&text, out->cols ? wait_on_terminal(name.s) : name.s);
		if (count->goroutines != group->count)
			strbuf_printf(&text, " (%" PRIu64 " of %" PRIu64 ")", count->goroutines,
				      group->count);
	}
	if (text.failed || name.failed)
		return false;
	if (!text.len)
		return true;
	out_text_n(out, text.s, text.len);
	out_puts(out, waits->counts.len > WAITS_SHOWN || waits->others ? ", ...\n" : "\n");
	return true;
}

static void group_waits_json(struct json *json, const struct stack_report *report,
			     const struct stack_group *group)
{
	const struct wait_tally *waits = &group->waits;
	if (!waits->counts.len)
		return;
	json_array(json, "waits");
	for (size_t i = 0; i < waits->counts.len; i++) {
		struct gospy_goroutine g;
		gospy_snapshot_goroutine(report->snapshot, waits->counts.at[i].example, &g);
		json_object(json, NULL);
		json_u64(json, "count", waits->counts.at[i].goroutines);
		wait_json(json, &g);
		json_object_end(json);
	}
	json_array_end(json);
	if (waits->others)
		json_u64(json, "other_waits", waits->others);
}

static void group_labels_json(struct json *json, const label_counts *labels)
{
	if (!labels->len)
		return;
	json_array(json, "labels");
	for (size_t i = 0; i < labels->len; i++) {
		json_object(json, NULL);
		json_str(json, "key", labels->at[i].key);
		json_str(json, "value", labels->at[i].value);
		json_u64(json, "count", labels->at[i].goroutines);
		json_object_end(json);
	}
	json_array_end(json);
}

static void group_json(struct json *json, const struct stack_report *report,
		       const struct stack_group *group, const struct gospy_goroutine *g,
		       const struct gospy_stack *stack, const label_counts *labels)
{
	json_u64(json, "count", group->count);
	json_str(json, "status", status_name(g->status));
	json_str(json, "wait_reason", g->wait_reason);
	json_u64(json, "minutes_min", group->minutes_min);
	json_u64(json, "minutes_max", group->minutes_max);
	json_bool(json, "locked", group->locked);
	json_array(json, "goids");
	for (size_t i = 0; i < group->goids.len; i++)
		json_u64(json, NULL, group->goids.at[i]);
	json_array_end(json);
	group_labels_json(json, labels);
	group_waits_json(json, report, group);
	traceback_json(json, report, stack);
}

/* The object that everything else is in, or that comes first as a line. */
static void begin_json(struct json *json, const struct stack_report *report, bool lines)
{
	json_begin(json, "stack");
	report_header_json(json, report->target, report->snapshot);
	if (report->watched_ns)
		json_u64(json, "watched_ns", report->watched_ns);
	if (lines) {
		json_object_end(json);
		json_newline(json);
	} else {
		json_array(json, report->group ? "groups" : "goroutines");
	}
}

static void end_json(struct json *json, bool lines)
{
	if (lines)
		return;
	json_array_end(json);
	json_object_end(json);
	json_newline(json);
}

static enum gospy_code report_group(struct out *out, struct json *json,
				    const struct stack_report *report, struct stack_group *group,
				    enum report_format format, struct gospy_error *err)
{
	struct gospy_goroutine g;
	struct gospy_stack stack;
	label_counts labels;
	gospy_snapshot_goroutine(report->snapshot, group->first, &g);
	enum gospy_code code = gospy_snapshot_stack(report->snapshot, group->first, &stack, err);
	if (code && code != GOSPY_E_NOT_FOUND)
		return code;
	if (!label_tally_counts(&group->labels, &labels))
		return err_nomem(err);
	wait_tally_sort(&group->waits);
	bool ok = true;
	if (format == REPORT_TEXT) {
		const struct out_mark mark = out_mark(out);
		write_group_header(out, group, &g);
		write_group_labels(out, group, &labels);
		ok = write_group_waits(out, report, group);
		out_wrap(out, mark);
		traceback_lines(out, report, &stack, 0);
	} else {
		json_object(json, NULL);
		if (format == REPORT_JSON_LINES)
			json_str(json, "type", "group");
		group_json(json, report, group, &g, &stack, &labels);
		json_object_end(json);
		if (format == REPORT_JSON_LINES)
			json_newline(json);
	}
	vec_free(&labels);
	return ok ? GOSPY_OK : err_nomem(err);
}

static enum gospy_code write_groups(struct out *out, const struct stack_report *report,
				    struct stack_groups *groups, enum report_format format,
				    struct gospy_error *err)
{
	bool lines = format == REPORT_JSON_LINES;
	struct json json = {.out = out};
	if (format != REPORT_TEXT)
		begin_json(&json, report, lines);
	for (size_t i = 0; i < groups->groups.len && !out->error; i++) {
		if (i && format == REPORT_TEXT)
			out_putc(out, '\n');
		enum gospy_code code =
			report_group(out, &json, report, &groups->groups.at[i], format, err);
		if (code)
			return code;
	}
	if (format != REPORT_TEXT)
		end_json(&json, lines);
	return GOSPY_OK;
}

static enum gospy_code report_each(struct out *out, struct stack_report *report,
				   enum report_format format, struct gospy_error *err)
{
	CLEANUP(walk_deinit) struct walk walk;
	struct gospy_goroutine g;
	struct gospy_stack stack;
	enum gospy_code code = walk_init(&walk, report, err);
	if (code)
		return code;
	bool lines = format == REPORT_JSON_LINES, found;
	struct json json = {.out = out};
	if (format != REPORT_TEXT)
		begin_json(&json, report, lines);
	while (!out->error && next(&walk, &g, &stack, &found, &code, err)) {
		if (format == REPORT_TEXT) {
			if (report->shown > 1)
				out_putc(out, '\n');
			traceback_goroutine(out, report, &g, &stack, found);
			continue;
		}
		json_object(&json, NULL);
		if (lines)
			json_str(&json, "type", "goroutine");
		report_goroutine_json(&json, &g);
		if (g.soundness != GOSPY_SOUND_UNREADABLE) {
			traceback_json(&json, report, &stack);
			traceback_ancestors_json(&json, report, &stack);
		}
		json_object_end(&json);
		if (lines)
			json_newline(&json);
	}
	if (format != REPORT_TEXT)
		end_json(&json, lines);
	return code;
}

/* Which goroutines an overview counts: those that are shown. */
struct overview {
	struct stack_report *report;
	struct map stacks; /* stack_id -> STACK_ bits */
	enum gospy_code code;
	struct gospy_error *err;
};

static void overview_deinit(struct overview *overview)
{
	map_deinit(&overview->stacks);
}

static bool is_counted(void *ctx, const struct gospy_goroutine *g, size_t index)
{
	struct overview *overview = ctx;
	if (overview->code || !is_wanted(overview->report, g, index))
		return false;
	if (!overview->report->select->func)
		return true;
	uint64_t *stack = map_put(&overview->stacks, g->stack_id), creator;
	if (!stack)
		overview->code = err_nomem(overview->err);
	else if (!*stack)
		overview->code = learn(overview->report, index, stack, &creator, overview->err);
	return !overview->code && (*stack & STACK_MATCHES);
}

/* What stands before a text that does not fit the screen: what most of them do. */
static enum gospy_code write_first(struct out *out, struct stack_report *report,
				   struct gospy_error *err)
{
	CLEANUP(overview_deinit) struct overview overview = {.report = report, .err = err};
	CLEANUP(census_deinit) struct census census = {0};
	enum gospy_code code = census_take_where(&census, is_counted, &overview, GROUP_USER,
						 report->snapshot, err);
	if (!code)
		code = overview.code;
	if (code || !census.goroutines)
		return code;
	const struct report_head head = {.target = report->target,
					 .snapshot = report->snapshot,
					 .still = report->select->still,
					 .watched_ns = report->watched_ns};
	size_t lines = report_head_write(out, &head);
	return report_overview(out, &census, GROUP_USER, false, lines, err);
}

/* `groups`: NULL: each goroutine by itself. */
static enum gospy_code write_all(struct out *out, struct stack_report *report,
				 struct stack_groups *groups, enum report_format format,
				 struct gospy_error *err)
{
	return groups ? write_groups(out, report, groups, format, err)
		      : report_each(out, report, format, err);
}

static enum gospy_code try_first(struct out *out, const struct stack_report *report,
				 struct stack_groups *groups, bool *fits_ret,
				 struct gospy_error *err)
{
	CLEANUP_FREE struct out *draft = out_draft(out);
	// It counts what it shows.
	struct stack_report trial = *report;
	if (!draft)
		return err_nomem(err);
	enum gospy_code code = write_all(draft, &trial, groups, REPORT_TEXT, err);
	*fits_ret = out_fits_screen(draft);
	return code;
}

enum gospy_code report_stacks(struct out *out, struct stack_report *report,
			      enum report_format format, struct gospy_error *err)
{
	CLEANUP(groups_free) struct stack_groups groups = {0};
	enum gospy_code code = report->group ? collect_groups(report, &groups, err) : GOSPY_OK;
	struct stack_groups *grouped = report->group ? &groups : NULL;
	bool fits = true;
	// Who asks for a goroutine by its number knows what the others do.
	if (!code && format == REPORT_TEXT && out->rows && !report->goid_count)
		code = try_first(out, report, grouped, &fits, err);
	if (!code && !fits)
		code = write_first(out, report, err);
	return code ? code : write_all(out, report, grouped, format, err);
}
