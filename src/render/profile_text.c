#include "render/profile_text.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/label_text.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "render/escape.h"
#include "render/units.h"
#include "render/width.h"

/* -------------------------------------------------------------------------------------- frames --
 */

/* Columns of a tabwriter with tabs of 8: "#", the pc, function+offset. */
enum { TAB = 8 };

static void hex(struct strbuf *b, uint64_t n)
{
	strbuf_printf(b, "0x%" PRIx64, n);
}

/* Characters of a text that is escaped already. */
static size_t characters(const char *s, size_t len)
{
	size_t n = 0;
	for (size_t i = 0; i < len; i++)
		n += ((uint8_t)s[i] & 0xc0) != 0x80;
	return n;
}

/* The width of a column: its widest cell and a blank, up to a tab. */
static size_t column_width(size_t widest)
{
	return (widest + 1 + TAB - 1) / TAB * TAB;
}

/* So many tabs bring a cell to the width of its column. */
static void pad(struct out *out, size_t width, size_t widest)
{
	size_t end = column_width(widest);
	for (; width < end; width += TAB - width % TAB)
		out_putc(out, '\t');
}

static bool is_runtime(const char *func, uint32_t go_minor)
{
	enum { INTERNAL_SINCE = 24 };
	return strncmp(func, "runtime.", 8) == 0 ||
	       (go_minor >= INTERNAL_SINCE && strncmp(func, "internal/runtime/", 17) == 0);
}

/* A stack that is being written; all zero is an empty one. */
struct lines {
	struct strbuf cells;
	VEC(const struct gospy_profile_frame *) frames;
	VEC(size_t) ends; /* in `cells`: of the pc, and of function+offset, of each frame */
};

static void lines_deinit(struct lines *lines)
{
	strbuf_deinit(&lines->cells);
	vec_free(&lines->frames);
	vec_free(&lines->ends);
}

static bool add_line(struct lines *lines, const struct gospy_profile_frame *frame)
{
	hex(&lines->cells, frame->pc);
	if (!vec_push(&lines->ends, lines->cells.len) || !vec_push(&lines->frames, frame))
		return false;
	escape_add(&lines->cells, frame->func);
	strbuf_putc(&lines->cells, '+');
	hex(&lines->cells, frame->pc - frame->entry);
	return vec_push(&lines->ends, lines->cells.len) && !lines->cells.failed;
}

/* Those that are shown: without goexit, and, unless that is all there is or `all` are asked for,
 * without the runtime's own that come first. */
static bool choose(const struct gospy_profile *p, const struct gospy_profile_sample *sample,
		   bool all, struct lines *lines)
{
	bool show = all;
	strbuf_clear(&lines->cells);
	lines->frames.len = lines->ends.len = 0;
	for (size_t i = 0; i < sample->frame_count; i++) {
		const struct gospy_profile_frame *frame = &p->frames[sample->frames[i]];
		show |= !is_runtime(frame->func, p->go_minor);
		if (show && strcmp(frame->func, "runtime.goexit") != 0 && !add_line(lines, frame))
			return false;
	}
	return show || choose(p, sample, true, lines);
}

static void print_place(struct out *out, const struct gospy_profile_frame *frame)
{
	out_text(out, frame->file);
	out_printf(out, ":%" PRIu32 "\n", frame->line);
}

/* Columns of the terminal that the file and the line take. */
static size_t place_width(const struct out *out, const struct gospy_profile_frame *frame)
{
	CLEANUP(strbuf_deinit) struct strbuf place = {0};
	escape_add(&place, frame->file);
	strbuf_printf(&place, ":%" PRIu32, frame->line);
	return place.failed ? 0 : (size_t)width_text(place.s, place.len, out->utf8);
}

/* Does a terminal have no room for one of the lines as the runtime lays them out? */
static bool too_wide(const struct out *out, const struct lines *lines, const size_t widest[2])
{
	size_t before = TAB + column_width(widest[0]) + column_width(widest[1]);
	for (size_t i = 0; out->cols && i < lines->frames.len; i++) {
		if (before + place_width(out, lines->frames.at[i]) > (size_t)out->cols)
			return true;
	}
	return false;
}

/* Without columns, the file in a line of its own if it has no room, and both of them broken where
 * a terminal's line ends. */
