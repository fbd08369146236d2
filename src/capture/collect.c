#include "capture/collect.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/prefault.h"
#include "base/radix.h"
#include "capture/collect_stack.h"

enum {
	/* Room for those of the active g's that are born between collect_allgs and the stop. */
	NEWBORN_ROOM = 1 << 16,
	/* So few g's cost less to read inside the stop than the stop itself: all are active, and
	 * nothing can have moved unseen. Their stacks are another matter. */
	ALL_ACTIVE_MAX = 256,
	/* A g that was still changing after this many readings is torn. */
	VALIDATE_TRIES = 16,
	/* How often allgs is read that moved meanwhile: each time it has grown by a quarter at
	 * least. */
	ALLGS_TRIES = 8,
};

/* User addresses are below this on x86-64 without five-level paging, which Go does not use
 * (src/runtime/malloc.go: heapAddrBits). */
static const uint64_t ADDRESS_MAX = UINT64_C(1) << 47;

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

/* Memory that another capture had has to be cleared. */
static bool reserve_recs(struct capture *c, size_t n)
{
	c->store = c->pool ? store_pool_take(c->pool, n) : NULL;
	if (c->store) {
		memset(c->store->recs, 0, n * sizeof(*c->store->recs));
		stack_table_deinit(&c->store->stacks);
	} else {
		c->store = store_create(n, c->pool);
	}
	if (!c->store)
		return false;
	c->recs = c->store->recs;
	c->cap = c->store->cap;
	return true;
}

/* Read g's [first, first + n) of allgs. The runtime copies allgs to another array when it grows,
 * and the GC may use the old one for something else while it is read;
 * runtime/proc.go:allgadd. If the array is the same before and after a reading, it was the array
 * all the time. `*array_ret`: the one that was read. */
static enum gospy_code read_allgs(struct schedstate *s, const struct image *image, uint64_t first,
				  uint64_t n, uint64_t *addrs, uint64_t *array_ret,
				  struct gospy_error *err)
{
	const struct globals *g = &image->globals;
	uint64_t root = g->allgptr.addr ? g->allgptr.addr : g->allgs.addr;
	uint64_t array = s->allgptr;
	enum gospy_code code = GOSPY_OK;
	for (unsigned i = 0; n && i < ALLGS_TRIES; i++) {
		array = s->allgptr;
		code = mem_read(image->mem, array + first * 8, addrs, (size_t)n * 8, err);
		if ((code && code != GOSPY_E_FAULT) ||
		    mem_read_u64(image->mem, root, &s->allgptr, NULL) || s->allgptr == array)
			break;
	}
	*array_ret = array;
	return code ? err_context(err, code, "runtime.allgs") : GOSPY_OK;
}

/* May there be a g at `addr`? The runtime publishes the length of allgs when all entries are there.
 */
static bool is_g_addr(uint64_t addr)
{
	return addr && addr % sizeof(uint64_t) == 0 && addr < ADDRESS_MAX;
}

/* Sort the entries of allgs by address. Entries that cannot be a g's are left out, and so is a g
 * that is met again. `*ret` says how many are left; their .index is in allgs. */
static bool order_allgs(const uint64_t *addrs, size_t n, struct radix_item *order, size_t *ret)
{
	size_t count = 0, distinct = 0;
	for (size_t i = 0; i < n; i++) {
		if (is_g_addr(addrs[i]))
			order[count++] = (struct radix_item){.key = addrs[i], .index = (uint32_t)i};
	}
	if (!radix_sort(order, count))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!i || order[i].key != order[i - 1].key)
			order[distinct++] = order[i];
	}
	*ret = distinct;
	return true;
}

/* Give the entries that order_allgs has left indexes without gaps. `n` entries of `room` are
 * overwritten. */
static void close_gaps(struct radix_item *order, size_t count, uint64_t *room, size_t n)
{
	memset(room, 0, n * sizeof(*room));
	for (size_t i = 0; i < count; i++)
		room[order[i].index] = 1;
	uint64_t index = 0;
	for (size_t i = 0; i < n; i++) {
		uint64_t is_there = room[i];
		room[i] = index;
		index += is_there;
	}
	for (size_t i = 0; i < count; i++)
		order[i].index = (uint32_t)room[order[i].index];
}

