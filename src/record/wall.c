#include "record/wall.h"

#include <string.h>

#include "base/hash.h"

enum {
	GS_MAX = 1 << 24, /* of allgs */
	/* Of one tick. 512 at 20 Hz tell a share to 0.2 points in half a minute. */
	DRAWS = 512,
	BATCH = 128,
	/* Most goroutines wait not far from where they began. */
	STACK_BYTES = 2048,
	REFILL_BYTES = 1 << 16,
	/* Of one tick, 128 MiB: what a target can make of that does not take minutes. */
	REFILLS_MAX = 2048,
};

/* One that was drawn. */
struct drawn {
	uint64_t addr;
	struct g_rec rec;
	size_t stack; /* number of its bytes; BATCH: it has none */
};

/* What is known of one, before it is known to be right. */
struct sighting {
	size_t first, count; /* in the stacks of the batch */
	struct whose whose;
	bool whole;
};

/* One that is to be counted if the whole tick is. */
struct settled {
	struct sample_group group;
	size_t first, count; /* in the stacks of the tick */
	bool exact;
};

struct addrs {
	uint64_t *at;
	size_t len, cap;
};

struct wall_batch {
	struct drawn drawn[BATCH];
	size_t count;
	uint64_t weight_ns;   /* what each stands for */
	bool last;            /* those that have changed are not looked at again */
	struct addrs changed; /* of the tick */
	struct sighting seen[BATCH];
	struct mem_req reqs[BATCH];
	size_t lens[BATCH]; /* of the stacks */
	struct addrs pcs;   /* of all stacks of the tick */
	VEC(struct settled) settled;
};

void wall_deinit(struct wall *w)
{
	if (w->batch) {
		vec_free(&w->batch->changed);
		vec_free(&w->batch->pcs);
		vec_free(&w->batch->settled);
	}
	free(w->batch);
	vec_free(&w->gs);
	unwinder_deinit(&w->go);
	map_deinit(&w->labels);
	free(w->windows);
	free(w->again);
	free(w->stacks);
	free(w->refilled);
}

enum gospy_code wall_init(struct wall *w, struct gospy_error *err)
{
	size_t window = grec_window(&w->image->layout);
	w->go = (struct unwinder){.symbols = w->symbols, .frames_max = UNWIND_INNER};
	w->random = hash_secret() | 1;
	w->windows = malloc(BATCH * window);
	w->again = malloc(BATCH * window);
	w->stacks = malloc((size_t)BATCH * STACK_BYTES);
	w->refilled = malloc(REFILL_BYTES);
	w->batch = calloc(1, sizeof(*w->batch));
	return w->batch && w->windows && w->again && w->stacks && w->refilled ? GOSPY_OK
									      : err_nomem(err);
}

/* xorshift64*: Vigna, "An experimental exploration of Marsaglia's xorshift generators". */
uint32_t wall_random(struct wall *w)
{
	w->random ^= w->random >> 12;
	w->random ^= w->random << 25;
	w->random ^= w->random >> 27;
	return (uint32_t)(w->random * UINT64_C(0x2545f4914f6cdd1d) >> 32);
}

/* allgs grows at its end; its g's are never freed. But the array is replaced when it grows, and the
 * old one's memory may be used for something else while it is read. */
static enum gospy_code read_allgs(struct wall *w, struct gospy_error *err)
{
	const struct globals *globals = &w->image->globals;
	struct mem *mem = w->image->mem;
	uint64_t len, at, again,
		from = globals->allgptr.addr ? globals->allgptr.addr : globals->allgs.addr;
	enum gospy_code code = mem_read_u64(mem, globals->allglen.addr, &len, err);
	if (!code)
		code = mem_read_u64(mem, from, &at, err);
	if (code || len <= w->gs.len || len > GS_MAX)
		return code;
	size_t before = w->gs.len, n = (size_t)len - before;
	if (!vec_reserve(&w->gs, len))
		return err_nomem(err);
	code = mem_read(mem, at + before * sizeof(*w->gs.at), w->gs.at + before,
			n * sizeof(*w->gs.at), err);
	if (code)
		return code == GOSPY_E_FAULT ? GOSPY_OK : code; // it was moved: the next time
	code = mem_read_u64(mem, from, &again, err);
	w->gs.len += !code && again == at ? n : 0;
	return code;
}

