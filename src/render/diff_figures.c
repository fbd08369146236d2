#include "render/diff_figures.h"

/* Where a figure is. */
enum source { OF_INFO, OF_MEMSTATS, OF_USAGE };

static const struct entry {
	const char *group, *name, *label;
	enum diff_unit unit;
	enum source source;
	size_t offset; /* of a uint64_t in its struct */
} entries[] = {
#define INFO(member)  OF_INFO, offsetof(struct gospy_snapshot_info, member)
#define STATS(member) OF_MEMSTATS, offsetof(struct gospy_memstats, member)
#define USAGE(member) OF_USAGE, offsetof(struct gospy_process_usage, member)
	{"process", "rss", "resident memory", DIFF_BYTES, USAGE(rss)},
	{"process", "rss_max", "most of it ever", DIFF_BYTES, USAGE(rss_max)},
	{"process", "cpu_ns", "processor time", DIFF_NS, USAGE(cpu_ns)},
	{"sched", "gomaxprocs", "P's", DIFF_COUNT, INFO(sched.gomaxprocs)},
	{"sched", "npidle", "idle P's", DIFF_COUNT, INFO(sched.npidle)},
	{"sched", "runqsize", "global run queue", DIFF_COUNT, INFO(sched.runqsize)},
	{"threads", "total", "threads", DIFF_COUNT, INFO(threads.total)},
	{"threads", "running", "running threads", DIFF_COUNT, INFO(threads.running)},
	{"sched", "nmidle", "idle M's", DIFF_COUNT, INFO(sched.nmidle)},
	{"goroutines", "runnable", "runnable goroutines", DIFF_COUNT, INFO(goroutines.runnable)},
	{"goroutines", "running", "running goroutines", DIFF_COUNT, INFO(goroutines.running)},
	{"goroutines", "syscall", "goroutines in calls", DIFF_COUNT, INFO(goroutines.syscall)},
	{"goroutines", "waiting", "waiting goroutines", DIFF_COUNT, INFO(goroutines.waiting)},
	{"goroutines", "system", "the runtime's own", DIFF_COUNT, INFO(goroutines.system)},
	{"goroutines", "dead", "dead g's kept", DIFF_COUNT, INFO(goroutines.dead)},
	{"memstats", "alloc", "alloc", DIFF_BYTES, STATS(alloc)},
	{"memstats", "total_alloc", "total-alloc", DIFF_BYTES, STATS(total_alloc)},
	{"memstats", "sys", "sys", DIFF_BYTES, STATS(sys)},
	{"memstats", "mallocs", "mallocs", DIFF_COUNT, STATS(mallocs)},
	{"memstats", "frees", "frees", DIFF_COUNT, STATS(frees)},
	{"memstats", "heap_sys", "heap-sys", DIFF_BYTES, STATS(heap_sys)},
	{"memstats", "heap_idle", "heap-idle", DIFF_BYTES, STATS(heap_idle)},
	{"memstats", "heap_inuse", "heap-in-use", DIFF_BYTES, STATS(heap_inuse)},
	{"memstats", "heap_released", "heap-released", DIFF_BYTES, STATS(heap_released)},
	{"memstats", "heap_objects", "heap-objects", DIFF_COUNT, STATS(heap_objects)},
	{"memstats", "heap_live", "heap-live", DIFF_BYTES, STATS(heap_live)},
	{"memstats", "heap_marked", "heap-marked", DIFF_BYTES, STATS(heap_marked)},
	{"memstats", "stack_inuse", "stack-in-use", DIFF_BYTES, STATS(stack_inuse)},
	{"memstats", "stack_sys", "stack-sys", DIFF_BYTES, STATS(stack_sys)},
	{"memstats", "mspan_inuse", "mspan-in-use", DIFF_BYTES, STATS(mspan_inuse)},
	{"memstats", "mspan_sys", "mspan-sys", DIFF_BYTES, STATS(mspan_sys)},
	{"memstats", "mcache_inuse", "mcache-in-use", DIFF_BYTES, STATS(mcache_inuse)},
	{"memstats", "mcache_sys", "mcache-sys", DIFF_BYTES, STATS(mcache_sys)},
	{"memstats", "buck_hash_sys", "buck-hash-sys", DIFF_BYTES, STATS(buck_hash_sys)},
	{"memstats", "gc_sys", "gc-sys", DIFF_BYTES, STATS(gc_sys)},
	{"memstats", "other_sys", "other-sys", DIFF_BYTES, STATS(other_sys)},
	{"memstats", "next_gc", "next-gc", DIFF_BYTES, STATS(next_gc)},
	{"memstats", "num_gc", "num-gc", DIFF_COUNT, STATS(num_gc)},
	{"memstats", "num_forced_gc", "num-forced-gc", DIFF_COUNT, STATS(num_forced_gc)},
	{"memstats", "pause_total_ns", "gc-pause-total", DIFF_NS, STATS(pause_total_ns)},
	{"memstats", "memory_limit", "memory-limit", DIFF_BYTES, STATS(memory_limit)},
#undef INFO
#undef STATS
#undef USAGE
};
#define ENTRIES (sizeof(entries) / sizeof(entries[0]))
_Static_assert(ENTRIES <= DIFF_FIGURES_MAX, "there is room for all");

static uint64_t value(const struct entry *entry, const struct diff_input *input)
{
	const void *base = NULL;
	switch (entry->source) {
	case OF_INFO:
		base = gospy_snapshot_info(input->snapshot);
		break;
	case OF_MEMSTATS:
		base = input->memstats;
		break;
	case OF_USAGE:
		base = input->usage;
		break;
	}
	if (!base)
		return GOSPY_UNKNOWN;
	return *(const uint64_t *)(const void *)((const char *)base + entry->offset);
}

void diff_figures(const struct diff_input *before, const struct diff_input *after,
		  struct diff_figure ret[DIFF_FIGURES_MAX], size_t *n_ret)
{
	*n_ret = 0;
	for (size_t i = 0; i < ENTRIES; i++) {
		const struct entry *entry = &entries[i];
		struct diff_figure figure = {
			.group = entry->group,
			.name = entry->name,
			.label = entry->label,
			.unit = entry->unit,
			.before = value(entry, before),
			.after = value(entry, after),
		};
		if (figure.before != GOSPY_UNKNOWN && figure.after != GOSPY_UNKNOWN)
			ret[(*n_ret)++] = figure;
	}
}
