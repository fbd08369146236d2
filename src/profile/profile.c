#include "profile/profile.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "image/image_globals.h"
#include "image/schedstate.h"
#include "profile/contention.h"
#include "profile/counts.h"
#include "profile/executables.h"
#include "profile/frame_table.h"
#include "profile/goroutines.h"
#include "profile/heap.h"
#include "profile/locations.h"
#include "profile/made.h"

/* What a profile is made with. */
struct maker {
	struct source *source;
	struct image *image;
	const struct gospy_profile_options *options;
	const struct leaked *leaked; /* for the goroutineleak profile */
	struct globals globals;      /* with those that only profiles need */
	struct made *made;
	struct locations locations;
	struct frame_table frames; /* where they are asked for */
	VEC(struct gospy_profile_sample) samples;
	uint32_t depth; /* so many addresses a stack has at most */
};

static void maker_deinit(struct maker *m)
{
	symbols_release(m->locations.symbols);
	locations_deinit(&m->locations);
	frame_table_deinit(&m->frames);
	vec_free(&m->samples);
}

static enum gospy_code finish(struct maker *m, struct gospy_error *err)
{
	struct locations *l = &m->locations;
	struct gospy_profile *pub = &m->made->pub;
	locations_end(l);
	pub->samples = m->samples.at;
	pub->sample_count = m->samples.len;
	pub->locations = l->all.at;
	pub->location_count = l->all.len;
	pub->functions = l->functions.at;
	pub->function_count = l->functions.len;
	pub->mappings = l->mappings.at;
	pub->mapping_count = l->mappings.len;
	pub->frames = m->frames.all.at;
	pub->frame_count = m->frames.all.len;
	if (symbols_full(l->symbols) && !pub->note)
		pub->note = "more different program counters were found than are looked up: some "
			    "functions are not known";
	bool taken = MADE_TAKE(m->made, &m->samples) && MADE_TAKE(m->made, &l->all) &&
		     MADE_TAKE(m->made, &l->functions) && MADE_TAKE(m->made, &l->mappings) &&
		     MADE_TAKE(m->made, &m->frames.all);
	return taken ? GOSPY_OK : err_nomem(err);
}

/* The pcs of a sample lie in an array that is taken over. */
static bool add_sample(struct maker *m, struct gospy_profile_sample *sample)
{
	if (m->options->frames && !frame_table_stack(&m->frames, &m->locations, sample))
		return false;
	return vec_push(&m->samples, *sample);
}

/* The samples refer to them. */
static void take_stacks(struct maker *m, struct buckets *buckets)
{
	m->made->stacks = buckets->arena;
	buckets->arena = (struct arena){0};
}

static void add_type(struct gospy_profile *pub, const char *type, const char *unit)
{
	pub->types[pub->type_count++] = (struct gospy_profile_value_type){type, unit};
}

/* Buckets cannot be more than the process has memory, nor more than is sane. */
static uint64_t limit_of(struct source *source)
{
	const uint64_t most = UINT64_C(1) << 30;
	uint64_t bytes = source_private_bytes(source);
	return bytes < most ? bytes + (1 << 20) : most;
}

/* ---------------------------------------------------------------------------------------- heap --
 */

/* From Go 1.17 on the linker leaves the memory profile out where nothing can ask for it.
 * cmd/link/internal/ld/lib.go:linksetup; mprof.go:disableMemoryProfiling. */
static bool is_linked_out(struct maker *m, struct gospy_error *err, enum gospy_code *code_ret)
{
	enum { SINCE = 17, INTERNAL_SINCE = 23 };
	int minor = m->image->version.minor;
	struct pcln_named name = {.name = minor >= INTERNAL_SINCE ? "runtime.memProfileInternal"
								  : "runtime.MemProfile"};
	*code_ret = GOSPY_OK;
	if (minor < SINCE)
		return false;
	struct symbolizer *symbolizer = &m->image->symbolizer;
	pthread_mutex_lock(symbolizer->lock);
	*code_ret = pcln_find_names(symbolizer->pcln, &name, 1, err);
	pthread_mutex_unlock(symbolizer->lock);
	return !*code_ret && !name.entry;
}

