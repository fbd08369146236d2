#include "tui/sampler.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/thread.h"

static const uint64_t STOP_WAIT_NS = 200000000;

struct sampler {
	pid_t pid;
	char *bin;
	pthread_t thread;
	int fd;
	/* Of the worker alone. */
	struct gospy_target *target;
	struct select select;
	/* Of both, under the lock. */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	struct sampler_options options;
	struct sampler_options read; /* what the last one was taken with */
	bool stopping, refresh;
	bool finished;  /* the worker will not touch this any more but to free it */
	bool abandoned; /* the worker is to free this */
	const struct gospy_target_info *info;
	struct sample *fresh; /* not taken yet */
	struct sampler_status status;
};

void sample_destroy(struct sample *sample)
{
	if (!sample)
		return;
	for (size_t key = 0; key < GROUP_KEYS; key++)
		groups_deinit(&sample->groups[key]);
	census_deinit(&sample->census);
	gospy_snapshot_destroy(sample->snapshot);
	free(sample);
}

enum gospy_code sample_group(struct sample *sample, struct gospy_error *err)
{
	enum gospy_code code = GOSPY_OK;
	for (enum group_key key = 0; key < GROUP_KEYS && !code; key++) {
		if (census_answers(&sample->census, key))
			code = groups_collect(&sample->groups[key], &sample->census, key, err);
	}
	return code;
}

static void sampler_destroy(struct sampler *s)
{
	sample_destroy(s->fresh);
	gospy_target_close(s->target);
	select_deinit(&s->select);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->changed);
	if (s->fd >= 0)
		close(s->fd);
	free(s->bin);
	free(s);
}

/* With the lock held. */
static void notify(struct sampler *s)
{
	// The counter cannot come near its limit: each reading sets it to zero.
	if (eventfd_write(s->fd, 1))
		return;
}

static void set_state(struct sampler *s, enum sampler_state state)
{
	if (s->status.state == state)
		return;
	s->status.state = state;
	s->status.since_mono_ns = clock_mono_ns();
	notify(s);
}

static struct timespec timespec_of(uint64_t ns)
{
	return (struct timespec){.tv_sec = (time_t)(ns / 1000000000),
				 .tv_nsec = (long)(ns % 1000000000)};
}

/* All that is read with these options. */
static struct gospy_snapshot_options reads(const struct sampler_options *options)
{
	struct gospy_snapshot_options how = {
		.size = sizeof(how),
		.non_blocking = options->non_blocking,
		.max_pause_ns = options->max_pause_ns,
		.figures = true,
		.stacks = options->stacks,
		.arguments = options->arguments,
		.objects = options->objects,
		.labels = options->labels,
		.threads = options->threads,
	};
	group_key_needs(options->key, &how);
	return how;
}

/* Does a sample that was taken with `read` hold what `wanted` asks for? */
static bool satisfies(const struct sampler_options *read, const struct sampler_options *wanted)
{
	const struct gospy_snapshot_options has = reads(read), needs = reads(wanted);
	// Of these keys each sample is counted by one only.
	bool counted = wanted->key == read->key ||
		       (wanted->key != GROUP_STACK && wanted->key != GROUP_OBJECT &&
			wanted->key != GROUP_LABEL);
	return counted && has.stacks >= needs.stacks && has.arguments >= needs.arguments &&
	       has.objects >= needs.objects && has.labels >= needs.labels &&
	       has.threads >= needs.threads;
}

/* Wait until a sample is due, with the lock held; false: stop. */
static bool wait_until_due(struct sampler *s, uint64_t begin_ns, uint64_t end_ns)
{
	while (!s->stopping && !s->refresh) {
		set_state(s, s->options.paused ? SAMPLER_PAUSED : SAMPLER_WAITING);
		if (s->options.paused) {
			pthread_cond_wait(&s->changed, &s->lock);
			continue;
		}
		// A target that takes long to read is not read all the time.
		uint64_t due_ns = begin_ns + s->options.refresh_ns;
		uint64_t rested_ns = end_ns + (end_ns - begin_ns) / 4;
		struct timespec due = timespec_of(due_ns > rested_ns ? due_ns : rested_ns);
		if (pthread_cond_timedwait(&s->changed, &s->lock, &due) == ETIMEDOUT)
			break;
	}
	s->refresh = false;
	return !s->stopping;
}

static enum gospy_code take_sample(struct sampler *s, const struct sampler_options *options,
				   struct sample **ret, struct gospy_error *err)
{
	struct gospy_snapshot_options how = reads(options);
	struct sample *sample = calloc(1, sizeof(*sample));
	if (!sample)
		return err_nomem(err);
	sample->options = *options;
	sample->mono_ns = clock_mono_ns();
	enum gospy_code code = gospy_snapshot_take(s->target, &how, &sample->snapshot, err);
	if (!code) {
		// The instant is told by the wall clock only.
		uint64_t instant = gospy_snapshot_info(sample->snapshot)->time_unix_ns;
		uint64_t now = clock_real_ns(), mono = clock_mono_ns();
		uint64_t age_ns = now > instant ? now - instant : 0;
		if (age_ns < mono - sample->mono_ns)
			sample->mono_ns = mono - age_ns;
		sample->usage_known = gospy_process_usage(s->pid, &sample->usage, NULL) == GOSPY_OK;
		code = census_take(&sample->census, &s->select, options->key, sample->snapshot,
				   err);
	}
	if (!code)
		code = sample_group(sample, err);
	if (code) {
		sample_destroy(sample);
		return code;
	}
	*ret = sample;
	return GOSPY_OK;
}