static bool has_stack(const struct g_rec *rec)
{
	uint32_t status = grec_status(rec);
	return (grec_waits(rec) || status == GOSPY_STATUS_RUNNABLE ||
		status == GOSPY_STATUS_SYSCALL || status == GOSPY_STATUS_PREEMPTED) &&
	       rec->sp >= rec->stack_lo && rec->sp < rec->stack_hi;
}

/* Does it count? */
static bool is_wanted(const struct wall *w, const struct g_rec *rec)
{
	uint32_t status = grec_status(rec);
	if (grec_is_dead(rec) || !rec->goid || status == GOSPY_STATUS_IDLE ||
	    (w->off && status == GOSPY_STATUS_RUNNING))
		return false;
	const struct location *start = symbols_location(w->symbols, rec->startpc, LOCATION_START);
	switch (start ? start->role : START_USER) {
	case START_USER:
		return true;
	case START_SYSTEM:
	case START_FINALIZER:
		return false;
	case START_CLEANUPS:
		return rec->flags & G_RUNNING_CLEANUPS;
	}
	return true;
}

/* Their bytes to `into`, one behind the other; .done says which could be read. */
static enum gospy_code read_windows(struct wall *w, uint8_t *into, struct gospy_error *err)
{
	size_t len = grec_window(&w->image->layout);
	struct wall_batch *b = w->batch;
	for (size_t i = 0; i < b->count; i++)
		b->reqs[i] = (struct mem_req){
			.addr = b->drawn[i].addr, .dst = into + i * len, .len = len};
	enum gospy_code code =
		b->count ? mem_readv(w->image->mem, b->reqs, b->count, err) : GOSPY_OK;
	return code == GOSPY_E_FAULT ? GOSPY_OK : code;
}

/* Only those that count stay in the batch. */
static enum gospy_code read_gs(struct wall *w, struct gospy_error *err)
{
	size_t len = grec_window(&w->image->layout), n = 0;
	struct wall_batch *b = w->batch;
	enum gospy_code code = read_windows(w, w->windows, err);
	for (size_t i = 0; i < b->count && !code; i++) {
		struct drawn d = {.addr = b->drawn[i].addr, .stack = BATCH};
		d.rec.addr = d.addr;
		if (b->reqs[i].done < len)
			continue;
		grec_extract(&w->image->layout, w->windows + i * len, &d.rec);
		if (is_wanted(w, &d.rec))
			b->drawn[n++] = d;
	}
	b->count = n;
	return code;
}

static enum gospy_code read_stacks(struct wall *w, struct gospy_error *err)
{
	struct wall_batch *b = w->batch;
	size_t n = 0;
	for (size_t i = 0; i < b->count; i++) {
		struct drawn *d = &b->drawn[i];
		if (!has_stack(&d->rec))
			continue;
		uint64_t len = d->rec.stack_hi - d->rec.sp;
		d->stack = n;
		b->reqs[n] = (struct mem_req){
			.addr = d->rec.sp,
			.dst = w->stacks + n * STACK_BYTES,
			.len = len < STACK_BYTES ? (size_t)len : STACK_BYTES,
			.kind = MEM_STACK,
		};
		n++;
	}
	enum gospy_code code = n ? mem_readv(w->image->mem, b->reqs, n, err) : GOSPY_OK;
	for (size_t i = 0; i < n; i++)
		b->lens[i] = b->reqs[i].done;
	return code == GOSPY_E_FAULT ? GOSPY_OK : code;
}

