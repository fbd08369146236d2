#include "render/diff_leaks.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "render/name.h"
#include "render/report_goroutine.h"
#include "render/select.h"
#include "render/units.h"

void diff_leaks_deinit(struct diff_leaks *diff)
{
	vec_free(&diff->changed);
}

static int compare_texts(const char *a, const char *b)
{
	if (!a || !b)
		return !b - !a;
	return strcmp(a, b);
}

static const char *func_of(const struct gospy_location *location)
{
	return location ? location->func : NULL;
}

static int by_place(const void *a, const void *b)
{
	const struct diff_leak *x = a, *y = b;
	if (x->kind != y->kind)
		return x->kind < y->kind ? 1 : -1;
	int order = compare_texts(func_of(x->at), func_of(y->at));
	return order ? order : compare_texts(func_of(x->creator), func_of(y->creator));
}

static int by_line(const void *a, const void *b)
{
	const struct diff_leak *x = a, *y = b;
	int order = by_place(a, b);
	if (order || !x->at || !y->at)
		return order;
	return (x->at->line > y->at->line) - (x->at->line < y->at->line);
}

static int64_t grown(const struct diff_leak *leak)
{
	return (int64_t)(leak->after - leak->before);
}

static int by_growth(const void *a, const void *b)
{
	const struct diff_leak *x = a, *y = b;
	if (grown(x) != grown(y))
		return grown(x) < grown(y) ? 1 : -1;
	return by_line(a, b);
}

static enum gospy_code add_side(struct diff_leaks *diff, const struct gospy_leaks *leaks,
				bool after, struct gospy_error *err)
{
	CLEANUP(leak_groups_deinit) struct leak_groups groups = {0};
	enum gospy_code code = leak_groups_collect(leaks, NULL, NULL, 0, &groups, err);
	if (code)
		return code;
	memcpy(after ? diff->after : diff->before, groups.counts, sizeof(groups.counts));
	for (size_t i = 0; i < groups.groups.len; i++) {
		const struct leak_group *group = &groups.groups.at[i];
		struct gospy_goroutine g;
		gospy_snapshot_goroutine(gospy_leaks_snapshot(leaks), group->oldest, &g);
		const struct diff_leak leak = {.kind = group->kind,
					       .at = select_where(&g),
					       .creator = group->creator,
					       .wait_reason = g.wait_reason,
					       .before = after ? 0 : group->count,
					       .after = after ? group->count : 0};
		if (!vec_push(&diff->changed, leak))
			return err_nomem(err);
	}
	return GOSPY_OK;
}

enum gospy_code diff_leaks_make(struct diff_leaks *diff, const struct gospy_leaks *before,
				const struct gospy_leaks *after, bool lines,
				struct gospy_error *err)
{
	int (*compare)(const void *, const void *) = lines ? by_line : by_place;
	*diff = (struct diff_leaks){0};
	enum gospy_code code = add_side(diff, after, true, err);
	if (!code)
		code = add_side(diff, before, false, err);
	if (code || !diff->changed.len)
		return code;
	size_t n = 0, kept = 0;
	struct diff_leak *all = diff->changed.at;
	qsort(all, diff->changed.len, sizeof(*all), compare);
	for (size_t i = 0; i < diff->changed.len; i++) {
		if (n && compare(&all[n - 1], &all[i]) == 0) {
			all[n - 1].before += all[i].before;
			all[n - 1].after += all[i].after;
		} else {
			all[n++] = all[i];
		}
	}
	for (size_t i = 0; i < n; i++) {
		if (all[i].before != all[i].after)
			all[kept++] = all[i];
	}
	diff->changed.len = kept;
	qsort(all, kept, sizeof(*all), by_growth);
	return GOSPY_OK;
}

static size_t shown(const struct diff_leaks *diff, uint64_t limit)
{
	return limit && limit < diff->changed.len ? (size_t)limit : diff->changed.len;
}

static void put_counts(struct out *out, const uint64_t counts[LEAK_KINDS])
{
	out_printf(out, "%" PRIu64 " proved and %" PRIu64 " likely", counts[LEAK_PROVED],
		   counts[LEAK_LIKELY]);
}

static void put_one(struct out *out, const struct diff_leak *leak)
{
	const struct out_mark mark = out_mark(out);
	const int64_t change = grown(leak);
	struct name at = name_place(leak->at), by = name_place(leak->creator);
	at.parens = by.parens = true;
	out_printf(out, "  %c%" PRIu64 ", %" PRIu64 " now: ", change > 0 ? '+' : '-',
		   (uint64_t)(change > 0 ? change : -change), leak->after);
	out_style(out, leak->kind == LEAK_PROVED ? OUT_BAD : OUT_WARN);
	out_puts(out, leak_kind_name(leak->kind));
	out_style(out, OUT_NONE);
	out_puts(out, " in ");
	out_text(out, leak->wait_reason ? leak->wait_reason : "a wait");
	out_puts(out, " at ");
	report_name_text(out, &at);
	if (leak->creator) {
		out_puts(out, " by ");
		report_name_text(out, &by);
	}
	out_putc(out, '\n');
	out_wrap(out, mark);
}

void diff_leaks_text(struct out *out, const struct diff_leaks *diff, uint64_t limit)
{
	size_t n = shown(diff, limit);
	const struct out_mark mark = out_mark(out);
	out_puts(out, "\nLeaked goroutines: ");
	put_counts(out, diff->before);
	out_puts(out, " before, ");
	put_counts(out, diff->after);
	out_puts(out, " after\n");
	out_wrap(out, mark);
	for (size_t i = 0; i < n && !out->error; i++)
		put_one(out, &diff->changed.at[i]);
	if (n < diff->changed.len)
		out_printf(out, "  ... %zu more\n", diff->changed.len - n);
}

static void counts_json(struct json *json, const char *key, const uint64_t counts[LEAK_KINDS])
{
	json_object(json, key);
	json_u64(json, leak_kind_name(LEAK_PROVED), counts[LEAK_PROVED]);
	json_u64(json, leak_kind_name(LEAK_LIKELY), counts[LEAK_LIKELY]);
	json_object_end(json);
}

void diff_leaks_json(struct json *json, const struct diff_leaks *diff, uint64_t limit)
{
	json_object(json, "leaks");
	counts_json(json, "before", diff->before);
	counts_json(json, "after", diff->after);
	json_array(json, "changed");
	for (size_t i = 0; i < shown(diff, limit); i++) {
		const struct diff_leak *leak = &diff->changed.at[i];
		json_object(json, NULL);
		json_str(json, "verdict", leak_kind_name(leak->kind));
		json_u64(json, "before", leak->before);
		json_u64(json, "after", leak->after);
		json_str(json, "wait_reason", leak->wait_reason);
		report_location_json(json, "waits_at", leak->at);
		report_location_json(json, "created_by", leak->creator);
		json_object_end(json);
	}
	json_array_end(json);
	json_object_end(json);
}
