#include "render/report_stack.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "render/escape.h"
#include "render/json.h"
#include "render/label.h"
#include "render/report_goroutine.h"
#include "render/report_header.h"

// src/runtime/traceback.go:goroutineheader
void report_stack_status(struct out *out, const struct gospy_goroutine *g)
{
	bool waits = g->status == GOSPY_STATUS_WAITING || g->status == GOSPY_STATUS_LEAKED;
	if (waits && g->wait_reason && *g->wait_reason)
		out_text(out, g->wait_reason);
	else
		out_puts(out, select_state_name(g->status));
	if (g->status == GOSPY_STATUS_LEAKED)
		out_puts(out, " (leaked)");
	if (g->scan)
		out_puts(out, " (scan)");
	if (g->durable && !strstr(g->wait_reason, "(durable)"))
		out_puts(out, " (durable)");
}

/* Minutes it is known to wait, as the runtime counts them. */
static uint64_t minutes(const struct gospy_goroutine *g)
{
	bool timed = g->status == GOSPY_STATUS_WAITING || g->status == GOSPY_STATUS_SYSCALL;
	return timed && g->wait_ns != GOSPY_UNKNOWN ? g->wait_ns / UINT64_C(60000000000) : 0;
}

static void write_bubble(struct out *out, const char *go_version, uint64_t bubble)
{
	if (!bubble)
		return;
	out_puts(out, strncmp(go_version, "go1.24", 6) == 0 ? ", synctest group "
							    : ", synctest bubble ");
	out_u64(out, bubble);
}

static void write_minutes(struct out *out, uint64_t n)
{
	if (!n)
		return;
	out_puts(out, ", ");
	out_u64(out, n);
	out_puts(out, " minutes");
}

static void write_rune(struct out *out, uint32_t code)
{
	if (code == '"' || code == '\\')
		out_printf(out, "\\%c", (char)code);
	else if (code == '\n' || code == '\r' || code == '\t')
		out_puts(out, code == '\n' ? "\\n" : code == '\r' ? "\\r" : "\\t");
	else if (code >= ' ' && code <= '~')
		out_putc(out, (char)code);
	else if (code < 0x7f)
		out_printf(out, "\\x%02" PRIx32, code);
	else
		out_printf(out, code < 0x10000 ? "\\u%04" PRIx32 : "\\U%08" PRIx32, code);
}

/* src/runtime/print.go:printquoted. */
static void write_quoted(struct out *out, const char *s)
{
	size_t len = strlen(s);
	out_putc(out, '"');
	while (len) {
		uint32_t code;
		unsigned n = escape_decode(s, len, &code);
		if (n)
			write_rune(out, code);
		else
			out_printf(out, "\\x%02x", (uint8_t)*s);
		s += n ? n : 1;
		len -= n ? n : 1;
	}
	out_putc(out, '"');
}

/* src/runtime/traceback.go:tracebackStringNeedsQuoting, Go 1.27+; 1.26 quotes everything. */
static void write_label(struct out *out, const char *s, bool always_quoted)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789./_";
	if (always_quoted || s[strspn(s, plain)])
		write_quoted(out, s);
	else
		out_puts(out, s);
}

static void write_labels(struct out *out, const struct gospy_goroutine *g, bool always_quoted)
{
	for (size_t i = 0; i < g->label_count; i++) {
		if (i)
			out_puts(out, ", ");
		write_label(out, g->label_list[i].key, always_quoted);
		out_puts(out, ": ");
		write_label(out, g->label_list[i].value, always_quoted);
	}
	out_putc(out, '}');
}

/* src/runtime/traceback.go:goroutineheader. Labels came in Go 1.26 inside of the brackets and went
 * behind them in 1.27. */
