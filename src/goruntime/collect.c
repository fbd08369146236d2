/* The passes over all g's; see capture.h and docs/internals.md. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/prefault.h"
#include "base/radix.h"
#include "goruntime/capture.h"

enum {
	/* Room for goroutines born between collect_allgs and the stop: address space, not memory.
	 */
	NEWBORN_ROOM = 1 << 16,
	/* So few g's cost less to read inside the stop than the stop itself: all are active, and
	 * nothing can have moved unseen. */
	ALL_ACTIVE_MAX = 256,
	/* A g that was still changing after this many readings is torn. */
	VALIDATE_TRIES = 16,
	/* Readings of allgs that moved meanwhile: each time it has a quarter more at least. */
	ALLGS_TRIES = 8,
};

struct fill {
	struct capture *capture;
	const struct radix_item *order;
	atomic_size_t next;
};

/* The first touch of the records is most of the cost: the kernel clears them. */
static void fill_recs(void *ctx, unsigned worker)
{
	enum { BLOCK = 1 << 15 };
	struct fill *fill = ctx;
	struct capture *c = fill->capture;
	(void)worker;
	for (size_t i; (i = atomic_fetch_add(&fill->next, BLOCK)) < c->count;) {
		size_t end = c->count - i < BLOCK ? c->count : i + BLOCK;
		for (; i < end; i++) {
			c->recs[i].addr = fill->order[i].key;
			c->recs[i].index = fill->order[i].index;
		}
	}
}

