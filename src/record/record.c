#include "record/record.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "profile/executables.h"
#include "record/cpu_profile.h"
#include "record/wall.h"

enum {
	RATE_WALL = 20,
	RATE = 99, /* no multiple of what programs do ten or a hundred times a second */
	RATE_MAX = 10000,
	RATE_WALL_MAX = 1000,
	/* Up to this rate each sample wakes the recorder, so that its goroutine is read at once.
	 * Beyond, the samples are fetched every so often, which is cheaper. */
	RATE_PROMPT = 200,
	PROMPT_WAIT_NS = 50 * 1000 * 1000,
	WAIT_NS = 10 * 1000 * 1000,
	PROGRESS_NS = 100 * 1000 * 1000,
	/* A process that has given up its memory may take long to free it. */
	ENDING_TRIES = 250,
	ENDING_MS = 20,
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
	struct wall wall;
	struct locations executables;
	struct arena arena;
	uint64_t begin_ns, end_ns, own_begin_ns, progress_ns;
	bool no_memory;
	int pidfd; /* or -1 */
};

struct recorded {
	struct gospy_recording pub; /* first */
	struct gospy_recording_info info;
	struct made *profile;
};

void record_destroy(struct gospy_recording *recording)
{
	struct recorded *recorded = (struct recorded *)recording;
	if (recorded && recorded->profile)
		made_destroy(&recorded->profile->pub);
	free(recorded);
}

static void recorder_deinit(struct recorder *r)
{
	if (r->pidfd >= 0)
		close(r->pidfd);
	cpu_sampler_destroy(r->sampler);
	wall_deinit(&r->wall);
	walker_deinit(&r->walker);
	owners_deinit(&r->owners);
	foreign_deinit(&r->foreign);
	sample_groups_deinit(&r->groups);
	locations_deinit(&r->executables);
	symbols_release(r->walker.symbols);
	arena_deinit(&r->arena);
}

static enum gospy_code prepare_wall(struct recorder *r, struct gospy_error *err)
{
	r->wall.source = r->source;
	r->wall.image = r->image;
	r->wall.symbols = r->walker.symbols;
	r->wall.groups = &r->groups;
	r->wall.owners = &r->owners;
	r->wall.off = r->info.what == GOSPY_RECORD_OFF;
	r->wall.apart = r->options->by == GOSPY_RECORD_BY_GOROUTINE;
	return wall_init(&r->wall, err);
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
	if (!code && r->info.what == GOSPY_RECORD_CPU)
		code = owners_init(&r->owners, err);
	else if (!code)
		code = prepare_wall(r, err);
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
	    !sample_groups_add(&r->groups, sample, &r->walker, &whose, r->info.period_ns)) {
		r->no_memory = true;
		return false;
	}
	r->info.samples++;
	r->info.kernel += sample->kernel;
	r->info.whole += r->walker.root != WALK_CUT;
	count_whose(r, &whose);
	return true;
}

static void update_times(struct recorder *r)
{
	struct gospy_recording_info *info = &r->info;
	info->duration_ns = (r->end_ns ? r->end_ns : clock_mono_ns()) - r->begin_ns;
	info->own_cpu_ns = clock_thread_ns() - r->own_begin_ns;
}

static void update_wall(struct recorder *r)
{
	const struct wall *wall = &r->wall;
	struct gospy_recording_info *info = &r->info;
	info->ticks = wall->ticks;
	info->samples = info->of_goroutine = wall->drawn;
	info->whole = wall->whole;
	info->moving = wall->moving;
	info->goroutines = wall->goroutines;
	info->target_cpu_ns = GOSPY_UNKNOWN;
}