/* Make records of the g's at `addrs`, which is overwritten, in the place of those that there were.
 */
static enum gospy_code list_gs(struct capture *c, uint64_t *addrs, size_t n,
			       struct gospy_error *err)
{
	size_t count;
	CLEANUP_FREE struct radix_item *order = malloc((n + 1) * sizeof(*order));
	if (!order)
		return err_nomem(err);
	prefault(order, n * sizeof(*order));
	bool anew = c->store;
	if (!order_allgs(addrs, n, order, &count) || (!anew && !reserve_recs(c, count)))
		return err_nomem(err);
	if (count > c->cap)
		return err_set(err, GOSPY_E_LIMIT, "there are more than %zu g's", c->cap);
	if (anew)
		memset(c->recs, 0, count * sizeof(*c->recs));
	if (count < n)
		close_gaps(order, count, addrs, n);
	c->count = c->sorted = count;
	c->listed = c->listed_first = n;
	c->missing.entries = n - count;
	struct fill fill = {.capture = c, .order = order};
	parallel_run(count, fill_recs, &fill);
	return GOSPY_OK;
}

enum gospy_code collect_allgs(struct capture *c, struct image *image, uint64_t room,
			      struct gospy_error *err)
{
	size_t n = (size_t)c->sched.allglen;
	if (c->sched.allglen > G_MAX)
		return err_set(err, GOSPY_E_LIMIT, "runtime.allglen is %llu, above the limit of %d",
			       (unsigned long long)c->sched.allglen, G_MAX);
	if (n > room)
		return err_set(err, GOSPY_E_BAD_DATA,
			       "runtime.allglen is %zu, but the process has no memory for more "
			       "than %llu g's",
			       n, (unsigned long long)room);
	CLEANUP_FREE uint64_t *addrs = malloc((n + 1) * sizeof(*addrs));
	if (!addrs)
		return err_nomem(err);
	prefault(addrs, n * sizeof(*addrs));
	enum gospy_code code = read_allgs(&c->sched, image, 0, n, addrs, &c->listed_in, err);
	return code ? code : list_gs(c, addrs, n, err);
}

/* For who records: whoever reads that will find allgs in the array that it is now, all of it. */
static enum gospy_code read_moved_allgs(struct capture *c, struct image *image, size_t n,
					struct gospy_error *err)
{
	if (!mem_is_recorded(image->mem) || c->sched.allgptr == c->listed_in)
		return GOSPY_OK;
	CLEANUP_FREE uint64_t *addrs = malloc((n + 1) * sizeof(*addrs));
	return addrs ? read_allgs(&c->sched, image, 0, n, addrs, &c->listed_in, err)
		     : err_nomem(err);
}

enum gospy_code collect_on_ms(struct capture *c, struct gospy_error *err)
{
	size_t n = 0, no_gs = 0;
	CLEANUP_FREE uint64_t *addrs = malloc((c->sched.ms.len + 1) * sizeof(*addrs));
	if (!addrs)
		return err_nomem(err);
	for (size_t i = 0; i < c->sched.ms.len; i++) {
		uint64_t curg = c->sched.ms.at[i].curg;
		if (is_g_addr(curg))
			addrs[n++] = curg;
		else
			no_gs += curg != 0;
	}
	enum gospy_code code = list_gs(c, addrs, n, err);
	// Without a stop a goroutine may be seen on two M's, one after the other.
	c->missing.entries = no_gs;
	c->listed = c->listed_first = c->count + no_gs;
	return code;
}

/* Does it belong to a snapshot of those that an M has? A goroutine that ends, and the spare g of an
 * M for C code, are dead. src/runtime/proc.go: execute, dropg, gdestroy, oneNewExtraM */
static bool is_on_m(const struct g_rec *rec)
{
	uint32_t status = grec_status(rec);
	if (rec->soundness == GOSPY_SOUND_UNREADABLE)
		return true;
	return !grec_is_dead(rec) && (rec->flags & G_ON_M || status == GOSPY_STATUS_RUNNING ||
				      status == GOSPY_STATUS_SYSCALL);
}

