#include "capture/bulk.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/prefault.h"

enum {
	PAGE = 4096,
	RUNS_MAX = 256,
	BLOCK_ITEMS = 1024, /* handed to a worker at a time */
	/* The same where the deadline is less than this away: a block takes some hundred
	   microseconds, and each that was begun is finished. */
	SHORT_BLOCK_ITEMS = 128,
	SHORT_NS = 4 * 1000 * 1000,
	/* Copying one item takes some eighty nanoseconds; base/parallel.h counts in smaller things.
	 */
	ITEM_COST = 8,
	PREFETCH = 16, /* items looked ahead: each is a cache line of its own */
};

struct run {
	size_t first, last; /* items */
	uint64_t addr;
	uint8_t *dst;
};

struct bulk_room {
	struct worker_room {
		struct run runs[RUNS_MAX];
		struct mem_req reqs[2 * RUNS_MAX];
		uint8_t buffer[2 * BULK_BUFFER]; /* the second half if `twice` */
	} of[BULK_WORKERS];
};

struct worker {
	struct job *job;
	unsigned id;
	uint8_t *buffer;
	struct mem_req *reqs;
	struct run *runs;
};

struct job {
	const struct bulk *bulk;
	atomic_size_t next; /* first item not handed out */
	atomic_size_t done; /* items visited, for progress */
	atomic_int code;    /* first failure */
	struct gospy_error err;
	struct worker workers[BULK_WORKERS];
};

static uint64_t item_addr(const struct bulk *b, size_t i)
{
	uint64_t addr;
	memcpy(&addr, (const char *)b->items + i * b->stride, sizeof(addr));
	return addr;
}

static size_t item_len(const struct bulk *b, size_t i)
{
	uint32_t len;
	if (!b->lengths)
		return b->len;
	memcpy(&len, (const char *)b->items + i * b->stride + sizeof(uint64_t), sizeof(len));
	return len < b->len ? len : b->len;
}

/* The next run of items from `*i` on: each begins on a page that the one before touches, or on the
 * following one, so that no page is read (or faults) that holds nothing wanted. */
static bool next_run(const struct bulk *b, size_t *i, size_t end, size_t room, struct run *run,
		     size_t *len_ret)
{
	if (*i >= end || room < item_len(b, *i))
		return false;
	uint64_t start = item_addr(b, *i);
	uint64_t stop = start + item_len(b, *i);
	run->first = (*i)++;
	run->addr = start;
	while (*i < end && !b->mem->ops->runs_are_slow) {
		__builtin_prefetch(
			(const void *)((uintptr_t)b->items + (*i + PREFETCH) * b->stride));
		uint64_t addr = item_addr(b, *i);
		size_t len = item_len(b, *i);
		if (addr < start || addr > UINT64_MAX - len ||
		    addr / PAGE > (stop - 1) / PAGE + 1 || len > room || addr - start > room - len)
			break;
		if (addr + len > stop)
			stop = addr + len;
		(*i)++;
	}
	run->last = *i - 1;
	*len_ret = (size_t)(stop - start);
	return true;
}

static void visit_alone(const struct worker *w, size_t i)
{
	const struct bulk *b = w->job->bulk;
	uint8_t *copy = w->buffer, *again = b->twice ? w->buffer + BULK_BUFFER : NULL;
	uint64_t addr = item_addr(b, i);
	size_t len = item_len(b, i);
	struct mem_req reqs[] = {{addr, copy, len, 0, b->kind}, {addr, again, len, 0, b->kind}};
	bool ok = mem_readv(b->mem, &reqs[0], 1, NULL) == GOSPY_OK &&
		  (!again || mem_readv(b->mem, &reqs[1], 1, NULL) == GOSPY_OK);
	b->visit(b->ctx, w->id, i, ok ? copy : NULL, ok ? again : NULL);
}

/* Say which bytes of a run were wanted: those of records that touch, as one. */
static void note_run(const struct bulk *b, const struct run *run)
{
	uint64_t start = run->addr, end = start;
	for (size_t i = run->first; i <= run->last; i++) {
		uint64_t addr = item_addr(b, i);
		size_t len = item_len(b, i);
		if (addr > end) {
			mem_seen(b->mem, start, run->dst + (start - run->addr),
				 (size_t)(end - start), b->kind);
			start = addr;
		}
		if (addr + len > end)
			end = addr + len;
	}
	mem_seen(b->mem, start, run->dst + (start - run->addr), (size_t)(end - start), b->kind);
}

/* A run that could not be read whole is redone later item by item: the visits below reuse the
 * buffer, so it has to wait until the readable runs were visited. */
static void visit_runs(const struct worker *w, size_t n, const struct mem_req *first,
		       const struct mem_req *second)
{
	const struct bulk *b = w->job->bulk;
	for (size_t r = 0; r < n; r++) {
		const struct run *run = &w->runs[r];
		if (first[r].done < first[r].len || (second && second[r].done < second[r].len))
			continue;
		const uint8_t *again = second ? second[r].dst : NULL;
		if (mem_is_recorded(b->mem))
			note_run(b, run);
		for (size_t i = run->first; i <= run->last; i++) {
			size_t off = (size_t)(item_addr(b, i) - run->addr);
			b->visit(b->ctx, w->id, i, run->dst + off, again ? again + off : NULL);
		}
	}
	for (size_t r = 0; r < n; r++) {
		if (first[r].done < first[r].len || (second && second[r].done < second[r].len)) {
			for (size_t i = w->runs[r].first; i <= w->runs[r].last; i++)
				visit_alone(w, i);
		}
	}
}

