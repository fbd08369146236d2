#include "tui/sampler.h"

#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "tui/worker.h"

enum {
	HOLDERS_MAX = 1 << 16, /* goroutines of which is looked at what they hold */
	/* Of so many threads the CPU time is read: some milliseconds' work. */
	THREADS_MAX = 1000,
};

struct sampler {
	struct worker worker; /* first; its lock is for what both threads use */
	pid_t pid;
	const char *core; /* instead, or NULL */
	struct gospy_open_options open;
	char *bin; /* of it */
	int fd;
	/* Members of the worker alone. */
	struct gospy_target *target;
	struct gospy_collector *collector;
	struct select select;
	struct still still;
	VEC(uint64_t) circles; /* that were certain in the last sample with .waits */
	struct sample_deadlock deadlock;
	bool look_for_deadlock; /* the next sample is to have .waits */
	uint64_t looked_ns;     /* CLOCK_MONOTONIC: when one had, the last time; 0: none had */
	/* Members of both, under the lock. */
	struct sampler_options options;
	struct sampler_options read; /* what the last one was taken with */
	bool refresh;
	const struct gospy_target_info *info;
	struct sample *fresh; /* not taken yet */
	struct sampler_status status;
};

static void heap_destroy(struct sample_heap *heap)
{
	if (!heap)
		return;
	flame_deinit(&heap->tree);
	gospy_profile_destroy(heap->profile);
	free(heap);
}

void sample_destroy(struct sample *sample)
{
	if (!sample)
		return;
	for (size_t key = 0; key < GROUP_KEYS; key++)
		groups_deinit(&sample->groups[key]);
	group_apart_deinit(&sample->apart);
	census_deinit(&sample->census);
	heap_destroy(sample->heap);
	if (sample->waits)
		waits_deinit(sample->waits);
	free(sample->waits);
	free(sample->thread_cpu_ns);
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
	if (!code && sample->groups[GROUP_STACK].group_of)
		code = group_apart_find(&sample->apart, &sample->groups[GROUP_STACK],
					sample->snapshot, err);
	return code;
}

static void sampler_destroy(struct worker *worker)
{
	struct sampler *s = (struct sampler *)worker;
	sample_destroy(s->fresh);
	gospy_collector_destroy(s->collector);
	gospy_target_close(s->target);
	select_deinit(&s->select);
	still_deinit(&s->still);
	vec_free(&s->circles);
	worker_deinit(worker);
	if (s->fd >= 0)
		close(s->fd);
	free(s->bin);
	free(s);
}

/* To be called with the lock held. */
static void notify(struct sampler *s)
{
	// The counter cannot come near its limit, because each reading sets it to zero.
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
		.sockets = options->sockets,
		.labels = options->labels,
		.threads = options->threads,
	};
	if (options->waits) {
		how.stacks = how.objects = how.sockets = true;
		how.holder_limit = HOLDERS_MAX;
	}
	group_key_needs(options->key, &how);
	if (!how.stacks && options->users != SAMPLER_USERS_NONE) {
		how.stacks = true;
		how.stack_limit = options->users == SAMPLER_USERS_ALL ? 0 : CENSUS_STACKS_FEW;
	}
	return how;
}

bool sample_has_stacks(const struct sample *sample)
{
	const struct gospy_snapshot_options how = reads(&sample->options);
	return how.stacks && !how.stack_limit && gospy_snapshot_info(sample->snapshot)->stacks;
}

/* Does a sample that was taken with `read` hold what `wanted` asks for? */
static bool satisfies(const struct sampler_options *read, const struct sampler_options *wanted)
{
	const struct gospy_snapshot_options has = reads(read), needs = reads(wanted);
	// Each sample is counted by one of these keys only.
	bool counted = wanted->key == read->key ||
		       (wanted->key != GROUP_STACK && wanted->key != GROUP_OBJECT &&
			wanted->key != GROUP_LABEL);
	bool stacks = !needs.stacks || (has.stacks && (needs.stack_limit || !has.stack_limit));
	return counted && stacks && has.arguments >= needs.arguments &&
	       has.objects >= needs.objects && has.sockets >= needs.sockets &&
	       has.labels >= needs.labels && has.threads >= needs.threads &&
	       read->heap >= wanted->heap && read->waits >= wanted->waits;
}

