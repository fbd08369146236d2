#include "render/report_memstats.h"

#include "render/report_goroutine.h"
#include "render/units.h"

enum kind { BYTES, COUNT, NEXT_GC, DATE, DURATION };

/* google/gops:agent/agent.go names and orders the lines. */
static const struct line {
	const char *label, *key;
	size_t offset; /* of a uint64_t in struct gospy_memstats */
	enum kind kind;
} lines[] = {
#define FIELD(member) #member, offsetof(struct gospy_memstats, member)
	{"alloc", FIELD(alloc), BYTES},
	{"total-alloc", FIELD(total_alloc), BYTES},
	{"sys", FIELD(sys), BYTES},
	{"lookups", FIELD(lookups), COUNT},
	{"mallocs", FIELD(mallocs), COUNT},
	{"frees", FIELD(frees), COUNT},
	{"heap-alloc", FIELD(heap_alloc), BYTES},
	{"heap-sys", FIELD(heap_sys), BYTES},
	{"heap-idle", FIELD(heap_idle), BYTES},
	{"heap-in-use", FIELD(heap_inuse), BYTES},
	{"heap-released", FIELD(heap_released), BYTES},
	{"heap-objects", FIELD(heap_objects), COUNT},
	{"stack-in-use", FIELD(stack_inuse), BYTES},
	{"stack-sys", FIELD(stack_sys), BYTES},
	{"mspan-in-use", FIELD(mspan_inuse), BYTES},
	{"mspan-sys", FIELD(mspan_sys), BYTES},
	{"mcache-in-use", FIELD(mcache_inuse), BYTES},
	{"mcache-sys", FIELD(mcache_sys), BYTES},
	{"buck-hash-sys", FIELD(buck_hash_sys), BYTES},
	{"other-sys", FIELD(other_sys), BYTES},
	{"gc-sys", FIELD(gc_sys), BYTES},
	{"next-gc", FIELD(next_gc), NEXT_GC},
	{"last-gc", FIELD(last_gc_unix_ns), DATE},
	{"gc-pause-total", FIELD(pause_total_ns), DURATION},
};

/* The lines behind the last pause. */
static const struct line cycle_lines[] = {
	{"num-gc", FIELD(num_gc), COUNT},
	{"num-forced-gc", FIELD(num_forced_gc), COUNT},
};

/* What gops does not have. */
static const struct line more_lines[] = {
	{"heap-live", FIELD(heap_live), BYTES},
	{"heap-marked", FIELD(heap_marked), BYTES},
	{"heap-before-gc", FIELD(heap_before), BYTES},
	{"heap-after-gc", FIELD(heap_after), BYTES},
#undef FIELD
};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
	const char *label, *key;
	size_t offset; /* in struct gospy_gc_cpu */
} cpu_uses[] = {
	{"assist", "assist_ns", offsetof(struct gospy_gc_cpu, assist_ns)},
	{"background", "dedicated_ns", offsetof(struct gospy_gc_cpu, dedicated_ns)},
	{"idle", "idle_ns", offsetof(struct gospy_gc_cpu, idle_ns)},
	{"pause", "pause_ns", offsetof(struct gospy_gc_cpu, pause_ns)},
};

static uint64_t number_at(const void *base, size_t offset)
{
	return *(const uint64_t *)(const void *)((const char *)base + offset);
}

/* With GOGC=off the goal before Go 1.19 is the largest number there is. In other figures that
 * number means that they are not known. */
static bool is_known(const struct gospy_memstats *m, const struct line *line)
{
	return number_at(m, line->offset) != GOSPY_UNKNOWN ||
	       (line->kind == NEXT_GC && m->gc_percent_known && m->gc_percent < 0);
}

/* ---------------------------------------------------------------------------------------- text --
 */

/* It prints as the agent of gops does, which has no EB. */
static void bytes_text(struct out *out, uint64_t n)
{
	static const char *const names[] = {NULL, "KB", "MB", "GB", "TB", "PB"};
	size_t i = 0;
	while (i + 1 < LENGTH(names) && n >> (10 * (i + 1)))
		i++;
	if (i)
		out_printf(out, "%.2f%s (%lu bytes)", (double)n / (double)(UINT64_C(1) << (10 * i)),
			   names[i], n);
	else
		out_printf(out, "%lu bytes", n);
}