static void write_header(struct out *out, const struct stack_report *report,
			 const struct gospy_goroutine *g)
{
	bool labels = g->label_count && gospy_snapshot_info(report->snapshot)->labels_printed;
	bool inside = strncmp(report->target->go_version, "go1.26", 6) == 0;
	out_puts(out, "goroutine ");
	out_u64(out, g->goid);
	out_puts(out, " [");
	report_stack_status(out, g);
	write_minutes(out, minutes(g));
	if (g->locked)
		out_puts(out, ", locked to thread");
	write_bubble(out, report->target->go_version, g->bubble);
	if (labels && inside) {
		out_puts(out, " labels:{");
		write_labels(out, g, true);
	}
	out_putc(out, ']');
	if (labels && !inside) {
		out_puts(out, " {");
		write_labels(out, g, false);
	}
	out_puts(out, ":\n");
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* The two lines of a traceback: programs that read those take "??" for a file that is not known. */
static void write_native(struct out *out, const struct gospy_frame *frame)
{
	if (frame->func) {
		out_text(out, frame->func);
	} else {
		out_addr(out, frame->pc);
		out_puts(out, " in ");
		out_text(out, frame->module ? base_name(frame->module) : "?");
		if (frame->module) {
			out_putc(out, '+');
			out_addr(out, frame->pc - frame->module_base);
		}
	}
	out_puts(out, "(...)\n\t??:0");
	if (frame->func && frame->pc > frame->entry) {
		out_puts(out, " +");
		out_addr(out, frame->pc - frame->entry);
	}
	out_putc(out, '\n');
}

static void write_place(struct out *out, const struct gospy_frame *frame)
{
	out_puts(out, "\n\t");
	// What funcline says where it knows nothing.
	out_text(out, frame->file ? frame->file : "?");
	out_putc(out, ':');
	out_u64(out, frame->line);
	if (!frame->inlined && frame->pc > frame->entry) {
		out_puts(out, " +");
		out_addr(out, frame->pc - frame->entry);
	}
	out_putc(out, '\n');
}

static void write_name(struct out *out, const char *func)
{
	out_text(out, func ? func : "?");
}

static void write_frame(struct out *out, const struct gospy_frame *frame)
{
	if (frame->native) {
		write_native(out, frame);
		return;
	}
	write_name(out, frame->func);
	out_putc(out, '(');
	out_puts(out, frame->args ? frame->args : "...");
	out_putc(out, ')');
	write_place(out, frame);
}

static bool is_printed(const struct stack_report *report, const struct gospy_frame *frame)
{
	return report->all_frames || !frame->hidden;
}

static void write_problem(struct out *out, const char *what, const char *problem, uint64_t addr)
{
	if (!problem)
		return;
	out_printf(out, "[%s unreadable at ", what);
	out_addr(out, addr);
	out_puts(out, ": ");
	out_puts(out, problem);
	out_puts(out, "]\n");
}

static void write_native_problem(struct out *out, const struct gospy_stack *stack)
{
	write_problem(out, "native stack", stack->native_problem, stack->native_end_addr);
}

/* Stands before the first of the frames that frame pointers have led to. */
static void write_foreign(struct out *out, uint64_t pc)
{
	out_puts(out, "[no Go function at ");
	out_addr(out, pc);
	out_puts(out, ": by frame pointers from here]\n");
}

static void write_frames(struct out *out, const struct stack_report *report,
			 const struct gospy_stack *stack)
{
	const char *elision = report->depth ? NULL : stack->elision;
	uint64_t printed = 0, left_out = 0;
	bool certain = true;
	for (size_t i = 0; i < stack->frame_count; i++) {
		const struct gospy_frame *frame = &stack->frames[i];
		if (i == stack->native_count)
			write_native_problem(out, stack);
		if (certain && frame->by_frame_pointer)
			write_foreign(out, stack->foreign_pc);
		certain = !frame->by_frame_pointer;
		if (!is_printed(report, frame))
			continue;
		if (report->depth ? printed >= report->depth : frame->elided) {
			left_out++;
			if (elision) {
				out_puts(out, elision);
				out_putc(out, '\n');
				elision = NULL;
			}
			continue;
		}
		write_frame(out, frame);
		printed++;
	}
	if (elision) {
		out_puts(out, elision);
		out_putc(out, '\n');
	} else if (report->depth && left_out) {
		out_puts(out, "...");
		out_u64(out, left_out);
		out_puts(out, " frames elided...\n");
	}
}

void report_stack_lines(struct out *out, const struct stack_report *report,
			const struct gospy_stack *stack, uint64_t parent_goid)
{
	write_frames(out, report, stack);
	if (stack->native_count == stack->frame_count)
		write_native_problem(out, stack);
	write_problem(out, "stack", stack->problem, stack->end_addr);
	const struct gospy_frame *creator = stack->created_by;
	if (!creator)
		return;
	out_puts(out, "created by ");
	write_name(out, creator->func);
	if (parent_goid) {
		out_puts(out, " in goroutine ");
		out_u64(out, parent_goid);
	}
	write_place(out, creator);
}

/* src/runtime/traceback.go:printAncestorTraceback */
static void write_ancestor(struct out *out, const struct stack_report *report,
			   const struct gospy_ancestor *ancestor)
{
	out_puts(out, "[originating from goroutine ");
	out_u64(out, ancestor->goid);
	out_puts(out, "]:\n");
	for (size_t i = 0; i < ancestor->frame_count; i++) {
		if (is_printed(report, &ancestor->frames[i]))
			write_frame(out, &ancestor->frames[i]);
	}
	if (ancestor->elided)
		out_puts(out, "...additional frames elided...\n");
	if (!ancestor->created_by)
		return;
	out_puts(out, "created by ");
	write_name(out, ancestor->created_by->func);
	write_place(out, ancestor->created_by);
}

static void write_ancestors(struct out *out, const struct stack_report *report,
			    const struct gospy_stack *stack)
{
	for (size_t i = 0; i < stack->ancestor_count; i++)
		write_ancestor(out, report, &stack->ancestors[i]);
	if (stack->ancestors_unread)
		out_puts(out, "[ancestors unreadable]\n");
}

static bool is_marked(enum gospy_soundness soundness)
{
	return soundness != GOSPY_SOUND && soundness != GOSPY_SOUND_RETRIED;
}

static void write_goroutine(struct out *out, const struct stack_report *report,
			    const struct gospy_goroutine *g, const struct gospy_stack *stack,
			    bool found)
{
	if (g->soundness == GOSPY_SOUND_UNREADABLE) {
		out_puts(out, "[goroutine unreadable: g at ");
		out_addr(out, g->addr);
		out_puts(out, "]\n");
		return;
	}
	write_header(out, report, g);
	if (!found) {
		// src/runtime/traceback.go:tracebackothers
		if (g->status == GOSPY_STATUS_RUNNING)
			out_puts(out, "\tgoroutine running on other thread; stack unavailable\n");
		else
			out_puts(out, "[stack unreadable: it was not copied]\n");
	}
	report_stack_lines(out, report, stack, g->parent_goid);
	if (found)
		write_ancestors(out, report, stack);
	if (is_marked(g->soundness)) {
		out_puts(out, "[");
		out_puts(out, report_soundness_name(g->soundness));
		out_puts(out, "]\n");
	}
}

static void frame_json(struct json *json, const char *key, const struct gospy_frame *frame)
{
	json_object(json, key);
	json_str(json, "func", frame->func);
	if (frame->native) {
		json_bool(json, "native", true);
		json_str(json, "module", frame->module);
		if (frame->module)
			json_u64(json, "module_offset", frame->pc - frame->module_base);
	}
	json_str(json, "file", frame->file);
	if (frame->line)
		json_u64(json, "line", frame->line);
	json_addr(json, "pc", frame->pc);
	if (!frame->inlined && (frame->func || !frame->native))
		json_u64(json, "offset", frame->pc - frame->entry);
	json_bool(json, "inlined", frame->inlined);
	json_bool(json, "hidden", frame->hidden);
	if (frame->by_frame_pointer)
		json_bool(json, "by_frame_pointer", true);
	json_str(json, "args", frame->args);
	json_object_end(json);
}

void report_stack_json(struct json *json, const struct stack_report *report,
		       const struct gospy_stack *stack)
{
	uint64_t printed = 0;
	json_array(json, "frames");
	for (size_t i = 0; i < stack->frame_count; i++) {
		if (!is_printed(report, &stack->frames[i]))
			continue;
		if (report->depth && printed == report->depth)
			break;
		frame_json(json, NULL, &stack->frames[i]);
		printed++;
	}
	json_array_end(json);
	if (stack->native_problem) {
		json_str(json, "native_problem", stack->native_problem);
		json_addr(json, "native_problem_at", stack->native_end_addr);
	}
	if (stack->foreign_pc)
		json_addr(json, "foreign_pc", stack->foreign_pc);
	if (stack->problem) {
		json_str(json, "stack_problem", stack->problem);
		json_addr(json, "stack_problem_at", stack->end_addr);
	}
	if (stack->created_by)
		frame_json(json, "created_by", stack->created_by);
}

static void ancestors_json(struct json *json, const struct stack_report *report,
			   const struct gospy_stack *stack)
{
	if (stack->ancestors_unread)
		json_bool(json, "ancestors_unread", true);
	if (!stack->ancestor_count)
		return;
	json_array(json, "ancestors");
	for (size_t i = 0; i < stack->ancestor_count; i++) {
		const struct gospy_ancestor *ancestor = &stack->ancestors[i];
		json_object(json, NULL);
		json_u64(json, "goid", ancestor->goid);
		json_array(json, "frames");
		for (size_t k = 0; k < ancestor->frame_count; k++) {
			if (is_printed(report, &ancestor->frames[k]))
				frame_json(json, NULL, &ancestor->frames[k]);
		}
		json_array_end(json);
		json_bool(json, "elided", ancestor->elided);
		if (ancestor->created_by)
			frame_json(json, "created_by", ancestor->created_by);
		json_object_end(json);
	}
	json_array_end(json);
}

static bool is_wanted(const struct stack_report *report, struct gospy_goroutine *g)
{
	struct select *select = report->select;
	const regex_t *func = select->func;
	select->func = NULL;
	bool matches = select_match(select, g);
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
		bool matches = known && *known ? *known == 2
					       : regexec(select->func, func, 0, NULL, 0) == 0;
		if (known)
			*known = 1 + matches;
		if (matches)
			return true;
	}
	return false;
}

