#include "live/perf_sampler.h"

#include <errno.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/map.h"
#include "live/perf_refused.h"
#include "live/perf_ring.h"

enum {
	/* A ring has so many pages, or fewer where they are many, or locked memory is scarce. A
	 * sample takes some 2.5 KiB. An ordinary user may lock 516 KiB for each processor
	 * (kernel.perf_event_mlock_kb): the data, and the page before it. */
	RING_PAGES = 128,
	RING_PAGES_MIN = 8,
	ALL_PAGES = 16384, /* of all rings together */
	/* More events than that are not opened: it would take seconds. */
	EVENTS_MAX = 20000,
	CPUS_MAX = 8192, /* NR_CPUS of the kernel, at most */
	/* kernel.perf_event_max_stack, unless somebody has changed it. */
	CHAIN_MAX = 127,
	/* Threads may come faster than they can be listed. */
	LISTS_MAX = 16,
};

struct ring {
	int cpu;
	int fd; /* of an event of gospy's own that counts nothing: it stays when threads end */
	struct perf_event_mmap_page *page; /* NULL: none is mapped */
	size_t mapped;
	struct perf_ring perf;
};

struct perf_sampler {
	struct cpu_sampler base; /* first */
	struct process *process;
	struct cpu_sampler_options options;
	struct perf_event_attr attr;
	struct ring *rings; /* one for each processor */
	size_t ring_count;
	VEC(int) fds;
	VEC(struct pollfd) polled;
	struct map covered; /* threads that have events */
	clockid_t clock;    /* processor time of the process */
	bool has_clock;
	uint64_t cpu_begin_ns, cpu_ns;
};

static struct perf_sampler *sampler_of(struct cpu_sampler *sampler)
{
	return (struct perf_sampler *)sampler;
}

/* ------------------------------------------------------------------------------------ events --
 */

/* A descriptor, or -1, with errno. */
static int open_event(const struct perf_event_attr *attr, pid_t tid, int cpu)
{
	struct perf_event_attr copy = *attr; // the kernel writes to it
	return (int)syscall(SYS_perf_event_open, &copy, tid, cpu, -1, PERF_FLAG_FD_CLOEXEC);
}

static struct perf_event_attr attr_of(const struct cpu_sampler_options *options)
{
	bool system = options->events == GOSPY_RECORD_EVENTS_SYSTEM;
	return (struct perf_event_attr){
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(struct perf_event_attr),
		.config = system ? PERF_COUNT_SW_CPU_CLOCK : PERF_COUNT_SW_TASK_CLOCK,
		.sample_period = options->period_ns,
		.sample_type = perf_sample_type,
		.sample_regs_user = perf_sample_regs,
		.sample_stack_user = options->stack_bytes,
		.exclude_callchain_kernel = 1,
		.exclude_hv = 1,
		.exclude_idle = 1,
		.inherit = !system,
		.inherit_thread = !system,
		.task = 1,
		.comm = 1,
		.comm_exec = 1,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
		// A sample wakes whoever waits; or only a ring that is filling up does.
		.watermark = !options->prompt,
		.wakeup_events = options->prompt ? 1 : RING_PAGES_MIN * 4096 / 2,
	};
}

/* Find what this kernel knows and allows, on one processor. 0, or an errno. */
static int try_event(struct perf_sampler *s, pid_t tid, int cpu)
{
	for (;;) {
		int fd = open_event(&s->attr, tid, cpu);
		if (fd >= 0) {
			close(fd);
			s->base.facts.kernel_unseen = s->attr.exclude_kernel;
			return 0;
		}
		if (errno == EINVAL && s->attr.inherit_thread)
			s->attr.inherit_thread = 0; // before Linux 5.13; processes inherit, too
		else if ((errno == EACCES || errno == EPERM) && !s->attr.exclude_kernel)
			s->attr.exclude_kernel = 1;
		else
			return errno;
	}
}

static enum gospy_code add_event(struct perf_sampler *s, struct ring *ring, pid_t tid,
				 struct gospy_error *err)
{
	int fd = open_event(&s->attr, tid, ring->cpu);
	if (fd < 0)
		return errno == ESRCH ? GOSPY_OK
				      : perf_refused(s->process->pid, errno, tid < 0, err);
	if (ioctl(fd, PERF_EVENT_IOC_SET_OUTPUT, ring->fd)) {
		int os_errno = errno;
		close(fd);
		return err_os(err, os_errno, "cannot give a perf event a ring");
	}
	if (!vec_push(&s->fds, fd)) {
		close(fd);
		return err_nomem(err);
	}
	return GOSPY_OK;
}

