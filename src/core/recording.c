#include "core/recording.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "core/page_gather.h"

enum { STEP = 4096 }; /* bytes of a stack that are looked through at a time */

/* What of a stack leads into the heap must not be missing where the heap is there: it would look as
 * if nobody had it. The heap may have grown since the mappings were listed, so all that could be an
 * address of it counts as one: src/runtime/malloc.go:mallocinit. */
static const uint64_t HEAP_LEAST = UINT64_C(1) << 32, HEAP_MOST = UINT64_C(1) << 47;
/* What .also has read, to be read again in the moment. */
struct again {
	enum again_state {
		AGAIN_NOT,
		AGAIN_LISTS, /* note what is read */
		AGAIN_GIVES, /* what is read was read in the moment */
	} state;
	VEC(struct mem_range) ranges; /* by address and disjoint once the moment comes */
	VEC(struct mem_req) reqs;     /* of the moment, of these ranges */
	VEC(uint8_t) bytes;
	bool was_read; /* in this moment */
};

struct record_mem {
	struct mem mem;
	struct mem *below;
	struct page_store *store;
	struct mappings maps; /* for REDACT_POINTERS */
	enum redaction redaction;
	atomic_bool off;
	atomic_int failed;           /* enum gospy_code */
	VEC(struct mem_range) fixed; /* by address, disjoint */
	/* What is to be recorded later; NULL: everything is recorded at once. Threads that read are
	 * started after it is set. */
	struct range_notes *notes;
	struct again again;
	bool in_moment; /* so is this; and what is read is recorded at once */
	bool keeps;     /* so is this; mem_keep() */
	bool was_tried; /* there was a moment before, which may have been given up */
	bool has_heap;
	size_t aside; /* bytes more than usual that are going to be read in the moment */
};

struct recording {
	struct source source; /* first */
	struct source *below;
	struct record_mem mem;
	struct recording_also also;
	struct moment moment; /* the last one before the facts were told */
	bool is_told;         /* they were: what stands still later is another moment */
	/* While .also reads: the moment that it is in. */
	const struct moment *now;
	bool gives_files;
	struct tasks tasks; /* as they were listed last */
	uint64_t real_ns, boot_ns, mono_ns;
	struct arena arena;
};

static struct recording *recording_of(struct source *source)
{
	return (struct recording *)source;
}

/* ---- memory */

static void fail(struct record_mem *m, enum gospy_code code)
{
	int none = GOSPY_OK;
	atomic_compare_exchange_strong(&m->failed, &none, (int)code);
}

/* The first fixed range that ends behind an address; the number of ranges: there is none. */
static size_t next_fixed(const struct record_mem *m, uint64_t addr)
{
	size_t lo = 0, hi = m->fixed.len;
	while (lo < hi) {
		const size_t mid = lo + (hi - lo) / 2;
		const struct mem_range *range = &m->fixed.at[mid];
		if (range->addr + range->len > addr)
			hi = mid;
		else
			lo = mid + 1;
	}
	return lo;
}

/* All that is not fixed. */
static void put(struct record_mem *m, uint64_t addr, const void *bytes, size_t len)
{
	const uint8_t *from = bytes;
	for (size_t i = next_fixed(m, addr), done = 0; done < len; i++) {
		const struct mem_range *range = i < m->fixed.len ? &m->fixed.at[i] : NULL;
		const uint64_t at = addr + done;
		size_t n = len - done, skipped = 0;
		if (range && range->addr < at + n) {
			n = range->addr > at ? (size_t)(range->addr - at) : 0;
			skipped = (size_t)(range->addr + range->len - (at + n));
		}
		enum gospy_code code =
			n ? page_store_put(m->store, at, from + done, n, NULL) : GOSPY_OK;
		if (code)
			fail(m, code);
		done += n;
		done = skipped < len - done ? done + skipped : len;
		if (!range)
			break;
	}
}

/* Where the last addresses were found: most are of the program's code, its data, or the heap. */
struct pointer_cache {
	const struct mapping *maps[4];
	unsigned next; /* to be replaced */
};