/* The next goroutine to be shown from `*index` on, which moves behind it. */
static bool next(struct stack_report *report, size_t *index, struct gospy_goroutine *g,
		 struct gospy_stack *stack, bool *found_ret, enum gospy_code *code_ret,
		 struct gospy_error *err)
{
	size_t n = gospy_snapshot_goroutine_count(report->snapshot);
	while (*index < n) {
		gospy_snapshot_goroutine(report->snapshot, *index, g);
		size_t at = (*index)++;
		if (!is_wanted(report, g))
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
	VEC(uint64_t) goids;
	struct label_tally labels;
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

static struct stack_group *group_of(struct stack_groups *groups, const struct gospy_goroutine *g,
				    size_t index, uint64_t creator)
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

static bool group_add(struct stack_groups *groups, const struct gospy_goroutine *g, size_t index,
		      uint64_t creator)
{
	struct stack_group *group = group_of(groups, g, index, creator);
	if (!group || !vec_push(&group->goids, g->goid) || !label_tally_add(&group->labels, g))
		return false;
	uint64_t waited = minutes(g);
	group->count++;
	if (waited < group->minutes_min)
		group->minutes_min = waited;
	if (waited > group->minutes_max)
		group->minutes_max = waited;
	return true;
}

static int compare_groups(const void *a, const void *b)
{
	const struct stack_group *x = a, *y = b;
	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return (x->first > y->first) - (x->first < y->first);
}

/* What grouping asks of stacks and go statements. It is the same for all goroutines that share one,
 * and of a million goroutines these are few. */
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
	*creator_ret = 1 + (stack.created_by ? stack.created_by->pc : 0);
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
	return group_add(groups, g, index, *creator - 1) ? GOSPY_OK : err_nomem(err);
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
		if (is_wanted(report, &g))
			code = group_one(report, &facts, groups, &g, i, err);
	}
	if (groups->groups.len)
		qsort(groups->groups.at, groups->groups.len, sizeof(*groups->groups.at),
		      compare_groups);
	return code;
}