static void update_info(struct recorder *r)
{
	struct gospy_recording_info *info = &r->info;
	update_times(r);
	if (info->what != GOSPY_RECORD_CPU) {
		update_wall(r);
		return;
	}
	const struct cpu_sampler_facts *facts = &r->sampler->facts;
	info->events = facts->events;
	info->kernel_unseen = facts->kernel_unseen;
	info->event_count = facts->event_count;
	info->ring_count = facts->ring_count;
	info->thread_count = facts->thread_count;
	info->lost = facts->lost;
	info->throttled = facts->throttled;
	info->malformed = facts->malformed;
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
	if (r->sampler && r->sampler->facts.exec)
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

/* The target has other memory now, or none. Has it ended, or executed something? */
static enum gospy_record_end why_gone(const struct recorder *r)
{
	struct pollfd polled = {.fd = r->pidfd, .events = POLLIN};
	char path[64], program[1];
	snprintf(path, sizeof(path), "/proc/%d/exe", (int)r->source->pid);
	for (int i = 0; i < ENDING_TRIES; i++) {
		if (is_readable(r->pidfd))
			return GOSPY_RECORD_GONE;
		if (r->pidfd >= 0 && readlink(path, program, sizeof(program)) > 0 &&
		    !is_readable(r->pidfd))
			return GOSPY_RECORD_EXEC;
		poll(&polled, 1, ENDING_MS);
	}
	return GOSPY_RECORD_GONE;
}

/* Is it still the program that is being recorded? If not, .ended says so, and `code`, with which
 * something has failed, is none once there is something to be told. */
static enum gospy_code check_target(struct recorder *r, enum gospy_code code,
				    struct gospy_error *err)
{
	struct gospy_error why;
	enum gospy_code now = image_check(r->image, r->source, &why);
	if (now)
		now = source_explain(r->source, now, &why);
	if (now == GOSPY_E_GONE && r->wall.ticks) {
		r->info.ended = why_gone(r);
		return GOSPY_OK;
	}
	if (now && !code && err)
		*err = why;
	return code ? code : now;
}

/* What a tick has seen counts only if it was the target's until its end. */
static enum gospy_code look_once(struct recorder *r, uint64_t ns, struct gospy_error *err)
{
	enum gospy_code code = check_target(r, GOSPY_OK, err);
	if (code || r->info.ended)
		return code;
	code = wall_tick(&r->wall, ns, err);
	if (code == GOSPY_E_NOMEM || code == GOSPY_E_CANCELLED)
		return code;
	code = check_target(r, code, err);
	return code || r->info.ended ? code : wall_commit(&r->wall, err);
}

/* Each period has one tick, at a moment of its own, so that nothing that the target does regularly
 * is always caught at it. A tick that comes too late stands for the periods that were missed. */
static enum gospy_code look_at_all(struct recorder *r, struct gospy_error *err)
{
	const int end_fd = r->options->end_fd ? (int)r->options->end_fd : -1;
	const uint64_t period = r->info.period_ns;
	uint64_t counted = 0; // periods
	while (!r->info.ended) {
		uint64_t now = clock_mono_ns();
		uint64_t next = (now - r->begin_ns) / period;
		if (next < counted)
			next = counted;
		uint64_t at = r->begin_ns + next * period + (period * wall_random(&r->wall) >> 32);
		while (now < at && !r->info.ended) {
			struct pollfd polled = {.fd = end_fd, .events = POLLIN};
			uint64_t left = at - now < PROGRESS_NS ? at - now : PROGRESS_NS;
			uint64_t wait = wait_ns(r, left, now);
			const struct timespec ts = {(time_t)(wait / 1000000000),
						    (long)(wait % 1000000000)};
			ppoll(&polled, 1, &ts, NULL);
			now = clock_mono_ns();
			if (cancel_check(err))
				return GOSPY_E_CANCELLED;
			r->info.ended = find_end(r, true, now, end_fd);
			enum gospy_code code =
				r->info.ended ? GOSPY_OK : check_target(r, GOSPY_OK, err);
			if (code)
				return code;
			show_progress(r, now);
		}
		if (r->info.ended)
			break;
		enum gospy_code code = look_once(r, (next + 1 - counted) * period, err);
		if (code)
			return code;
		counted = next + 1;
	}
	r->end_ns = clock_mono_ns();
	return GOSPY_OK;
}

static enum gospy_code record_wall(struct recorder *r, struct gospy_error *err)
{
	uint32_t rate = r->options->rate_hz ? r->options->rate_hz : RATE_WALL;
	enum gospy_code code = prepare(r, err);
	if (code)
		return code;
	r->info.period_ns = UINT64_C(1000000000) / rate;
	r->pidfd = (int)syscall(SYS_pidfd_open, r->source->pid, 0);
	r->info.time_unix_ns = clock_real_ns();
	r->own_begin_ns = clock_thread_ns();
	r->begin_ns = clock_mono_ns();
	return look_at_all(r, err);
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
	enum gospy_code code = cpu_profile_create(&of, &recorded->profile, err);
	if (code) {
		record_destroy(&recorded->pub);
		return code;
	}
	recorded->info = r->info;
	recorded->pub.info = &recorded->info;
	if (r->info.what == GOSPY_RECORD_CPU)
		recorded->pub.cpu = &recorded->profile->pub;
	else
		recorded->pub.wall = &recorded->profile->pub;
	*ret = &recorded->pub;
	return GOSPY_OK;
}

enum gospy_code record_run(struct source *source, struct image *image,
			   const struct gospy_record_options *options, struct gospy_recording **ret,
			   struct gospy_error *err)
{
	CLEANUP(recorder_deinit)
	struct recorder r = {.source = source, .image = image, .options = options, .pidfd = -1};
	const bool is_cpu = options->what == GOSPY_RECORD_CPU;
	const uint32_t rate_max = is_cpu ? RATE_MAX : RATE_WALL_MAX;
	r.info.what = options->what;
	if (options->rate_hz > rate_max)
		return err_set(err, GOSPY_E_USAGE,
			       "more than %" PRIu32 " %s a second are not taken", rate_max,
			       is_cpu ? "samples" : "looks");
	if (is_cpu &&
	    (options->by == GOSPY_RECORD_BY_STATE || options->by == GOSPY_RECORD_BY_REASON))
		return err_set(
			err, GOSPY_E_USAGE,
			"states and reasons are of wall-clock time: who uses a processor runs");
	if (!is_cpu && options->by == GOSPY_RECORD_BY_THREAD)
		return err_set(err, GOSPY_E_USAGE, "who waits has no thread");
	if (options->by == GOSPY_RECORD_BY_LABEL && !options->label_key)
		return err_set(err, GOSPY_E_USAGE, "gospy_record: by which label?");
	if (!is_cpu && source->frozen)
		return err_set(err, GOSPY_E_UNSUPPORTED,
			       "%s does not run: there is nothing to be recorded", source->name);
	enum gospy_code code = is_cpu ? record(&r, err) : record_wall(&r, err);
	return code ? code : finish(&r, ret, err);
}