void collect_keep_on_ms(struct capture *c, size_t *done)
{
	uint32_t *positions = c->store->by_index; // which nobody has filled yet
	size_t kept = 0, all = c->count, seen = *done;
	memset(positions, 0, all * sizeof(*positions));
	for (size_t i = 0; i < all; i++) {
		if (i < seen && !is_on_m(&c->recs[i])) {
			(*done)--;
			continue;
		}
		c->recs[kept++] = c->recs[i];
		positions[c->recs[i].index] = (uint32_t)kept;
	}
	c->count = c->sorted = kept;
	for (size_t i = 0, index = 0; i < all; i++) {
		if (positions[i])
			c->recs[positions[i] - 1].index = (uint32_t)index++;
	}
}

/* Put the records behind the sorted ones in their places among them. */
static bool sort_tail(struct capture *c)
{
	size_t n = c->count - c->sorted;
	CLEANUP_FREE struct radix_item *order = malloc((n + 1) * sizeof(*order));
	CLEANUP_FREE struct g_rec *tail = malloc((n + 1) * sizeof(*tail));
	if (!order || !tail)
		return false;
	for (size_t i = 0; i < n; i++)
		order[i] = (struct radix_item){.key = c->recs[c->sorted + i].addr,
					       .index = (uint32_t)i};
	if (!radix_sort(order, n))
		return false;
	for (size_t i = 0; i < n; i++)
		tail[i] = c->recs[c->sorted + order[i].index];
	size_t to = c->count, from = c->sorted;
	while (n) {
		bool tails = !from || c->recs[from - 1].addr < tail[n - 1].addr;
		c->recs[--to] = tails ? tail[--n] : c->recs[--from];
	}
	c->sorted = c->count;
	map_deinit(&c->newborn);
	return true;
}

/* Add an entry of allgs that came after the others. The records are known to have room. */
static bool add_listed(struct capture *c, uint64_t addr)
{
	if (!is_g_addr(addr) || capture_g(c, addr)) {
		c->missing.entries++;
		return true;
	}
	uint64_t *position = map_put(&c->newborn, addr);
	if (!position)
		return false;
	*position = c->count;
	c->recs[c->count] = (struct g_rec){.addr = addr, .index = (uint32_t)c->count};
	c->count++;
	return true;
}

enum gospy_code collect_listed(struct capture *c, const struct image *image,
			       struct gospy_error *err)
{
	size_t n = (size_t)(c->sched.allglen - c->listed);
	uint64_t array; // nothing is recorded where something is kept
	CLEANUP_FREE uint64_t *addrs = malloc((n + 1) * sizeof(*addrs));
	if (!addrs)
		return err_nomem(err);
	enum gospy_code code = read_allgs(&c->sched, image, c->listed, n, addrs, &array, err);
	if (code)
		return code;
	bool ok = true;
	for (size_t i = c->sorted; ok && i < c->count; i++) {
		uint64_t *position = map_put(&c->newborn, c->recs[i].addr);
		ok = position;
		if (position)
			*position = i;
	}
	for (size_t i = 0; ok && i < n; i++)
		ok = add_listed(c, addrs[i]);
	if (!ok || !sort_tail(c))
		return err_nomem(err);
	c->listed += n;
	c->listed_first = c->listed;
	return GOSPY_OK;
}

static void report_progress(void *ctx, size_t done, size_t total)
{
	const struct passes *p = ctx;
	passes_report(p, p->phase, done, total);
}

static void pick(struct passes *p, unsigned worker, size_t i)
{
	if (!vec_push(&p->picked[worker], (uint32_t)i))
		p->out_of_memory = true;
}

static void set_unreadable(struct g_rec *rec)
{
	rec->soundness = GOSPY_SOUND_UNREADABLE;
	rec->stack = rec->values = rec->chan = 0;
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
	rec->stack = rec->values = rec->chan = 0; // of what it was before
}

/* Is all that may change while a goroutine lives as in its record? */
static bool is_the_same(const struct passes *p, const uint8_t *bytes, const struct g_rec *rec)
{
	const struct layout *layout = &p->image->layout;
	return grec_unchanged(layout, bytes, rec) && grec_rest_unchanged(layout, bytes, rec);
}