static enum gospy_code copy_block(const struct worker *w, size_t i, size_t end,
				  struct gospy_error *err)
{
	const struct bulk *b = w->job->bulk;
	while (i < end) {
		size_t n = 0, used = 0, len;
		while (n < RUNS_MAX &&
		       next_run(b, &i, end, BULK_BUFFER - used, &w->runs[n], &len)) {
			w->runs[n].dst = w->buffer + used;
			w->reqs[n] =
				(struct mem_req){w->runs[n].addr, w->runs[n].dst, len, 0, MEM_RUN};
			used += len;
			n++;
		}
		struct mem_req *second = NULL;
		enum gospy_code code = cancel_check(err);
		if (!code)
			code = mem_readv(b->mem, w->reqs, n, err);
		if (code && code != GOSPY_E_FAULT)
			return code;
		if (b->twice) {
			second = w->reqs + RUNS_MAX;
			for (size_t r = 0; r < n; r++)
				second[r] = (struct mem_req){w->runs[r].addr,
							     w->runs[r].dst + BULK_BUFFER,
							     w->reqs[r].len, 0, MEM_RUN};
			code = mem_readv(b->mem, second, n, err);
			if (code && code != GOSPY_E_FAULT)
				return code;
		}
		visit_runs(w, n, w->reqs, second);
	}
	return GOSPY_OK;
}

static void work(void *ctx, unsigned worker)
{
	struct job *job = ctx;
	const struct worker *w = &job->workers[worker];
	const struct bulk *b = job->bulk;
	while (atomic_load(&job->code) == GOSPY_OK) {
		uint64_t now_ns = b->deadline_ns ? clock_mono_ns() : 0;
		if (b->deadline_ns && now_ns >= b->deadline_ns)
			return;
		bool soon = b->deadline_ns && b->deadline_ns - now_ns < SHORT_NS;
		size_t n = soon ? SHORT_BLOCK_ITEMS : BLOCK_ITEMS;
		size_t i = atomic_fetch_add(&job->next, n);
		if (i >= b->count)
			return;
		size_t end = b->count - i < n ? b->count : i + n;
		struct gospy_error err;
		enum gospy_code code = copy_block(w, i, end, &err);
		if (code) {
			int expected = GOSPY_OK;
			if (atomic_compare_exchange_strong(&job->code, &expected, (int)code))
				job->err = err;
			return;
		}
		size_t done = atomic_fetch_add(&job->done, end - i) + (end - i);
		if (w->id == 0 && b->progress)
			b->progress(b->ctx, done, b->count);
	}
}

struct bulk_room *bulk_room_create(size_t count)
{
	struct bulk_room *room = malloc(sizeof(*room));
	unsigned workers = count ? parallel_workers(count * ITEM_COST) : 0;
	size_t touched = count < BULK_BUFFER / PAGE ? count * PAGE : BULK_BUFFER;
	for (unsigned i = 0; room && i < workers; i++)
		prefault(&room->of[i], offsetof(struct worker_room, buffer) + touched);
	return room;
}

void bulk_room_destroy(struct bulk_room *room)
{
	free(room);
}

enum gospy_code bulk_run(const struct bulk *bulk, size_t *done_ret, struct gospy_error *err)
{
	struct job job = {.bulk = bulk, .next = bulk->first};
	size_t items = (bulk->count - bulk->first) * ITEM_COST;
	if (bulk->len > BULK_BUFFER)
		return err_set(err, GOSPY_E_LIMIT, "objects of %zu bytes are too large to copy",
			       bulk->len);
	if (bulk->deadline_ns && done_ret && clock_mono_ns() >= bulk->deadline_ns) {
		*done_ret = bulk->first;
		return GOSPY_OK;
	}
	struct bulk_room *own = bulk->room ? NULL : bulk_room_create(0);
	struct bulk_room *room = bulk->room ? bulk->room : own;
	if (!room)
		return err_nomem(err);
	for (unsigned i = 0; i < BULK_WORKERS; i++)
		job.workers[i] = (struct worker){.job = &job,
						 .id = i,
						 .buffer = room->of[i].buffer,
						 .reqs = room->of[i].reqs,
						 .runs = room->of[i].runs};
	// A deadline is that of threads that are held.
	parallel_run_most(bulk->deadline_ns ? PARALLEL_TWO : BULK_WORKERS, items, work, &job);
	bulk_room_destroy(own);
	if (atomic_load(&job.code)) {
		if (err)
			*err = job.err;
		return (enum gospy_code)atomic_load(&job.code);
	}
	if (done_ret) {
		// Blocks are handed out in order and each one taken is finished.
		size_t next = atomic_load(&job.next);
		*done_ret = next < bulk->count ? next : bulk->count;
	}
	return GOSPY_OK;
}
