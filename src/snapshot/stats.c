#include "snapshot/stats.h"

/* Counts of what the scheduler has. */
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "capture/steady.h"
#include "snapshot/decode_memstats.h"
#include "snapshot/decode_sched.h"

enum {
	/* Blocks of 4 KiB, which hold a hundred finalizers: each is a read of its own in the stop.
	 */
	FINBLOCKS_MAX = 1 << 14,
	TIMER_BUCKETS = 64,        /* runtime.timers, up to Go 1.13 */
	TIMER_BUCKET_STRIDE = 128, /* timersBucket, and padding to a cache line */
	TIMER_BUCKET_LEN = 48,     /* the length of its slice t */
	WORKING_P_SINCE = 26,      /* Go 1.26: a P in a system call says nothing of it */
};

struct reader {
	struct image *image;
	struct schedstate sched;
	struct gospy_stats stats[2];
	unsigned last;
};

static uint64_t plus(uint64_t a, uint64_t b)
{
	return a == GOSPY_UNKNOWN || b == GOSPY_UNKNOWN ? GOSPY_UNKNOWN : a + b;
}

static uint64_t minus(uint64_t a, uint64_t b)
{
	return a == GOSPY_UNKNOWN || b == GOSPY_UNKNOWN ? GOSPY_UNKNOWN : a - b;
}

/* A number of 4 or 8 bytes; GOSPY_UNKNOWN: there is no such global, or it cannot be read. */
static uint64_t read_global(const struct image *image, struct global global, size_t size)
{
	uint64_t v = 0;
	return global.addr && !mem_read(image->mem, global.addr, &v, size, NULL) ? v
										 : GOSPY_UNKNOWN;
}

/* The sum of a field over structures at `addrs`. GOSPY_UNKNOWN: there is no such field, or one
 * cannot be read. */
static uint64_t sum_field(const struct image *image, const uint64_t *addrs, size_t n,
			  struct field f)
{
	enum { BATCH = 256 };
	uint64_t sum = 0;
	if (!field_present(f) || f.size > sizeof(sum))
		return GOSPY_UNKNOWN;
	for (size_t first = 0; first < n; first += BATCH) {
		uint64_t values[BATCH] = {0};
		struct mem_req reqs[BATCH];
		size_t count = n - first < BATCH ? n - first : BATCH;
		for (size_t i = 0; i < count; i++)
			reqs[i] = (struct mem_req){addrs[first + i] + f.off, &values[i], f.size, 0,
						   MEM_DATA};
		if (mem_readv(image->mem, reqs, count, NULL))
			return GOSPY_UNKNOWN;
		for (size_t i = 0; i < count; i++)
			sum += values[i];
	}
	return sum;
}

static uint64_t sum_over_ps(const struct reader *r, struct field f)
{
	return sum_field(r->image, r->sched.p_addrs.at, r->sched.p_addrs.len, f);
}

/* src/runtime/proc.go:gcount */
static uint64_t count_goroutines(const struct reader *r)
{
	const __typeof__(r->image->layout.schedt) *L = &r->image->layout.schedt;
	const struct blob *sched = &r->sched.sched;
	uint64_t free = field_present(L->gFree_n) // up to Go 1.24
				? blob_value(sched, L->gFree_n)
				: plus(blob_value(sched, L->gFree_stack),
				       blob_value(sched, L->gFree_noStack));
	uint64_t others = plus(plus(free, blob_value(sched, L->ngsys)),
			       sum_over_ps(r, r->image->layout.p.gFree));
	uint64_t n = minus(r->sched.allglen, others);
	// The counts change one after the other, but there is at least one goroutine.
	return n == GOSPY_UNKNOWN || (int64_t)n >= 1 ? n : 1;
}

static bool in_syscall(const struct reader *r, const struct p_rec *p)
{
	const struct m_rec *m = schedstate_m(&r->sched, p->m);
	struct field status = r->image->layout.g.atomicstatus;
	uint32_t value;
	return r->image->version.minor >= WORKING_P_SINCE && m && m->curg &&
	       !mem_read_u32(r->image->mem, m->curg + status.off, &value, NULL) &&
	       value == GOSPY_STATUS_SYSCALL;
}

static void count_ps(const struct reader *r, struct gospy_stats *s)
{
	for (size_t i = 0; i < r->sched.ps.len; i++) {
		const struct p_rec *p = &r->sched.ps.at[i];
		uint32_t queued = p->runqtail - p->runqhead;
		s->runq_local += queued + (p->runnext != 0);
		switch ((enum gospy_p_status)p->status) {
		case GOSPY_P_IDLE:
			s->p_idle++;
			break;
		case GOSPY_P_RUNNING:
			if (in_syscall(r, p))
				s->p_syscall++;
			else
				s->p_running++;
			break;
		case GOSPY_P_SYSCALL:
			s->p_syscall++;
			break;
		case GOSPY_P_GCSTOP:
			s->p_gcstop++;
			break;
		case GOSPY_P_DEAD:
			break;
		}
	}
}

static void count_ms(const struct reader *r, struct gospy_stats *s)
{
	s->threads = r->sched.ms.len;
	s->m_idle = blob_value(&r->sched.sched, r->image->layout.schedt.nmidle);
	for (size_t i = 0; i < r->sched.ms.len; i++) {
		const struct m_rec *m = &r->sched.ms.at[i];
		s->m_spinning += m->spinning;
		s->m_incgo += m->incgo;
		s->m_locked += m->lockedg != 0;
	}
}

