#include "render/report_summary.h"

#include <inttypes.h>

#include "base/cleanup.h"
#include "render/group.h"
#include "render/json.h"
#include "render/report_goroutine.h"
#include "render/report_group.h"
#include "render/report_head.h"
#include "render/report_header.h"
#include "render/report_overview.h"

/* What follows the header: groups or goroutines. */
struct entries {
	struct census census;
	struct groups groups;
	group_states states;
	select_entries goroutines;
	size_t total; /* entries that match */
	size_t shown; /* of them, the first so many */
};

static void entries_deinit(struct entries *entries)
{
	vec_free(&entries->states);
	groups_deinit(&entries->groups);
	census_deinit(&entries->census);
	vec_free(&entries->goroutines);
}

static enum group_key key_of(enum select_pc pc)
{
	switch (pc) {
	case SELECT_PC_START:
		return GROUP_START;
	case SELECT_PC_CALLER:
		return GROUP_CREATOR;
	case SELECT_PC_CURRENT:
		return GROUP_CURRENT;
	case SELECT_PC_USER:
		return GROUP_USER;
	}
	return GROUP_START;
}

static enum gospy_code entries_collect(struct entries *entries, const struct summary *summary,
				       struct gospy_error *err)
{
	enum gospy_code code;
	if (summary->group) {
		enum group_key key = key_of(summary->select->pc);
		code = census_take(&entries->census, summary->select, key, summary->snapshot, err);
		if (!code)
			code = groups_collect(&entries->groups, &entries->census, key, err);
		if (!code && summary->select->sort != SELECT_SORT_GOID)
			code = groups_sort(&entries->groups, &entries->census,
					   summary->select->sort, err);
		if (!code)
			code = groups_states(&entries->groups, &entries->census, &entries->states,
					     err);
		entries->total = entries->groups.groups.len;
	} else {
		code = select_run(summary->select, summary->snapshot, &entries->goroutines, err);
		entries->total = entries->goroutines.len;
	}
	bool cut = summary->limit && summary->limit < entries->total;
	entries->shown = cut ? (size_t)summary->limit : entries->total;
	return code;
}

static const char *pc_name(enum select_pc pc)
{
	switch (pc) {
	case SELECT_PC_START:
		return "start";
	case SELECT_PC_CALLER:
		return "caller";
	case SELECT_PC_CURRENT:
		return "current";
	case SELECT_PC_USER:
		return "user";
	}
	return "";
}

/* The place that was asked for may be that already. */
static bool shows_users(const struct summary *summary)
{
	return summary->waits_at && gospy_snapshot_info(summary->snapshot)->stacks &&
	       summary->select->pc != SELECT_PC_USER;
}

static void write_entries(struct out *out, const struct summary *summary,
			  const struct entries *entries)
{
	if (summary->group) {
		out_printf(out, "goroutines by %s:\n",
			   out->cols ? group_key_text(entries->groups.key)
				     : pc_name(summary->select->pc));
		report_groups_text(out, &entries->groups, &entries->states, shows_users(summary),
				   entries->shown, "");
	} else {
		bool waits_at = shows_users(summary);
		out_puts(out, "goroutines:\n");
		for (size_t i = 0; i < entries->shown && !out->error; i++) {
			struct gospy_goroutine g;
			gospy_snapshot_goroutine(summary->snapshot, entries->goroutines.at[i].index,
						 &g);
			report_goroutine_text(out, &g, select_location(summary->select, &g),
					      waits_at);
		}
	}
	if (!summary->group && entries->shown < entries->total)
		out_printf(out, "... %zu more\n", entries->total - entries->shown);
}

static void write_text(struct out *out, const struct summary *summary,
		       const struct entries *entries)
{
	report_header_text(out, summary->target, summary->snapshot);
	out_putc(out, '\n');
	write_entries(out, summary, entries);
}

static struct report_head head_of(const struct summary *summary)
{
	return (struct report_head){.target = summary->target,
				    .snapshot = summary->snapshot,
				    .still = summary->select->still,
				    .watched_ns = summary->watched_ns};
}

