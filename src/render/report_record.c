#include "render/report_record.h"

#include <inttypes.h>

#include "render/units.h"

static const char *end_name(enum gospy_record_end end)
{
	switch (end) {
	case GOSPY_RECORD_RUNS:
		return "runs";
	case GOSPY_RECORD_TIME:
		return "time";
	case GOSPY_RECORD_ASKED:
		return "asked";
	case GOSPY_RECORD_GONE:
		return "gone";
	case GOSPY_RECORD_EXEC:
		return "exec";
	}
	return "";
}

static const char *events_name(enum gospy_record_events events)
{
	switch (events) {
	case GOSPY_RECORD_EVENTS_ANY:
		break;
	case GOSPY_RECORD_EVENTS_THREADS:
		return "threads";
	case GOSPY_RECORD_EVENTS_SYSTEM:
		return "system";
	}
	return "";
}

static void add_wall(struct json *json, const struct gospy_recording_info *info)
{
	json_u64(json, "ticks", info->ticks);
	json_u64(json, "samples", info->samples);
	json_u64(json, "whole", info->whole);
	json_u64(json, "moving", info->moving);
	json_u64(json, "goroutines", info->goroutines);
	json_u64(json, "own_cpu_ns", info->own_cpu_ns);
}

static void add_info(struct json *json, const struct gospy_recording_info *info)
{
	json_str(json, "ended", end_name(info->ended));
	json_u64(json, "time_unix_ns", info->time_unix_ns);
	json_u64(json, "duration_ns", info->duration_ns);
	json_u64(json, "period_ns", info->period_ns);
	if (info->what != GOSPY_RECORD_CPU) {
		add_wall(json, info);
		return;
	}
	json_str(json, "events", events_name(info->events));
	json_u64(json, "event_count", info->event_count);
	json_u64(json, "ring_count", info->ring_count);
	json_u64(json, "thread_count", info->thread_count);
	json_bool(json, "kernel_unseen", info->kernel_unseen);
	json_u64(json, "samples", info->samples);
	json_u64(json, "lost", info->lost);
	json_u64(json, "throttled", info->throttled);
	json_u64(json, "malformed", info->malformed);
	json_u64(json, "whole", info->whole);
	json_u64(json, "kernel", info->kernel);
	json_u64(json, "of_goroutine", info->of_goroutine);
	json_u64(json, "of_none", info->of_none);
	json_u64(json, "of_unknown", info->of_unknown);
	json_u64(json, "goroutines", info->goroutines);
	if (info->target_cpu_ns != GOSPY_UNKNOWN)
		json_u64(json, "target_cpu_ns", info->target_cpu_ns);
	json_u64(json, "own_cpu_ns", info->own_cpu_ns);
}

void report_record_json(const struct record_report *report, struct out *out)
{
	struct json json = {.out = out};
	const struct gospy_recording *recording = report->recording;
	const struct gospy_profile *profile = recording->cpu ? recording->cpu : recording->wall;
	json_begin(&json, "record");
	json_u64(&json, "pid", (uint64_t)report->pid);
	json_str(&json, "profile", profile->name);
	json_str(&json, "format", report->format);
	if (report->file) {
		json_str(&json, "file", report->file);
		json_u64(&json, "bytes", report->bytes);
	}
	add_info(&json, recording->info);
	if (profile->note)
		json_str(&json, "note", profile->note);
	json_object_end(&json);
	json_newline(&json);
}

void report_record_missing(const struct gospy_recording_info *info, struct strbuf *ret)
{
	if (info->ended == GOSPY_RECORD_GONE)
		strbuf_printf(ret, "the process ended after %s\n", units_ms(info->duration_ns).s);
	if (info->ended == GOSPY_RECORD_EXEC)
		strbuf_printf(ret, "the process began another program after %s\n",
			      units_ms(info->duration_ns).s);
	if (info->kernel_unseen)
		strbuf_puts(ret, "time in the kernel is missing: to see it takes root, "
				 "CAP_PERFMON, or kernel.perf_event_paranoid 1 or less\n");
	if (info->lost)
		strbuf_printf(ret,
			      "%" PRIu64 " samples were lost, because gospy did not fetch them in "
			      "time; a lower --rate loses fewer\n",
			      info->lost);
	if (info->malformed)
		strbuf_printf(ret, "%" PRIu64 " records of the kernel made no sense\n",
			      info->malformed);
}

static double percent(uint64_t part, uint64_t whole)
{
	return whole ? 100.0 * (double)part / (double)whole : 100;
}

static void wall_details(const struct gospy_recording_info *info, struct strbuf *ret)
{
	strbuf_printf(ret,
		      "%" PRIu64 " looks at goroutines, %" PRIu64
		      " of them were drawn in all; whole "
		      "stacks: %.1f %%; found elsewhere each time: %.1f %%\n",
		      info->ticks, info->samples, percent(info->whole, info->samples),
		      info->samples ? percent(info->moving, info->samples) : 0);
}

static void own_details(const struct gospy_recording_info *info, struct strbuf *ret)
{
	strbuf_printf(ret, "gospy itself took %s of processor time in %s\n",
		      units_ms(info->own_cpu_ns).s, units_ms(info->duration_ns).s);
}

void report_record_details(const struct gospy_recording_info *info, struct strbuf *ret)
{
	if (info->what != GOSPY_RECORD_CPU) {
		wall_details(info, ret);
		own_details(info, ret);
		return;
	}
	switch (info->events) {
	case GOSPY_RECORD_EVENTS_ANY:
		break;
	case GOSPY_RECORD_EVENTS_THREADS:
		strbuf_printf(ret,
			      "%" PRIu32 " perf events, one for each of %" PRIu32
			      " threads on each of %" PRIu32 " processors; new threads inherit "
			      "them\n",
			      info->event_count, info->thread_count, info->ring_count);
		break;
	case GOSPY_RECORD_EVENTS_SYSTEM:
		strbuf_printf(ret,
			      "%" PRIu32 " perf events, one for each processor; what is of other "
			      "processes was left out\n",
			      info->event_count);
		break;
	}
	strbuf_printf(ret, "%" PRIu64 " samples, one for each %s of processor time", info->samples,
		      units_ms(info->period_ns).s);
	if (info->target_cpu_ns != GOSPY_UNKNOWN)
		strbuf_printf(ret, ": %.1f %% of the %s that the process has used",
			      percent(info->samples * info->period_ns, info->target_cpu_ns),
			      units_ms(info->target_cpu_ns).s);
	strbuf_printf(ret,
		      "\nwhole stacks: %.1f %%; of %" PRIu64 " goroutines: %.1f %%, of none: %.1f "
		      "%%, not known: %.1f %%\n",
		      percent(info->whole, info->samples), info->goroutines,
		      percent(info->of_goroutine, info->samples),
		      info->samples ? percent(info->of_none, info->samples) : 0,
		      info->samples ? percent(info->of_unknown, info->samples) : 0);
	own_details(info, ret);
}