static enum gospy_code make_heap(struct maker *m, struct gospy_error *err)
{
	struct gospy_profile *pub = &m->made->pub;
	CLEANUP(heap_deinit) struct heap_profile heap = {0};
	enum gospy_code code = heap_read(m->image, &m->globals, limit_of(m->source), &heap, err);
	if (code)
		return code;
	if (!heap.rate && is_linked_out(m, err, &code))
		return err_set(
			err, GOSPY_E_UNSUPPORTED,
			"its memory profile was left out by the linker: nothing in the program "
			"refers to runtime.MemProfile (importing net/http/pprof or "
			"runtime/pprof does)");
	if (code)
		return code;
	pub->period_type = (struct gospy_profile_value_type){"space", "bytes"};
	pub->period = pub->rate = heap.rate;
	add_type(pub, "alloc_objects", "count");
	add_type(pub, "alloc_space", "bytes");
	add_type(pub, "inuse_objects", "count");
	add_type(pub, "inuse_space", "bytes");
	if (pub->kind == GOSPY_PROFILE_ALLOCS)
		pub->default_type = "alloc_space";
	if (!heap.rate)
		pub->note = "runtime.MemProfileRate is 0: the program does not sample its "
			    "allocations";
	if (!heap.settled) {
		pub->soundness = GOSPY_SOUND_TORN;
		pub->note =
			"collections came so fast that no reading of it was of one moment: some "
			"values may be off";
	}
	for (size_t i = 0; i < heap.records.len; i++) {
		struct gospy_profile_sample sample;
		if (!heap_sample(&heap, i, &m->locations, &sample) || !add_sample(m, &sample))
			return err_nomem(err);
	}
	take_stacks(m, &heap.buckets);
	return GOSPY_OK;
}

/* -------------------------------------------------------------------------- block and mutex --
 */

static enum gospy_code make_contention(struct maker *m, bool mutex, struct gospy_error *err)
{
	struct gospy_profile *pub = &m->made->pub;
	CLEANUP(contention_deinit)
	struct contention_profile profile = {.mutex = mutex, .depth = m->depth};
	enum gospy_code code = contention_read(m->image, &m->globals, m->source,
					       limit_of(m->source), &profile, err);
	if (code)
		return code;
	pub->period_type = (struct gospy_profile_value_type){"contentions", "count"};
	pub->period = 1;
	pub->rate = profile.rate;
	pub->ticks_per_second = profile.ticks_per_second;
	add_type(pub, "contentions", "count");
	add_type(pub, "delay", "nanoseconds");
	if (!profile.rate)
		pub->note = mutex ? "the mutex profile is off: the program has not called "
				    "runtime.SetMutexProfileFraction"
				  : "the block profile is off: the program has not called "
				    "runtime.SetBlockProfileRate";
	for (size_t i = 0; i < profile.records.len; i++) {
		struct gospy_profile_sample sample;
		if (!contention_sample(&profile, i, &m->locations, &sample) ||
		    !add_sample(m, &sample))
			return err_nomem(err);
	}
	take_stacks(m, &profile.buckets);
	return GOSPY_OK;
}

/* ------------------------------------------------------------------- goroutine, threadcreate --
 */

static enum gospy_code add_counts(struct maker *m, struct counts *counts, struct gospy_error *err)
{
	struct gospy_profile *pub = &m->made->pub;
	pub->period_type = (struct gospy_profile_value_type){pub->name, "count"};
	pub->period = 1;
	add_type(pub, pub->name, "count");
	counts_sort(counts);
	for (size_t i = 0; i < counts->groups.len; i++) {
		const struct count_group *group = &counts->groups.at[i];
		struct gospy_profile_sample sample = {
			.values = {(int64_t)group->count},
			.recorded = {(int64_t)group->count},
			.pcs = counts->pcs.at + group->first_pc,
			.pc_count = (uint32_t)group->pc_count,
			.labels = group->labels,
			.label_count = (uint32_t)group->label_count,
			.has_labels = group->has_labels,
		};
		if (!locations_of_stack(&m->locations, sample.pcs, sample.pc_count,
					&sample.locations, &sample.location_count) ||
		    !add_sample(m, &sample))
			return err_nomem(err);
	}
	return MADE_TAKE(m->made, &counts->pcs) ? GOSPY_OK : err_nomem(err);
}

