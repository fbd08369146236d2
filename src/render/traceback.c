#include "render/traceback.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/status_name.h"
#include "base/utf8.h"
#include "render/escape.h"
#include "render/report_goroutine.h"
#include "render/wait.h"
#include "render/width.h"

// src/runtime/traceback.go:goroutineheader
void traceback_status(struct out *out, const struct gospy_goroutine *g)
{
	bool waits = g->status == GOSPY_STATUS_WAITING || g->status == GOSPY_STATUS_LEAKED;
	if (waits && g->wait_reason)
		out_text(out, g->wait_reason);
	else
		out_puts(out, status_name(g->status));
	if (g->status == GOSPY_STATUS_LEAKED)
		out_puts(out, " (leaked)");
	if (g->scan)
		out_puts(out, " (scan)");
	if (g->durable && !strstr(g->wait_reason, "(durable)"))
		out_puts(out, " (durable)");
}

/* Minutes it is known to wait, as the runtime counts them. */
uint64_t traceback_minutes(const struct gospy_goroutine *g)
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

void traceback_write_minutes(struct out *out, uint64_t n)
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
		unsigned n = utf8_decode(s, len, &code);
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
void traceback_label(struct out *out, const char *s, bool always_quoted)
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
		traceback_label(out, g->label_list[i].key, always_quoted);
		out_puts(out, ": ");
		traceback_label(out, g->label_list[i].value, always_quoted);
	}
	out_putc(out, '}');
}

/* Under GOTRACEBACK=system, Go 1.22+. */
static void write_addresses(struct out *out, const struct gospy_goroutine *g)
{
	out_puts(out, " gp=");
	out_addr(out, g->addr);
	if (!g->m_addr) {
		out_puts(out, " m=nil");
		return;
	}
	out_puts(out, " m=");
	if (g->m_id == GOSPY_UNKNOWN)
		out_putc(out, '?');
	else
		out_u64(out, g->m_id);
	out_puts(out, " mp=");
	out_addr(out, g->m_addr);
}

/* src/runtime/traceback.go:goroutineheader. Labels came in Go 1.26 inside of the brackets and went
 * behind them in 1.27. */
static void write_header(struct out *out, const struct stack_report *report,
			 const struct gospy_goroutine *g)
{
	const struct gospy_snapshot_info *info = gospy_snapshot_info(report->snapshot);
	const struct out_mark mark = out_mark(out);
	bool labels = g->label_count && info->labels_printed;
	bool inside = strncmp(report->target->go_version, "go1.26", 6) == 0;
	out_puts(out, "goroutine ");
	out_u64(out, g->goid);
	if (report->all_frames && info->addresses_printed)
		write_addresses(out, g);
	out_puts(out, " [");
	traceback_status(out, g);
	traceback_write_minutes(out, traceback_minutes(g));
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
	out_wrap(out, mark);
}

/* On a terminal: a traceback has no line for it, and programs read what goes to a pipe. */
static void write_wait(struct out *out, const struct gospy_goroutine *g)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	// "[sleep]", "[chan send (nil chan)]" and "[select (no cases)]" have said it all.
	bool said = g->wait_kind == GOSPY_WAIT_SLEEP || g->wait_kind == GOSPY_WAIT_NIL_CHANNEL ||
		    (g->wait_kind == GOSPY_WAIT_SELECT && !g->select_case_count);
	if (out->cols && !said)
		wait_name(g, &text);
	if (!text.len || text.failed)
		return;
	const struct out_mark mark = out_mark(out);
	out_puts(out, "waits for: ");
	out_text_n(out, text.s, text.len);
	out_putc(out, '\n');
	out_wrap(out, mark);
}

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	return slash ? slash + 1 : path;
}

/* The two lines of a traceback: programs that read those take "??" for a file that is not known. */
static void write_native(struct out *out, const struct gospy_frame *frame)
{
	const struct out_mark mark = out_mark(out);
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
	out_puts(out, "(...)");
	out_wrap(out, mark);
	out_puts(out, "\n\t??:0");
	if (frame->func && frame->pc > frame->entry) {
		out_puts(out, " +");
		out_addr(out, frame->pc - frame->entry);
	}
	out_putc(out, '\n');
}

/* The user's own code stands out, what everybody has stays in the background. */
static enum out_style style_of(enum gospy_origin origin)
{
	switch (origin) {
	case GOSPY_ORIGIN_UNKNOWN:
	case GOSPY_ORIGIN_DEPENDENCY:
		break;
	case GOSPY_ORIGIN_RUNTIME:
	case GOSPY_ORIGIN_STANDARD:
		return OUT_DIM;
	case GOSPY_ORIGIN_OWN:
		return OUT_STRONG;
	}
	return OUT_NONE;
}

static void begin_style(struct out *out, enum out_style style)
{
	if (style != OUT_NONE)
		out_style(out, style);
}

/* No style goes on in the next line: a pager shows each by itself. */
static void end_style(struct out *out, enum out_style style)
{
	if (style != OUT_NONE)
		out_style(out, OUT_NONE);
}