static bool is_address(const struct record_mem *m, struct pointer_cache *cache, uint64_t word)
{
	enum { CACHED = sizeof(cache->maps) / sizeof(*cache->maps) };
	// Most words that are no address are small.
	if (!m->maps.maps.len || word < m->maps.maps.at[0].start)
		return false;
	for (size_t i = 0; i < CACHED; i++) {
		const struct mapping *map = cache->maps[i];
		if (map && word >= map->start && word < map->end)
			return true;
	}
	if (m->has_heap && word >= HEAP_LEAST && word < HEAP_MOST)
		return true;
	const struct mapping *map = mappings_find(&m->maps, word);
	if (!map)
		return false;
	cache->maps[cache->next++ % CACHED] = map;
	return true;
}

/* Whole words alone can be addresses. */
static void redact(const struct record_mem *m, struct pointer_cache *cache, uint64_t addr,
		   uint8_t *bytes, size_t len)
{
	size_t i = addr % 8 ? 8 - addr % 8 : 0;
	i = i < len ? i : len;
	memset(bytes, 0, i);
	for (; i + 8 <= len; i += 8) {
		uint64_t word;
		memcpy(&word, bytes + i, sizeof(word));
		if (word && !is_address(m, cache, word))
			memset(bytes + i, 0, sizeof(word));
	}
	memset(bytes + i, 0, len - i);
}

/* A page_store_later's. */
static void redact_aside(void *ctx, uint64_t addr, uint8_t *bytes, size_t len)
{
	struct pointer_cache cache = {0};
	redact(ctx, &cache, addr, bytes, len);
}

/* Is nothing of it fixed? */
static bool is_free(const struct record_mem *m, uint64_t addr, size_t len)
{
	size_t i = next_fixed(m, addr);
	return i == m->fixed.len || m->fixed.at[i].addr >= addr + len;
}

static void record(struct record_mem *m, uint64_t addr, const void *bytes, size_t len,
		   enum mem_kind kind)
{
	struct pointer_cache cache = {0};
	const uint8_t *at = bytes;
	if (kind != MEM_ONCE && atomic_load_explicit(&m->off, memory_order_relaxed))
		return;
	bool is_kept = (m->again.state == AGAIN_GIVES || m->keeps) && m->notes;
	if (is_kept && !range_notes_add(m->notes, addr, len, RANGE_KEPT))
		fail(m, GOSPY_E_NOMEM);
	if (kind != MEM_STACK || m->redaction == REDACT_NONE) {
		put(m, addr, bytes, len);
		return;
	}
	// While the target stands still there is no time for the rest.
	if (m->in_moment && is_free(m, addr, len) && page_store_put_raw(m->store, addr, bytes, len))
		return;
	while (len) {
		uint8_t kept[STEP];
		size_t n = STEP - addr % STEP < len ? (size_t)(STEP - addr % STEP) : len;
		memcpy(kept, at, n);
		redact(m, &cache, addr, kept, n);
		put(m, addr, kept, n);
		addr += n;
		at += n;
		len -= n;
	}
}

/* ---- what is read again in the moment */

static int compare_ranges(const void *a, const void *b)
{
	const struct mem_range *x = a, *y = b;
	return (x->addr > y->addr) - (x->addr < y->addr);
}

/* Sort the ranges, and make one of those that touch, overlap, or have hardly anything in between.
 */
static void join_ranges(struct again *again)
{
	enum { NEAR = 256 };
	size_t kept = 0;
	if (again->ranges.len)
		qsort(again->ranges.at, again->ranges.len, sizeof(*again->ranges.at),
		      compare_ranges);
	for (size_t i = 0; i < again->ranges.len; i++) {
		const struct mem_range *range = &again->ranges.at[i];
		struct mem_range *last = kept ? &again->ranges.at[kept - 1] : NULL;
		if (!last || range->addr - last->addr > last->len + NEAR)
			again->ranges.at[kept++] = *range;
		else if (range->addr - last->addr + range->len > last->len)
			last->len = range->addr - last->addr + range->len;
	}
	again->ranges.len = kept;
}