uint64_t sampler_due_ns(uint64_t begin_ns, uint64_t end_ns, uint64_t refresh_ns)
{
	uint64_t due_ns = clock_after(begin_ns, refresh_ns);
	uint64_t rested_ns = clock_after(end_ns, (end_ns - begin_ns) / 4);
	return due_ns > rested_ns ? due_ns : rested_ns;
}

/* Wait until a sample is due, with the lock held; false: stop. */
static bool wait_until_due(struct sampler *s, uint64_t begin_ns, uint64_t end_ns)
{
	while (!s->worker.stopping && !s->refresh) {
		// In a core file nothing changes.
		bool paused = s->options.paused || (s->core && s->status.samples);
		set_state(s, paused ? SAMPLER_PAUSED : SAMPLER_WAITING);
		if (paused) {
			pthread_cond_wait(&s->worker.changed, &s->worker.lock);
			continue;
		}
		struct timespec due =
			timespec_of(sampler_due_ns(begin_ns, end_ns, s->options.refresh_ns));
		if (pthread_cond_timedwait(&s->worker.changed, &s->worker.lock, &due) == ETIMEDOUT)
			break;
	}
	s->refresh = false;
	return !s->worker.stopping;
}

/* Without it all else of the sample is as good. */
static void read_threads(struct sample *sample, pid_t pid)
{
	size_t n;
	const struct gospy_thread *threads = gospy_snapshot_threads(sample->snapshot, &n);
	if (!n || n > THREADS_MAX || !(sample->thread_cpu_ns = calloc(n, sizeof(uint64_t))))
		return;
	for (size_t i = 0; i < n; i++) {
		struct gospy_thread_usage usage;
		enum gospy_code code = gospy_thread_usage(pid, threads[i].tid, &usage, NULL);
		sample->thread_cpu_ns[i] = code ? GOSPY_UNKNOWN : usage.cpu_ns;
	}
}

static bool grow_heap_tree(struct sample_heap *heap)
{
	return flame_init(&heap->tree, heap->profile->type_count) &&
	       flame_add_profile(&heap->tree, heap->profile, 0) && flame_end(&heap->tree);
}

/* The profile is good without the snapshot, and the other way round. */
static bool read_heap(struct sampler *s, struct sample *sample)
{
	const struct gospy_profile_options how = {
		.size = sizeof(how),
		.kind = GOSPY_PROFILE_HEAP,
		.cancel_fd = s->worker.cancel_fd,
	};
	struct sample_heap *heap = sample->heap = calloc(1, sizeof(*heap));
	return heap && (gospy_profile_create(s->target, &how, &heap->profile, &heap->error) ||
			grow_heap_tree(heap));
}

/* Of what never goes on the next sample tells, too. */
static enum gospy_code find_waits(struct sampler *s, struct sample *sample, struct gospy_error *err)
{
	struct waits *waits = sample->waits = calloc(1, sizeof(*waits));
	enum gospy_code code =
		waits ? waits_collect(waits, sample->snapshot, false, err) : err_nomem(err);
	VEC(uint64_t) circles = {0};
	for (size_t i = 0; !code && i < waits->circles.len; i++) {
		const struct waits_circle *circle = &waits->circles.at[i];
		if (circle->certain && !vec_push(&circles, waits_circle_id(waits, circle)))
			code = err_nomem(err);
	}
	if (!code && !s->core)
		waits_confirm_ids(waits, s->circles.at, s->circles.len);
	vec_free(&s->circles);
	s->circles.at = circles.at;
	s->circles.len = circles.len;
	s->circles.cap = circles.cap;
	return code;
}

/* Is a lock waited for? src/runtime/runtime2.go, waitReasonStrings; before Go 1.20 it was the same
 * word for all. */
static bool is_for_lock(const char *reason)
{
	static const char *const reasons[] = {"sync.Mutex.Lock", "sync.RWMutex.Lock",
					      "sync.RWMutex.RLock", "semacquire"};
	for (size_t i = 0; reason && i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (strcmp(reason, reasons[i]) == 0)
			return true;
	}
	return false;
}

/* May there be a deadlock? Somebody waits for a lock and does not move, as far as that is counted.
 */
