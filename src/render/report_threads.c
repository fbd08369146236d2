#include "render/report_threads.h"

#include "base/status_name.h"
#include "render/report_goroutine.h"
#include "render/report_header.h"
#include "render/traceback.h"

const char *report_thread_state(char state)
{
	switch (state) {
	case 'R':
		return "running";
	case 'S':
		return "sleeping";
	case 'D':
		return "disk sleep";
	case 'T':
		return "stopped";
	case 't':
		return "traced";
	case 'Z':
		return "zombie";
	case 'X':
		return "dead";
	case 'I':
		return "idle";
	case 'P':
		return "parked";
	default:
		return NULL;
	}
}

/* Names of the JSON. */
static const char *role_name(enum gospy_thread_role role)
{
	switch (role) {
	case GOSPY_THREAD_GOROUTINE:
		return "goroutine";
	case GOSPY_THREAD_LOCKED:
		return "locked";
	case GOSPY_THREAD_IDLE:
		return "idle";
	case GOSPY_THREAD_SCHEDULER:
		return "scheduler";
	case GOSPY_THREAD_SYSMON:
		return "sysmon";
	case GOSPY_THREAD_TEMPLATE:
		return "template";
	case GOSPY_THREAD_NO_M:
		return "no_m";
	case GOSPY_THREAD_IO_WORKER:
		return "io_worker";
	}
	return "unknown";
}

static const char *role_text(enum gospy_thread_role role)
{
	switch (role) {
	case GOSPY_THREAD_GOROUTINE:
		return "a goroutine that was not read";
	case GOSPY_THREAD_LOCKED:
		return "waits for the goroutine that is locked to it";
	case GOSPY_THREAD_IDLE:
		return "idle";
	case GOSPY_THREAD_SCHEDULER:
		return "looks for work, or polls the network";
	case GOSPY_THREAD_SYSMON:
		return "sysmon";
	case GOSPY_THREAD_TEMPLATE:
		return "template thread";
	case GOSPY_THREAD_NO_M:
		return "C code, or a thread that begins or ends";
	case GOSPY_THREAD_IO_WORKER:
		return "a worker of io_uring, in the kernel";
	}
	return "unknown";
}

/* "goroutine 7 [chan receive]: main.main" */
static void write_goroutine(struct out *out, const struct stack_report *report,
			    const struct gospy_thread *thread)
{
	struct gospy_goroutine g;
	gospy_snapshot_goroutine(report->snapshot, thread->goroutine, &g);
	if (thread->role == GOSPY_THREAD_LOCKED)
		out_puts(out, "waits for ");
	out_puts(out, "goroutine ");
	out_count(out, g.goid);
	if (g.soundness == GOSPY_SOUND_UNREADABLE)
		return;
	out_puts(out, " [");
	traceback_status(out, &g);
	if (g.locked)
		out_puts(out, ", locked to thread");
	out_putc(out, ']');
	if (g.start && g.start->func) {
		out_puts(out, ": ");
		const struct name name = {.kind = NAME_PLACE, .text = g.start->func};
		report_name_text(out, &name);
	}
}

/* "thread 4711 [sleeping] server, M3: goroutine 7 [chan receive]: main.main" */
static void write_thread(struct out *out, const struct stack_report *report,
			 const struct gospy_thread *thread)
{
	const struct out_mark mark = out_mark(out);
	const char *state = report_thread_state(thread->state);
	out_puts(out, "thread ");
	out_u64(out, (uint64_t)thread->tid);
	out_puts(out, " [");
	out_puts(out, state ? state : "?");
	out_puts(out, "] ");
	out_text(out, *thread->comm ? thread->comm : "?");
	if (thread->m_id == GOSPY_UNKNOWN) {
		out_puts(out, ", no M");
	} else {
		out_puts(out, ", M");
		out_u64(out, thread->m_id);
	}
	out_puts(out, ": ");
	if (thread->goroutine != SIZE_MAX)
		write_goroutine(out, report, thread);
	else
		out_puts(out, role_text(thread->role));
	out_putc(out, '\n');
	out_wrap(out, mark);
}

static void thread_json(struct json *json, const struct stack_report *report,
			const struct gospy_thread *thread)
{
	json_u64(json, "tid", (uint64_t)thread->tid);
	if (*thread->comm)
		json_str(json, "comm", thread->comm);
	json_str(json, "state", report_thread_state(thread->state));
	json_str(json, "role", role_name(thread->role));
	json_u64(json, "m_id", thread->m_id);
	if (thread->goroutine == SIZE_MAX)
		return;
	struct gospy_goroutine g;
	gospy_snapshot_goroutine(report->snapshot, thread->goroutine, &g);
	json_u64(json, "goid", g.goid);
	if (g.soundness == GOSPY_SOUND_UNREADABLE)
		return;
	json_str(json, "status", status_name(g.status));
	json_str(json, "wait_reason", g.wait_reason);
	json_bool(json, "system", g.system);
	json_str(json, "start", g.start ? g.start->func : NULL);
}

/* The object that everything else is in, or that comes first as a line. */
static void begin_json(struct json *json, const struct stack_report *report, bool lines)
{
	json_begin(json, "threads");
	report_header_json(json, report->target, report->snapshot);
	if (lines) {
		json_object_end(json);
		json_newline(json);
	} else {
		json_array(json, "threads");
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

static void report_text(struct out *out, const struct stack_report *report,
			const struct gospy_thread *thread, const struct gospy_stack *stack)
{
	bool native = gospy_snapshot_info(report->snapshot)->native;
	if (native && report->shown)
		out_putc(out, '\n');
	write_thread(out, report, thread);
	if (native)
		traceback_lines(out, report, stack, 0);
}

static void report_json(struct json *json, const struct stack_report *report,
			const struct gospy_thread *thread, const struct gospy_stack *stack,
			bool lines)
{
	json_object(json, NULL);
	if (lines)
		json_str(json, "type", "thread");
	thread_json(json, report, thread);
	if (gospy_snapshot_info(report->snapshot)->native)
		traceback_json(json, report, stack);
	json_object_end(json);
	if (lines)
		json_newline(json);
}

/* A worker of io_uring has no stack of its own, and a thread that has ended none any more. */
static bool has_stack(const struct gospy_thread *thread)
{
	return thread->role != GOSPY_THREAD_IO_WORKER && thread->state != 'Z' &&
	       thread->state != 'X';
}

enum gospy_code report_threads(struct out *out, struct stack_report *report,
			       enum report_format format, struct gospy_error *err)
{
	size_t n;
	const struct gospy_thread *threads = gospy_snapshot_threads(report->snapshot, &n);
	bool native = gospy_snapshot_info(report->snapshot)->native;
	bool lines = format == REPORT_JSON_LINES;
	struct json json = {.out = out};
	if (format != REPORT_TEXT)
		begin_json(&json, report, lines);
	for (size_t i = 0; i < n && !out->error; i++) {
		struct gospy_stack stack = {0};
		enum gospy_code code =
			native ? gospy_snapshot_thread_stack(report->snapshot, i, &stack, err)
			       : GOSPY_OK;
		if (code && code != GOSPY_E_NOT_FOUND)
			return code;
		report->problems += stack.problem || stack.native_problem;
		report->missing += code && has_stack(&threads[i]);
		if (format == REPORT_TEXT)
			report_text(out, report, &threads[i], &stack);
		else
			report_json(&json, report, &threads[i], &stack, lines);
		report->shown++;
	}
	if (format != REPORT_TEXT)
		end_json(&json, lines);
	return GOSPY_OK;
}