static void snapshot_free(struct gospy_snapshot **snapshot)
{
	snapshot_destroy(*snapshot);
}

static struct goroutines_by goroutines_by(const struct maker *m)
{
	enum { LABELS_SINCE = 15 };
	return (struct goroutines_by){
		.labels = m->image->version.minor >= LABELS_SINCE,
		.state = m->options->state_label,
		.reason = m->options->reason_label,
		.leaked = m->leaked,
	};
}

static enum gospy_code make_goroutine(struct maker *m, struct gospy_error *err)
{
	CLEANUP(snapshot_free) struct gospy_snapshot *snapshot = NULL;
	CLEANUP(counts_deinit) struct counts counts = {.arena = &m->made->arena};
	const struct goroutines_by by = goroutines_by(m);
	const struct gospy_snapshot_options how = {
		.size = sizeof(how),
		.non_blocking = m->options->non_blocking,
		.max_pause_ns = m->options->max_pause_ns,
		.stacks = true,
		.labels = by.labels,
	};
	uint64_t unknown;
	enum gospy_code code = snapshot_take(m->source, m->image, &how, NULL, &snapshot, err);
	if (!code)
		code = goroutines_count(snapshot, m->depth, &by, &counts, &unknown, err);
	if (code)
		return code;
	m->made->pub.paused_ns = snapshot->info.paused_ns;
	const struct gospy_snapshot_info *info = &snapshot->info;
	if (info->late || info->torn || info->unreadable || info->problem) {
		m->made->pub.soundness = GOSPY_SOUND_TORN;
		m->made->pub.note = "some goroutines could not be read at the instant of the "
				    "others, or not at all: they may be missing, or counted where "
				    "they no longer were";
	} else if (unknown)
		m->made->pub.note = "of some goroutines it is not known where they are: they are "
				    "shown at their start";
	return add_counts(m, &counts, err);
}

/* Of a snapshot in which they were found. Go 1.27 and newer write one after a collection that has
 * found them; here it is the same for all versions. */
static enum gospy_code make_goroutineleak(struct maker *m, struct gospy_error *err)
{
	CLEANUP(counts_deinit) struct counts counts = {.arena = &m->made->arena};
	const struct goroutines_by by = goroutines_by(m);
	struct gospy_profile *pub = &m->made->pub;
	uint64_t unknown;
	enum gospy_code code =
		goroutines_count(m->leaked->snapshot, m->depth, &by, &counts, &unknown, err);
	if (code)
		return code;
	pub->paused_ns = m->leaked->paused_ns;
	if (m->leaked->partial)
		pub->soundness = GOSPY_SOUND_TORN;
	if (m->leaked->note) {
		pub->note = arena_strdup(&m->made->arena, m->leaked->note);
		if (!pub->note)
			return err_nomem(err);
	}
	return add_counts(m, &counts, err);
}

/* m.createstack, [32]uintptr, lies behind m.lockedg: src/runtime/runtime2.go, Go 1.12-1.27. */
static enum gospy_code make_threadcreate(struct maker *m, struct gospy_error *err)
{
	enum { WORDS = 32, WHOLE_SINCE = 23 };
	struct schedstate sched = {0};
	CLEANUP(counts_deinit) struct counts counts = {.arena = &m->made->arena};
	enum gospy_code code = schedstate_read(&sched, m->image, NULL, err);
	uint64_t off = m->image->layout.m.lockedg.off + sizeof(uint64_t);
	for (size_t i = 0; i < sched.ms.len && !code; i++) {
		uint64_t stack[WORDS], group;
		size_t n = WORDS;
		code = mem_read(m->image->mem, sched.ms.at[i].addr + off, stack, sizeof(stack),
				err);
		if (m->image->version.minor < WHOLE_SINCE) {
			for (n = 0; !code && n < WORDS && stack[n];)
				n++;
		}
		if (!code && !counts_add(&counts, stack, n, false, NULL, 0, &group))
			code = err_nomem(err);
	}
	schedstate_deinit(&sched);
	return code ? code : add_counts(m, &counts, err);
}