/* Take one with the lock held, which is given up meanwhile; false: there will be no other. */
static bool sample_once(struct sampler *s)
{
	struct sampler_options options = s->options;
	struct gospy_error err = {0};
	struct sample *sample = NULL;
	set_state(s, SAMPLER_READING);
	pthread_mutex_unlock(&s->lock);
	enum gospy_code code = take_sample(s, &options, &sample, &err);
	pthread_mutex_lock(&s->lock);
	s->read = options;
	if (!code) {
		// Nobody has a pointer to one that was not taken.
		sample_destroy(s->fresh);
		s->fresh = sample;
		s->status.samples++;
		s->status.failures = 0;
		if (!satisfies(&s->read, &s->options))
			s->refresh = true;
		notify(s);
		return true;
	}
	s->status.failures++;
	s->status.error = err;
	notify(s);
	return code != GOSPY_E_GONE;
}

static bool open_target(struct sampler *s)
{
	struct gospy_open_options open = {.size = sizeof(open), .bin = s->bin};
	struct gospy_error err = {0};
	pthread_mutex_unlock(&s->lock);
	enum gospy_code code = gospy_target_open_pid(s->pid, &open, &s->target, &err);
	pthread_mutex_lock(&s->lock);
	if (code) {
		s->status.error = err;
		s->status.failures++;
		return false;
	}
	s->info = gospy_target_info(s->target);
	notify(s);
	return true;
}

static void *work(void *arg)
{
	struct sampler *s = arg;
	pthread_mutex_lock(&s->lock);
	bool ok = open_target(s);
	// The first one is due at once.
	s->refresh = true;
	uint64_t begin_ns = 0, end_ns = 0;
	while (ok && wait_until_due(s, begin_ns, end_ns)) {
		begin_ns = clock_mono_ns();
		ok = sample_once(s);
		end_ns = clock_mono_ns();
	}
	if (!ok)
		set_state(s, SAMPLER_ENDED);
	s->finished = true;
	bool abandoned = s->abandoned;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
	if (abandoned)
		sampler_destroy(s);
	return NULL;
}

static enum gospy_code init(struct sampler *s, const char *bin, struct gospy_error *err)
{
	pthread_condattr_t attr;
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_mutex_init(&s->lock, NULL);
	pthread_cond_init(&s->changed, &attr);
	pthread_condattr_destroy(&attr);
	s->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->fd < 0)
		return err_os(err, errno, "eventfd");
	if (bin && !(s->bin = strdup(bin)))
		return err_nomem(err);
	return GOSPY_OK;
}

enum gospy_code sampler_start(pid_t pid, const char *bin, const struct sampler_options *options,
			      struct sampler **ret, struct gospy_error *err)
{
	struct sampler *s = calloc(1, sizeof(*s));
	if (!s)
		return err_nomem(err);
	s->pid = pid;
	s->options = s->read = *options;
	s->status.since_mono_ns = clock_mono_ns();
	enum gospy_code code = init(s, bin, err);
	int error = code ? 0 : thread_start(&s->thread, work, s);
	if (error)
		code = err_os(err, error, "cannot start a thread");
	if (code) {
		sampler_destroy(s);
		return code;
	}
	*ret = s;
	return GOSPY_OK;
}

void sampler_stop(struct sampler *s)
{
	if (!s)
		return;
	pthread_mutex_lock(&s->lock);
	s->stopping = true;
	pthread_cond_broadcast(&s->changed);
	struct timespec until = timespec_of(clock_mono_ns() + STOP_WAIT_NS);
	int waited = 0;
	while (!s->finished && !waited)
		waited = pthread_cond_timedwait(&s->changed, &s->lock, &until);
	bool finished = s->finished;
	pthread_t thread = s->thread;
	s->abandoned = !finished;
	pthread_mutex_unlock(&s->lock);
	if (!finished) {
		pthread_detach(thread);
		return;
	}
	pthread_join(thread, NULL);
	sampler_destroy(s);
}

int sampler_fd(const struct sampler *s)
{
	return s->fd;
}

struct sample *sampler_take(struct sampler *s)
{
	eventfd_t events;
	pthread_mutex_lock(&s->lock);
	struct sample *sample = take(s->fresh);
	if (eventfd_read(s->fd, &events))
		events = 0; // nothing was there
	pthread_mutex_unlock(&s->lock);
	return sample;
}

void sampler_status(struct sampler *s, struct sampler_status *ret)
{
	pthread_mutex_lock(&s->lock);
	*ret = s->status;
	pthread_mutex_unlock(&s->lock);
}

const struct gospy_target_info *sampler_target(struct sampler *s)
{
	pthread_mutex_lock(&s->lock);
	const struct gospy_target_info *info = s->info;
	pthread_mutex_unlock(&s->lock);
	return info;
}

void sampler_configure(struct sampler *s, const struct sampler_options *options)
{
	pthread_mutex_lock(&s->lock);
	s->options = *options;
	// If one is being read, it is compared with what is wanted at its end.
	if (s->status.samples && !satisfies(&s->read, options) &&
	    s->status.state != SAMPLER_READING)
		s->refresh = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}

void sampler_refresh(struct sampler *s)
{
	pthread_mutex_lock(&s->lock);
	s->refresh = true;
	pthread_cond_broadcast(&s->changed);
	pthread_mutex_unlock(&s->lock);
}
