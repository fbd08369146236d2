#include "render/report_header.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "render/escape.h"
#include "render/fields.h"
#include "render/units.h"

// Versions of clang-format disagree on braces in a macro.
// clang-format off
#define FIELD(type, member, text) {#member, text, offsetof(struct type, member)}
// clang-format on
#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const struct field sched_fields[] = {
	FIELD(gospy_sched, nmidle, "NMidle"), FIELD(gospy_sched, nmspinning, "NMspinning"),
	FIELD(gospy_sched, nmfreed, NULL),    FIELD(gospy_sched, npidle, "NPidle"),
	FIELD(gospy_sched, ngsys, "NGsys"),   FIELD(gospy_sched, runqsize, "Runqsize"),
	FIELD(gospy_sched, goidgen, NULL),    FIELD(gospy_sched, gomaxprocs, NULL),
};

static const struct field heap_fields[] = {
	FIELD(gospy_heap, in_use, NULL),         FIELD(gospy_heap, sys, NULL),
	FIELD(gospy_heap, live, NULL),           FIELD(gospy_heap, objects, NULL),
	FIELD(gospy_heap, next_gc, NULL),        FIELD(gospy_heap, num_gc, NULL),
	FIELD(gospy_heap, num_forced_gc, NULL),  FIELD(gospy_heap, last_gc_unix_ns, NULL),
	FIELD(gospy_heap, pause_total_ns, NULL), FIELD(gospy_heap, last_pause_ns, NULL),
};

static const struct field thread_fields[] = {
	FIELD(gospy_thread_counts, total, "total"),
	FIELD(gospy_thread_counts, running, "running"),
	FIELD(gospy_thread_counts, sleeping, "sleeping"),
	FIELD(gospy_thread_counts, stopped, "stopped"),
	FIELD(gospy_thread_counts, zombie, "zombie"),
};

static const struct field goroutine_fields[] = {
	FIELD(gospy_goroutine_counts, total, "total"),
	FIELD(gospy_goroutine_counts, idle, "idle"),
	FIELD(gospy_goroutine_counts, running, "running"),
	FIELD(gospy_goroutine_counts, syscall, "syscall"),
	FIELD(gospy_goroutine_counts, waiting, "waiting"),
	FIELD(gospy_goroutine_counts, runnable, NULL),
	FIELD(gospy_goroutine_counts, other, NULL),
	FIELD(gospy_goroutine_counts, system, NULL),
	FIELD(gospy_goroutine_counts, dead, NULL),
};

static const struct field soundness_fields[] = {
	FIELD(gospy_snapshot_info, consistent, "consistent"),
	FIELD(gospy_snapshot_info, retried, "retried"),
	FIELD(gospy_snapshot_info, torn, "torn"),
	FIELD(gospy_snapshot_info, late, NULL),
	FIELD(gospy_snapshot_info, moved, NULL),
	FIELD(gospy_snapshot_info, unreadable, NULL),
};

static const struct field missing_fields[] = {
	FIELD(gospy_missing, entries, NULL),   FIELD(gospy_missing, stacks, NULL),
	FIELD(gospy_missing, arguments, NULL), FIELD(gospy_missing, ancestors, NULL),
	FIELD(gospy_missing, labels, NULL),
};

static const char *p_status_name(enum gospy_p_status status)
{
	switch (status) {
	case GOSPY_P_IDLE:
		return "idle";
	case GOSPY_P_RUNNING:
		return "running";
	case GOSPY_P_SYSCALL:
		return "syscall";
	case GOSPY_P_GCSTOP:
		return "gcstop";
	case GOSPY_P_DEAD:
		return "dead";
	}
	return "unknown";
}

