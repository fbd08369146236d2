#include "render/report_leaks.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "render/json.h"
#include "render/name.h"
#include "render/report_goroutine.h"
#include "render/report_heap.h"
#include "render/select.h"
#include "render/units.h"
#include "render/wait.h"

enum { GOIDS_SHOWN = 8 };

const char *leak_kind_name(enum leak_kind kind)
{
	static const char *const kinds[LEAK_KINDS] = {"growing", "likely", "proved"};
	return kinds[kind];
}

/* -------------------------------------------------------------------------------------- groups --
 */

void leak_groups_deinit(struct leak_groups *groups)
{
	vec_free(&groups->groups);
	vec_free(&groups->members);
	*groups = (struct leak_groups){0};
}

struct collector {
	struct gospy_snapshot *snapshot;
	struct pattern *ignore;
	size_t ignore_count;
	struct leak_groups *groups;
	struct map by_key;  /* -> 1 + position of the group */
	struct map ignored; /* stack and go statement -> 1: no, 2: yes */
};

static bool matches_any(struct collector *c, const char *func)
{
	for (size_t i = 0; i < c->ignore_count && func; i++) {
		if (pattern_matches(&c->ignore[i], func))
			return true;
	}
	return false;
}

static bool has_ignored_call(struct collector *c, size_t index, const struct gospy_goroutine *g)
{
	struct gospy_stack stack;
	struct gospy_error err;
	if (g->creator && matches_any(c, g->creator->func))
		return true;
	if (gospy_snapshot_stack(c->snapshot, index, &stack, &err))
		return false;
	for (size_t i = 0; i < stack.frame_count; i++) {
		if (matches_any(c, stack.frames[i].func))
			return true;
	}
	return false;
}

static enum gospy_code add(struct collector *c, size_t index, const struct gospy_goroutine *g,
			   const struct leak_group *like, struct gospy_error *err)
{
	struct leak_groups *groups = c->groups;
	uint64_t site = growth_key(g);
	uint64_t *ignored = c->ignore_count ? map_put(&c->ignored, site) : NULL;
	if (c->ignore_count && !ignored)
		return err_nomem(err);
	if (ignored && !*ignored)
		*ignored = has_ignored_call(c, index, g) ? 2 : 1;
	if (ignored && *ignored == 2) {
		groups->ignored++;
		return GOSPY_OK;
	}
	uint64_t *at = map_put(&c->by_key, site ^ (uint64_t)like->kind << 1 ^
						   (uint64_t)(uintptr_t)like->why << 3);
	if (!at)
		return err_nomem(err);
	if (!*at) {
		struct leak_group group = *like;
		group.stack_hash = g->stack_hash;
		group.creator = g->creator;
		group.wait_ns = GOSPY_UNKNOWN;
		group.oldest = index;
		group.first = groups->members.len;
		if (!vec_push(&groups->groups, group))
			return err_nomem(err);
		*at = groups->groups.len;
	} else {
		groups->members.at[groups->groups.at[*at - 1].next].next = groups->members.len;
	}
	struct leak_group *group = &groups->groups.at[*at - 1];
	group->next = groups->members.len;
	group->count++;
	groups->counts[group->kind]++;
	if (select_longer(group->wait_ns, g->wait_ns) != group->wait_ns) {
		group->wait_ns = g->wait_ns;
		group->oldest = index;
	}
	return vec_push(&groups->members, ((struct leak_member){g->goid, SIZE_MAX}))
		       ? GOSPY_OK
		       : err_nomem(err);
}

static enum gospy_code add_growing(struct collector *c, const struct growth *growth,
				   const struct gospy_leak *leaks, size_t n,
				   struct gospy_error *err)
{
	size_t count = gospy_snapshot_goroutine_count(c->snapshot), next = 0;
	enum gospy_code code = GOSPY_OK;
	for (size_t i = 0; i < count && !code; i++) {
		struct gospy_goroutine g;
		if (next < n && leaks[next].goroutine == i) {
			next++;
			continue;
		}
		gospy_snapshot_goroutine(c->snapshot, i, &g);
		const struct growth_site *site = growth_of(growth, growth_key(&g));
		const struct leak_group like = {
			.kind = LEAK_GROWING,
			.why = "there are more and more of them",
			.before = site ? site->counts[0] : 0,
		};
		if (site)
			code = add(c, i, &g, &like, err);
	}
	return code;
}

static int by_weight(const void *a, const void *b)
{
	const struct leak_group *x = a, *y = b;
	if (x->kind != y->kind)
		return x->kind < y->kind ? 1 : -1;
	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return (x->first > y->first) - (x->first < y->first);
}