/* Make room for what is to be read in the moment. */
static void again_prepare(struct again *again)
{
	size_t total = 0;
	join_ranges(again);
	for (size_t i = 0; i < again->ranges.len; i++)
		total += (size_t)again->ranges.at[i].len;
	again->was_read = false;
	again->reqs.len = 0;
	if (!vec_reserve(&again->bytes, total) || !vec_reserve(&again->reqs, again->ranges.len))
		return;
	if (total)
		memset(again->bytes.at, 0, total); // so that it is there
	for (size_t i = 0, at = 0; i < again->ranges.len; i++) {
		const struct mem_range *range = &again->ranges.at[i];
		again->reqs.at[again->reqs.len++] = (struct mem_req){.addr = range->addr,
								     .dst = again->bytes.at + at,
								     .len = (size_t)range->len};
		at += (size_t)range->len;
	}
}

static void again_read(struct record_mem *m)
{
	struct again *again = &m->again;
	again->was_read = again->reqs.len &&
			  !m->below->ops->readv(m->below, again->reqs.at, again->reqs.len, NULL);
}

/* Give what was read in the moment, as far as it holds that. */
static void again_give(const struct again *again, struct mem_req *req)
{
	size_t lo = 0, hi = again->was_read ? again->reqs.len : 0;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (again->reqs.at[mid].addr <= req->addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	req->done = 0;
	const struct mem_req *from = lo ? &again->reqs.at[lo - 1] : NULL;
	const uint64_t off = from ? req->addr - from->addr : 0;
	if (!from || off >= from->done)
		return;
	req->done = req->len < from->done - off ? req->len : (size_t)(from->done - off);
	memcpy(req->dst, (const uint8_t *)from->dst + off, req->done);
}

static enum gospy_code again_readv(struct record_mem *m, struct mem_req *reqs, size_t n,
				   struct gospy_error *err)
{
	if (m->again.state == AGAIN_GIVES) {
		for (size_t i = 0; i < n; i++)
			again_give(&m->again, &reqs[i]);
		return GOSPY_OK;
	}
	enum gospy_code code = m->below->ops->readv(m->below, reqs, n, err);
	for (size_t i = 0; i < n && !code && m->again.state == AGAIN_LISTS; i++) {
		const struct mem_range range = {reqs[i].addr, reqs[i].done};
		if (range.len && !vec_push(&m->again.ranges, range))
			code = err_nomem(err);
	}
	return code;
}

static enum gospy_code record_readv(struct mem *mem, struct mem_req *reqs, size_t n,
				    struct gospy_error *err)
{
	struct record_mem *m = (struct record_mem *)mem;
	enum gospy_code code = again_readv(m, reqs, n, err);
	for (size_t i = 0; i < n && !code; i++) {
		if (reqs[i].done && reqs[i].kind != MEM_RUN && reqs[i].kind != MEM_AGAIN)
			record(m, reqs[i].addr, reqs[i].dst, reqs[i].done, reqs[i].kind);
	}
	return code;
}

static enum range_kind range_kind(const struct record_mem *m, enum mem_kind kind)
{
	return kind == MEM_STACK && m->redaction != REDACT_NONE ? RANGE_STACK : RANGE_DATA;
}

/* Of the words of which only a part was read nothing can be put off. */
static void note(struct record_mem *m, uint64_t addr, const uint8_t *bytes, size_t len,
		 enum mem_kind kind)
{
	size_t head = (size_t)(-addr % 8), tail = (size_t)((addr + len) % 8);
	if (head + tail > len) {
		record(m, addr, bytes, len, kind);
		return;
	}
	if (head)
		record(m, addr, bytes, head, kind);
	if (tail)
		record(m, addr + len - tail, bytes + len - tail, tail, kind);
	if (!range_notes_add(m->notes, addr, len, range_kind(m, kind)))
		fail(m, GOSPY_E_NOMEM);
}

static void record_seen(struct mem *mem, uint64_t addr, const void *bytes, size_t len,
			enum mem_kind kind)
{
	struct record_mem *m = (struct record_mem *)mem;
	bool waits = m->notes && !m->in_moment && !m->keeps;
	if (waits && !atomic_load_explicit(&m->off, memory_order_relaxed))
		note(m, addr, bytes, len, kind);
	else
		record(m, addr, bytes, len, kind);
}

static void record_switch(struct mem *mem, bool on)
{
	atomic_store(&((struct record_mem *)mem)->off, !on);
}

static void record_keep(struct mem *mem, bool on)
{
	((struct record_mem *)mem)->keeps = on;
}

static void record_fix(struct mem *mem, const struct mem_range *ranges, size_t n)
{
	struct record_mem *m = (struct record_mem *)mem;
	size_t kept = 0;
	if (atomic_load(&m->off))
		return;
	for (size_t i = 0; i < n; i++) {
		if (ranges[i].len && ranges[i].len <= UINT64_MAX - ranges[i].addr &&
		    !vec_push(&m->fixed, ranges[i]))
			fail(m, GOSPY_E_NOMEM);
	}
	if (m->fixed.len)
		qsort(m->fixed.at, m->fixed.len, sizeof(*m->fixed.at), compare_ranges);
	for (size_t i = 0; i < m->fixed.len; i++) {
		const struct mem_range *range = &m->fixed.at[i];
		struct mem_range *last = kept ? &m->fixed.at[kept - 1] : NULL;
		if (!last || last->addr + last->len < range->addr)
			m->fixed.at[kept++] = *range;
		else if (last->addr + last->len < range->addr + range->len)
			last->len = range->addr + range->len - last->addr;
	}
	m->fixed.len = kept;
}

/* What was put in a moment that was given up would be laid under what is noted afterwards, and not
 * over it. So after that nothing is put off. */
static bool record_later(struct mem *mem, bool on)
{
	struct record_mem *m = (struct record_mem *)mem;
	if (atomic_load(&m->off))
		return false;
	range_notes_destroy(m->notes);
	m->notes = on && !m->was_tried ? range_notes_create() : NULL;
	return m->notes;
}

static void record_want(struct mem *mem, uint64_t addr, size_t len, enum mem_kind kind)
{
	struct record_mem *m = (struct record_mem *)mem;
	if (!range_notes_add(m->notes, addr, len, range_kind(m, kind)))
		fail(m, GOSPY_E_NOMEM);
}

/* A page_gather's. */
static void redact_noted(void *ctx, uint8_t *bytes, size_t len)
{
	struct pointer_cache cache = {0};
	redact(ctx, &cache, 0, bytes, len);
}

static enum gospy_code record_now(struct mem *mem, const struct mem_pieces *pieces,
				  struct gospy_error *err)
{
	struct record_mem *m = (struct record_mem *)mem;
	const struct page_gather gather = {
		.store = m->store,
		.notes = m->notes,
		.mem = m->below,
		.pieces = pieces,
		.redact = redact_noted,
		.ctx = m,
	};
	if (!m->notes || atomic_load(&m->off))
		return GOSPY_OK;
	for (size_t i = 0; i < m->fixed.len; i++) {
		const uint64_t head = m->fixed.at[i].addr % 8;
		const uint64_t len = (head + m->fixed.at[i].len + 7) & ~UINT64_C(7);
		if (!range_notes_add(m->notes, m->fixed.at[i].addr - head, len, RANGE_KEPT))
			return err_nomem(err);
	}
	enum gospy_code code = page_gather_run(&gather, err);
	record_later(mem, false);
	return code;
}

static void record_destroy(struct mem *mem)
{
	(void)mem; // it is a part of the recording
}

static const struct mem_ops record_ops = {
	.readv = record_readv,
	.seen = record_seen,
	.record = record_switch,
	.keep = record_keep,
	.fix = record_fix,
	.later = record_later,
	.want = record_want,
	.now = record_now,
	.destroy = record_destroy,
};

/* ---- the source */

static enum gospy_code check(struct source *source, struct gospy_error *err)
{
	return source_check(recording_of(source)->below, err);
}

static enum gospy_code explain(struct source *source, enum gospy_code code, struct gospy_error *err)
{
	return source_explain(recording_of(source)->below, code, err);
}

static enum gospy_code auxv(struct source *source, struct auxv *ret, struct gospy_error *err)
{
	return source_auxv(recording_of(source)->below, ret, err);
}

static enum gospy_code mappings(struct source *source, struct mappings *ret,
				struct gospy_error *err)
{
	return source_mappings(recording_of(source)->below, ret, err);
}

static enum gospy_code tasks(struct source *source, struct source_kept **kept, struct tasks *ret,
			     struct gospy_error *err)
{
	struct recording *r = recording_of(source);
	(void)kept;
	enum gospy_code code = source_tasks(r->below, NULL, ret, err);
	if (code)
		return code;
	r->tasks.tasks.len = 0;
	for (size_t i = 0; i < ret->tasks.len; i++) {
		if (!vec_push(&r->tasks.tasks, ret->tasks.at[i])) {
			tasks_deinit(ret);
			return err_nomem(err);
		}
	}
	return GOSPY_OK;
}

static enum gospy_code exe_path(struct source *source, struct arena *arena, const char **ret,
				bool *deleted_ret, struct gospy_error *err)
{
	return source_exe_path(recording_of(source)->below, arena, ret, deleted_ret, err);
}

static enum gospy_code open_exe(struct source *source, int *fd_ret, struct gospy_error *err)
{
	if (recording_of(source)->gives_files)
		return source_open_exe(recording_of(source)->below, fd_ret, err);
	return err_set(err, GOSPY_E_NOT_FOUND, "a bundle has no files");
}

static enum gospy_code open_mapped(struct source *source, const struct mapping *map, int *fd_ret,
				   struct gospy_error *err)
{
	if (recording_of(source)->gives_files)
		return source_open_mapped(recording_of(source)->below, map, fd_ret, err);
	return open_exe(source, fd_ret, err);
}

static uint64_t private_bytes(struct source *source)
{
	return source_private_bytes(recording_of(source)->below);
}

/* A moment, seen through. */
struct through {
	struct recording *recording;
	const struct moment_work *work;
};

/* Nothing is to be tried again there. */
static void read_again(struct recording *r, const struct moment *moment)
{
	r->now = moment;
	r->source.frozen = true;
	r->also.again(r->also.ctx, &r->source);
	r->source.frozen = r->below->frozen;
	r->now = NULL;
}

static void rehearse(void *ctx)
{
	const struct through *through = ctx;
	struct recording *r = through->recording;
	const struct moment moment = {.deadline_ns = UINT64_MAX};
	through->work->rehearse(through->work->ctx);
	if (!r->also.again || r->is_told)
		return;
	r->mem.again.ranges.len = 0;
	r->mem.again.state = AGAIN_LISTS;
	read_again(r, &moment);
	r->mem.again.state = AGAIN_NOT;
	again_prepare(&r->mem.again);
}

/* After the moment: find what was read in it. */
static void find_again(struct recording *r)
{
	const struct moment moment = {.deadline_ns = UINT64_MAX};
	r->mem.again.state = AGAIN_GIVES;
	r->mem.in_moment = true;
	read_again(r, &moment);
	r->mem.in_moment = false;
	r->mem.again.state = AGAIN_NOT;
}

static bool needs_regs(void *ctx, pid_t tid, const struct place *place)
{
	const struct through *through = ctx;
	return through->work->needs_regs(through->work->ctx, tid, place);
}

/* Read what is to be of the same moment, too. */
static void visit_also(struct recording *r, const struct moment *moment)
{
	if (r->mem.again.reqs.len)
		again_read(&r->mem);
	else if (r->also.again)
		read_again(r, moment);
	if (r->also.read) {
		// Nothing is to be tried again there.
		struct range_notes *notes = r->mem.notes;
		r->now = moment;
		r->source.frozen = true;
		r->mem.notes = NULL; // nothing of it is put off
		r->also.read(r->also.ctx, &r->source, moment);
		r->source.frozen = r->below->frozen;
		r->mem.notes = notes;
		r->now = NULL;
	}
}

static enum gospy_code visit(void *ctx, const struct moment *moment, struct gospy_error *err)
{
	struct through *through = ctx;
	struct recording *r = through->recording;
	r->mem.again.was_read = false;
	enum gospy_code code = through->work->visit(through->work->ctx, moment, err);
	if (r->is_told)
		return code;
	uint64_t age_ns = r->below->frozen ? 0 : clock_mono_ns() - moment->begin_ns;
	uint64_t real_ns = source_clock_ns(r->below, SOURCE_REAL);
	uint64_t boot_ns = source_clock_ns(r->below, SOURCE_BOOT);
	uint64_t mono_ns = source_clock_ns(r->below, SOURCE_MONO);
	r->real_ns = real_ns == GOSPY_UNKNOWN ? real_ns : real_ns - age_ns;
	r->boot_ns = boot_ns == GOSPY_UNKNOWN ? boot_ns : boot_ns - age_ns;
	r->mono_ns = mono_ns == GOSPY_UNKNOWN ? mono_ns : mono_ns - age_ns;
	if (!code)
		visit_also(r, moment);
	return code;
}

/* The registers of a thread that has reported late are those of the moment. */
static void settle(void *ctx, const struct moment_thread *thread)
{
	const struct through *through = ctx;
	if (through->work->settle)
		through->work->settle(through->work->ctx, thread);
}

/* ---- threads */

static bool is_listed(const struct recording *r, pid_t tid)
{
	for (size_t i = 0; i < r->tasks.tasks.len; i++) {
		if (r->tasks.tasks.at[i].tid == tid)
			return true;
	}
	return false;
}

static bool are_all_listed(const struct recording *r)
{
	for (size_t i = 0; i < r->moment.threads.len; i++) {
		const struct moment_thread *thread = &r->moment.threads.at[i];
		if (thread->state != MOMENT_ENDED && !is_listed(r, thread->tid))
			return false;
	}
	return true;
}

/* Threads that began after they were listed, and were there in the moment, are to be found in the
 * bundle: else it would not tell where their goroutines are. */
static enum gospy_code list_newborn(struct recording *r, struct gospy_error *err)
{
	CLEANUP(tasks_deinit) struct tasks now = {0};
	if (are_all_listed(r))
		return GOSPY_OK;
	enum gospy_code code = source_tasks(r->below, NULL, &now, err);
	for (size_t i = 0; !code && i < now.tasks.len; i++) {
		const struct task *task = &now.tasks.at[i];
		if (moment_find(&r->moment, task->tid) && !is_listed(r, task->tid) &&
		    !vec_push(&r->tasks.tasks, *task))
			code = err_nomem(err);
	}
	// Some may have ended again.
	for (size_t i = 0; !code && i < r->moment.threads.len; i++) {
		const struct moment_thread *thread = &r->moment.threads.at[i];
		const pid_t tid = thread->tid;
		const struct task task = {
			.tid = tid, .nstid = r->below->namespaced ? 0 : tid, .state = '?'};
		if (thread->state != MOMENT_ENDED && !is_listed(r, tid) &&
		    !vec_push(&r->tasks.tasks, task))
			code = err_nomem(err);
	}
	return code;
}

/* Keep where a thread was that was looked at alone. Nothing else is known of it: there was no
 * moment. */
static bool keep_place(struct recording *r, pid_t tid, const struct place *place)
{
	const struct moment_thread thread = {.tid = tid, .state = MOMENT_STILL, .place = *place};
	struct moment *moment = &r->moment;
	size_t at = 0;
	while (at < moment->threads.len && moment->threads.at[at].tid < tid)
		at++;
	if (at == moment->threads.len || moment->threads.at[at].tid != tid) {
		if (!vec_push(&moment->threads, thread))
			return false;
		memmove(&moment->threads.at[at + 1], &moment->threads.at[at],
			(moment->threads.len - 1 - at) * sizeof(thread));
	}
	moment->threads.at[at] = thread;
	return true;
}

/* Keep the threads of the moment that was, and with them what else was read in it. */
static enum gospy_code keep_moment(struct recording *r, struct moment *was, struct gospy_error *err)
{
	if (!vec_reserve(&r->moment.threads, was->threads.len))
		return err_nomem(err);
	r->moment.reached = true;
	r->moment.threads.len = was->threads.len;
	if (was->threads.len)
		memcpy(r->moment.threads.at, was->threads.at,
		       was->threads.len * sizeof(*was->threads.at));
	// Nobody else asked for these.
	for (size_t i = 0; i < r->moment.threads.len; i++)
		was->threads.at[i].vectors = NULL;
	if (r->mem.again.was_read)
		find_again(r);
	return list_newborn(r, err);
}

static enum gospy_code pass_through(struct source *source, uint64_t max_pause_ns,
				    const struct moment_work *work, struct moment *ret,
				    struct gospy_error *err, bool watch)
{
	struct recording *r = recording_of(source);
	r->mem.again.reqs.len = r->now ? r->mem.again.reqs.len : 0;
	r->mem.again.was_read &= r->now != NULL;
	if (r->now) {
		*ret = (struct moment){.begin_ns = r->now->begin_ns,
				       .deadline_ns = r->now->deadline_ns,
				       .reached = true};
		return work->visit(work->ctx, r->now, err);
	}
	struct through through = {r, work};
	struct moment_work outer = *work;
	if (!r->is_told)
		moment_deinit(&r->moment); // of an attempt before
	outer.rehearse = work->rehearse ? rehearse : NULL;
	outer.needs_regs = work->needs_regs ? needs_regs : NULL;
	outer.visit = visit;
	outer.settle = settle;
	outer.ctx = &through;
	outer.all |= r->mem.has_heap && !r->is_told;
	outer.vectors |= r->mem.has_heap && !r->is_told;
	outer.kept = NULL;
	// Of a core file all is read in the moment, and nothing waits meanwhile.
	if (!r->below->frozen) {
		r->mem.in_moment = r->mem.was_tried = true;
		const struct page_store_later later = {r->mem.notes, redact_aside, &r->mem};
		page_store_set_aside(r->mem.store, &later, r->is_told ? 0 : r->mem.aside);
	}
	enum gospy_code code = watch ? source_watch(r->below, max_pause_ns, &outer, ret, err)
				     : source_stop(r->below, max_pause_ns, &outer, ret, err);
	enum gospy_code kept = r->below->frozen ? GOSPY_OK : page_store_catch_up(r->mem.store, err);
	r->mem.in_moment = false;
	if (kept)
		return kept;
	return code || !ret->reached || r->is_told ? code : keep_moment(r, ret, err);
}

static enum gospy_code stop(struct source *source, uint64_t max_pause_ns,
			    const struct moment_work *work, struct moment *ret,
			    struct gospy_error *err)
{
	return pass_through(source, max_pause_ns, work, ret, err, false);
}

static enum gospy_code watch(struct source *source, uint64_t max_pause_ns,
			     const struct moment_work *work, struct moment *ret,
			     struct gospy_error *err)
{
	return pass_through(source, max_pause_ns, work, ret, err, true);
}

/* A look at one thread. */
struct one_look {
	bool (*look)(void *ctx, const struct place *place);
	void *ctx;
	struct place place;
};

static bool note_place(void *ctx, const struct place *place)
{
	struct one_look *one = ctx;
	one->place = *place;
	return one->look(one->ctx, place);
}

static bool watch_thread(struct source *source, pid_t tid,
			 bool (*look)(void *ctx, const struct place *place), void *ctx)
{
	struct recording *r = recording_of(source);
	struct one_look one = {.look = look, .ctx = ctx};
	if (!source_watch_thread(r->below, tid, note_place, &one))
		return false;
	if (!r->is_told && !keep_place(r, tid, &one.place))
		fail(&r->mem, GOSPY_E_NOMEM);
	return true;
}

static uint64_t read_clock(const struct source *source, enum source_clock clock)
{
	return source_clock_ns(((const struct recording *)source)->below, clock);
}

static void destroy(struct source *source)
{
	recording_destroy(recording_of(source));
}

static const struct source_ops recording_ops = {
	.check = check,
	.explain = explain,
	.auxv = auxv,
	.mappings = mappings,
	.tasks = tasks,
	.exe_path = exe_path,
	.open_exe = open_exe,
	.open_mapped = open_mapped,
	.private_bytes = private_bytes,
	.stop = stop,
	.watch = watch,
	.watch_thread = watch_thread,
	.clock_ns = read_clock,
	.destroy = destroy,
};

static enum gospy_code set_up(struct recording *r, struct span program_facts,
			      struct gospy_error *err)
{
	struct record_mem *m = &r->mem;
	const void *text = arena_strndup(&r->arena, program_facts.ptr, program_facts.len);
	if (!text)
		return err_nomem(err);
	r->source.program_facts = (struct span){text, program_facts.len};
	enum gospy_code code = page_store_create(&m->store, err);
	return code ? code : source_mappings(r->below, &m->maps, err);
}

enum gospy_code recording_create(struct source *below, struct span program_facts,
				 enum redaction redaction, const struct recording_also *also,
				 struct recording **ret, struct gospy_error *err)
{
	struct recording *r = calloc(1, sizeof(*r));
	if (!r)
		return err_nomem(err);
	r->source = *below;
	r->source.ops = &recording_ops;
	r->source.mem = &r->mem.mem;
	r->below = below;
	r->also = *also;
	r->mem.mem.ops = &record_ops;
	r->mem.below = below->mem;
	r->mem.redaction = redaction;
	atomic_init(&r->mem.off, false);
	atomic_init(&r->mem.failed, GOSPY_OK);
	r->real_ns = source_clock_ns(below, SOURCE_REAL);
	r->boot_ns = source_clock_ns(below, SOURCE_BOOT);
	r->mono_ns = source_clock_ns(below, SOURCE_MONO);
	enum gospy_code code = set_up(r, program_facts, err);
	if (code)
		recording_destroy(r);
	else
		*ret = r;
	return code;
}

void recording_destroy(struct recording *r)
{
	if (!r)
		return;
	page_store_destroy(r->mem.store);
	range_notes_destroy(r->mem.notes);
	mappings_deinit(&r->mem.maps);
	vec_free(&r->mem.fixed);
	vec_free(&r->mem.again.ranges);
	vec_free(&r->mem.again.reqs);
	vec_free(&r->mem.again.bytes);
	moment_deinit(&r->moment);
	tasks_deinit(&r->tasks);
	arena_deinit(&r->arena);
	free(r);
}

struct source *recording_source(struct recording *r)
{
	return &r->source;
}

struct page_store *recording_pages(struct recording *r)
{
	return r->mem.store;
}

void recording_expect_heap(struct recording *r, size_t bytes)
{
	r->mem.has_heap = true;
	r->mem.aside = bytes;
}

void recording_give_files(struct recording *r, bool give)
{
	r->gives_files = give;
}

void recording_unfix(struct recording *r)
{
	r->mem.fixed.len = 0;
}

enum gospy_code recording_check(struct recording *r, struct gospy_error *err)
{
	enum gospy_code code = (enum gospy_code)atomic_load(&r->mem.failed);
	if (code == GOSPY_E_NOMEM)
		return err_nomem(err);
	return code ? err_set(err, code, "what was read cannot be kept") : GOSPY_OK;
}

const struct moment *recording_moment(const struct recording *r)
{
	return &r->moment;
}

/* `otherwise`: its state if it was not in the moment. */
static bool add_thread(struct bundle_facts *facts, const struct task *task,
		       const struct moment_thread *moment, enum moment_state otherwise)
{
	struct bundle_thread thread = {.task = *task, .state = otherwise};
	if (moment) {
		thread.state = moment->state;
		thread.has_regs = moment->has_regs;
		thread.place = moment->place;
	}
	return vec_push(&facts->threads, thread);
}

static enum gospy_code list_threads(struct recording *r, struct bundle_facts *facts,
				    struct gospy_error *err)
{
	const enum moment_state otherwise = r->moment.reached ? MOMENT_ENDED : MOMENT_MOVED;
	for (size_t i = 0; i < r->tasks.tasks.len; i++) {
		const struct task *task = &r->tasks.tasks.at[i];
		if (!add_thread(facts, task, moment_find(&r->moment, task->tid), otherwise))
			return err_nomem(err);
	}
	return GOSPY_OK;
}

enum gospy_code recording_facts(struct recording *r, struct bundle_facts *ret,
				struct gospy_error *err)
{
	const struct source *below = r->below;
	struct bundle_facts facts = {
		.pid = below->pid,
		.comm = below->comm,
		.taken.of_core = below->kind == GOSPY_TARGET_CORE || below->taken.of_core,
		.start_ns = below->start_ns,
		.real_ns = r->real_ns,
		.boot_ns = r->boot_ns,
		.mono_ns = r->mono_ns,
		.private_bytes = source_private_bytes(r->below),
		.signal = below->signal,
		.signal_tid = below->signal_tid,
		.fault_addr = below->fault_addr,
		.redacted = r->mem.redaction == REDACT_POINTERS ? "pointers" : NULL,
	};
	enum gospy_code code =
		source_exe_path(r->below, &facts.arena, &facts.exe, &facts.exe_deleted, err);
	if (!code)
		code = source_mappings(r->below, &facts.maps, err);
	if (!code)
		code = list_threads(r, &facts, err);
	if (code) {
		bundle_facts_deinit(&facts);
		return code;
	}
	r->is_told = true;
	*ret = facts;
	return GOSPY_OK;
}