void report_core_add(struct strbuf *text, const struct gospy_target_info *target,
		     const struct gospy_snapshot_info *info)
{
	const char *slash = strrchr(target->file, '/');
	strbuf_puts(text, target->kind == GOSPY_TARGET_BUNDLE ? "bundle " : "core file ");
	escape_add(text, slash ? slash + 1 : target->file);
	if (info->time_unix_ns != GOSPY_UNKNOWN)
		strbuf_printf(text, " of %s", units_date(info->time_unix_ns).s);
	const char *signal = target->signal ? sigabbrev_np(target->signal) : NULL;
	if (signal)
		strbuf_printf(text, ", died of SIG%s", signal);
	else if (target->signal)
		strbuf_printf(text, ", died of signal %d", target->signal);
	if (target->fault_addr != GOSPY_UNKNOWN)
		strbuf_printf(text, " at 0x%" PRIx64, target->fault_addr);
	if (target->signal_tid)
		strbuf_printf(text, " in thread %d", (int)target->signal_tid);
}

void report_core(struct out *out, const struct gospy_target_info *target,
		 const struct gospy_snapshot_info *info)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	report_core_add(&text, target, info);
	out_puts(out, text.s ? text.s : "");
}

void report_pause_add(struct strbuf *text, const struct gospy_snapshot_info *info)
{
	if (!info->stopped_threads) {
		strbuf_puts(text, "nothing ran, nothing stopped");
		return;
	}
	strbuf_printf(text, "paused %s, %" PRIu64, units_ms(info->paused_ns).s,
		      info->stopped_threads);
	// Other threads may have been born since they were counted.
	if (info->stopped_threads <= info->threads.total)
		strbuf_printf(text, " of %" PRIu64, info->threads.total);
	strbuf_puts(text, " threads");
}

void report_pause(struct out *out, const struct gospy_snapshot_info *info)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	report_pause_add(&text, info);
	out_puts(out, text.s ? text.s : "");
}

static void process_text(struct out *out, const struct gospy_target_info *target,
			 const struct gospy_snapshot_info *info)
{
	const char *version = target->go_version;
	if (strncmp(version, "go", 2) == 0)
		version += 2;
	out_puts(out, "bin: ");
	out_text(out, target->exe);
	if (target->exe_deleted)
		out_puts(out, " (deleted)");
	out_puts(out, ", goVer: ");
	out_text(out, version);
	out_puts(out, ", gomaxprocs: ");
	out_count(out, info->sched.gomaxprocs);
	out_printf(out, ", pid: %d, uptime: %s      ", (int)target->pid,
		   units_span(info->uptime_ns).s);
	out_putc(out, '(');
	if (target->kind != GOSPY_TARGET_PROCESS) {
		report_core(out, target, info);
	} else if (info->non_blocking) {
		out_puts(out, "not stopped: ");
		fields_text(out, soundness_fields, COUNT(soundness_fields), info,
			    FIELDS_NUMBER_FIRST);
	} else {
		report_pause(out, info);
	}
	out_puts(out, ")\n");
}

static void heap_text(struct out *out, const struct gospy_snapshot_info *info)
{
	const struct gospy_heap *heap = &info->heap;
	out_printf(out, "Heap: %s in use, %s sys, %s live, ", units_bytes(heap->in_use).s,
		   units_bytes(heap->sys).s, units_bytes(heap->live).s);
	out_count(out, heap->objects);
	out_puts(out, " objects      GC: ");
	out_count(out, heap->num_gc);
	out_puts(out, " cycles, ");
	out_count(out, heap->num_forced_gc);
	out_puts(out, " forced, last ");
	if (heap->last_gc_unix_ns == 0)
		out_puts(out, "-");
	else if (heap->last_gc_unix_ns == GOSPY_UNKNOWN)
		out_puts(out, "?");
	else if (heap->last_gc_unix_ns > info->time_unix_ns)
		out_puts(out, "0.0s ago");
	else
		out_printf(out, "%s ago", units_age(info->time_unix_ns - heap->last_gc_unix_ns).s);
	out_printf(out, ", total pause %s, next ", units_ms(heap->pause_total_ns).s);
	// GOGC=off sets a goal that no heap can reach.
	if (heap->next_gc != GOSPY_UNKNOWN && heap->next_gc >> 62)
		out_puts(out, "never\n");
	else
		out_printf(out, "at %s\n", units_bytes(heap->next_gc).s);
}