/* -----------------------------------------------------------------------------------------------
 */

static enum gospy_code make(struct maker *m, struct gospy_error *err)
{
	static const char *const names[] = {
		[GOSPY_PROFILE_GOROUTINE] = "goroutine",
		[GOSPY_PROFILE_HEAP] = "heap",
		[GOSPY_PROFILE_ALLOCS] = "allocs",
		[GOSPY_PROFILE_BLOCK] = "block",
		[GOSPY_PROFILE_MUTEX] = "mutex",
		[GOSPY_PROFILE_THREADCREATE] = "threadcreate",
		[GOSPY_PROFILE_GOROUTINELEAK] = "goroutineleak",
	};
	if ((size_t)m->options->kind >= sizeof(names) / sizeof(names[0]) ||
	    !names[m->options->kind])
		return err_set(err, GOSPY_E_USAGE, "there is no such profile");
	m->made->pub.kind = m->options->kind;
	m->made->pub.name = names[m->options->kind];
	switch (m->options->kind) {
	case GOSPY_PROFILE_GOROUTINE:
		return make_goroutine(m, err);
	case GOSPY_PROFILE_HEAP:
	case GOSPY_PROFILE_ALLOCS:
		return make_heap(m, err);
	case GOSPY_PROFILE_BLOCK:
		return make_contention(m, false, err);
	case GOSPY_PROFILE_MUTEX:
		return make_contention(m, true, err);
	case GOSPY_PROFILE_THREADCREATE:
		return make_threadcreate(m, err);
	case GOSPY_PROFILE_GOROUTINELEAK:
		return make_goroutineleak(m, err);
	case GOSPY_PROFILE_OTHER:
	case GOSPY_PROFILE_CPU: // no name, so it was refused above
	case GOSPY_PROFILE_WALL:
		break;
	}
	return GOSPY_OK;
}

/* How many addresses the runtime keeps of a stack: from Go 1.23 on what GODEBUG=profstackdepth
 * says, src/runtime/mprof.go. */
static uint32_t depth_of(const struct image *image)
{
	enum { SETTING_SINCE = 23, BEFORE = 32, USUAL = 128 };
	uint32_t depth;
	if (image->version.minor < SETTING_SINCE)
		return BEFORE;
	if (!image->profile_depth || mem_read_u32(image->mem, image->profile_depth, &depth, NULL))
		return USUAL;
	return depth <= BUCKET_STACK_MAX ? depth : BUCKET_STACK_MAX;
}

enum gospy_code profile_create(struct source *source, struct image *image,
			       const struct gospy_profile_options *options,
			       const struct leaked *leaked, struct gospy_profile **ret,
			       struct gospy_error *err)
{
	CLEANUP(maker_deinit)
	struct maker m = {.source = source, .image = image, .options = options, .leaked = leaked};
	struct made *made = made_create();
	m.locations.symbols = made ? symbolizer_hold(&image->symbolizer) : NULL;
	if (!m.locations.symbols) {
		made_destroy(made ? &made->pub : NULL);
		return err_nomem(err);
	}
	m.made = made;
	m.depth = depth_of(image);
	m.locations.arena = &made->arena;
	m.locations.minor = image->version.minor;
	made->pub.go_minor = (uint32_t)image->version.minor;
	made->pub.time_unix_ns = source_clock_ns(source, SOURCE_REAL);
	enum gospy_code code = executables_list(source, &m.locations, err);
	if (!code)
		code = image_profile_globals(image, &m.globals, err);
	if (!code)
		code = make(&m, err);
	if (!code)
		code = finish(&m, err);
	if (code) {
		made_destroy(&made->pub);
		return code;
	}
	*ret = &made->pub;
	return GOSPY_OK;
}
