#include "render/report_goroutine.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/status_name.h"
#include "render/goroutine_line.h"
#include "render/label.h"
#include "render/select.h"
#include "render/units.h"
#include "render/wait.h"

const char *report_soundness_name(enum gospy_soundness soundness)
{
	switch (soundness) {
	case GOSPY_SOUND:
		return "sound";
	case GOSPY_SOUND_RETRIED:
		return "retried";
	case GOSPY_SOUND_LATE:
		return "late";
	case GOSPY_SOUND_MOVED:
		return "moved";
	case GOSPY_SOUND_TORN:
		return "torn";
	case GOSPY_SOUND_UNREADABLE:
		return "unreadable";
	}
	return "unknown";
}

const char *report_origin_name(enum gospy_origin origin)
{
	switch (origin) {
	case GOSPY_ORIGIN_UNKNOWN:
		break;
	case GOSPY_ORIGIN_RUNTIME:
		return "runtime";
	case GOSPY_ORIGIN_STANDARD:
		return "standard";
	case GOSPY_ORIGIN_DEPENDENCY:
		return "dependency";
	case GOSPY_ORIGIN_OWN:
		return "own";
	}
	return NULL;
}

void report_name_text(struct out *out, const struct name *name)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	enum { INDENT = 6, BEHIND = 1 /* a comma, say */ };
	int room = out->cols - out_column(out) - BEHIND, line = out->cols - INDENT - BEHIND;
	int lined = name_size(name, out->utf8).lined;
	// A name that does not fit with its line goes to a line of its own, or to several.
	if (room < lined)
		room = line > lined ? line : lined;
	if (out->cols)
		name_fit(name, room, out->utf8, &text);
	else
		name_full(name, &text);
	if (text.failed)
		out->error = ENOMEM;
	else
		out_write(out, text.s ? text.s : "", text.len);
}

/* "main.main (/src/app/main.go:33)", the bare pc, or "-" for NULL. */
static void write_location(struct out *out, const struct gospy_location *loc)
{
	if (!loc) {
		out_putc(out, '-');
	} else if (!loc->func) {
		out_addr(out, loc->pc);
	} else {
		out_text(out, loc->func);
		if (!loc->file)
			return;
		out_write(out, " (", 2);
		out_text(out, loc->file);
		out_putc(out, ':');
		out_u64(out, loc->line);
		out_putc(out, ')');
	}
}

void report_location_json(struct json *json, const char *key, const struct gospy_location *loc)
{
	if (!loc)
		return;
	json_object(json, key);
	json_addr(json, "pc", loc->pc);
	json_str(json, "func", loc->func);
	json_str(json, "file", loc->file);
	if (loc->line)
		json_u64(json, "line", loc->line);
	json_str(json, "wrapper", loc->wrapper);
	json_object_end(json);
}

/* " on M3 (thread 4711)" */
static void write_thread(struct out *out, const struct gospy_goroutine *g)
{
	if (g->m_id != GOSPY_UNKNOWN) {
		out_puts(out, " on M");
		out_u64(out, g->m_id);
	}
	if (g->tid) {
		out_puts(out, " (thread ");
		out_u64(out, (uint64_t)g->tid);
		out_putc(out, ')');
	}
}

/* " from 0xc00001e0c0, cap 0 len 0" */
static void write_channel(struct out *out, const struct gospy_goroutine *g)
{
	const struct gospy_channel *channel = &g->channel;
	if (!g->channel_known || !channel->addr)
		return;
	bool receives = g->wait_reason && strncmp(g->wait_reason, "chan receive", 12) == 0;
	bool sends = g->wait_reason && strncmp(g->wait_reason, "chan send", 9) == 0;
	out_puts(out, receives ? " from " : sends ? " to " : " on ");
	out_addr(out, channel->addr);
	out_puts(out, ", cap ");
	out_count(out, channel->cap);
	out_puts(out, " len ");
	out_count(out, channel->len);
	if (channel->closed)
		out_puts(out, ", closed");
}

/* " on sync.Mutex 0xc000012348" */
static void write_object(struct out *out, const struct gospy_goroutine *g)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	if (g->wait_kind == GOSPY_WAIT_NONE)
		return;
	wait_detail(g, &text);
	if (text.len && !text.failed)
		out_text_n(out, text.s, text.len);
}

static enum out_style style_of(enum gospy_status status)
{
	switch (status) {
	case GOSPY_STATUS_RUNNING:
		return OUT_GOOD;
	case GOSPY_STATUS_SYSCALL:
		return OUT_SYSCALL;
	case GOSPY_STATUS_LEAKED:
		return OUT_BAD;
	case GOSPY_STATUS_WAITING:
	case GOSPY_STATUS_IDLE:
	case GOSPY_STATUS_RUNNABLE:
	case GOSPY_STATUS_DEAD:
	case GOSPY_STATUS_COPYSTACK:
	case GOSPY_STATUS_PREEMPTED:
	case GOSPY_STATUS_DEADEXTRA:
		break;
	}
	return OUT_NONE;
}

static void write_state(struct out *out, const struct gospy_goroutine *g)
{
	bool leaked = g->status == GOSPY_STATUS_LEAKED;
	enum out_style style = style_of(g->status);
	if (style != OUT_NONE)
		out_style(out, style);
	if (g->wait_reason && (leaked || g->status == GOSPY_STATUS_WAITING)) {
		out_puts(out, "waiting for ");
		out_text(out, g->wait_reason);
		if (leaked)
			out_puts(out, " (leaked)");
	} else {
		out_puts(out, status_name(g->status));
	}
	if (style != OUT_NONE)
		out_style(out, OUT_NONE);
}