/* Up to Go 1.13 timers are in 64 global heaps: src/runtime/time.go:timersBucket. Later each P has
 * one. */
static uint64_t count_timers(const struct reader *r)
{
	const struct image *image = r->image;
	uint64_t addrs[TIMER_BUCKETS];
	if (!image->globals.timers.addr)
		return sum_over_ps(r, image->layout.p.timers);
	for (size_t i = 0; i < TIMER_BUCKETS; i++)
		addrs[i] = image->globals.timers.addr + i * TIMER_BUCKET_STRIDE;
	return sum_field(image, addrs, TIMER_BUCKETS, (struct field){TIMER_BUCKET_LEN, 8});
}

/* src/runtime/mfinal.go: all blocks are linked by alllink, and a block counts what is left of it to
 * run: {alllink, next, cnt uint32, ...} in Go 1.12 to 1.27. */
static uint64_t count_finalizers(const struct image *image)
{
	uint64_t sum = 0, block = read_global(image, image->globals.allfin, 8);
	for (size_t i = 0; block && block != GOSPY_UNKNOWN; i++) {
		uint64_t words[3];
		if (i == FINBLOCKS_MAX || mem_read(image->mem, block, words, sizeof(words), NULL))
			return GOSPY_UNKNOWN;
		sum += (uint32_t)words[2];
		block = words[0];
	}
	return block == GOSPY_UNKNOWN ? block : sum;
}

/* src/runtime/mcleanup.go:readQueueStats, Go 1.25+ */
static uint64_t count_cleanups(const struct reader *r)
{
	const __typeof__(r->image->layout.cleanupQueue) *L = &r->image->layout.cleanupQueue;
	uint64_t queue = r->image->globals.gcCleanups.addr;
	if (!queue)
		return GOSPY_UNKNOWN;
	uint64_t executed = sum_field(r->image, &queue, 1, L->executed);
	uint64_t queued = plus(sum_field(r->image, &queue, 1, L->queued),
			       sum_over_ps(r, r->image->layout.p.cleanupsQueued));
	uint64_t n = minus(queued, executed);
	return n == GOSPY_UNKNOWN || (int64_t)n >= 0 ? n : 0;
}

/* src/runtime/debug.go:NumCgoCall. Up to Go 1.16 the calls of M's that ended were forgotten. */
static uint64_t count_cgo_calls(const struct reader *r)
{
	enum { KEPT_SINCE = 17 };
	uint64_t sum = 0;
	for (size_t i = 0; i < r->sched.ms.len; i++)
		sum += r->sched.ms.at[i].ncgocall;
	if (!field_present(r->image->layout.m.ncgocall))
		return GOSPY_UNKNOWN;
	if (r->image->version.minor < KEPT_SINCE)
		return sum;
	return plus(sum, read_global(r->image, r->image->globals.ncgocall, 8));
}

static enum gospy_code copy(void *ctx, struct gospy_error *err)
{
	struct reader *r = ctx;
	const struct globals *g = &r->image->globals;
	enum gospy_code code = r->sched.sched.bytes
				       ? schedstate_reread(&r->sched, r->image, NULL, NULL, err)
				       : schedstate_read(&r->sched, r->image, NULL, err);
	if (code)
		return code;
	r->last = 1 - r->last;
	struct gospy_stats *s = &r->stats[r->last];
	memset(s, 0, sizeof(*s));
	s->goroutines = count_goroutines(r);
	s->gomaxprocs = r->sched.gomaxprocs;
	s->num_cpu = read_global(r->image, g->numCPUStartup.addr ? g->numCPUStartup : g->ncpu, 4);
	count_ps(r, s);
	count_ms(r, s);
	s->runq_global = blob_value(&r->sched.sched, r->image->layout.schedt.runqsize);
	s->timers = count_timers(r);
	s->finalizers = count_finalizers(r->image);
	s->cleanups = count_cleanups(r);
	s->netpoll_waiters = read_global(r->image, g->netpollWaiters, 4);
	s->cgo_calls = count_cgo_calls(r);
	return GOSPY_OK;
}

static bool at_rest(void *ctx)
{
	(void)ctx;
	return true;
}

static bool is_same(void *ctx)
{
	const struct reader *r = ctx;
	return memcmp(&r->stats[0], &r->stats[1], sizeof(r->stats[0])) == 0;
}

static const char *find_problem(const struct image *image, const struct gospy_stats *s)
{
	if (!image->layout.schedt.size)
		return "figures are left out: the program carries no DWARF, and no layout table "
		       "fits its runtime.schedt";
	if (s->goroutines == GOSPY_UNKNOWN || s->num_cpu == GOSPY_UNKNOWN)
		return "figures are left out: the program has no symbols, and its code does not "
		       "lead to them";
	return NULL;
}

static void reader_deinit(struct reader *r)
{
	schedstate_deinit(&r->sched);
}

enum gospy_code stats_read(struct source *source, struct image *image,
			   const struct gospy_read_options *options, struct gospy_stats *ret,
			   struct gospy_error *err)
{
	CLEANUP(reader_deinit) struct reader reader = {.image = image};
	const struct steady steady = {copy, at_rest, is_same, &reader};
	struct gospy_reading reading;
	enum gospy_code code = steady_read(source, image, options, &steady, &reading, err);
	if (code)
		return code;
	*ret = reader.stats[reader.last];
	reading.problem = find_problem(image, ret);
	ret->reading = reading;
	return GOSPY_OK;
}