/* On a terminal: where a line has no room for all of a path it goes on in the next one, behind a
 * slash. The terminal would break it anywhere. `behind` stands behind it. */
static void write_path(struct out *out, const char *path, const struct strbuf *behind,
		       enum out_style style)
{
	enum { TAB = 8, INDENT = 2 };
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	int at = TAB, width;
	escape_add(&text, path);
	strbuf_add(&text, behind->s ? behind->s : "", behind->len);
	const char *s = text.s ? text.s : "";
	for (size_t n, left = text.len; left; s += n, left -= n, at += width) {
		const char *slash = memchr(s, '/', left);
		n = slash ? (size_t)(slash - s) + 1 : left;
		width = width_text(s, n, out->utf8);
		if (at > TAB && at + width > out->cols) {
			at = out->cols - width < TAB + INDENT ? out->cols - width : TAB + INDENT;
			at = at > 0 ? at : 0;
			end_style(out, style);
			out_printf(out, "\n%*s", at, "");
			begin_style(out, style);
		}
		out_write(out, s, n);
	}
}

static void write_position(struct out *out, const struct gospy_frame *frame, enum out_style style)
{
	CLEANUP(strbuf_deinit) struct strbuf behind = {0};
	// funcline says so where it knows nothing.
	const char *file = frame->file ? frame->file : "?";
	bool offset = !frame->inlined && frame->pc > frame->entry;
	if (out->cols) {
		strbuf_printf(&behind, ":%" PRIu32, frame->line);
		if (offset)
			strbuf_printf(&behind, " +0x%" PRIx64, frame->pc - frame->entry);
		write_path(out, file, &behind, style);
		return;
	}
	out_text(out, file);
	out_putc(out, ':');
	out_u64(out, frame->line);
	if (offset) {
		out_puts(out, " +");
		out_addr(out, frame->pc - frame->entry);
	}
}

/* `registers`: as under GOTRACEBACK=system. The style has begun. */
static void write_place(struct out *out, const struct gospy_frame *frame, enum out_style style,
			bool registers)
{
	end_style(out, style);
	out_puts(out, "\n\t");
	begin_style(out, style);
	write_position(out, frame, style);
	if (registers && !frame->inlined && frame->sp) {
		out_puts(out, " fp=");
		out_addr(out, frame->fp);
		out_puts(out, " sp=");
		out_addr(out, frame->sp);
		out_puts(out, " pc=");
		out_addr(out, frame->pc);
	}
	end_style(out, style);
	out_putc(out, '\n');
}

static void write_name(struct out *out, const char *func)
{
	out_text(out, func ? func : "?");
}

static void write_frame(struct out *out, const struct gospy_frame *frame, enum gospy_origin origin,
			bool registers)
{
	enum out_style style = style_of(origin);
	if (frame->native) {
		write_native(out, frame);
		return;
	}
	const struct out_mark mark = out_mark(out);
	begin_style(out, style);
	write_name(out, frame->func);
	out_putc(out, '(');
	out_puts(out, frame->args ? frame->args : "...");
	out_putc(out, ')');
	out_wrap(out, mark);
	write_place(out, frame, style, registers);
}

static bool is_printed(const struct stack_report *report, const struct gospy_frame *frame)
{
	return report->all_frames || !frame->hidden;
}

static void write_problem(struct out *out, const char *what, const char *problem, uint64_t addr)
{
	const struct out_mark mark = out_mark(out);
	if (!problem)
		return;
	out_printf(out, "[%s unreadable at ", what);
	out_addr(out, addr);
	out_puts(out, ": ");
	out_puts(out, problem);
	out_puts(out, "]\n");
	out_wrap(out, mark);
}

static void write_native_problem(struct out *out, const struct gospy_stack *stack)
{
	write_problem(out, "native stack", stack->native_problem, stack->native_end_addr);
}

/* This line stands before the first of the frames that frame pointers have led to. */
static void write_foreign(struct out *out, uint64_t pc)
{
	out_puts(out, "[no Go function at ");
	out_addr(out, pc);
	out_puts(out, ": by frame pointers from here]\n");
}

static void write_elision(struct out *out, const char *elision)
{
	if (!elision)
		return;
	out_puts(out, elision);
	out_putc(out, '\n');
}

static void write_frames(struct out *out, const struct stack_report *report,
			 const struct gospy_stack *stack)
{
	const char *elision = report->depth ? NULL : stack->elision;
	// In a group each goroutine has labels of its own.
	bool registers = report->all_frames && !report->group;
	uint64_t printed = 0, left_out = report->depth ? stack->left_out : 0;
	bool certain = true, gap = false;
	for (size_t i = 0; i < stack->frame_count; i++) {
		const struct gospy_frame *frame = &stack->frames[i];
		if (i == stack->native_count)
			write_native_problem(out, stack);
		if (certain && frame->by_frame_pointer)
			write_foreign(out, stack->foreign_pc);
		certain = !frame->by_frame_pointer;
		if (i == stack->elision_at)
			write_elision(out, elision);
		gap |= stack->left_out && i == stack->left_out_at;
		if (!is_printed(report, frame))
			continue;
		if (report->depth ? gap || printed >= report->depth : frame->elided) {
			left_out++;
			continue;
		}
		write_frame(out, frame, stack->origins[i], registers);
		printed++;
	}
	if (stack->elision_at == stack->frame_count)
		write_elision(out, elision);
	if (report->depth && left_out) {
		out_puts(out, "...");
		out_u64(out, left_out);
		out_puts(out, " frames elided...\n");
	}
}