static void value_text(struct out *out, enum kind kind, uint64_t n)
{
	switch (kind) {
	case BYTES:
		bytes_text(out, n);
		break;
	case COUNT:
		out_u64(out, n);
		break;
	case NEXT_GC:
		// GOGC=off sets a goal that no heap can reach. In a pipe it is as gops has it.
		if (out->cols && n >> 62) {
			out_puts(out, "never (GOGC=off)");
			break;
		}
		out_puts(out, "when heap-alloc >= ");
		bytes_text(out, n);
		break;
	case DATE:
		out_puts(out, n ? units_go_time(n).s : "-");
		break;
	case DURATION:
		out_puts(out, units_go_duration(n).s);
		break;
	}
}

static void lines_text(struct out *out, const struct gospy_memstats *m, const struct line *line,
		       size_t n)
{
	for (; n--; line++) {
		out_puts(out, line->label);
		out_puts(out, ": ");
		if (is_known(m, line))
			value_text(out, line->kind, number_at(m, line->offset));
		else
			out_putc(out, '?');
		out_putc(out, '\n');
	}
}

static void gops_text(struct out *out, const struct gospy_memstats *m)
{
	static const struct gospy_gc_pause none = {0};
	static const struct gospy_gc_pause unknown = {GOSPY_UNKNOWN, GOSPY_UNKNOWN, GOSPY_UNKNOWN};
	const struct gospy_gc_pause *last = m->pause_count   ? &m->pauses[m->pause_count - 1]
					    : m->num_gc == 0 ? &none
							     : &unknown;
	lines_text(out, m, lines, LENGTH(lines));
	out_puts(out, "gc-pause: ");
	out_count(out, last->pause_ns);
	out_puts(out, "\ngc-pause-end: ");
	out_count(out, last->end_unix_ns);
	out_putc(out, '\n');
	lines_text(out, m, cycle_lines, LENGTH(cycle_lines));
	out_printf(out, "gc-cpu-fraction: %s\n", units_go_float(m->gc_cpu_fraction).s);
	out_printf(out, "enable-gc: %s\n", m->enable_gc ? "true" : "false");
	out_printf(out, "debug-gc: %s\n", m->debug_gc ? "true" : "false");
}

static const char *phase_name(enum gospy_gc_phase phase)
{
	switch (phase) {
	case GOSPY_GC_OFF:
		return "off";
	case GOSPY_GC_MARK:
		return "mark";
	case GOSPY_GC_MARK_TERMINATION:
		return "mark termination";
	case GOSPY_GC_UNKNOWN:
		break;
	}
	return NULL;
}

static void cpu_text(struct out *out, const struct gospy_memstats *m)
{
	for (size_t i = 0; i < LENGTH(cpu_uses); i++) {
		uint64_t ns = number_at(&m->cpu, cpu_uses[i].offset), all = m->cpu.total_ns;
		out_printf(out, "gc-cpu-%s: ", cpu_uses[i].label);
		if (ns == GOSPY_UNKNOWN || all == GOSPY_UNKNOWN)
			out_puts(out, "?\n");
		else
			out_printf(out, "%.3f%% (%s)\n", all ? 100 * (double)ns / (double)all : 0.0,
				   units_go_duration(ns).s);
	}
	// The last of them is not told apart by cycles.
	for (size_t i = 0; i + 1 < LENGTH(cpu_uses); i++) {
		uint64_t ns = number_at(&m->mark_cpu, cpu_uses[i].offset);
		out_printf(out, "mark-cpu-%s: %s\n", cpu_uses[i].label,
			   ns == GOSPY_UNKNOWN ? "?" : units_go_duration(ns).s);
	}
}

static void more_text(struct out *out, const struct gospy_memstats *m)
{
	const char *phase = phase_name(m->gc_phase);
	out_printf(out, "gc-phase: %s\n", phase ? phase : "?");
	if (!m->gc_percent_known)
		out_puts(out, "gc-percent: ?\n");
	else if (m->gc_percent < 0)
		out_puts(out, "gc-percent: off\n");
	else
		out_printf(out, "gc-percent: %ld\n", m->gc_percent);
	out_puts(out, "memory-limit: ");
	if (m->memory_limit == GOSPY_UNKNOWN)
		out_putc(out, '?');
	else if (m->memory_limit == INT64_MAX)
		out_puts(out, "none");
	else
		bytes_text(out, m->memory_limit);
	out_putc(out, '\n');
	lines_text(out, m, more_lines, LENGTH(more_lines));
	cpu_text(out, m);
}