/* ", 12 minutes", as tracebacks have it. */
static void write_wait(struct out *out, const struct gospy_goroutine *g)
{
	struct units_wait wait = units_wait(g->wait_ns);
	if (!wait.n)
		return;
	out_puts(out, ", ");
	out_puts(out, units_at_least(g->wait_at_least, false));
	out_u64(out, wait.n);
	out_putc(out, ' ');
	out_puts(out, wait.unit);
}

static void write_details(struct out *out, const struct gospy_goroutine *g)
{
	bool on_thread = g->status == GOSPY_STATUS_RUNNING || g->status == GOSPY_STATUS_SYSCALL;
	if (on_thread)
		write_thread(out, g);
	else
		write_channel(out, g);
	write_object(out, g);
	if (g->scan)
		out_puts(out, " (scan)");
	write_wait(out, g);
	if (g->locked) {
		out_puts(out, ", locked to thread");
		if (g->tid && !on_thread) {
			out_putc(out, ' ');
			out_u64(out, (uint64_t)g->tid);
		}
	}
}

/* What stands behind the line; NULL: nothing. */
static const char *mark_of(enum gospy_soundness soundness)
{
	bool marked = soundness != GOSPY_SOUND && soundness != GOSPY_SOUND_RETRIED;
	return marked ? report_soundness_name(soundness) : NULL;
}

/* In a pipe, where there is room for all. */
static void write_whole(struct out *out, const struct gospy_goroutine *g,
			const struct gospy_location *loc, bool user)
{
	out_count(out, g->goid);
	out_puts(out, " - ");
	write_state(out, g);
	write_details(out, g);
	out_puts(out, ": ");
	write_location(out, loc);
	if (user) {
		out_puts(out, " at ");
		write_location(out, g->user);
	}
}

static void write_readable(struct out *out, const struct gospy_goroutine *g,
			   const struct gospy_location *loc, bool user, int after)
{
	const struct goroutine_line line = {
		.g = g,
		.place = loc,
		.user = user ? g->user : NULL,
		.style = style_of(g->status),
		.after = after,
	};
	if (out->cols)
		goroutine_line(out, &line);
	else
		write_whole(out, g, loc, user);
}

void report_goroutine_text(struct out *out, const struct gospy_goroutine *g,
			   const struct gospy_location *loc, bool waits_at)
{
	const char *mark = mark_of(g->soundness);
	if (g->soundness == GOSPY_SOUND_UNREADABLE) {
		out_count(out, g->goid);
		out_puts(out, " - g at ");
		out_addr(out, g->addr);
	} else {
		write_readable(out, g, loc, waits_at && loc != g->user,
			       mark ? (int)strlen(mark) + 3 : 0);
	}
	if (mark) {
		out_style(out, OUT_BAD);
		out_puts(out, " [");
		out_puts(out, mark);
		out_putc(out, ']');
		out_style(out, OUT_NONE);
	}
	out_putc(out, '\n');
}

static void channel_json(struct json *json, const struct gospy_channel *channel)
{
	json_object(json, "channel");
	json_addr(json, "addr", channel->addr);
	// A nil channel has nothing but its address.
	if (channel->addr) {
		json_u64(json, "cap", channel->cap);
		json_u64(json, "len", channel->len);
		json_u64(json, "elem_size", channel->elem_size);
		json_bool(json, "closed", channel->closed);
	}
	json_object_end(json);
}

void report_goroutine_json(struct json *json, const struct gospy_goroutine *g)
{
	json_addr(json, "addr", g->addr);
	json_str(json, "soundness", report_soundness_name(g->soundness));
	if (g->soundness == GOSPY_SOUND_UNREADABLE)
		return;
	json_u64(json, "goid", g->goid);
	if (g->parent_goid)
		json_u64(json, "parent_goid", g->parent_goid);
	json_str(json, "status", status_name(g->status));
	json_bool(json, "scan", g->scan);
	json_str(json, "wait_reason", g->wait_reason);
	json_u64(json, "wait_ns", g->wait_ns);
	if (g->wait_at_least)
		json_bool(json, "wait_at_least", true);
	json_u64(json, "m_id", g->m_id);
	if (g->tid)
		json_u64(json, "tid", (uint64_t)g->tid);
	json_bool(json, "locked", g->locked);
	json_bool(json, "system", g->system);
	json_bool(json, "has_labels", g->labels);
	label_json(json, g);
	if (g->bubble) {
		json_u64(json, "bubble", g->bubble);
		json_bool(json, "durable", g->durable);
	}
	json_addr(json, "stack_lo", g->stack_lo);
	json_addr(json, "stack_hi", g->stack_hi);
	json_addr(json, "sp", g->sp);
	report_location_json(json, "start", g->start);
	report_location_json(json, "creator", g->creator);
	report_location_json(json, "current", g->current);
	report_location_json(json, "call", g->call);
	report_location_json(json, "user", g->user);
	json_str(json, "user_origin", report_origin_name(g->user_origin));
	if (g->channel_known)
		channel_json(json, &g->channel);
	wait_json(json, g);
}