void traceback_lines(struct out *out, const struct stack_report *report,
		     const struct gospy_stack *stack, uint64_t parent_goid)
{
	write_frames(out, report, stack);
	if (stack->native_count == stack->frame_count)
		write_native_problem(out, stack);
	write_problem(out, "stack", stack->problem, stack->end_addr);
	const struct gospy_frame *creator = stack->created_by;
	if (!creator || !is_printed(report, creator))
		return;
	const struct out_mark mark = out_mark(out);
	out_puts(out, "created by ");
	write_name(out, creator->func);
	if (parent_goid) {
		out_puts(out, " in goroutine ");
		out_u64(out, parent_goid);
	}
	out_wrap(out, mark);
	write_place(out, creator, OUT_NONE, false);
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
			write_frame(out, &ancestor->frames[i], GOSPY_ORIGIN_UNKNOWN, false);
	}
	if (ancestor->elided)
		out_puts(out, "...additional frames elided...\n");
	if (!ancestor->created_by || !is_printed(report, ancestor->created_by))
		return;
	const struct out_mark mark = out_mark(out);
	out_puts(out, "created by ");
	write_name(out, ancestor->created_by->func);
	out_wrap(out, mark);
	write_place(out, ancestor->created_by, OUT_NONE, false);
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

void traceback_goroutine(struct out *out, const struct stack_report *report,
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
	write_wait(out, g);
	if (!found) {
		// src/runtime/traceback.go:tracebackothers
		if (g->status == GOSPY_STATUS_RUNNING)
			out_puts(out, "\tgoroutine running on other thread; stack unavailable\n");
		else
			out_puts(out, "[stack unreadable: it was not copied]\n");
	}
	traceback_lines(out, report, stack, g->parent_goid);
	if (found)
		write_ancestors(out, report, stack);
	if (is_marked(g->soundness)) {
		out_puts(out, "[");
		out_puts(out, report_soundness_name(g->soundness));
		out_puts(out, "]\n");
	}
}

static void frame_json(struct json *json, const char *key, const struct gospy_frame *frame,
		       enum gospy_origin origin, bool registers)
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
	if (registers && !frame->inlined && frame->sp) {
		json_addr(json, "sp", frame->sp);
		json_addr(json, "fp", frame->fp);
	}
	if (!frame->inlined && (frame->func || !frame->native))
		json_u64(json, "offset", frame->pc - frame->entry);
	json_bool(json, "inlined", frame->inlined);
	json_bool(json, "hidden", frame->hidden);
	if (frame->elided)
		json_bool(json, "elided", true);
	if (frame->by_frame_pointer)
		json_bool(json, "by_frame_pointer", true);
	json_str(json, "args", frame->args);
	json_str(json, "origin", report_origin_name(origin));
	json_object_end(json);
}

/* How many of the frames that are printed stand before it. */
static uint64_t left_out_at(const struct stack_report *report, const struct gospy_stack *stack)
{
	uint64_t n = 0;
	for (size_t i = 0; i < stack->left_out_at; i++)
		n += is_printed(report, &stack->frames[i]);
	return n;
}

void traceback_json(struct json *json, const struct stack_report *report,
		    const struct gospy_stack *stack)
{
	uint64_t printed = 0;
	bool registers = report->all_frames && !report->group;
	json_array(json, "frames");
	for (size_t i = 0; i < stack->frame_count; i++) {
		bool gap = stack->left_out && i == stack->left_out_at;
		if (report->depth && (gap || printed == report->depth))
			break;
		if (!is_printed(report, &stack->frames[i]))
			continue;
		frame_json(json, NULL, &stack->frames[i], stack->origins[i], registers);
		printed++;
	}
	json_array_end(json);
	if (stack->elided)
		json_u64(json, "elided", stack->elided);
	if (stack->left_out && !report->depth) {
		json_u64(json, "left_out", stack->left_out);
		json_u64(json, "left_out_at", left_out_at(report, stack));
	}
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
	if (stack->created_by && is_printed(report, stack->created_by))
		frame_json(json, "created_by", stack->created_by, GOSPY_ORIGIN_UNKNOWN, false);
}

void traceback_ancestors_json(struct json *json, const struct stack_report *report,
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
				frame_json(json, NULL, &ancestor->frames[k], GOSPY_ORIGIN_UNKNOWN,
					   false);
		}
		json_array_end(json);
		json_bool(json, "elided", ancestor->elided);
		if (ancestor->created_by && is_printed(report, ancestor->created_by))
			frame_json(json, "created_by", ancestor->created_by, GOSPY_ORIGIN_UNKNOWN,
				   false);
		json_object_end(json);
	}
	json_array_end(json);
}