static bool may_be_deadlock(const struct sample *sample)
{
	static const uint64_t still_ns = 1000000000;
	bool cheap = sample->options.stacks ||
		     gospy_snapshot_goroutine_count(sample->snapshot) <= CENSUS_STACKS_FEW;
	for (size_t i = 0; cheap && i < sample->census.classes.len; i++) {
		const struct census_class *class = &sample->census.classes.at[i];
		if (is_for_lock(class->wait_reason) && class->longest_still_ns >= still_ns)
			return true; // GOSPY_UNKNOWN is more
	}
	return false;
}

/* What is known of deadlocks, and whether the next sample is to look for them. */
static void note_deadlock(struct sampler *s, struct sample *sample)
{
	static const uint64_t again_ns = UINT64_C(10) * 1000 * 1000 * 1000;
	const struct waits *waits = sample->waits;
	bool once = false;
	if (waits) {
		s->looked_ns = sample->mono_ns;
		s->deadlock = (struct sample_deadlock){0};
	}
	// Certain ones come first.
	for (size_t i = 0; waits && i < waits->circles.len; i++) {
		const struct waits_circle *circle = &waits->circles.at[i];
		const struct waits_edge *edge =
			&waits->edges.at[waits->circle_edges.at[circle->first]];
		struct gospy_goroutine g;
		once |= circle->once;
		if (!circle->certain || s->deadlock.members)
			continue;
		gospy_snapshot_goroutine(sample->snapshot, edge->waiter, &g);
		s->deadlock = (struct sample_deadlock){circle->members, circle->behind, g.goid};
	}
	sample->deadlock = s->deadlock;
	bool due = !s->looked_ns || sample->mono_ns >= clock_after(s->looked_ns, again_ns);
	s->look_for_deadlock = once || (due && may_be_deadlock(sample));
}

static enum gospy_code take_sample(struct sampler *s, const struct sampler_options *options,
				   struct sample **ret, struct gospy_error *err)
{
	struct gospy_snapshot_options how = reads(options);
	how.cancel_fd = s->worker.cancel_fd;
	struct sample *sample = calloc(1, sizeof(*sample));
	if (!sample)
		return err_nomem(err);
	sample->options = *options;
	uint64_t begin_ns = clock_mono_ns();
	sample->mono_ns = begin_ns;
	enum gospy_code code = gospy_collector_take(s->collector, &how, &sample->snapshot, err);
	if (!code) {
		// The instant is told by the wall clock only.
		uint64_t instant = gospy_snapshot_info(sample->snapshot)->time_unix_ns;
		uint64_t now = clock_real_ns(), mono = clock_mono_ns();
		uint64_t age_ns = now > instant ? now - instant : 0;
		if (age_ns < mono - sample->mono_ns)
			sample->mono_ns = mono - age_ns;
		sample->usage_known =
			!s->core && gospy_process_usage(s->pid, &sample->usage, NULL) == GOSPY_OK;
		if (options->threads && !s->core)
			read_threads(sample, s->pid);
		code = still_begin(&s->still, gospy_snapshot_goroutine_count(sample->snapshot),
				   begin_ns, mono)
			       ? census_take_still(&sample->census, &s->select, &s->still,
						   options->key, sample->snapshot, err)
			       : err_nomem(err);
	}
	if (!code)
		code = sample_group(sample, err);
	if (!code && options->waits)
		code = find_waits(s, sample, err);
	if (!code)
		note_deadlock(s, sample);
	if (!code && options->heap && !read_heap(s, sample))
		code = err_nomem(err);
	if (code) {
		sample_destroy(sample);
		return code;
	}
	*ret = sample;
	return GOSPY_OK;
}