/* ---------------------------------------------------------------------------------------- JSON --
 */

static void lines_json(struct json *json, const struct gospy_memstats *m, const struct line *line,
		       size_t n)
{
	for (; n--; line++) {
		if (is_known(m, line))
			json_number(json, line->key, number_at(m, line->offset));
	}
}

static void cpu_json(struct json *json, const char *key, const struct gospy_gc_cpu *cpu)
{
	json_object(json, key);
	for (size_t i = 0; i < LENGTH(cpu_uses); i++)
		json_u64(json, cpu_uses[i].key, number_at(cpu, cpu_uses[i].offset));
	json_u64(json, "total_ns", cpu->total_ns);
	json_object_end(json);
}

static void pauses_json(struct json *json, const struct gospy_memstats *m)
{
	json_array(json, "pauses");
	for (size_t i = 0; i < m->pause_count; i++) {
		json_object(json, NULL);
		json_u64(json, "gc", m->pauses[i].gc);
		json_u64(json, "pause_ns", m->pauses[i].pause_ns);
		json_u64(json, "end_unix_ns", m->pauses[i].end_unix_ns);
		json_object_end(json);
	}
	json_array_end(json);
}

static void by_size_json(struct json *json, const struct gospy_memstats *m)
{
	if (!m->by_size_count)
		return;
	json_array(json, "by_size");
	for (size_t i = 0; i < m->by_size_count; i++) {
		json_object(json, NULL);
		json_u64(json, "size", m->by_size[i].size);
		json_u64(json, "mallocs", m->by_size[i].mallocs);
		json_u64(json, "frees", m->by_size[i].frees);
		json_object_end(json);
	}
	json_array_end(json);
}

static void gc_json(struct json *json, const struct gospy_memstats *m)
{
	json_str(json, "gc_phase", phase_name(m->gc_phase));
	if (m->gc_percent_known && m->gc_percent >= 0)
		json_u64(json, "gc_percent", (uint64_t)m->gc_percent);
	if (m->gc_percent_known)
		json_bool(json, "gc_off", m->gc_percent < 0);
	if (m->memory_limit != INT64_MAX)
		json_u64(json, "memory_limit", m->memory_limit);
	lines_json(json, m, more_lines, LENGTH(more_lines));
	json_u64(json, "gomaxprocs", m->gomaxprocs);
	cpu_json(json, "cpu", &m->cpu);
	cpu_json(json, "mark_cpu", &m->mark_cpu);
}

void report_reading_json(struct json *json, const struct gospy_reading *reading)
{
	json_object(json, "reading");
	json_u64(json, "time_unix_ns", reading->time_unix_ns);
	json_u64(json, "paused_ns", reading->paused_ns);
	json_str(json, "soundness", report_soundness_name(reading->soundness));
	json_str(json, "problem", reading->problem);
	json_object_end(json);
}

static void memstats_json(struct out *out, const struct gospy_target_info *target,
			  const struct gospy_memstats *m)
{
	struct json json = {.out = out};
	json_begin(&json, "memstats");
	json_u64(&json, "pid", (uint64_t)target->pid);
	json_str(&json, "go_version", target->go_version);
	json_u64(&json, "uptime_ns", m->uptime_ns);
	report_reading_json(&json, &m->reading);
	lines_json(&json, m, lines, LENGTH(lines));
	lines_json(&json, m, cycle_lines, LENGTH(cycle_lines));
	json_float(&json, "gc_cpu_fraction", m->gc_cpu_fraction);
	json_bool(&json, "enable_gc", m->enable_gc);
	json_bool(&json, "debug_gc", m->debug_gc);
	gc_json(&json, m);
	pauses_json(&json, m);
	by_size_json(&json, m);
	json_object_end(&json);
	json_newline(&json);
}