/* The number of its labels: they are there as long as the goroutine has them. */
static bool number_labels(struct wall *w, const struct g_rec *rec, struct whose *ret)
{
	if (!rec->labels)
		return true;
	uint64_t *slot = map_put(&w->labels, rec->labels);
	uint32_t number;
	if (!slot)
		return false;
	if (!*slot) {
		if (!owners_number_labels(w->owners, rec->labels, &number))
			return false;
		*slot = number + UINT64_C(1);
	}
	ret->labels = (uint32_t)(*slot - 1);
	ret->has_labels = ret->labels != 0;
	return true;
}

static bool refill(struct unwind_bytes *bytes, uint64_t addr)
{
	struct wall *w = bytes->ctx;
	uint64_t len = addr < bytes->hi ? bytes->hi - addr : 0;
	if (len > REFILL_BYTES)
		len = REFILL_BYTES;
	if (!len || w->refills++ >= REFILLS_MAX ||
	    mem_read(w->image->mem, addr, w->refilled, (size_t)len, NULL))
		return false;
	bytes->addr = addr;
	bytes->bytes = w->refilled;
	bytes->len = (size_t)len;
	return true;
}

/* False: out of memory. */
static bool walk(struct wall *w, const struct drawn *d, size_t len, bool *whole_ret)
{
	const struct g_rec *rec = &d->rec;
	struct unwind_bytes bytes = {
		.addr = rec->sp,
		.bytes = w->stacks + d->stack * STACK_BYTES,
		.len = len,
		.hi = rec->stack_hi,
		.refill = refill,
		.ctx = w,
	};
	const struct unwind_start start = {.pc = rec->pc,
					   .sp = rec->sp,
					   .interrupted = rec->flags & G_PC_EXACT,
					   .on_stack = true};
	if (!unwind(&w->go, &bytes, &start))
		return false;
	*whole_ret = w->go.end == UNWIND_DONE && w->go.pcs.len && !w->go.gap.frames;
	return true;
}

static bool add(struct wall *w, const struct drawn *d, const struct sighting *seen, bool moving)
{
	struct sample_group group = {
		.whose = seen->whose,
		.cut = !seen->whole,
		.wall = true,
		.moving = moving,
		.state = (uint8_t)grec_status(&d->rec),
		.reason = grec_waits(&d->rec) ? d->rec.waitreason : 0,
		.weight_ns = w->batch->weight_ns,
		.count = 1,
	};
	const struct settled settled = {group, seen->first, seen->count, d->rec.flags & G_PC_EXACT};
	return vec_push(&w->batch->settled, settled);
}

/* The stack and the labels of one; false: out of memory. */
static bool see(struct wall *w, const struct drawn *d, struct sighting *ret)
{
	struct wall_batch *b = w->batch;
	*ret = (struct sighting){
		.first = b->pcs.len,
		.whose = {.kind = WHOSE_GOROUTINE,
			  .goid = w->apart ? d->rec.goid : 0,
			  .startpc = d->rec.startpc,
			  .has_labels = !d->rec.labels},
	};
	if (!number_labels(w, &d->rec, &ret->whose))
		return false;
	if (d->stack == BATCH)
		return true;
	if (!walk(w, d, b->lens[d->stack], &ret->whole))
		return false;
	ret->count = w->go.pcs.len;
	if (!vec_reserve(&b->pcs, b->pcs.len + ret->count))
		return false;
	if (ret->count)
		memcpy(b->pcs.at + b->pcs.len, w->go.pcs.at, ret->count * sizeof(*b->pcs.at));
	b->pcs.len += ret->count;
	return true;
}