enum gospy_code leak_groups_collect(const struct gospy_leaks *leaks, const struct growth *growth,
				    struct pattern *ignore, size_t ignore_count,
				    struct leak_groups *ret, struct gospy_error *err)
{
	struct collector c = {.snapshot = gospy_leaks_snapshot(leaks),
			      .ignore = ignore,
			      .ignore_count = ignore_count,
			      .groups = ret};
	size_t n;
	const struct gospy_leak *list = gospy_leaks_get(leaks, &n);
	enum gospy_code code = GOSPY_OK;
	for (size_t i = 0; i < n && !code; i++) {
		struct gospy_goroutine g;
		gospy_snapshot_goroutine(c.snapshot, list[i].goroutine, &g);
		const struct leak_group like = {
			.kind = list[i].verdict == GOSPY_LEAK_PROVED ? LEAK_PROVED : LEAK_LIKELY,
			.why = list[i].why,
		};
		code = add(&c, list[i].goroutine, &g, &like, err);
	}
	if (!code && growth)
		code = add_growing(&c, growth, list, n, err);
	map_deinit(&c.by_key);
	map_deinit(&c.ignored);
	if (!code && ret->groups.len)
		qsort(ret->groups.at, ret->groups.len, sizeof(*ret->groups.at), by_weight);
	return code;
}

/* ---------------------------------------------------------------------------------------- text --
 */

static void write_line(struct out *out, const char *title, const struct name *name)
{
	out_printf(out, "  %-8s", title);
	report_name_text(out, name);
	out_putc(out, '\n');
}

static void write_goids(struct out *out, const struct leak_groups *groups,
			const struct leak_group *group)
{
	size_t shown = 0;
	out_printf(out, "  %-8s", "goids");
	for (size_t i = group->first; i != SIZE_MAX && shown < GOIDS_SHOWN;
	     i = groups->members.at[i].next, shown++) {
		out_puts(out, shown ? ", " : "");
		out_u64(out, groups->members.at[i].goid);
	}
	if (group->count > shown)
		out_printf(out, " and %" PRIu64 " more", group->count - shown);
	out_putc(out, '\n');
}

/* Of the one that waits longest; false: there is nothing to say. */
static bool path_of(const struct leaks_report *report, const struct leak_group *group,
		    const struct gospy_graph_path **ret)
{
	struct gospy_error err;
	return report->paths && !gospy_leaks_path(report->leaks, group->oldest, ret, &err);
}

static void write_path(struct out *out, const struct gospy_graph_path *path)
{
	struct out_mark mark = out_mark(out);
	out_printf(out, "  %-8s", "path");
	out_text(out, path->root ? path->root : "nothing that may run has it");
	out_putc(out, '\n');
	out_wrap(out, mark);
	for (size_t i = 0; i < path->step_count; i++) {
		mark = out_mark(out);
		out_printf(out, "  %-8s", "");
		out_text(out, path->steps[i].name);
		out_printf(out, " 0x%" PRIx64 "%s\n", path->steps[i].addr,
			   path->steps[i].repeats ? " ..." : "");
		out_wrap(out, mark);
	}
}

static void write_group(struct out *out, const struct leaks_report *report,
			const struct leak_group *group)
{
	CLEANUP(strbuf_deinit) struct strbuf object = {0};
	const struct gospy_graph_path *path;
	struct gospy_goroutine g;
	struct gospy_snapshot *snapshot = gospy_leaks_snapshot(report->leaks);
	gospy_snapshot_goroutine(snapshot, group->oldest, &g);
	out_putc(out, '\n');
	const struct out_mark mark = out_mark(out);
	out_style(out, group->kind == LEAK_PROVED ? OUT_BAD : OUT_WARN);
	out_puts(out, leak_kind_name(group->kind));
	out_style(out, OUT_NONE);
	out_printf(out, ": %" PRIu64 " goroutine%s in ", group->count, units_plural(group->count));
	out_text(out, g.wait_reason ? g.wait_reason : "a wait");
	if (group->wait_ns != GOSPY_UNKNOWN)
		out_printf(out, ", for up to %s", units_age(group->wait_ns).s);
	if (group->kind == LEAK_GROWING)
		out_printf(out, ", %" PRIu64 " at first", group->before);
	out_putc(out, '\n');
	struct name at = name_place(select_where(&g)), by = name_place(group->creator);
	at.parens = by.parens = true;
	write_line(out, "at", &at);
	if (group->creator)
		write_line(out, "by", &by);
	wait_name(&g, &object);
	if (object.len) {
		out_printf(out, "  %-8s", "on");
		out_text(out, object.s);
		bool others = group->count > 1 && g.wait_kind != GOSPY_WAIT_NIL_CHANNEL;
		out_puts(out, others ? " (the oldest)\n" : "\n");
	}
	write_goids(out, report->groups, group);
	out_printf(out, "  %-8s%s\n", "why", group->why);
	out_wrap(out, mark);
	if (path_of(report, group, &path))
		write_path(out, path);
}

