#include "render/report_stats.h"

#include "render/fields.h"
#include "render/report_memstats.h"

// Versions of clang-format disagree on braces in a macro.
// clang-format off
#define FIELD(member, text) {#member, text, offsetof(struct gospy_stats, member)}
// clang-format on

/* google/gops:agent/agent.go names and orders the first four. */
enum { OF_GOPS = 4 };
static const struct field fields[] = {
	FIELD(goroutines, "goroutines"),
	FIELD(threads, "OS threads"),
	FIELD(gomaxprocs, "GOMAXPROCS"),
	FIELD(num_cpu, "num CPU"),
	FIELD(p_idle, "Ps idle"),
	FIELD(p_running, "Ps running"),
	FIELD(p_syscall, "Ps in syscall"),
	FIELD(p_gcstop, "Ps stopped for GC"),
	FIELD(m_idle, "Ms idle"),
	FIELD(m_spinning, "Ms spinning"),
	FIELD(m_incgo, "Ms in cgo"),
	FIELD(m_locked, "Ms locked"),
	FIELD(runq_global, "global run queue"),
	FIELD(runq_local, "local run queues"),
	FIELD(timers, "timers"),
	FIELD(finalizers, "finalizers queued"),
	FIELD(cleanups, "cleanups queued"),
	FIELD(netpoll_waiters, "netpoll waiters"),
	FIELD(cgo_calls, "cgo calls"),
};
enum { FIELD_COUNT = sizeof(fields) / sizeof(fields[0]) };

void report_stats(struct out *out, const struct gospy_target_info *target,
		  const struct gospy_stats *stats, bool all, enum report_format format)
{
	if (format == REPORT_TEXT) {
		for (size_t i = 0; i < (all ? FIELD_COUNT : OF_GOPS); i++) {
			out_puts(out, fields[i].label);
			out_puts(out, ": ");
			out_count(out, fields_value(&fields[i], stats));
			out_putc(out, '\n');
		}
		return;
	}
	struct json json = {.out = out};
	json_begin(&json, "stats");
	json_u64(&json, "pid", (uint64_t)target->pid);
	json_str(&json, "go_version", target->go_version);
	report_reading_json(&json, &stats->reading);
	fields_json(&json, fields, FIELD_COUNT, stats);
	json_object_end(&json);
	json_newline(&json);
}