static void print_narrow(struct out *out, const struct lines *lines)
{
	size_t start = 0;
	for (size_t i = 0; i < lines->frames.len; i++) {
		const struct gospy_profile_frame *frame = lines->frames.at[i];
		const struct out_mark mark = out_mark(out);
		out_puts(out, "#  ");
		for (size_t k = 2 * i; k < 2 * i + 2; k++) {
			out_putc(out, ' ');
			out_write(out, lines->cells.s + start, lines->ends.at[k] - start);
			start = lines->ends.at[k];
		}
		size_t end = (size_t)out_column(out) + 1 + place_width(out, frame);
		bool fits = end <= (size_t)out->cols;
		out_puts(out, fits ? " " : "\n        ");
		print_place(out, frame);
		out_wrap(out, mark);
	}
}

static void print_lines(struct out *out, const struct lines *lines)
{
	size_t widest[2] = {0}, start = 0;
	for (size_t i = 0; i < lines->ends.len; i++) {
		size_t width = characters(lines->cells.s + start, lines->ends.at[i] - start);
		widest[i % 2] = width > widest[i % 2] ? width : widest[i % 2];
		start = lines->ends.at[i];
	}
	if (too_wide(out, lines, widest)) {
		print_narrow(out, lines);
		return;
	}
	start = 0;
	for (size_t i = 0; i < lines->ends.len; i++) {
		const char *cell = lines->cells.s + start;
		size_t len = lines->ends.at[i] - start;
		if (i % 2 == 0)
			out_puts(out, "#\t");
		out_write(out, cell, len);
		pad(out, characters(cell, len), widest[i % 2]);
		start = lines->ends.at[i];
		if (i % 2)
			print_place(out, lines->frames.at[i / 2]);
	}
}

/* printStackRecord */
static bool print_stack(struct out *out, const struct gospy_profile *p,
			const struct gospy_profile_sample *sample, bool all, struct lines *lines)
{
	if (!sample->frame_count)
		out_puts(out, "#\t0x0\n"); // a Frame of zeros
	else if (choose(p, sample, all, lines))
		print_lines(out, lines);
	else
		return false;
	out_putc(out, '\n');
	return true;
}

static void print_pcs(struct out *out, const struct gospy_profile_sample *sample)
{
	out_puts(out, " @");
	for (size_t i = 0; i < sample->pc_count; i++) {
		out_putc(out, ' ');
		out_addr(out, sample->pcs[i]);
	}
	out_putc(out, '\n');
}

/* -------------------------------------------------------------------- goroutine, threadcreate --
 */

static bool print_labels(struct out *out, const struct gospy_profile_sample *sample)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	if (!sample->has_labels)
		return true;
	if (!label_text_add(&text, sample->labels, sample->label_count) || text.failed)
		return false;
	const struct out_mark mark = out_mark(out);
	out_puts(out, "# labels: ");
	out_text(out, text.s);
	out_putc(out, '\n');
	out_wrap(out, mark);
	return true;
}

static bool print_counts(struct out *out, const struct gospy_profile *p, struct lines *lines)
{
	int64_t total = 0;
	for (size_t i = 0; i < p->sample_count; i++)
		total += p->samples[i].values[0];
	out_printf(out, "%s profile: total %" PRId64 "\n", p->name, total);
	for (size_t i = 0; i < p->sample_count; i++) {
		const struct gospy_profile_sample *sample = &p->samples[i];
		const struct out_mark mark = out_mark(out);
		out_printf(out, "%" PRId64, sample->values[0]);
		print_pcs(out, sample);
		out_wrap(out, mark);
		if (!print_labels(out, sample) || !print_stack(out, p, sample, false, lines))
			return false;
	}
	return true;
}

/* -------------------------------------------------------------------------------- block, mutex --
 */

static bool print_contention(struct out *out, const struct gospy_profile *p, struct lines *lines)
{
	bool mutex = p->kind == GOSPY_PROFILE_MUTEX;
	out_printf(out, "--- %s:\ncycles/second=%" PRIu64 "\n", mutex ? "mutex" : "contention",
		   p->ticks_per_second);
	if (mutex)
		out_printf(out, "sampling period=%" PRId64 "\n", p->rate);
	for (size_t i = 0; i < p->sample_count; i++) {
		const struct gospy_profile_sample *sample = &p->samples[i];
		const struct out_mark mark = out_mark(out);
		out_printf(out, "%" PRId64 " %" PRId64, sample->recorded[1], sample->recorded[0]);
		print_pcs(out, sample);
		out_wrap(out, mark);
		if (!print_stack(out, p, sample, true, lines))
			return false;
	}
	return true;
}