/* Count it, if it is still as it was; else look again, or say that it moves. */
static bool settle(struct wall *w, size_t i)
{
	struct wall_batch *b = w->batch;
	const struct drawn *d = &b->drawn[i];
	size_t window = grec_window(&w->image->layout);
	bool same = b->reqs[i].done == window &&
		    grec_is_still(&w->image->layout, w->again + i * window, &d->rec);
	// Texts of labels count only if they were still its labels after they had been read.
	struct g_rec now = d->rec;
	if (b->reqs[i].done == window)
		grec_extract(&w->image->layout, w->again + i * window, &now);
	if (b->reqs[i].done < window || now.goid != d->rec.goid || now.labels != d->rec.labels) {
		b->seen[i].whose.labels = 0;
		b->seen[i].whose.has_labels = false;
		uint64_t *number = d->rec.labels ? map_get(&w->labels, d->rec.labels) : NULL;
		if (number)
			*number = 0; // read it again for the next one
	}
	// Where a running one is cannot be told in this way, whatever it does meanwhile.
	same |= grec_status(&d->rec) == GOSPY_STATUS_RUNNING;
	if (!same && !b->last)
		return vec_push(&b->changed, d->addr);
	if (!same)
		b->seen[i] = (struct sighting){.whose = b->seen[i].whose};
	w->found++;
	return add(w, d, &b->seen[i], !same);
}

static enum gospy_code look(struct wall *w, struct gospy_error *err)
{
	struct wall_batch *b = w->batch;
	enum gospy_code code = read_gs(w, err);
	if (!code)
		code = read_stacks(w, err);
	for (size_t i = 0; i < b->count && !code; i++) {
		if (!see(w, &b->drawn[i], &b->seen[i]))
			code = err_nomem(err);
	}
	if (!code)
		code = read_windows(w, w->again, err);
	for (size_t i = 0; i < b->count && !code; i++) {
		if (!settle(w, i))
			code = err_nomem(err);
	}
	return code;
}

/* One slot of each of `n` equal parts of `len`. */
static enum gospy_code look_at(struct wall *w, const uint64_t *gs, size_t len, size_t n,
			       struct gospy_error *err)
{
	struct wall_batch *b = w->batch;
	enum gospy_code code = GOSPY_OK;
	b->count = 0;
	for (size_t i = 0; i < n && !code; i++) {
		// (i + u) * len / n, rounded down, with a random u in [0, 1).
		unsigned __int128 part =
			((unsigned __int128)i << 32) + (n < len ? wall_random(w) : 0);
		b->drawn[b->count++].addr = gs[(uint64_t)(part * len / n >> 32)];
		if (b->count < BATCH && i + 1 < n)
			continue;
		code = look(w, err);
		b->count = 0;
	}
	return code;
}

enum gospy_code wall_tick(struct wall *w, uint64_t ns, struct gospy_error *err)
{
	struct wall_batch *b = w->batch;
	enum gospy_code code = read_allgs(w, err);
	size_t len = w->gs.len, n = len < DRAWS ? len : DRAWS;
	b->changed.len = b->pcs.len = b->settled.len = 0;
	w->found = w->refills = 0;
	if (code || !n)
		return code;
	b->weight_ns = (uint64_t)((unsigned __int128)ns * len / n);
	map_deinit(&w->labels);
	b->last = false;
	code = look_at(w, w->gs.at, len, n, err);
	b->last = true;
	if (!code)
		code = look_at(w, b->changed.at, b->changed.len, b->changed.len, err);
	return code;
}

enum gospy_code wall_commit(struct wall *w, struct gospy_error *err)
{
	const struct wall_batch *b = w->batch;
	size_t len = w->gs.len, n = len < DRAWS ? len : DRAWS;
	for (size_t i = 0; i < b->settled.len; i++) {
		const struct settled *s = &b->settled.at[i];
		w->drawn++;
		w->whole += !s->group.cut;
		w->moving += s->group.moving;
		if (!sample_groups_add_stack(w->groups, b->pcs.at + s->first, s->count, s->exact,
					     &s->group))
			return err_nomem(err);
	}
	w->goroutines = n ? (uint64_t)((unsigned __int128)w->found * len / n) : 0;
	w->ticks++;
	return GOSPY_OK;
}