/* Take a sample. The lock is held, and given up meanwhile. False: there will be no other. */
static bool sample_once(struct sampler *s)
{
	struct sampler_options options = s->options;
	options.non_blocking |= s->status.not_stopped;
	options.waits |= s->look_for_deadlock;
	struct gospy_error err = {0};
	struct sample *sample = NULL;
	set_state(s, SAMPLER_READING);
	pthread_mutex_unlock(&s->worker.lock);
	enum gospy_code code = take_sample(s, &options, &sample, &err);
	pthread_mutex_lock(&s->worker.lock);
	s->read = options;
	if (sample) {
		// Nobody has a pointer to one that was not taken.
		sample_destroy(s->fresh);
		s->fresh = sample;
		const struct gospy_snapshot_info *info = gospy_snapshot_info(sample->snapshot);
		s->read.stacks |= info->stacks;
		s->status.not_stopped |= info->not_stopped != NULL;
		s->status.samples++;
		s->status.failures = 0;
		if (!satisfies(&s->read, &s->options) || (s->core && s->look_for_deadlock))
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
	struct gospy_open_options open = s->open;
	open.cancel_fd = s->worker.cancel_fd;
	struct gospy_error err = {0};
	pthread_mutex_unlock(&s->worker.lock);
	enum gospy_code code = s->core ? gospy_target_open_core(s->core, &open, &s->target, &err)
				       : gospy_target_open_pid(s->pid, &open, &s->target, &err);
	if (!code)
		code = gospy_collector_create(s->target, &s->collector, &err);
	pthread_mutex_lock(&s->worker.lock);
	if (code) {
		s->status.error = err;
		s->status.failures++;
		return false;
	}
	s->info = gospy_target_info(s->target);
	notify(s);
	return true;
}

static void work(struct worker *worker)
{
	struct sampler *s = (struct sampler *)worker;
	pthread_mutex_lock(&s->worker.lock);
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
	pthread_mutex_unlock(&s->worker.lock);
}

static enum gospy_code init(struct sampler *s, const struct gospy_open_options *open,
			    struct gospy_error *err)
{
	s->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (s->fd < 0)
		return err_os(err, errno, "eventfd");
	if (open)
		s->open = *open;
	s->open.size = sizeof(s->open);
	if (s->open.bin && !(s->bin = strdup(s->open.bin)))
		return err_nomem(err);
	s->open.bin = s->bin;
	return worker_start(&s->worker, work, sampler_destroy, err);
}

enum gospy_code sampler_start(pid_t pid, const char *core, const struct gospy_open_options *open,
			      const struct sampler_options *options, struct sampler **ret,
			      struct gospy_error *err)
{
	struct sampler *s = calloc(1, sizeof(*s));
	if (!s)
		return err_nomem(err);
	enum gospy_code code = worker_init(&s->worker, err);
	if (code) {
		free(s);
		return code;
	}
	s->pid = pid;
	s->core = core;
	s->options = s->read = *options;
	s->status.since_mono_ns = clock_mono_ns();
	code = init(s, open, err);
	if (code)
		sampler_destroy(&s->worker);
	else
		*ret = s;
	return code;
}

void sampler_stop(struct sampler *s)
{
	if (s)
		worker_stop(&s->worker);
}

int sampler_fd(const struct sampler *s)
{
	return s->fd;
}

struct sample *sampler_take(struct sampler *s)
{
	eventfd_t events;
	pthread_mutex_lock(&s->worker.lock);
	struct sample *sample = take(s->fresh);
	if (eventfd_read(s->fd, &events))
		events = 0; // nothing was there
	pthread_mutex_unlock(&s->worker.lock);
	return sample;
}

void sampler_status(struct sampler *s, struct sampler_status *ret)
{
	pthread_mutex_lock(&s->worker.lock);
	*ret = s->status;
	pthread_mutex_unlock(&s->worker.lock);
}

const struct gospy_target_info *sampler_target(struct sampler *s)
{
	pthread_mutex_lock(&s->worker.lock);
	const struct gospy_target_info *info = s->info;
	pthread_mutex_unlock(&s->worker.lock);
	return info;
}

void sampler_configure(struct sampler *s, const struct sampler_options *options)
{
	pthread_mutex_lock(&s->worker.lock);
	s->options = *options;
	// A sample that is being read is compared with what is wanted when it is finished.
	if (s->status.samples && !satisfies(&s->read, options) &&
	    s->status.state != SAMPLER_READING)
		s->refresh = true;
	pthread_cond_broadcast(&s->worker.changed);
	pthread_mutex_unlock(&s->worker.lock);
}

void sampler_refresh(struct sampler *s)
{
	pthread_mutex_lock(&s->worker.lock);
	s->refresh = true;
	pthread_cond_broadcast(&s->worker.changed);
	pthread_mutex_unlock(&s->worker.lock);
}