/* ---------------------------------------------------------------------------------------- heap --
 */

/* Indexes of a heap sample's values. */
enum { ALLOC_OBJECTS, ALLOC_BYTES, IN_USE_OBJECTS, IN_USE_BYTES };

static int compare_in_use(const void *a, const void *b)
{
	const struct gospy_profile_sample *const *x = a, *const *y = b;
	int64_t i = (*x)->recorded[IN_USE_BYTES], j = (*y)->recorded[IN_USE_BYTES];
	if (i != j)
		return i < j ? -1 : 1;
	return (*x > *y) - (*x < *y);
}

static int compare_in_use_down(const void *a, const void *b)
{
	const struct gospy_profile_sample *const *x = a, *const *y = b;
	int64_t i = (*x)->recorded[IN_USE_BYTES], j = (*y)->recorded[IN_USE_BYTES];
	if (i != j)
		return i > j ? -1 : 1;
	return (*x > *y) - (*x < *y);
}

static void print_head(struct out *out, const struct gospy_profile *p)
{
	enum { DIFFER_SINCE = 20 };
	uint64_t total[GOSPY_PROFILE_VALUES] = {0};
	for (size_t i = 0; i < p->sample_count; i++) {
		for (size_t k = 0; k < GOSPY_PROFILE_VALUES; k++)
			total[k] += (uint64_t)p->samples[i].recorded[k];
	}
	// Else pprof would read it as a profile without the allocations.
	if (p->go_minor >= DIFFER_SINCE && total[ALLOC_BYTES] == total[IN_USE_BYTES])
		total[ALLOC_BYTES]++;
	out_printf(out,
		   "heap profile: %" PRId64 ": %" PRId64 " [%" PRId64 ": %" PRId64
		   "] @ heap/%" PRId64 "\n",
		   (int64_t)total[IN_USE_OBJECTS], (int64_t)total[IN_USE_BYTES],
		   (int64_t)total[ALLOC_OBJECTS], (int64_t)total[ALLOC_BYTES],
		   (int64_t)((uint64_t)p->rate * 2));
}

static void print_list(struct out *out, const char *name, const uint64_t list[GOSPY_GC_PAUSES])
{
	out_printf(out, "# %s = [", name);
	for (size_t i = 0; i < GOSPY_GC_PAUSES; i++) {
		out_puts(out, i ? " " : "");
		out_u64(out, list[i]);
	}
	out_puts(out, "]\n");
}

static void print_fields(struct out *out, const struct gospy_memstats *m)
{
	const struct {
		const char *name;
		uint64_t value;
	} fields[] = {
		{"# Alloc = ", m->alloc},
		{"\n# TotalAlloc = ", m->total_alloc},
		{"\n# Sys = ", m->sys},
		{"\n# Lookups = ", m->lookups},
		{"\n# Mallocs = ", m->mallocs},
		{"\n# Frees = ", m->frees},
		{"\n# HeapAlloc = ", m->heap_alloc},
		{"\n# HeapSys = ", m->heap_sys},
		{"\n# HeapIdle = ", m->heap_idle},
		{"\n# HeapInuse = ", m->heap_inuse},
		{"\n# HeapReleased = ", m->heap_released},
		{"\n# HeapObjects = ", m->heap_objects},
		{"\n# Stack = ", m->stack_inuse},
		{" / ", m->stack_sys},
		{"\n# MSpan = ", m->mspan_inuse},
		{" / ", m->mspan_sys},
		{"\n# MCache = ", m->mcache_inuse},
		{" / ", m->mcache_sys},
		{"\n# BuckHashSys = ", m->buck_hash_sys},
		{"\n# GCSys = ", m->gc_sys},
		{"\n# OtherSys = ", m->other_sys},
	};
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
		out_puts(out, fields[i].name);
		out_count(out, fields[i].value);
	}
	out_puts(out, "\n# NextGC = ");
	// With GOGC=off the goal up to Go 1.18 is the largest number there is.
	if (m->gc_percent_known && m->gc_percent < 0)
		out_u64(out, m->next_gc);
	else
		out_count(out, m->next_gc);
	out_puts(out, "\n# LastGC = ");
	out_count(out, m->last_gc_unix_ns);
	out_putc(out, '\n');
}