/* ------------------------------------------------------------------------------------- rings --
 */

/* "0-3,8" */
static size_t list_cpus(int *cpus)
{
	FILE *file CLEANUP_FCLOSE = fopen("/sys/devices/system/cpu/online", "re");
	size_t n = 0;
	int first, last;
	char c = ',';
	while (file && c == ',' && fscanf(file, "%d", &first) == 1) {
		last = first;
		if (fscanf(file, "%c", &c) == 1 && c == '-' && fscanf(file, "%d%c", &last, &c) < 1)
			break;
		for (; first <= last && first >= 0 && n < CPUS_MAX; first++)
			cpus[n++] = first;
	}
	if (!n)
		cpus[n++] = 0;
	return n;
}

static uint32_t read_chain_max(void)
{
	FILE *file CLEANUP_FCLOSE = fopen("/proc/sys/kernel/perf_event_max_stack", "re");
	unsigned value;
	return file && fscanf(file, "%u", &value) == 1 && value ? value : CHAIN_MAX;
}

/* 0, or an errno. */
static int map_ring(struct ring *ring, size_t pages)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	for (; pages >= RING_PAGES_MIN; pages /= 2) {
		size_t len = (pages + 1) * page;
		void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, ring->fd, 0);
		if (at == MAP_FAILED && errno != EPERM && errno != ENOMEM)
			return errno;
		if (at == MAP_FAILED)
			continue;
		ring->page = at;
		ring->mapped = len;
		ring->perf.data = (const uint8_t *)at + page;
		ring->perf.size = pages * page;
		return 0;
	}
	return EPERM;
}

static enum gospy_code open_ring(struct perf_sampler *s, struct ring *ring, size_t pages,
				 struct gospy_error *err)
{
	const struct perf_event_attr nothing = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(nothing),
		.config = PERF_COUNT_SW_DUMMY,
		.exclude_kernel = 1,
		.exclude_hv = 1,
		.use_clockid = 1,
		.clockid = CLOCK_MONOTONIC,
		.watermark = s->attr.watermark,
		.wakeup_events = s->attr.wakeup_events,
	};
	ring->fd = open_event(&nothing, 0, ring->cpu);
	if (ring->fd < 0)
		return perf_refused(s->process->pid, errno, false, err);
	int failed = map_ring(ring, pages);
	if (failed == EPERM)
		return err_set(err, GOSPY_E_PERM,
			       "cannot record pid %d: no more memory may be locked for rings of "
			       "perf events; try: a higher kernel.perf_event_mlock_kb, or sudo "
			       "gospy ...",
			       (int)s->process->pid);
	if (failed)
		return err_os(err, failed, "cannot map the ring of a perf event");
	struct pollfd polled = {.fd = ring->fd, .events = POLLIN};
	return vec_push(&s->polled, polled) ? GOSPY_OK : err_nomem(err);
}

static enum gospy_code open_rings(struct perf_sampler *s, struct gospy_error *err)
{
	CLEANUP_FREE int *cpus = calloc(CPUS_MAX, sizeof(*cpus));
	size_t n = cpus ? list_cpus(cpus) : 0, pages = RING_PAGES;
	uint32_t chain_max = read_chain_max();
	s->rings = calloc(n, sizeof(*s->rings));
	if (!cpus || !s->rings)
		return err_nomem(err);
	while (pages > RING_PAGES_MIN && pages * n > ALL_PAGES)
		pages /= 2;
	for (size_t i = 0; i < n; i++) {
		struct ring *ring = &s->rings[s->ring_count];
		*ring = (struct ring){.cpu = cpus[i], .fd = -1, .perf.chain_max = chain_max};
		s->ring_count++;
		enum gospy_code code = open_ring(s, ring, pages, err);
		if (code)
			return code;
	}
	s->base.facts.ring_count = (uint32_t)n;
	return GOSPY_OK;
}

/* ----------------------------------------------------------------------------------- threads --
 */

/* Threads that were made meanwhile by those that have events have inherited them. What is in the
 * rings stays there. */