static void write_group_header(struct out *out, const struct stack_group *group,
			       const struct gospy_goroutine *g)
{
	enum { GOIDS_SHOWN = 8 };
	out_u64(out, group->count);
	out_puts(out, group->count == 1 ? " goroutine [" : " goroutines [");
	report_stack_status(out, g);
	if (group->minutes_max && group->minutes_min != group->minutes_max) {
		out_puts(out, ", ");
		out_u64(out, group->minutes_min);
		out_puts(out, " to ");
		out_u64(out, group->minutes_max);
		out_puts(out, " minutes");
	} else {
		write_minutes(out, group->minutes_max);
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

/* Those that all have come first. */
static void write_group_labels(struct out *out, const struct stack_group *group,
			       const label_counts *labels)
{
	enum { LABELS_SHOWN = 8 };
	for (size_t i = 0; i < labels->len && i < LABELS_SHOWN; i++) {
		const struct label_count *label = &labels->at[i];
		out_puts(out, i ? ", " : "labels: ");
		write_label(out, label->key, false);
		out_puts(out, ": ");
		write_label(out, label->value, false);
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
	json_str(json, "status", select_state_name(g->status));
	json_str(json, "wait_reason", g->wait_reason);
	json_u64(json, "minutes_min", group->minutes_min);
	json_u64(json, "minutes_max", group->minutes_max);
	json_bool(json, "locked", group->locked);
	json_array(json, "goids");
	for (size_t i = 0; i < group->goids.len; i++)
		json_u64(json, NULL, group->goids.at[i]);
	json_array_end(json);
	group_labels_json(json, labels);
	report_stack_json(json, report, stack);
}

/* The object that everything else is in, or that comes first as a line. */
static void begin_json(struct json *json, const struct stack_report *report, bool lines)
{
	json_begin(json, "stack");
	report_header_json(json, report->target, report->snapshot);
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
				    const struct stack_report *report,
				    const struct stack_group *group, enum report_format format,
				    struct gospy_error *err)
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
	if (format == REPORT_TEXT) {
		write_group_header(out, group, &g);
		write_group_labels(out, group, &labels);
		report_stack_lines(out, report, &stack, 0);
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
	return GOSPY_OK;
}

static enum gospy_code report_groups(struct out *out, struct stack_report *report,
				     enum report_format format, struct gospy_error *err)
{
	CLEANUP(groups_free) struct stack_groups groups = {0};
	enum gospy_code code = collect_groups(report, &groups, err);
	if (code)
		return code;
	bool lines = format == REPORT_JSON_LINES;
	struct json json = {.out = out};
	if (format != REPORT_TEXT)
		begin_json(&json, report, lines);
	for (size_t i = 0; i < groups.groups.len && !out->error; i++) {
		if (i && format == REPORT_TEXT)
			out_putc(out, '\n');
		code = report_group(out, &json, report, &groups.groups.at[i], format, err);
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
	struct gospy_goroutine g;
	struct gospy_stack stack;
	enum gospy_code code = GOSPY_OK;
	bool lines = format == REPORT_JSON_LINES, found;
	struct json json = {.out = out};
	if (format != REPORT_TEXT)
		begin_json(&json, report, lines);
	size_t index = 0;
	while (!out->error && next(report, &index, &g, &stack, &found, &code, err)) {
		if (format == REPORT_TEXT) {
			if (report->shown > 1)
				out_putc(out, '\n');
			write_goroutine(out, report, &g, &stack, found);
			continue;
		}
		json_object(&json, NULL);
		if (lines)
			json_str(&json, "type", "goroutine");
		report_goroutine_json(&json, &g);
		if (g.soundness != GOSPY_SOUND_UNREADABLE) {
			report_stack_json(&json, report, &stack);
			ancestors_json(&json, report, &stack);
		}
		json_object_end(&json);
		if (lines)
			json_newline(&json);
	}
	if (format != REPORT_TEXT)
		end_json(&json, lines);
	return code;
}

enum gospy_code report_stacks(struct out *out, struct stack_report *report,
			      enum report_format format, struct gospy_error *err)
{
	return report->group ? report_groups(out, report, format, err)
			     : report_each(out, report, format, err);
}