static void p_text(struct out *out, const struct gospy_p *p)
{
	out_putc(out, 'P');
	out_count(out, p->id);
	out_putc(out, ' ');
	out_puts(out, p_status_name(p->status));
	out_puts(out, ", schedtick: ");
	out_count(out, p->schedtick);
	out_puts(out, ", syscalltick: ");
	out_count(out, p->syscalltick);
	out_puts(out, ", m: ");
	if (p->m_id == GOSPY_UNKNOWN)
		out_putc(out, '-');
	else
		out_u64(out, p->m_id);
	out_puts(out, ", runq: ");
	out_count(out, p->runq_size);
	out_putc(out, '\n');
}

static void optional_count(struct out *out, uint64_t n, const char *label)
{
	if (n && n != GOSPY_UNKNOWN)
		out_printf(out, ", %lu %s", n, label);
}

static void goroutines_text(struct out *out, const struct gospy_goroutine_counts *counts)
{
	out_puts(out, "Goroutines: ");
	fields_text(out, goroutine_fields, COUNT(goroutine_fields), counts, FIELDS_NUMBER_FIRST);
	optional_count(out, counts->runnable, "runnable");
	optional_count(out, counts->other, "other");
	if (counts->system && counts->system != GOSPY_UNKNOWN)
		out_printf(out, " (+%lu system)", counts->system);
	out_putc(out, '\n');
}

void report_header_text(struct out *out, const struct gospy_target_info *target,
			const struct gospy_snapshot *snapshot)
{
	const struct gospy_snapshot_info *info = gospy_snapshot_info(snapshot);
	const struct out_mark mark = out_mark(out);
	process_text(out, target, info);
	out_puts(out, "Sched: ");
	fields_text(out, sched_fields, COUNT(sched_fields), &info->sched, FIELDS_LABEL_FIRST);
	out_putc(out, '\n');
	heap_text(out, info);
	const struct gospy_p *ps = gospy_snapshot_ps(snapshot);
	for (size_t i = 0; i < info->p_count; i++)
		p_text(out, &ps[i]);
	out_puts(out, "Threads: ");
	fields_text(out, thread_fields, COUNT(thread_fields), &info->threads, FIELDS_NUMBER_FIRST);
	out_putc(out, '\n');
	goroutines_text(out, &info->goroutines);
	out_wrap(out, mark);
}

void report_core_json(struct json *json, const struct gospy_target_info *target)
{
	if (target->kind == GOSPY_TARGET_PROCESS)
		return;
	json_str(json, target->kind == GOSPY_TARGET_BUNDLE ? "bundle" : "core", target->file);
	json_str(json, "left_out", target->left_out);
	json_str(json, "problem", target->problem);
	if (target->signal) {
		const char *name = sigabbrev_np(target->signal);
		json_u64(json, "signal", (uint64_t)target->signal);
		json_str(json, "signal_name", name);
	}
	if (target->signal_tid)
		json_u64(json, "signal_tid", (uint64_t)target->signal_tid);
	json_addr(json, "fault_addr", target->fault_addr);
}

static void target_json(struct json *json, const struct gospy_target_info *target,
			const struct gospy_snapshot_info *info)
{
	json_object(json, "target");
	json_u64(json, "pid", (uint64_t)target->pid);
	json_str(json, "exe", target->exe);
	json_bool(json, "exe_deleted", target->exe_deleted);
	json_str(json, "comm", target->comm);
	json_str(json, "go_version", target->go_version);
	json_u64(json, "uptime_ns", info->uptime_ns);
	if (target->load_bias != GOSPY_UNKNOWN)
		json_bool(json, "pie", target->pie);
	json_addr(json, "load_bias", target->load_bias);
	json_str(json, "build_id", target->build_id);
	json_str(json, "go_build_id", target->go_build_id);
	json_str(json, "object", target->object);
	json_str(json, "note", target->note);
	report_core_json(json, target);
	json_object_end(json);
}