static bool fits_screen(const struct out *out, const struct summary *summary,
			const struct entries *entries)
{
	CLEANUP_FREE struct out *draft = out_draft(out);
	const struct report_head head = head_of(summary);
	if (!draft)
		return false;
	report_head_write(draft, &head);
	out_putc(draft, '\n');
	write_entries(draft, summary, entries);
	return out_fits_screen(draft);
}

/* On a terminal what matters comes first, and all the rest last, if it is wanted at all. */
static enum gospy_code write_terminal(struct out *out, const struct summary *summary,
				      const struct entries *entries, struct gospy_error *err)
{
	enum gospy_code code = GOSPY_OK;
	const struct report_head head = head_of(summary);
	size_t lines = report_head_write(out, &head);
	if (!summary->group && !fits_screen(out, summary, entries)) {
		CLEANUP(census_deinit) struct census census = {0};
		enum group_key key = key_of(summary->select->pc);
		code = census_take(&census, summary->select, key, summary->snapshot, err);
		if (!code)
			code = report_overview(out, &census, key, shows_users(summary), lines, err);
	} else {
		out_putc(out, '\n');
	}
	if (code)
		return code;
	write_entries(out, summary, entries);
	if (summary->details) {
		out_putc(out, '\n');
		report_header_text(out, summary->target, summary->snapshot);
	}
	return GOSPY_OK;
}

static void provenance_json(struct json *json, const struct summary *summary)
{
	if (!summary->provenance)
		return;
	json_array(json, "provenance");
	for (size_t i = 0; i < summary->provenance_count; i++) {
		const struct gospy_provenance *p = &summary->provenance[i];
		json_object(json, NULL);
		json_str(json, "name", p->name);
		json_str(json, "source", p->source);
		if (p->addr)
			json_addr(json, "addr", p->addr);
		json_object_end(json);
	}
	json_array_end(json);
}

static void entry_json(struct json *json, const struct summary *summary,
		       const struct entries *entries, size_t i)
{
	if (summary->group) {
		report_group_json(json, &entries->groups, &entries->states, i);
	} else {
		struct gospy_goroutine g;
		gospy_snapshot_goroutine(summary->snapshot, entries->goroutines.at[i].index, &g);
		report_goroutine_json(json, &g);
	}
}

static void write_json(struct out *out, const struct summary *summary,
		       const struct entries *entries, bool lines)
{
	struct json json = {.out = out};
	json_begin(&json, "summary");
	report_header_json(&json, summary->target, summary->snapshot);
	provenance_json(&json, summary);
	json_str(&json, "pc", pc_name(summary->select->pc));
	if (summary->watched_ns)
		json_u64(&json, "watched_ns", summary->watched_ns);
	json_u64(&json, "matching", entries->total);
	json_u64(&json, "shown", entries->shown);
	if (lines) {
		json_object_end(&json);
		json_newline(&json);
	} else {
		json_array(&json, summary->group ? "groups" : "goroutines");
	}
	for (size_t i = 0; i < entries->shown && !out->error; i++) {
		json_object(&json, NULL);
		if (lines)
			json_str(&json, "type", summary->group ? "group" : "goroutine");
		entry_json(&json, summary, entries, i);
		json_object_end(&json);
		if (lines)
			json_newline(&json);
	}
	if (!lines) {
		json_array_end(&json);
		json_object_end(&json);
		json_newline(&json);
	}
}

enum gospy_code report_summary(struct out *out, struct summary *summary, enum report_format format,
			       struct gospy_error *err)
{
	CLEANUP(entries_deinit) struct entries entries = {0};
	enum gospy_code code = entries_collect(&entries, summary, err);
	if (code)
		return code;
	summary->matching = summary->group ? entries.groups.goroutines : entries.total;
	if (format == REPORT_TEXT && out->cols)
		return write_terminal(out, summary, &entries, err);
	if (format == REPORT_TEXT)
		write_text(out, summary, &entries);
	else
		write_json(out, summary, &entries, format == REPORT_JSON_LINES);
	return GOSPY_OK;
}