static bool cover_forks(struct perf_sampler *s)
{
	bool ok = true;
	for (size_t i = 0; i < s->ring_count; i++) {
		struct perf_ring *ring = &s->rings[i].perf;
		struct perf_record record;
		uint64_t tail = ring->tail;
		uint64_t head = __atomic_load_n(&s->rings[i].page->data_head, __ATOMIC_ACQUIRE);
		while (perf_ring_next(ring, head, &record)) {
			if (record.kind == PERF_FORK && record.pid == s->process->pid)
				ok &= map_put(&s->covered, (uint64_t)record.tid) != NULL;
		}
		ring->tail = tail;
	}
	return ok;
}

static enum gospy_code add_thread(struct perf_sampler *s, pid_t tid, struct gospy_error *err)
{
	enum gospy_code code = GOSPY_OK;
	if (!map_put(&s->covered, (uint64_t)tid))
		return err_nomem(err);
	for (size_t i = 0; i < s->ring_count && !code; i++)
		code = add_event(s, &s->rings[i], tid, err);
	return code;
}

/* Those that are not covered yet. */
static enum gospy_code add_threads(struct perf_sampler *s, bool *added_ret, struct gospy_error *err)
{
	pid_vec tids = {0};
	*added_ret = false;
	enum gospy_code code = procfs_tids(s->process->pid, &tids, err);
	if (!code && !cover_forks(s))
		code = err_nomem(err);
	for (size_t i = 0; i < tids.len && !code; i++) {
		if (map_get(&s->covered, (uint64_t)tids.at[i]))
			continue;
		*added_ret = true;
		code = add_thread(s, tids.at[i], err);
	}
	vec_free(&tids);
	return code;
}

static enum gospy_code open_threads(struct perf_sampler *s, struct gospy_error *err)
{
	bool added = true;
	enum gospy_code code = GOSPY_OK;
	for (int i = 0; i < LISTS_MAX && added && !code; i++)
		code = add_threads(s, &added, err);
	return code;
}

static enum gospy_code open_system(struct perf_sampler *s, struct gospy_error *err)
{
	enum gospy_code code = GOSPY_OK;
	for (size_t i = 0; i < s->ring_count && !code; i++)
		code = add_event(s, &s->rings[i], -1, err);
	return code;
}

/* May so many descriptors be had? The limit is the program's, not this library's to change. */
static bool allows(size_t want)
{
	enum { OTHERS = 256 };
	struct rlimit limit;
	return !getrlimit(RLIMIT_NOFILE, &limit) && limit.rlim_cur >= want + OTHERS;
}

/* Which events, if nobody has said so. */
static void choose(struct perf_sampler *s, size_t threads)
{
	size_t cpus = s->ring_count;
	bool fits = threads * cpus <= EVENTS_MAX && allows(threads * cpus + cpus);
	s->options.events = fits ? GOSPY_RECORD_EVENTS_THREADS : GOSPY_RECORD_EVENTS_SYSTEM;
}

static enum gospy_code open_events(struct perf_sampler *s, struct gospy_error *err)
{
	pid_vec tids = {0};
	pid_t pid = s->process->pid;
	enum gospy_code code = procfs_tids(pid, &tids, err);
	size_t threads = tids.len;
	vec_free(&tids);
	if (code)
		return code;
	if (!s->options.events)
		choose(s, threads);
	bool system = s->options.events == GOSPY_RECORD_EVENTS_SYSTEM;
	s->base.facts.events = s->options.events;
	s->base.facts.thread_count = (uint32_t)threads;
	s->attr = attr_of(&s->options);
	int failed = try_event(s, system ? -1 : s->process->live_tid, s->rings[0].cpu);
	if (failed)
		return perf_refused(pid, failed, system, err);
	code = system ? open_system(s, err) : open_threads(s, err);
	s->base.facts.event_count = (uint32_t)s->fds.len;
	return code;
}

/* -------------------------------------------------------------------------------- the sampler --
 */

static uint64_t cpu_ns(struct cpu_sampler *sampler)
{
	struct perf_sampler *s = sampler_of(sampler);
	struct timespec ts;
	if (s->has_clock && !clock_gettime(s->clock, &ts)) {
		uint64_t now = (uint64_t)ts.tv_sec * UINT64_C(1000000000) + (uint64_t)ts.tv_nsec;
		s->cpu_ns = now > s->cpu_begin_ns ? now - s->cpu_begin_ns : 0;
	}
	return s->has_clock ? s->cpu_ns : GOSPY_UNKNOWN;
}