static bool reserve_recs(struct capture *c, size_t n)
{
	c->cap = n + n / 4 + NEWBORN_ROOM;
	c->recs = mmap(NULL, c->cap * sizeof(*c->recs), PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (c->recs == MAP_FAILED) {
		c->recs = NULL;
		return false;
	}
	prefault(c->recs, n * sizeof(*c->recs));
	return true;
}

/* g's [first, first + n) of allgs. It is copied to another array when it grows, and the collector
 * may use the old one for something else while that is read; runtime/proc.go:allgadd. What was the
 * array before and after a reading was it all the time. */
static enum gospy_code read_allgs(struct schedstate *s, const struct image *image, uint64_t first,
				  uint64_t n, uint64_t *addrs, struct gospy_error *err)
{
	const struct globals *g = &image->globals;
	uint64_t root = g->allgptr.addr ? g->allgptr.addr : g->allgs.addr;
	enum gospy_code code = GOSPY_OK;
	for (unsigned i = 0; n && i < ALLGS_TRIES; i++) {
		uint64_t array = s->allgptr;
		code = mem_read(image->mem, array + first * 8, addrs, (size_t)n * 8, err);
		if ((code && code != GOSPY_E_FAULT) ||
		    mem_read_u64(image->mem, root, &s->allgptr, NULL) || s->allgptr == array)
			break;
	}
	return code ? err_context(err, code, "runtime.allgs") : GOSPY_OK;
}

enum gospy_code collect_allgs(struct capture *c, struct image *image, struct gospy_error *err)
{
	size_t n = (size_t)c->sched.allglen;
	if (c->sched.allglen > G_MAX)
		return err_set(err, GOSPY_E_LIMIT, "runtime.allglen is %llu, above the limit of %d",
			       (unsigned long long)c->sched.allglen, G_MAX);
	CLEANUP_FREE uint64_t *addrs = malloc((n + 1) * sizeof(*addrs));
	CLEANUP_FREE struct radix_item *order = malloc((n + 1) * sizeof(*order));
	if (!addrs || !order)
		return err_nomem(err);
	prefault(addrs, n * sizeof(*addrs));
	prefault(order, n * sizeof(*order));
	enum gospy_code code = read_allgs(&c->sched, image, 0, n, addrs, err);
	if (code)
		return code;
	for (size_t i = 0; i < n; i++)
		order[i] = (struct radix_item){.key = addrs[i], .index = (uint32_t)i};
	if (!radix_sort(order, n) || !reserve_recs(c, n))
		return err_nomem(err);
	c->count = c->sorted = n;
	struct fill fill = {.capture = c, .order = order};
	parallel_run(n, fill_recs, &fill);
	return GOSPY_OK;
}

void passes_deinit(struct passes *p)
{
	for (size_t i = 0; i < BULK_WORKERS; i++)
		vec_free(&p->picked[i]);
	vec_free(&p->active);
	map_deinit(&p->sched_pcs);
	map_deinit(&p->frame_pointers);
	map_deinit(&p->r12s);
	bulk_room_destroy(p->room);
}

static void report_progress(void *ctx, size_t done, size_t total)
{
	const struct passes *p = ctx;
	if (p->options->progress)
		p->options->progress(p->options->progress_ctx, p->phase, done, total);
}

static void pick(struct passes *p, unsigned worker, size_t i)
{
	if (!vec_push(&p->picked[worker], (uint32_t)i))
		p->out_of_memory = true;
}

static void set_unreadable(struct g_rec *rec)
{
	rec->soundness = GOSPY_SOUND_UNREADABLE;
}

/* Overwrite a record with what was just read. */
static void refresh(const struct passes *p, struct g_rec *rec, const uint8_t *bytes)
{
	if (!bytes) {
		set_unreadable(rec);
		return;
	}
	uint8_t keep = rec->flags & G_ACTIVE;
	grec_extract(&p->image->layout, bytes, rec);
	rec->flags |= keep;
	rec->soundness = GOSPY_SOUND;
}

/* A bulk run over the sorted records. */
static struct bulk over_recs(struct passes *p)
{
	struct capture *c = p->capture;
	return (struct bulk){
		.mem = p->image->mem,
		.room = p->room,
		.items = c->recs,
		.stride = sizeof(*c->recs),
		.count = c->sorted,
		.len = grec_window(&p->image->layout),
		.progress = report_progress,
		.ctx = p,
	};
}

static enum gospy_code finish(const struct passes *p, enum gospy_code code, struct gospy_error *err)
{
	return !code && p->out_of_memory ? err_nomem(err) : code;
}

static void visit_first(void *ctx, unsigned worker, size_t i, const uint8_t *bytes,
			const uint8_t *again)
{
	struct passes *p = ctx;
	(void)worker;
	(void)again;
	refresh(p, &p->capture->recs[i], bytes);
}

enum gospy_code collect_first(struct passes *p, struct gospy_error *err)
{
	p->phase = GOSPY_PHASE_COPY;
	struct bulk bulk = over_recs(p);
	bulk.visit = visit_first;
	return bulk_run(&bulk, NULL, err);
}

static void visit_active(void *ctx, unsigned worker, size_t i, const uint8_t *bytes,
			 const uint8_t *again)
{
	struct passes *p = ctx;
	const struct layout *layout = &p->image->layout;
	struct g_rec *rec = &p->capture->recs[i];
	(void)again;
	if (p->capture->sorted > ALL_ACTIVE_MAX && bytes && rec->soundness == GOSPY_SOUND &&
	    grec_can_stand_still(rec) && !p->uncounted[rec->waitreason] &&
	    grec_unchanged(layout, bytes, rec)) {
		// The GC alone writes to a g that is parked.
		rec->waitsince = field_load(bytes, layout->g.waitsince);
		return;
	}
	refresh(p, rec, bytes);
	rec->flags |= G_ACTIVE;
	pick(p, worker, i);
}

/* Ways out of _Grunning and back that casgstatus, and so trackingSeq, does not see: coro.go:
 * coroswitch_m swaps the status itself, proc.go:casGToPreemptScan and casGFromPreempted as well. */
static void find_uncounted(struct passes *p)
{
	for (unsigned i = 0; i < sizeof(p->uncounted) / sizeof(p->uncounted[0]); i++) {
		const char *text = image_wait_reason(p->image, i);
		p->uncounted[i] = strcmp(text, "coroutine") == 0 || strcmp(text, "preempted") == 0;
	}
}

enum gospy_code collect_active(struct passes *p, struct gospy_error *err)
{
	p->phase = GOSPY_PHASE_RECOPY;
	find_uncounted(p);
	struct bulk bulk = over_recs(p);
	bulk.visit = visit_active;
	enum gospy_code code = finish(p, bulk_run(&bulk, NULL, err), err);
	if (code)
		return code;
	size_t n = 0;
	for (size_t w = 0; w < BULK_WORKERS; w++)
		n += p->picked[w].len;
	// Everything the stop needs is allocated before it.
	if (!vec_reserve(&p->active, n + NEWBORN_ROOM))
		return err_nomem(err);
	for (size_t w = 0; w < BULK_WORKERS; w++) {
		for (size_t i = 0; i < p->picked[w].len; i++) {
			uint32_t rec = p->picked[w].at[i];
			p->active.at[p->active.len++] =
				(struct active_item){p->capture->recs[rec].addr, rec};
		}
		p->picked[w].len = 0;
	}
	return GOSPY_OK;
}

enum gospy_code collect_newborn(struct passes *p, struct gospy_error *err)
{
	struct capture *c = p->capture;
	uint64_t known = c->count, now = c->sched.allglen;
	if (now <= known) // allgs only grows
		return GOSPY_OK;
	uint64_t n = now - known, room = c->cap - c->count;
	if (n > room) {
		c->grew_too_fast = true;
		n = room;
	}
	if (!vec_reserve(&p->active, p->active.len + (size_t)n))
		return err_nomem(err);
	CLEANUP_FREE uint64_t *addrs = malloc((size_t)n * sizeof(*addrs));
	if (!addrs)
		return err_nomem(err);
	enum gospy_code code = read_allgs(&c->sched, p->image, known, n, addrs, err);
	if (code)
		return code;
	for (uint64_t i = 0; i < n; i++) {
		uint64_t *position = map_put(&c->newborn, addrs[i]);
		if (!position)
			return err_nomem(err);
		*position = c->count;
		c->recs[c->count] = (struct g_rec){
			.addr = addrs[i], .index = (uint32_t)(known + i), .flags = G_ACTIVE};
		p->active.at[p->active.len++] =
			(struct active_item){addrs[i], (uint32_t)c->count++};
	}
	return GOSPY_OK;
}

static void visit_stopped(void *ctx, unsigned worker, size_t i, const uint8_t *bytes,
			  const uint8_t *again)
{
	struct passes *p = ctx;
	(void)worker;
	(void)again;
	refresh(p, &p->capture->recs[p->active.at[i].rec], bytes);
}

static enum gospy_code read_active(struct passes *p, size_t first, uint64_t deadline_ns,
				   size_t *done_ret, struct gospy_error *err)
{
	struct bulk bulk = {
		.mem = p->image->mem,
		.room = p->room,
		.items = p->active.at,
		.stride = sizeof(*p->active.at),
		.count = p->active.len,
		.len = grec_window(&p->image->layout),
		.deadline_ns = deadline_ns,
		.visit = visit_stopped,
		.ctx = p,
		.first = first,
	};
	return bulk_run(&bulk, done_ret, err);
}

enum gospy_code collect_stopped(struct passes *p, uint64_t deadline_ns, size_t *done_ret,
				struct gospy_error *err)
{
	return read_active(p, 0, deadline_ns, done_ret, err);
}

enum gospy_code collect_all_stopped(struct passes *p, uint64_t deadline_ns, size_t *done_ret,
				    struct gospy_error *err)
{
	struct bulk bulk = over_recs(p);
	bulk.visit = visit_first;
	bulk.progress = NULL;
	bulk.deadline_ns = deadline_ns;
	return bulk_run(&bulk, done_ret, err);
}

static void mark_late(struct g_rec *rec)
{
	if (rec->soundness == GOSPY_SOUND)
		rec->soundness = GOSPY_SOUND_LATE;
}

enum gospy_code collect_late(struct passes *p, size_t active_done, size_t all_done,
			     struct gospy_error *err)
{
	struct capture *c = p->capture;
	struct bulk bulk = over_recs(p);
	bulk.visit = visit_first;
	bulk.first = all_done;
	enum gospy_code code = all_done < c->sorted ? bulk_run(&bulk, NULL, err) : GOSPY_OK;
	if (!code && active_done < p->active.len)
		code = read_active(p, active_done, 0, NULL, err);
	if (code)
		return code;
	for (size_t i = all_done; i < c->sorted; i++)
		mark_late(&c->recs[i]);
	for (size_t i = active_done; i < p->active.len; i++)
		mark_late(&c->recs[p->active.at[i].rec]);
	return GOSPY_OK;
}

static bool still_there(const struct layout *layout, const uint8_t *bytes, const struct g_rec *rec)
{
	if (grec_unchanged(layout, bytes, rec))
		return true;
	struct g_rec now = *rec; // the GC may hold it with the scan bit
	grec_extract(layout, bytes, &now);
	return grec_same(&now, rec);
}

static void visit_verify(void *ctx, unsigned worker, size_t i, const uint8_t *bytes,
			 const uint8_t *again)
{
	struct passes *p = ctx;
	struct g_rec *rec = &p->capture->recs[i];
	(void)worker;
	(void)again;
	// Active g's, and their channels, were read inside the stop; of the others all that follows
	// from their standing still.
	if (rec->flags & G_ACTIVE || (bytes && still_there(&p->image->layout, bytes, rec)))
		return;
	rec->chan = 0;
	if (p->prove && rec->soundness == GOSPY_SOUND)
		rec->soundness = GOSPY_SOUND_MOVED;
}

enum gospy_code collect_verify(struct passes *p, bool prove, struct gospy_error *err)
{
	p->phase = GOSPY_PHASE_VERIFY;
	p->prove = prove;
	struct bulk bulk = over_recs(p);
	bulk.visit = visit_verify;
	return bulk_run(&bulk, NULL, err);
}

/* Both copies tell of the same moment if they are alike: what the first reading saw was still so
 * when the second began. A stack being moved is never taken for settled. */
static bool settled(const struct passes *p, const uint8_t *bytes, const uint8_t *again,
		    struct g_rec *rec)
{
	struct g_rec second = *rec;
	grec_extract(&p->image->layout, bytes, rec);
	grec_extract(&p->image->layout, again, &second);
	return memcmp(rec, &second, sizeof(second)) == 0 &&
	       grec_status(rec) != GOSPY_STATUS_COPYSTACK && grec_plausible(rec);
}

static void visit_validated(void *ctx, unsigned worker, size_t i, const uint8_t *bytes,
			    const uint8_t *again)
{
	struct passes *p = ctx;
	struct g_rec *rec = &p->capture->recs[i];
	if (!bytes)
		set_unreadable(rec);
	else if (!settled(p, bytes, again, rec))
		pick(p, worker, i);
}

/* One g alone: both readings lie a microsecond apart. */
static void retry(const struct passes *p, struct g_rec *rec, uint8_t *buffer, size_t len)
{
	for (unsigned i = 0; i < VALIDATE_TRIES; i++) {
		if (mem_read(p->image->mem, rec->addr, buffer, len, NULL) ||
		    mem_read(p->image->mem, rec->addr, buffer + len, len, NULL)) {
			set_unreadable(rec);
			return;
		}
		rec->soundness = GOSPY_SOUND;
		if (settled(p, buffer, buffer + len, rec)) {
			rec->soundness = GOSPY_SOUND_RETRIED;
			return;
		}
	}
	rec->soundness = GOSPY_SOUND_TORN;
}

enum gospy_code collect_validated(struct passes *p, struct gospy_error *err)
{
	p->phase = GOSPY_PHASE_COPY;
	struct bulk bulk = over_recs(p);
	bulk.visit = visit_validated;
	bulk.twice = true;
	enum gospy_code code = finish(p, bulk_run(&bulk, NULL, err), err);
	CLEANUP_FREE uint8_t *buffer = malloc(2 * bulk.len);
	if (code)
		return code;
	if (!buffer)
		return err_nomem(err);
	for (size_t w = 0; w < BULK_WORKERS; w++) {
		for (size_t i = 0; i < p->picked[w].len; i++)
			retry(p, &p->capture->recs[p->picked[w].at[i]], buffer, bulk.len);
		p->picked[w].len = 0;
	}
	return GOSPY_OK;
}