/*
 * Is a record of an earlier capture still right, and so is the stack that was walked then? The
 * counter has eight bits, and a goroutine may go through all of them between two captures. But
 * execute() clears waitsince each time a goroutine gets to run, and only the garbage collector sets
 * it, once a cycle, to a time that grows from cycle to cycle (src/runtime/proc.go:execute,
 * mgcmark.go:markroot, mgc.go:gcMark, Go 1.12-1.27). Where it is the same, and not zero, the
 * goroutine did not run. Without stacks there is nothing that would have to be proved.
 */
static bool is_kept(const struct passes *p, const uint8_t *bytes, const struct g_rec *rec)
{
	if (!bytes || !(rec->flags & G_NAMED) || rec->soundness != GOSPY_SOUND ||
	    !grec_can_stand_still(rec) || p->capture->uncounted[rec->waitreason] ||
	    !is_the_same(p, bytes, rec))
		return false;
	if (!p->options->stacks || grec_is_dead(rec))
		return true;
	return rec->waitsince && (rec->stack || !collect_wants_stack(p, rec));
}

/* Was the goroutine parked since its record was read? */
static bool stood_still(const struct passes *p, const uint8_t *bytes, const struct g_rec *rec)
{
	return bytes && rec->soundness == GOSPY_SOUND && grec_can_stand_still(rec) &&
	       !p->capture->uncounted[rec->waitreason] &&
	       grec_unchanged(&p->image->layout, bytes, rec);
}