void report_memstats(struct out *out, const struct gospy_target_info *target,
		     const struct gospy_memstats *memstats, bool all, enum report_format format)
{
	if (format != REPORT_TEXT) {
		memstats_json(out, target, memstats);
		return;
	}
	const struct out_mark mark = out_mark(out);
	gops_text(out, memstats);
	if (all)
		more_text(out, memstats);
	out_wrap(out, mark);
}

/* -------------------------------------------------------------------------------------- cycles --
 */

/* Since the start of the process; 0 if a clock says otherwise. */
static uint64_t cycle_age_ns(const struct gospy_memstats *m, const struct gospy_gc_pause *pause)
{
	uint64_t started = m->reading.time_unix_ns - m->uptime_ns;
	return pause->end_unix_ns > started ? pause->end_unix_ns - started : 0;
}

static void megabytes_text(struct out *out, uint64_t n)
{
	if (n == GOSPY_UNKNOWN)
		out_putc(out, '?');
	else
		out_u64(out, n >> 20);
}

/* The next cycle has put its own value in the place of this one. */
static uint64_t heap_before(const struct gospy_memstats *m)
{
	return m->gc_phase == GOSPY_GC_OFF ? m->heap_before : GOSPY_UNKNOWN;
}

/* Like a line of GODEBUG=gctrace=1: src/runtime/mgc.go:gcMarkTermination. */
static void cycle_text(struct out *out, const struct gospy_memstats *m,
		       const struct gospy_gc_pause *pause, uint64_t max_pause_ns, bool newest)
{
	out_printf(out, "gc %lu @%.3fs", pause->gc, (double)cycle_age_ns(m, pause) / 1e9);
	if (newest && m->gc_cpu_fraction >= 0)
		out_printf(out, " %d%%", (int)(100 * m->gc_cpu_fraction));
	out_printf(out, ": %s pause, max %s", units_ms(pause->pause_ns).s,
		   units_ms(max_pause_ns).s);
	if (newest) {
		out_puts(out, ", ");
		megabytes_text(out, heap_before(m));
		out_puts(out, "->");
		megabytes_text(out, m->heap_after);
		out_puts(out, "->");
		megabytes_text(out, m->heap_marked);
		out_puts(out, " MB, next at ");
		if (m->next_gc == GOSPY_UNKNOWN)
			out_puts(out, m->gc_percent_known && m->gc_percent < 0 ? "never" : "?");
		else
			out_printf(out, "%lu MB", m->next_gc >> 20);
		out_printf(out, ", %lu P", m->gomaxprocs);
	}
	out_putc(out, '\n');
}

static void cycle_json(struct out *out, const struct gospy_memstats *m,
		       const struct gospy_gc_pause *pause, uint64_t max_pause_ns, bool newest)
{
	struct json json = {.out = out};
	json_begin(&json, "gc");
	json_u64(&json, "gc", pause->gc);
	json_u64(&json, "end_unix_ns", pause->end_unix_ns);
	json_u64(&json, "uptime_ns", cycle_age_ns(m, pause));
	json_u64(&json, "pause_ns", pause->pause_ns);
	json_u64(&json, "max_pause_ns", max_pause_ns);
	if (newest) {
		json_float(&json, "gc_cpu_fraction", m->gc_cpu_fraction);
		json_u64(&json, "heap_before", heap_before(m));
		json_u64(&json, "heap_after", m->heap_after);
		json_u64(&json, "heap_marked", m->heap_marked);
		json_u64(&json, "next_gc", m->next_gc);
		json_u64(&json, "gomaxprocs", m->gomaxprocs);
	}
	json_object_end(&json);
	json_newline(&json);
}

uint64_t report_gc_cycles(struct out *out, const struct gospy_memstats *memstats, uint64_t since,
			  uint64_t limit, uint64_t *max_pause_ns, enum report_format format)
{
	uint64_t n = 0;
	for (size_t i = 0; i < memstats->pause_count && n < limit; i++) {
		const struct gospy_gc_pause *pause = &memstats->pauses[i];
		bool newest = i + 1 == memstats->pause_count;
		if (pause->gc <= since)
			continue;
		if (pause->pause_ns > *max_pause_ns)
			*max_pause_ns = pause->pause_ns;
		if (format == REPORT_TEXT)
			cycle_text(out, memstats, pause, *max_pause_ns, newest);
		else
			cycle_json(out, memstats, pause, *max_pause_ns, newest);
		n++;
	}
	return n;
}