static void write_text(struct out *out, const struct leaks_report *report)
{
	const struct leak_groups *groups = report->groups;
	const struct gospy_leak_info *info = gospy_leaks_info(report->leaks);
	const struct out_mark mark = out_mark(out);
	size_t n = groups->groups.len;
	if (!n) {
		out_printf(out,
			   "no leaked goroutines: of %" PRIu64
			   " that wait for others each may still be woken\n",
			   info->candidates - info->unknown);
		out_wrap(out, mark);
		return;
	}
	for (unsigned i = LEAK_KINDS, any = 0; i-- > 0;) {
		if (!groups->counts[i])
			continue;
		out_printf(out, "%s%" PRIu64 " %s",
			   any++ ? ", " : "leaked goroutines: ", groups->counts[i],
			   leak_kind_name(i));
	}
	out_printf(out, "; %zu group%s\n", n, units_plural(n));
	out_wrap(out, mark);
	for (size_t i = 0; i < n && (!report->limit || i < report->limit); i++)
		write_group(out, report, &groups->groups.at[i]);
	if (report->limit && n > report->limit)
		out_printf(out, "\n... %zu more groups\n", n - (size_t)report->limit);
}

/* ---------------------------------------------------------------------------------------- JSON --
 */

static void stack_json(struct json *json, struct gospy_snapshot *snapshot, size_t index)
{
	struct gospy_stack stack;
	struct gospy_error err;
	if (gospy_snapshot_stack(snapshot, index, &stack, &err))
		return;
	json_array(json, "stack");
	for (size_t i = 0; i < stack.frame_count; i++) {
		const struct gospy_frame *frame = &stack.frames[i];
		if (frame->hidden)
			continue;
		json_object(json, NULL);
		json_str(json, "func", frame->func);
		json_str(json, "file", frame->file);
		if (frame->line)
			json_u64(json, "line", frame->line);
		json_addr(json, "pc", frame->pc);
		json_object_end(json);
	}
	json_array_end(json);
}

static void group_json(struct json *json, const struct leaks_report *report,
		       const struct leak_group *group)
{
	CLEANUP(strbuf_deinit) struct strbuf object = {0};
	struct gospy_snapshot *snapshot = gospy_leaks_snapshot(report->leaks);
	const struct gospy_graph_path *path;
	struct gospy_goroutine g;
	gospy_snapshot_goroutine(snapshot, group->oldest, &g);
	json_str(json, "verdict", leak_kind_name(group->kind));
	json_u64(json, "count", group->count);
	if (group->kind == LEAK_GROWING)
		json_u64(json, "count_before", group->before);
	json_array(json, "goids");
	for (size_t i = group->first; i != SIZE_MAX; i = report->groups->members.at[i].next)
		json_u64(json, NULL, report->groups->members.at[i].goid);
	json_array_end(json);
	json_str(json, "wait_reason", g.wait_reason);
	json_u64(json, "wait_ns", group->wait_ns);
	wait_name(&g, &object);
	if (object.len)
		json_str(json, "object", object.s);
	wait_json(json, &g);
	stack_json(json, snapshot, group->oldest);
	report_location_json(json, "created_by", group->creator);
	json_str(json, "why", group->why);
	if (path_of(report, group, &path)) {
		json_object(json, "path");
		report_heap_path_json(json, path);
		json_object_end(json);
	}
}

static void head_json(struct json *json, const struct leaks_report *report)
{
	const struct gospy_leak_info *info = gospy_leaks_info(report->leaks);
	const struct leak_groups *groups = report->groups;
	json_u64(json, "pid", (uint64_t)report->target->pid);
	json_str(json, "go_version", report->target->go_version);
	json_u64(json, "time_unix_ns",
		 gospy_snapshot_info(gospy_leaks_snapshot(report->leaks))->time_unix_ns);
	for (unsigned i = LEAK_KINDS; i-- > 0;)
		json_u64(json, leak_kind_name(i), groups->counts[i]);
	json_u64(json, "ignored", groups->ignored);
	json_u64(json, "candidates", info->candidates);
	if (info->unknown)
		json_u64(json, "unknown", info->unknown);
	json_u64(json, "objects", info->objects);
	json_u64(json, "heap_bytes", info->heap_bytes);
	json_u64(json, "scanned_bytes", info->scanned);
	json_u64(json, "predicted_ns", info->predicted_ns);
	json_u64(json, "paused_ns", info->paused_ns);
	json_u64(json, "stopped_threads", info->stopped_threads);
	if (report->watched_ns)
		json_u64(json, "watched_ns", report->watched_ns);
	json_str(json, "not_proved", info->not_proved);
	json_str(json, "problem", info->problem);
}

void report_leaks(struct out *out, const struct leaks_report *report, enum report_format format)
{
	const struct leak_groups *groups = report->groups;
	struct json json = {.out = out};
	if (format == REPORT_TEXT) {
		write_text(out, report);
		return;
	}
	bool lines = format == REPORT_JSON_LINES;
	json_begin(&json, "leaks");
	head_json(&json, report);
	if (lines) {
		json_object_end(&json);
		json_newline(&json);
	} else {
		json_array(&json, "groups");
	}
	for (size_t i = 0; i < groups->groups.len; i++) {
		if (lines)
			json_begin(&json, "leak");
		else
			json_object(&json, NULL);
		group_json(&json, report, &groups->groups.at[i]);
		json_object_end(&json);
		if (lines)
			json_newline(&json);
	}
	if (lines)
		return;
	json_array_end(&json);
	json_object_end(&json);
	json_newline(&json);
}