static bool wait_for(struct cpu_sampler *sampler, int end_fd, uint64_t ns)
{
	enum { PIDFD, END, ASIDE };
	struct perf_sampler *s = sampler_of(sampler);
	const struct timespec timeout = {(time_t)(ns / 1000000000), (long)(ns % 1000000000)};
	s->polled.at[END].fd = end_fd;
	ppoll(s->polled.at, s->polled.len, &timeout, NULL);
	return !s->polled.at[PIDFD].revents;
}

/* False: the visitor wants no more. */
static bool take_record(struct perf_sampler *s, const struct perf_record *record,
			bool (*visit)(void *ctx, const struct cpu_sample *sample), void *ctx)
{
	struct cpu_sampler_facts *facts = &s->base.facts;
	switch (record->kind) {
	case PERF_A_SAMPLE:
		if (record->pid == s->process->pid && !facts->exec)
			return visit(ctx, &record->sample);
		break;
	case PERF_LOST:
		facts->lost += record->count;
		break;
	case PERF_THROTTLE:
		facts->throttled++;
		break;
	case PERF_EXEC:
		facts->exec |= record->pid == s->process->pid;
		break;
	case PERF_BAD:
		facts->malformed++;
		break;
	case PERF_FORK:
	case PERF_OTHER:
		break;
	}
	return true;
}

static bool drain(struct cpu_sampler *sampler,
		  bool (*visit)(void *ctx, const struct cpu_sample *sample), void *ctx)
{
	struct perf_sampler *s = sampler_of(sampler);
	bool go_on = true;
	for (size_t i = 0; i < s->ring_count && go_on; i++) {
		struct ring *ring = &s->rings[i];
		struct perf_record record;
		// What is written meanwhile is for the next time.
		uint64_t head = __atomic_load_n(&ring->page->data_head, __ATOMIC_ACQUIRE);
		while (go_on && perf_ring_next(&ring->perf, head, &record)) {
			// The record was copied: its place is free.
			__atomic_store_n(&ring->page->data_tail, ring->perf.tail, __ATOMIC_RELEASE);
			go_on = take_record(s, &record, visit, ctx);
		}
	}
	return go_on;
}

static void stop(struct cpu_sampler *sampler)
{
	struct perf_sampler *s = sampler_of(sampler);
	for (size_t i = 0; i < s->fds.len; i++)
		ioctl(s->fds.at[i], PERF_EVENT_IOC_DISABLE, 0);
}

static void destroy(struct cpu_sampler *sampler)
{
	struct perf_sampler *s = sampler_of(sampler);
	for (size_t i = 0; i < s->fds.len; i++)
		close(s->fds.at[i]);
	for (size_t i = 0; i < s->ring_count; i++) {
		if (s->rings[i].page)
			munmap(s->rings[i].page, s->rings[i].mapped);
		if (s->rings[i].fd >= 0)
			close(s->rings[i].fd);
	}
	vec_free(&s->fds);
	vec_free(&s->polled);
	map_deinit(&s->covered);
	free(s->rings);
	free(s);
}

static const struct cpu_sampler_ops perf_sampler_ops = {
	.wait = wait_for,
	.drain = drain,
	.cpu_ns = cpu_ns,
	.stop = stop,
	.destroy = destroy,
};

enum gospy_code perf_sampler_create(struct process *process,
				    const struct cpu_sampler_options *options,
				    struct cpu_sampler **ret, struct gospy_error *err)
{
	struct perf_sampler *s = calloc(1, sizeof(*s));
	const struct pollfd ended = {.fd = process->pidfd, .events = POLLIN},
			    end = {.fd = -1, .events = POLLIN};
	if (!s)
		return err_nomem(err);
	s->base.ops = &perf_sampler_ops;
	s->process = process;
	s->options = *options;
	s->attr.watermark = !options->prompt;
	s->attr.wakeup_events = attr_of(options).wakeup_events;
	s->has_clock = !clock_getcpuclockid(process->pid, &s->clock);
	cpu_ns(&s->base);
	s->cpu_begin_ns = s->cpu_ns;
	s->cpu_ns = 0;
	enum gospy_code code = vec_push(&s->polled, ended) && vec_push(&s->polled, end)
				       ? open_rings(s, err)
				       : err_nomem(err);
	if (!code)
		code = open_events(s, err);
	if (code) {
		destroy(&s->base);
		return code;
	}
	*ret = &s->base;
	return GOSPY_OK;
}
