#include "record/record.h"

#include <poll.h>

#include "base/cancel.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "profile/executables.h"
#include "record/cpu_profile.h"

enum {
	RATE = 99, /* no multiple of what programs do ten or a hundred times a second */
	RATE_MAX = 10000,
	/* Up to this rate each sample wakes the recorder, so that its goroutine is read at once.
	 * Beyond, the samples are fetched every so often, which is cheaper. */
	RATE_PROMPT = 200,
	PROMPT_WAIT_NS = 50 * 1000 * 1000,
	WAIT_NS = 10 * 1000 * 1000,
	PROGRESS_NS = 100 * 1000 * 1000,
	/* Most stacks of Go are not deeper; the chain of the kernel has what lies beyond. */
	STACK_BYTES = 4096,
};

struct recorder {
	struct source *source;
	struct image *image;
	const struct gospy_record_options *options;
	struct gospy_recording_info info;
	struct cpu_sampler *sampler;
	struct walker walker;
	struct owners owners;
	struct foreign foreign;
	struct sample_groups groups;
	struct locations executables;
	struct arena arena;
	uint64_t begin_ns, end_ns, own_begin_ns, progress_ns;
	bool no_memory;
};

struct recorded {
	struct gospy_recording pub; /* first */
	struct gospy_recording_info info;
	struct made *cpu;
};

void record_destroy(struct gospy_recording *recording)
{
	struct recorded *recorded = (struct recorded *)recording;
	if (recorded && recorded->cpu)
		made_destroy(&recorded->cpu->pub);
	free(recorded);
}

static void recorder_deinit(struct recorder *r)
{
	cpu_sampler_destroy(r->sampler);
	walker_deinit(&r->walker);
	owners_deinit(&r->owners);
	foreign_deinit(&r->foreign);
	sample_groups_deinit(&r->groups);
	locations_deinit(&r->executables);
	symbols_release(r->walker.symbols);
	arena_deinit(&r->arena);
}

/* All that takes long, before the first sample. */
static enum gospy_code prepare(struct recorder *r, struct gospy_error *err)
{
	struct symbols *symbols = symbolizer_hold(&r->image->symbolizer);
	if (!symbols)
		return err_nomem(err);
	r->walker.symbols = r->owners.symbols = r->groups.symbols = symbols;
	r->owners.source = r->source;
	r->owners.image = r->image;
	r->groups.foreign = &r->foreign;
	r->walker.modules = &r->foreign.modules;
	r->executables.arena = &r->arena;
	enum gospy_code code = executables_list(r->source, &r->executables, err);
	if (!code)
		code = foreign_init(&r->foreign, r->source, err);
	if (!code)
		code = walker_init(&r->walker, err);
	if (!code)
		code = owners_init(&r->owners, err);
	return code;
}

static void count_whose(struct recorder *r, const struct whose *whose)
{
	switch (whose->kind) {
	case WHOSE_GOROUTINE:
		r->info.of_goroutine++;
		break;
	case WHOSE_NONE:
		r->info.of_none++;
		break;
	case WHOSE_UNKNOWN:
		r->info.of_unknown++;
		break;
	}
}

static bool take_sample(void *ctx, const struct cpu_sample *sample)
{
	struct recorder *r = ctx;
	struct whose whose;
	const struct walk_place place = owners_place(&r->owners, sample);
	if (!walk_sample(&r->walker, sample, &place) ||
	    !owners_find(&r->owners, sample, &r->walker, &whose) ||
	    !sample_groups_add(&r->groups, sample, &r->walker, &whose)) {
		r->no_memory = true;
		return false;
	}
	r->info.samples++;
	r->info.kernel += sample->kernel;
	r->info.whole += r->walker.root != WALK_CUT;
	count_whose(r, &whose);
	return true;
}

static void update_info(struct recorder *r)
{
	const struct cpu_sampler_facts *facts = &r->sampler->facts;
	struct gospy_recording_info *info = &r->info;
	info->events = facts->events;
	info->kernel_unseen = facts->kernel_unseen;
	info->event_count = facts->event_count;
	info->ring_count = facts->ring_count;
	info->thread_count = facts->thread_count;
	info->lost = facts->lost;
	info->throttled = facts->throttled;
	info->malformed = facts->malformed;
	info->duration_ns = (r->end_ns ? r->end_ns : clock_mono_ns()) - r->begin_ns;
	info->own_cpu_ns = clock_thread_ns() - r->own_begin_ns;
	if (!r->end_ns)
		info->target_cpu_ns = cpu_sampler_cpu_ns(r->sampler);
	info->goroutines = r->owners.by_goid.len;
}

static void show_progress(struct recorder *r, uint64_t now)
{
	if (!r->options->progress || now - r->progress_ns < PROGRESS_NS)
		return;
	r->progress_ns = now;
	update_info(r);
	r->options->progress(r->options->ctx, &r->info);
}