static void missing_json(struct json *json, const struct gospy_missing *missing)
{
	if (!missing->entries && !missing->labels && !missing->arguments && !missing->ancestors &&
	    !missing->stacks)
		return;
	json_object(json, "missing");
	fields_json(json, missing_fields, COUNT(missing_fields), missing);
	json_object_end(json);
}

static void snapshot_json(struct json *json, const struct gospy_snapshot_info *info)
{
	json_object(json, "snapshot");
	json_u64(json, "time_unix_ns", info->time_unix_ns);
	json_bool(json, "non_blocking", info->non_blocking);
	json_bool(json, "instant", info->instant);
	json_bool(json, "exact", info->exact);
	if (info->scope == GOSPY_SCOPE_RUNNING)
		json_str(json, "scope", "running");
	json_u64(json, "paused_ns", info->paused_ns);
	json_u64(json, "stopped_threads", info->stopped_threads);
	json_str(json, "not_stopped", info->not_stopped);
	json_u64(json, "total_ns", info->total_ns);
	json_u64(json, "active", info->active);
	fields_json(json, soundness_fields, COUNT(soundness_fields), info);
	json_str(json, "problem", info->problem);
	missing_json(json, &info->missing);
	json_object_end(json);
}

static void ps_json(struct json *json, const struct gospy_p *ps, size_t n)
{
	json_array(json, "ps");
	for (size_t i = 0; i < n; i++) {
		json_object(json, NULL);
		json_u64(json, "id", ps[i].id);
		json_str(json, "status", p_status_name(ps[i].status));
		json_u64(json, "schedtick", ps[i].schedtick);
		json_u64(json, "syscalltick", ps[i].syscalltick);
		json_u64(json, "m_id", ps[i].m_id);
		json_u64(json, "runq_size", ps[i].runq_size);
		json_object_end(json);
	}
	json_array_end(json);
}

static void ms_json(struct json *json, const struct gospy_m *ms, size_t n)
{
	json_array(json, "ms");
	for (size_t i = 0; i < n; i++) {
		json_object(json, NULL);
		json_u64(json, "id", ms[i].id);
		if (ms[i].tid)
			json_u64(json, "tid", (uint64_t)ms[i].tid);
		json_u64(json, "curg_goid", ms[i].curg_goid);
		json_u64(json, "p_id", ms[i].p_id);
		json_bool(json, "spinning", ms[i].spinning);
		json_bool(json, "blocked", ms[i].blocked);
		json_bool(json, "incgo", ms[i].incgo);
		json_bool(json, "locked", ms[i].locked);
		json_object_end(json);
	}
	json_array_end(json);
}

static void counts_json(struct json *json, const char *key, const struct field *fields, size_t n,
			const void *base)
{
	json_object(json, key);
	fields_json(json, fields, n, base);
	json_object_end(json);
}

void report_header_json(struct json *json, const struct gospy_target_info *target,
			const struct gospy_snapshot *snapshot)
{
	const struct gospy_snapshot_info *info = gospy_snapshot_info(snapshot);
	target_json(json, target, info);
	snapshot_json(json, info);
	counts_json(json, "sched", sched_fields, COUNT(sched_fields), &info->sched);
	counts_json(json, "heap", heap_fields, COUNT(heap_fields), &info->heap);
	ps_json(json, gospy_snapshot_ps(snapshot), info->p_count);
	ms_json(json, gospy_snapshot_ms(snapshot), info->m_count);
	counts_json(json, "threads", thread_fields, COUNT(thread_fields), &info->threads);
	counts_json(json, "goroutine_counts", goroutine_fields, COUNT(goroutine_fields),
		    &info->goroutines);
}