/* The goroutine was parked: only the GC writes to such a g, and only this field. */
static void refresh_parked(const struct passes *p, const uint8_t *bytes, struct g_rec *rec)
{
	if (rec->flags & G_NAMED) {
		refresh(p, rec, bytes); // it is of an earlier capture, and not proved
		return;
	}
	rec->waitsince = field_load(bytes, p->image->layout.g.waitsince);
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

/* There are ways out of _Grunning and back that casgstatus, and so trackingSeq, does not see:
 * coro.go:coroswitch_m swaps the status itself, and so do proc.go:casGToPreemptScan and
 * casGFromPreempted. */
static bool is_uncounted(const char *wait_reason)
{
	return strcmp(wait_reason, "coroutine") == 0 || strcmp(wait_reason, "preempted") == 0;
}

void collect_uncounted(struct passes *p)
{
	bool *uncounted = p->capture->uncounted;
	for (unsigned i = 0; i < sizeof(p->capture->uncounted); i++)
		uncounted[i] = is_uncounted(image_wait_reason(p->image, i));
}

static void visit_first(void *ctx, unsigned worker, size_t i, const uint8_t *bytes,
			const uint8_t *again)
{
	struct passes *p = ctx;
	(void)worker;
	(void)again;
	if (!is_kept(p, bytes, &p->capture->recs[i]))
		refresh(p, &p->capture->recs[i], bytes);
}

enum gospy_code collect_first(struct passes *p, struct gospy_error *err)
{
	p->phase = GOSPY_PHASE_COPY;
	struct bulk bulk = over_recs(p);
	bulk.visit = visit_first;
	return bulk_run(&bulk, NULL, err);
}

bool collect_all_are_active(const struct capture *c)
{
	return c->sorted <= ALL_ACTIVE_MAX;
}

static void visit_active(void *ctx, unsigned worker, size_t i, const uint8_t *bytes,
			 const uint8_t *again)
{
	struct passes *p = ctx;
	struct g_rec *rec = &p->capture->recs[i];
	(void)again;
	bool kept = is_kept(p, bytes, rec), parked = kept || stood_still(p, bytes, rec);
	if (parked && !kept)
		refresh_parked(p, bytes, rec);
	else if (!kept)
		refresh(p, rec, bytes);
	if (parked && !collect_all_are_active(p->capture))
		return;
	rec->flags |= G_ACTIVE;
	pick(p, worker, i);
}

enum gospy_code collect_active(struct passes *p, struct gospy_error *err)
{
	p->phase = GOSPY_PHASE_RECOPY;
	struct bulk bulk = over_recs(p);
	bulk.visit = visit_active;
	// What has changed will be read once more, and all else is as it was read before.
	mem_record(p->image->mem, false);
	enum gospy_code code = finish(p, bulk_run(&bulk, NULL, err), err);
	mem_record(p->image->mem, true);
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

/* The records are known to have room. */
static bool add_newborn(struct passes *p, uint64_t addr)
{
	struct capture *c = p->capture;
	if (!is_g_addr(addr) || capture_g(c, addr)) {
		c->missing.entries++;
		return true;
	}
	uint64_t *position = map_put(&c->newborn, addr);
	if (!position)
		return false;
	*position = c->count;
	c->recs[c->count] =
		(struct g_rec){.addr = addr, .index = (uint32_t)c->count, .flags = G_ACTIVE};
	p->active.at[p->active.len++] = (struct active_item){addr, (uint32_t)c->count++};
	return true;
}

enum gospy_code collect_newborn(struct passes *p, uint64_t deadline_ns, struct gospy_error *err)
{
	struct capture *c = p->capture;
	uint64_t known = c->listed, now = c->sched.allglen, array;
	if (now <= known) // allgs only grows
		return read_moved_allgs(c, p->image, (size_t)known, err);
	uint64_t n = now - known, room = c->cap - c->count;
	if (n > room) {
		c->grew_too_fast = true;
		n = room;
	}
	enum gospy_code code = read_moved_allgs(c, p->image, (size_t)(known + n), err);
	if (code)
		return code;
	if (!vec_reserve(&p->active, p->active.len + (size_t)n))
		return err_nomem(err);
	CLEANUP_FREE uint64_t *addrs = malloc((size_t)n * sizeof(*addrs));
	if (!addrs)
		return err_nomem(err);
	code = read_allgs(&c->sched, p->image, known, n, addrs, &array, err);
	if (code)
		return code;
	bool late = false;
	for (uint64_t i = 0; i < n && !late; i++) {
		late = budget_late(deadline_ns, (size_t)i);
		if (!add_newborn(p, addrs[i]))
			return err_nomem(err);
		c->listed++;
	}
	c->grew_too_fast |= late;
	return GOSPY_OK;
}

/* Called in the stop. Where nothing counts, a goroutine that looks the same may have run. */
static void reread(const struct passes *p, struct g_rec *rec, const uint8_t *bytes)
{
	if (is_kept(p, bytes, rec))
		return;
	if (field_present(p->image->layout.g.trackingSeq) && stood_still(p, bytes, rec))
		refresh_parked(p, bytes, rec);
	else
		refresh(p, rec, bytes);
}

static void visit_stopped(void *ctx, unsigned worker, size_t i, const uint8_t *bytes,
			  const uint8_t *again)
{
	struct passes *p = ctx;
	(void)worker;
	(void)again;
	reread(p, &p->capture->recs[p->active.at[i].rec], bytes);
}

static void visit_all_stopped(void *ctx, unsigned worker, size_t i, const uint8_t *bytes,
			      const uint8_t *again)
{
	struct passes *p = ctx;
	(void)worker;
	(void)again;
	reread(p, &p->capture->recs[i], bytes);
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
	bulk.visit = visit_all_stopped;
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
	// The verification says nothing of these.
	mem_keep(p->image->mem, true);
	enum gospy_code code = all_done < c->sorted ? bulk_run(&bulk, NULL, err) : GOSPY_OK;
	if (!code && active_done < p->active.len)
		code = read_active(p, active_done, 0, NULL, err);
	mem_keep(p->image->mem, false);
	if (code)
		return code;
	for (size_t i = all_done; i < c->sorted; i++)
		mark_late(&c->recs[i]);
	for (size_t i = active_done; i < p->active.len; i++)
		mark_late(&c->recs[p->active.at[i].rec]);
	return GOSPY_OK;
}

/* Is what it waits for of the moment, in which all was read, and nothing ran? */
static bool is_of_stop(const struct passes *p, const struct g_rec *rec)
{
	return rec->chan && p->capture->chans.at[rec->chan - 1].of_stop && !p->doubt;
}

/* A thread ran while all was to stand still: is this goroutine, which was read meanwhile, the same
 * afterwards because it did not move? The counter alone does not say so: it has eight bits, and on
 * a machine that others crowd the two readings may be far apart. But execute() clears waitsince
 * (see is_kept). What is on a thread that stood still stood still with it, and on one that did not
 * it is marked already (capture_take.c:mark_moved). */
static bool has_surely_stood_still(const struct passes *p, const uint8_t *bytes,
				   const struct g_rec *rec)
{
	if (!bytes || !grec_is_still(&p->image->layout, bytes, rec))
		return false;
	if (rec->flags & G_ON_M || grec_is_dead(rec))
		return true;
	return grec_is_parked(rec) && !p->capture->uncounted[rec->waitreason] && rec->waitsince &&
	       field_load(bytes, p->image->layout.g.waitsince) == rec->waitsince;
}

static void visit_verify(void *ctx, unsigned worker, size_t i, const uint8_t *bytes,
			 const uint8_t *again)
{
	struct passes *p = ctx;
	struct g_rec *rec = &p->capture->recs[i];
	(void)worker;
	(void)again;
	// Active g's, and their channels, were read inside the stop. What is known of the others
	// follows from their standing still. A goroutine whose thread is known to have stood still
	// (capture_take.c:mark_moved) was where the thread is, whatever it and others did since.
	bool held = grec_status(rec) == GOSPY_STATUS_RUNNING && !(rec->flags & G_PC_STALE);
	bool was_read = rec->flags & G_ACTIVE && (held || !p->doubt);
	bool still = rec->flags & G_ACTIVE && p->doubt
			     ? has_surely_stood_still(p, bytes, rec)
			     : bytes && grec_is_still(&p->image->layout, bytes, rec);
	if (was_read || still)
		return;
	if (!is_of_stop(p, rec))
		rec->chan = 0;
	if (!p->prove || rec->soundness != GOSPY_SOUND)
		return;
	rec->soundness = GOSPY_SOUND_MOVED;
	// The stack of a record of an earlier capture was that of the goroutine up to its reading.
	if (rec->flags & G_NAMED)
		return;
	// A stack that was walked in the moment is read again. With records of an earlier capture,
	// so is one that was walked after the last pass. The stack of another goroutine is that of
	// its record. What is recorded of it may be of several moments (mem_record_later).
	bool reread = p->capture->kept || mem_is_recorded(p->image->mem);
	if (p->capture->exact || reread || rec->flags & G_ACTIVE)
		rec->stack = rec->values = 0;
	if (reread)
		rec->flags |= G_ACTIVE;
}

void passes_forget_stop(struct passes *p)
{
	struct capture *c = p->capture;
	c->count = c->sorted;
	c->listed = c->listed_first;
	c->missing.entries = c->listed - c->sorted;
	map_deinit(&c->newborn);
	p->active.len = 0;
	c->chans.len = c->select_cases.len = 0;
	for (size_t i = 0; i < c->count; i++) {
		struct g_rec *rec = &c->recs[i];
		rec->chan = 0;
		if (rec->flags & G_NAMED) {
			rec->flags &= (uint8_t)~G_ACTIVE;
			continue;
		}
		*rec = (struct g_rec){.addr = rec->addr, .index = rec->index};
	}
	c->grew_too_fast = false;
}

enum gospy_code collect_verify(struct passes *p, bool prove, struct gospy_error *err)
{
	p->phase = GOSPY_PHASE_VERIFY;
	p->prove = prove;
	// Nothing tells whether g's that were born meanwhile have moved.
	for (size_t i = p->capture->sorted; prove && p->doubt && i < p->capture->count; i++) {
		struct g_rec *rec = &p->capture->recs[i];
		if (rec->soundness == GOSPY_SOUND)
			rec->soundness = GOSPY_SOUND_MOVED;
	}
	struct bulk bulk = over_recs(p);
	bulk.visit = visit_verify;
	mem_record(p->image->mem, false);
	enum gospy_code code = bulk_run(&bulk, NULL, err);
	mem_record(p->image->mem, true);
	return code;
}

/* If both copies are alike they tell of the same moment: what the first reading saw was still so
 * when the second began. A stack that is being moved is never taken for settled. */
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
	if (is_kept(p, bytes, rec))
		return;
	rec->soundness = GOSPY_SOUND;
	rec->stack = rec->values = 0;
	if (!bytes)
		set_unreadable(rec);
	else if (!settled(p, bytes, again, rec))
		pick(p, worker, i);
}

/* Read one g alone: both readings lie a microsecond apart. */
static void retry(struct passes *p, struct g_rec *rec, uint8_t *buffer, size_t len)
{
	for (unsigned i = 0; i < VALIDATE_TRIES && budget_read(&p->budget, 2); i++) {
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
		// What was read last is what is recorded.
		grec_extract(&p->image->layout, buffer + len, rec);
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