static bool is_readable(int fd)
{
	struct pollfd polled = {.fd = fd, .events = POLLIN};
	return fd >= 0 && poll(&polled, 1, 0) == 1;
}

/* Why it is over; GOSPY_RECORD_RUNS: it is not. */
static enum gospy_record_end find_end(const struct recorder *r, bool alive, uint64_t now,
				      int end_fd)
{
	uint64_t duration_ns = r->options->duration_ns;
	if (r->sampler->facts.exec)
		return GOSPY_RECORD_EXEC;
	if (!alive)
		return GOSPY_RECORD_GONE;
	if (is_readable(end_fd))
		return GOSPY_RECORD_ASKED;
	return duration_ns && now - r->begin_ns >= duration_ns ? GOSPY_RECORD_TIME
							       : GOSPY_RECORD_RUNS;
}

/* How long to wait for samples. */
static uint64_t wait_ns(const struct recorder *r, uint64_t each_ns, uint64_t now)
{
	uint64_t end = r->options->duration_ns ? clock_after(r->begin_ns, r->options->duration_ns)
					       : UINT64_MAX;
	uint64_t left = now < end ? end - now : 0;
	return left < each_ns ? left : each_ns;
}

static enum gospy_code sample_all(struct recorder *r, uint64_t each_ns, struct gospy_error *err)
{
	const int end_fd = r->options->end_fd ? (int)r->options->end_fd : -1;
	uint64_t now = r->begin_ns;
	while (!r->info.ended) {
		bool alive = cpu_sampler_wait(r->sampler, end_fd, wait_ns(r, each_ns, now));
		cpu_sampler_drain(r->sampler, take_sample, r);
		now = clock_mono_ns();
		if (r->no_memory)
			return err_nomem(err);
		if (cancel_check(err))
			return GOSPY_E_CANCELLED;
		r->info.ended = find_end(r, alive, now, end_fd);
		show_progress(r, now);
	}
	cpu_sampler_stop(r->sampler);
	r->end_ns = clock_mono_ns();
	r->info.target_cpu_ns = cpu_sampler_cpu_ns(r->sampler);
	cpu_sampler_drain(r->sampler, take_sample, r);
	return r->no_memory ? err_nomem(err) : GOSPY_OK;
}

static enum gospy_code record(struct recorder *r, struct gospy_error *err)
{
	uint32_t rate = r->options->rate_hz ? r->options->rate_hz : RATE;
	const struct cpu_sampler_options how = {
		.period_ns = UINT64_C(1000000000) / rate,
		.stack_bytes = STACK_BYTES,
		.events = r->options->events,
		.prompt = rate <= RATE_PROMPT,
	};
	enum gospy_code code = prepare(r, err);
	if (code)
		return code;
	r->info.period_ns = how.period_ns;
	r->info.time_unix_ns = clock_real_ns();
	r->begin_ns = clock_mono_ns();
	r->own_begin_ns = clock_thread_ns();
	code = source_sampler(r->source, &how, &r->sampler, err);
	return code ? code : sample_all(r, how.prompt ? PROMPT_WAIT_NS : WAIT_NS, err);
}

static enum gospy_code finish(struct recorder *r, struct gospy_recording **ret,
			      struct gospy_error *err)
{
	struct recorded *recorded = calloc(1, sizeof(*recorded));
	if (!recorded)
		return err_nomem(err);
	update_info(r);
	const struct cpu_profile of = {
		.options = r->options,
		.info = &r->info,
		.source = r->source,
		.image = r->image,
		.symbols = r->walker.symbols,
		.groups = &r->groups,
		.owners = &r->owners,
		.foreign = &r->foreign,
		.executables = &r->executables,
	};
	enum gospy_code code = cpu_profile_create(&of, &recorded->cpu, err);
	if (code) {
		record_destroy(&recorded->pub);
		return code;
	}
	recorded->info = r->info;
	recorded->pub.info = &recorded->info;
	recorded->pub.cpu = &recorded->cpu->pub;
	*ret = &recorded->pub;
	return GOSPY_OK;
}

enum gospy_code record_run(struct source *source, struct image *image,
			   const struct gospy_record_options *options, struct gospy_recording **ret,
			   struct gospy_error *err)
{
	CLEANUP(recorder_deinit)
	struct recorder r = {.source = source, .image = image, .options = options};
	if (options->rate_hz > RATE_MAX)
		return err_set(err, GOSPY_E_USAGE, "more than %d samples a second are not taken",
			       RATE_MAX);
	if (options->by == GOSPY_RECORD_BY_LABEL && !options->label_key)
		return err_set(err, GOSPY_E_USAGE, "gospy_record: by which label?");
	enum gospy_code code = record(&r, err);
	return code ? code : finish(&r, ret, err);
}