/* MemStats, as writeHeapInternal prints it; MaxRSS from Go 1.15 on. */
static void print_memory(struct out *out, const struct profile_text_memory *memory,
			 uint32_t go_minor)
{
	enum { MAX_RSS_SINCE = 15 };
	const struct gospy_memstats *m = memory->memstats;
	const struct out_mark mark = out_mark(out);
	uint64_t pauses[GOSPY_GC_PAUSES] = {0}, ends[GOSPY_GC_PAUSES] = {0};
	for (size_t i = 0; i < m->pause_count; i++) {
		size_t at = (size_t)(m->pauses[i].gc + GOSPY_GC_PAUSES - 1) % GOSPY_GC_PAUSES;
		pauses[at] = m->pauses[i].pause_ns;
		ends[at] = m->pauses[i].end_unix_ns;
	}
	out_puts(out, "\n# runtime.MemStats\n");
	print_fields(out, m);
	print_list(out, "PauseNs", pauses);
	print_list(out, "PauseEnd", ends);
	out_puts(out, "# NumGC = ");
	out_count(out, m->num_gc);
	out_puts(out, "\n# NumForcedGC = ");
	out_count(out, m->num_forced_gc);
	out_printf(out, "\n# GCCPUFraction = %s\n# DebugGC = %s\n",
		   units_go_float(m->gc_cpu_fraction).s, m->debug_gc ? "true" : "false");
	if (go_minor >= MAX_RSS_SINCE) {
		out_puts(out, "# MaxRSS = ");
		out_count(out, memory->rss_max);
		out_putc(out, '\n');
	}
	out_wrap(out, mark);
}

static bool print_heap(struct out *out, const struct gospy_profile *p,
		       const struct profile_text_memory *memory, struct lines *lines)
{
	enum { ASCENDING_SINCE = 23 };
	CLEANUP_FREE const struct gospy_profile_sample **order =
		calloc(p->sample_count + 1, sizeof(const struct gospy_profile_sample *));
	if (!order)
		return false;
	for (size_t i = 0; i < p->sample_count; i++)
		order[i] = &p->samples[i];
	qsort(order, p->sample_count, sizeof(const struct gospy_profile_sample *),
	      p->go_minor >= ASCENDING_SINCE ? compare_in_use : compare_in_use_down);
	const struct out_mark head = out_mark(out);
	print_head(out, p);
	out_wrap(out, head);
	for (size_t i = 0; i < p->sample_count; i++) {
		const int64_t *n = order[i]->recorded;
		const struct out_mark mark = out_mark(out);
		out_printf(out, "%" PRId64 ": %" PRId64 " [%" PRId64 ": %" PRId64 "]",
			   n[IN_USE_OBJECTS], n[IN_USE_BYTES], n[ALLOC_OBJECTS], n[ALLOC_BYTES]);
		print_pcs(out, order[i]);
		out_wrap(out, mark);
		if (!print_stack(out, p, order[i], false, lines))
			return false;
	}
	if (memory)
		print_memory(out, memory, p->go_minor);
	return true;
}

bool profile_text(struct out *out, const struct gospy_profile *profile,
		  const struct profile_text_memory *memory)
{
	CLEANUP(lines_deinit) struct lines lines = {0};
	switch (profile->kind) {
	case GOSPY_PROFILE_GOROUTINE:
	case GOSPY_PROFILE_THREADCREATE:
	case GOSPY_PROFILE_GOROUTINELEAK:
		return print_counts(out, profile, &lines);
	case GOSPY_PROFILE_BLOCK:
	case GOSPY_PROFILE_MUTEX:
		return print_contention(out, profile, &lines);
	case GOSPY_PROFILE_HEAP:
	case GOSPY_PROFILE_ALLOCS:
		return print_heap(out, profile, memory, &lines);
	case GOSPY_PROFILE_OTHER:
	case GOSPY_PROFILE_CPU:
	case GOSPY_PROFILE_WALL:
		break; // what was recorded is not in a file
	}
	return true;
}
