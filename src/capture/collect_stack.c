#include "capture/collect_stack.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cancel.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/prefault.h"
#include "base/radix.h"

enum {
	/* Stacks in bulk are copied whole; deeper ones window by window. Goroutines begin with 2
	 * KiB or 8 KiB, and few need more. */
	STACK_BULK_MAX = 64 << 10,
	/* Bytes copied of one stack while a thread is held: a hundred thousand frames and more, in
	 * some milliseconds. What lies beyond is cut off, unless the goroutine is parked. */
	STACK_STOPPED_MAX = 16 << 20,
	/* Readings of a stack whose goroutine was found changed each time. */
	STACK_TRIES = 16,
	/* So many readings must be alike where no counter tells of a change, and for a goroutine in
	 * system calls, which may make a million of the same a second. */
	STACK_READINGS = 4,
	STACK_READINGS_SYSCALL = 16,
	/* Copying a window counts as so many frames. */
	STACK_REFILL_FRAMES = 1024,
	/* The arguments of a function, with what is between them and its return address. */
	STACK_TAIL_MAX = 4096,
	/* So many reads are taken from the budget each time that a goroutine is read alone. */
	STACK_TRY_READS = 4,
	/* It is believed that a stack cannot be walked to its end if so many tries in a row say the
	 * same. */
	BROKEN_ALIKE = 4,
};

static bool has_stack(const struct g_rec *rec)
{
	switch (grec_status(rec)) {
	case GOSPY_STATUS_RUNNABLE:
	case GOSPY_STATUS_RUNNING:
	case GOSPY_STATUS_SYSCALL:
	case GOSPY_STATUS_WAITING:
	case GOSPY_STATUS_COPYSTACK: // sched leads into the old stack, or the whole copy
	case GOSPY_STATUS_PREEMPTED:
	case GOSPY_STATUS_LEAKED:
		return rec->soundness != GOSPY_SOUND_UNREADABLE && !(rec->flags & G_PC_STALE) &&
		       rec->sp >= rec->stack_lo && rec->sp < rec->stack_hi;
	default:
		return false;
	}
}

bool collect_stacks_prepare(struct passes *p)
{
	const struct gospy_snapshot_options *options = p->options;
	for (size_t i = 0; i < options->stack_goid_count; i++) {
		if (!map_put(&p->stack_goids, options->stack_goids[i]))
			return false;
	}
	return true;
}

bool collect_wants_stack(const struct passes *p, const struct g_rec *rec)
{
	return has_stack(rec) && passes_picks(p, rec);
}

static struct unwind_start start_of(const struct passes *p, const struct g_rec *rec)
{
	bool exact = rec->flags & G_PC_EXACT;
	uint64_t at = (uint64_t)(rec - p->capture->recs);
	const uint64_t *sched_pc = exact ? map_get(&p->sched_pcs, at) : NULL;
	const uint64_t *bp = exact ? map_get(&p->frame_pointers, at) : NULL;
	const uint64_t *r12 = exact ? map_get(&p->r12s, at) : NULL;
	bool running = grec_status(rec) == GOSPY_STATUS_RUNNING;
	return (struct unwind_start){
		.pc = rec->pc,
		.sp = rec->sp,
		.interrupted = exact,
		.on_stack = running || grec_status(rec) == GOSPY_STATUS_SYSCALL,
		.gogo_pc = sched_pc ? *sched_pc : 0,
		.bp = bp ? *bp : 0,
		.r12 = r12 ? *r12 : 0,
	};
}

static void walk(struct passes *p, unsigned worker, struct unwind_bytes *bytes,
		 const struct unwind_start *start, struct g_rec *rec)
{
	bytes->hi = rec->stack_hi;
	if (!stacks_walk(&p->capture->stacks, worker, bytes, start, rec))
		p->out_of_memory = true;
}

static bool walked_whole(const struct passes *p, unsigned worker)
{
	return p->capture->stacks.workers[worker].unwinder.end == UNWIND_DONE;
}

/* Note a goroutine that has to be read alone. */
static void pick(struct passes *p, unsigned worker, uint32_t rec)
{
	if (!vec_push(&p->picked[worker], rec))
		p->out_of_memory = true;
}

/* A window of a stack that is too deep to be copied whole. */
struct window {
	struct passes *p;
	uint64_t lo;   /* nothing below is the stack's */
	uint64_t read; /* from .lo up to here it was read, or could not be */
	uint8_t *buffer;
};

/* Returns how many bytes from `addr` on are there. */
static size_t read_window(struct window *w, uint64_t addr, uint64_t len)
{
	struct mem_req req = {addr, w->buffer, len < STACK_BULK_MAX ? len : STACK_BULK_MAX, 0,
			      MEM_STACK};
	stacks_spend(&w->p->capture->stacks, 0, STACK_REFILL_FRAMES);
	bool whole = !cancel_asked() && !mem_readv(w->p->image->mem, &req, 1, NULL);
	if (addr <= w->read && addr + req.len > w->read)
		w->read = addr + req.len;
	return whole ? req.len : req.done;
}

/* A walk reads no more than it needs, and other walks of the same stack need other parts of it: one
 * with the values of arguments, say. So what is recorded has no gaps. */
static void read_up_to(struct window *w, uint64_t addr)
{
	while (mem_is_recorded(w->p->image->mem) && w->read < addr && !cancel_asked())
		read_window(w, w->read, addr - w->read);
}

static bool refill(struct unwind_bytes *bytes, uint64_t addr)
{
	struct window *w = bytes->ctx;
	bytes->len = 0; // the buffer is overwritten
	if (addr < w->lo || addr >= bytes->hi)
		return false;
	read_up_to(w, addr);
	bytes->addr = addr;
	bytes->bytes = w->buffer;
	bytes->len = read_window(w, addr, bytes->hi - addr);
	return bytes->len;
}

/* Walk a stack where it is, `buffer` holds STACK_BULK_MAX bytes of it. */
static void walk_windows(struct passes *p, struct g_rec *rec, uint8_t *buffer)
{
	struct window window = {.p = p, .lo = rec->sp, .read = rec->sp, .buffer = buffer};
	struct unwind_bytes bytes = {.addr = rec->sp,
				     .bytes = buffer,
				     .hi = rec->stack_hi,
				     .refill = refill,
				     .ctx = &window};
	struct unwind_start start = start_of(p, rec);
	// Whoever reads what is recorded here may copy the stack whole. If that fails, what the
	// walk needs of it may still be there.
	refill(&bytes, rec->sp);
	walk(p, 0, &bytes, &start, rec);
	// Arguments of the outermost functions lie behind the last return address.
	uint64_t tail = rec->stack_hi - window.read;
	if (walked_whole(p, 0))
		read_up_to(&window, window.read + (tail < STACK_TAIL_MAX ? tail : STACK_TAIL_MAX));
}

/* Stacks to copy. key: from where on, the stack pointer; tag: how many bytes; index: position of
 * the goroutine in recs. */
typedef VEC(struct radix_item) stack_items;

_Static_assert(offsetof(struct radix_item, key) == 0 && offsetof(struct radix_item, tag) == 8,
	       "items of a bulk with lengths");

struct stack_job {
	struct passes *p;
	bool check; /* nothing else will tell whether a stack changed while it was copied */
	stack_items items;
	/* Inside the stop. */
	uint8_t *copies;
	uint64_t *offsets; /* in copies, of each item */
};

/* Without the counter a goroutine that ran and came back looks as if it had not. */
static bool is_counted(const struct passes *p)
{
	return field_present(p->image->layout.g.trackingSeq);
}

/* Did a goroutine stand still if its g is found the same again? Not without the counter, nor while
 * its M holds it: the counter is incremented after the status has changed, and dropg clears g.m
 * after that. In a system call it always is; from Go 1.26 on these are not counted at all.
 * src/runtime/proc.go: casgstatus, park_m, reentersyscall. */
bool collect_is_proved_by_g(const struct passes *p, const struct g_rec *rec)
{
	return is_counted(p) && !(rec->flags & G_ON_M) && !p->capture->uncounted[rec->waitreason];
}

/* Is the goroutine parked, and its stack so deep that it is better read after the resume, if it is
 * still parked then? Where the counter counts, that proves that it was parked all the time. Without
 * the counter only stacks that are too much to copy wait. */
static bool is_left(const struct passes *p, const struct g_rec *rec)
{
	uint64_t max = collect_is_proved_by_g(p, rec) ? STACK_BULK_MAX : STACK_STOPPED_MAX;
	return grec_is_parked(rec) && rec->stack_hi - rec->sp > max;
}

/* List the stacks of the first `count` records, or of so many of `only`, by address, but for those
 * that are known already. */
static bool list_stacks(struct passes *p, const struct active_item *only, size_t count,
			bool stopped, stack_items *ret)
{
	uint64_t max = stopped ? STACK_STOPPED_MAX : STACK_BULK_MAX;
	struct capture *c = p->capture;
	if (!vec_reserve(ret, count + 1))
		return false;
	prefault(ret->at, count * sizeof(*ret->at));
	for (size_t i = 0; i < count; i++) {
		uint32_t index = only ? only[i].rec : (uint32_t)i;
		const struct g_rec *rec = &c->recs[index];
		uint64_t len = rec->stack_hi - rec->sp;
		if (!rec->stack && !(rec->flags & G_NAMED) && collect_wants_stack(p, rec) &&
		    !(stopped && is_left(p, rec)))
			ret->at[ret->len++] = (struct radix_item){
				.key = rec->sp,
				.tag = (uint32_t)(len < max ? len : max),
				.index = index,
			};
	}
	return radix_sort(ret->at, ret->len);
}

static void visit_stack(void *ctx, unsigned worker, size_t i, const uint8_t *bytes,
			const uint8_t *again)
{
	const struct stack_job *job = ctx;
	const struct radix_item *item = &job->items.at[i];
	struct g_rec *rec = &job->p->capture->recs[item->index];
	if (!bytes || item->key + item->tag < rec->stack_hi)
		return; // the deep ones come later
	if (again && memcmp(bytes, again, item->tag) != 0) {
		pick(job->p, worker, item->index);
		return;
	}
	struct unwind_bytes captured = {.addr = item->key, .bytes = bytes, .len = item->tag};
	struct unwind_start start = start_of(job->p, rec);
	walk(job->p, worker, &captured, &start, rec);
	if (job->check && !walked_whole(job->p, worker))
		pick(job->p, worker, item->index);
}

static void stack_progress(void *ctx, size_t done, size_t total)
{
	const struct stack_job *job = ctx;
	passes_report(job->p, job->p->phase, done, total);
}

static enum gospy_code walk_deep(struct stack_job *job, struct gospy_error *err)
{
	struct capture *c = job->p->capture;
	CLEANUP_FREE uint8_t *buffer = malloc(STACK_BULK_MAX);
	if (!buffer)
		return err_nomem(err);
	for (size_t i = 0; i < job->items.len; i++) {
		const struct radix_item *item = &job->items.at[i];
		if (item->tag < STACK_BULK_MAX)
			continue;
		struct g_rec *rec = &c->recs[item->index];
		if (item->key + item->tag < rec->stack_hi)
			walk_windows(job->p, rec, buffer);
		if (job->check && item->key + item->tag < rec->stack_hi)
			pick(job->p, 0, item->index);
	}
	return GOSPY_OK;
}

static enum gospy_code finish(const struct passes *p, enum gospy_code code, struct gospy_error *err)
{
	return !code && p->out_of_memory ? err_nomem(err) : code;
}

enum gospy_code collect_stacks(struct passes *p, struct gospy_error *err)
{
	p->phase = GOSPY_PHASE_STACKS;
	struct stack_job job = {.p = p, .check = p->validates};
	enum gospy_code code = GOSPY_OK;
	if (!list_stacks(p, NULL, p->capture->sorted, false, &job.items)) {
		code = err_nomem(err);
	} else {
		struct bulk bulk = {
			.mem = p->image->mem,
			.room = p->room,
			.items = job.items.at,
			.stride = sizeof(*job.items.at),
			.count = job.items.len,
			.len = STACK_BULK_MAX,
			.lengths = true,
			.kind = MEM_STACK,
			.twice = job.check && !is_counted(p),
			.visit = visit_stack,
			.progress = stack_progress,
			.ctx = &job,
		};
		code = bulk_run(&bulk, NULL, err);
		if (!code)
			code = walk_deep(&job, err);
	}
	vec_free(&job.items);
	return finish(p, code, err);
}

/* ---- read when it is recorded */

enum gospy_code collect_stacks_later(struct passes *p, struct gospy_error *err)
{
	struct stack_job *job = calloc(1, sizeof(*job));
	if (!job)
		return err_nomem(err);
	collect_stacks_forget(p);
	p->put_off = job;
	job->p = p;
	if (!list_stacks(p, NULL, p->capture->sorted, false, &job->items))
		return err_nomem(err);
	for (size_t i = 0; i < job->items.len; i++)
		mem_want(p->image->mem, job->items.at[i].key, job->items.at[i].tag, MEM_STACK);
	return GOSPY_OK;
}

void collect_stacks_forget(struct passes *p)
{
	if (p->put_off)
		vec_free(&p->put_off->items);
	free(p->put_off);
	p->put_off = NULL;
}

/* Is the stack of an item still to be walked? Of a g that is active it is read in the stop. */
static bool is_due(const struct radix_item *item, const struct g_rec *rec)
{
	return !(rec->flags & G_ACTIVE) && !rec->stack && rec->sp == item->key;
}

static struct mem_range piece_at(const void *ctx, size_t i)
{
	const struct stack_job *job = ctx;
	return (struct mem_range){job->items.at[i].key, job->items.at[i].tag};
}

static void visit_piece(void *ctx, unsigned worker, size_t i, const uint8_t *bytes)
{
	const struct stack_job *job = ctx;
	const struct radix_item *item = &job->items.at[i];
	if (is_due(item, &job->p->capture->recs[item->index]))
		visit_stack(ctx, worker, i, bytes, NULL);
}

static uint64_t g_at(const void *ctx, size_t i)
{
	const struct stack_job *job = ctx;
	return job->p->capture->recs[i].addr;
}

enum gospy_code collect_stacks_now(struct passes *p, struct gospy_error *err)
{
	struct stack_job *job = p->put_off;
	CLEANUP_FREE uint8_t *buffer = malloc(STACK_BULK_MAX);
	if (!buffer)
		return err_nomem(err);
	const struct mem_pieces pieces = {
		.count = job->items.len,
		.at = piece_at,
		.visit = visit_piece,
		.record_count = p->capture->sorted,
		.record_len = grec_window(&p->image->layout),
		.record_at = g_at,
		.ctx = job,
	};
	enum gospy_code code = mem_record_now(p->image->mem, &pieces, err);
	// Those that were not read in one piece.
	for (size_t i = 0; i < job->items.len && !code; i++) {
		struct g_rec *rec = &p->capture->recs[job->items.at[i].index];
		if (is_due(&job->items.at[i], rec))
			walk_windows(p, rec, buffer);
		code = cancel_check(err);
	}
	collect_stacks_forget(p);
	return finish(p, code, err);
}

/* ---- inside the stop: copy bytes only */

static void visit_stopped(void *ctx, unsigned worker, size_t i, const uint8_t *bytes,
			  const uint8_t *again)
{
	struct stack_job *job = ctx;
	struct radix_item *item = &job->items.at[i];
	(void)worker;
	(void)again;
	if (item->tag > STACK_BULK_MAX)
		return; // not all of it: copy_large
	if (bytes)
		memcpy(job->copies + job->offsets[i], bytes, item->tag);
	else
		item->tag = 0;
}

/* Copy the stacks that do not fit into a buffer of bulk_run, each alone. */
static void copy_large(struct stack_job *job, uint64_t deadline_ns)
{
	for (size_t i = 0; i < job->items.len; i++) {
		struct radix_item *item = &job->items.at[i];
		if (item->tag <= STACK_BULK_MAX)
			continue;
		if (clock_mono_ns() >= deadline_ns ||
		    mem_read_stack(job->p->image->mem, item->key, job->copies + job->offsets[i],
				   item->tag, NULL))
			item->tag = 0;
	}
}

/* Keep as many of the items as the budget holds; returns their bytes. The rest is read after the
 * resume and marked. */
static uint64_t lay_out(struct stack_job *job)
{
	uint64_t total = 0;
	size_t n = 0;
	for (; n < job->items.len && budget_take(&job->p->budget, job->items.at[n].tag); n++) {
		job->offsets[n] = total;
		total += job->items.at[n].tag;
	}
	job->items.len = n;
	return total;
}

struct stopped_stacks {
	struct stack_job job;
	size_t bytes; /* of job.copies */
};

/* No thread is held, so there is time to walk stacks where they are that would not be copied whole.
 */
static enum gospy_code walk_large(struct stack_job *job, struct gospy_error *err)
{
	CLEANUP_FREE uint8_t *buffer = malloc(STACK_BULK_MAX);
	size_t kept = 0;
	if (!buffer)
		return err_nomem(err);
	for (size_t i = 0; i < job->items.len; i++) {
		const struct radix_item *item = &job->items.at[i];
		struct g_rec *rec = &job->p->capture->recs[item->index];
		if (item->key + item->tag < rec->stack_hi)
			walk_windows(job->p, rec, buffer);
		else
			job->items.at[kept++] = *item;
	}
	job->items.len = kept;
	return GOSPY_OK;
}

enum gospy_code collect_stopped_stacks(struct passes *p, const struct moment *moment,
				       struct stopped_stacks **ret, struct gospy_error *err)
{
	uint64_t deadline_ns = moment->deadline_ns;
	const struct capture *c = p->capture;
	struct stopped_stacks *s = calloc(1, sizeof(*s));
	if (!s)
		return err_nomem(err);
	*ret = s;
	struct stack_job *job = &s->job;
	job->p = p;
	if (clock_mono_ns() >= deadline_ns)
		return GOSPY_OK;
	if (!list_stacks(p, c->exact ? NULL : p->active.at, c->exact ? c->count : p->active.len,
			 true, &job->items))
		return err_nomem(err);
	enum gospy_code code = moment->held ? GOSPY_OK : walk_large(job, err);
	if (code)
		return code;
	job->offsets = malloc((job->items.len + 1) * sizeof(*job->offsets));
	if (!job->offsets)
		return err_nomem(err);
	s->bytes = lay_out(job);
	if (!s->bytes)
		return GOSPY_OK;
	job->copies = mmap(NULL, s->bytes, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (job->copies == MAP_FAILED) {
		job->copies = NULL;
		return err_nomem(err);
	}
	struct bulk bulk = {
		.mem = p->image->mem,
		.room = p->room,
		.items = job->items.at,
		.stride = sizeof(*job->items.at),
		.count = job->items.len,
		.len = STACK_BULK_MAX,
		.lengths = true,
		.kind = MEM_STACK,
		.deadline_ns = deadline_ns,
		.visit = visit_stopped,
		.ctx = job,
	};
	size_t done;
	code = bulk_run(&bulk, &done, err);
	if (code)
		return code;
	job->items.len = done;
	copy_large(job, deadline_ns);
	return GOSPY_OK;
}

void stopped_stacks_destroy(struct stopped_stacks *s)
{
	if (!s)
		return;
	if (s->job.copies)
		munmap(s->job.copies, s->bytes);
	budget_give(&s->job.p->budget, s->bytes);
	vec_free(&s->job.items);
	free(s->job.offsets);
	free(s);
}

const uint8_t *stopped_stacks_bytes(const struct stopped_stacks *s, const struct g_rec *rec,
				    size_t *len_ret)
{
	size_t lo = 0, hi = s && s->job.copies ? s->job.items.len : 0, end = hi;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (s->job.items.at[mid].key < rec->sp)
			lo = mid + 1;
		else
			hi = mid;
	}
	uint32_t index = (uint32_t)(rec - (end ? s->job.p->capture->recs : rec));
	for (; lo < end && s->job.items.at[lo].key == rec->sp; lo++) {
		const struct radix_item *item = &s->job.items.at[lo];
		if (item->index != index)
			continue;
		*len_ret = item->tag;
		return item->tag ? s->job.copies + s->job.offsets[lo] : NULL;
	}
	return NULL;
}

/* `g` is a buffer. While the garbage collector scans a stack, which may take long if it is deep, it
 * may move it as well: what was read is right if g.stack and g.sched are the same afterwards. The
 * GC sets them before it frees the old stack, and changes nothing in that;
 * src/runtime/stack.go:copystack. */
static bool is_unchanged(const struct passes *p, const struct g_rec *rec, uint8_t *g)
{
	const struct layout *layout = &p->image->layout;
	struct g_rec now = *rec;
	mem_record(p->image->mem, false);
	enum gospy_code code = mem_read(p->image->mem, rec->addr, g, grec_window(layout), NULL);
	mem_record(p->image->mem, true);
	if (code)
		return false;
	grec_extract(layout, g, &now);
	return grec_same(&now, rec) && (now.flags & G_ON_M) == (rec->flags & G_ON_M);
}

static unsigned readings_needed(const struct passes *p, const struct g_rec *rec)
{
	if (collect_is_proved_by_g(p, rec))
		return 1;
	bool in_syscall = grec_status(rec) == GOSPY_STATUS_SYSCALL;
	return in_syscall ? STACK_READINGS_SYSCALL : STACK_READINGS;
}

/* Walk the stack, several times if nothing else tells of a change; false: it has changed. */
static bool walk_checked(struct passes *p, struct g_rec *rec, uint8_t *g, uint8_t *buffer)
{
	walk_windows(p, rec, buffer);
	uint32_t stack = rec->stack;
	unsigned readings = readings_needed(p, rec);
	for (unsigned i = 1; i < readings; i++) {
		if (!is_unchanged(p, rec, g))
			return false;
		walk_windows(p, rec, buffer);
		if (rec->stack != stack)
			return false;
	}
	return true;
}

/* Read one g alone: the g, its stack and the g again lie microseconds apart. A stack that cannot be
 * walked to its end is believed to be so if the same is found several times in a row. */
static void read_alone(struct passes *p, struct g_rec *rec, uint8_t *g, uint8_t *stack,
		       enum gospy_soundness soundness)
{
	const struct layout *layout = &p->image->layout;
	uint32_t broken = 0; /* stack, of the last try */
	unsigned alike = 0;  /* tries in a row */
	for (unsigned i = 0; i < STACK_TRIES && budget_read(&p->budget, STACK_TRY_READS); i++) {
		rec->stack = rec->values = 0;
		if (mem_read(p->image->mem, rec->addr, g, grec_window(layout), NULL)) {
			rec->soundness = GOSPY_SOUND_UNREADABLE;
			return;
		}
		grec_extract(layout, g, rec);
		rec->soundness = (uint8_t)soundness;
		bool walks = collect_wants_stack(p, rec);
		bool same = !walks || walk_checked(p, rec, g, stack);
		bool whole = !walks || walked_whole(p, 0);
		alike = whole || !same ? 0 : rec->stack == broken ? alike + 1 : 1;
		broken = rec->stack;
		if (same && (whole || alike >= BROKEN_ALIKE) && is_unchanged(p, rec, g) &&
		    grec_plausible(rec) && grec_status(rec) != GOSPY_STATUS_COPYSTACK)
			return;
	}
	rec->stack = rec->values = 0;
	rec->soundness = GOSPY_SOUND_TORN;
}

void collect_stack_here(struct passes *p, struct g_rec *rec, bool held)
{
	CLEANUP_FREE uint8_t *buffer = malloc(STACK_BULK_MAX);
	if (!collect_wants_stack(p, rec) || (held && rec->stack_hi - rec->sp > STACK_STOPPED_MAX))
		return;
	if (buffer)
		walk_windows(p, rec, buffer);
	else
		p->out_of_memory = true;
}

/* ---- after the resume */

enum gospy_code collect_stopped_walk(struct passes *p, struct stopped_stacks *s,
				     struct gospy_error *err)
{
	struct capture *c = p->capture;
	const struct stack_job *job = &s->job;
	for (size_t i = 0; i < job->items.len; i++) {
		const struct radix_item *item = &job->items.at[i];
		struct g_rec *rec = &c->recs[item->index];
		if (rec->soundness != GOSPY_SOUND || !item->tag)
			continue;
		struct unwind_bytes bytes = {
			.addr = item->key,
			.bytes = job->copies + job->offsets[i],
			.len = item->tag,
		};
		struct unwind_start start = start_of(p, rec);
		walk(p, 0, &bytes, &start, rec);
	}
	return finish(p, GOSPY_OK, err);
}

/* The stack of a g that was parked in the stop, and still is; false: it is not any more. */
static bool read_left(struct passes *p, struct g_rec *rec, uint8_t *g, uint8_t *stack)
{
	if (walk_checked(p, rec, g, stack) && is_unchanged(p, rec, g)) {
		if (!collect_is_proved_by_g(p, rec))
			rec->soundness = GOSPY_SOUND_RETRIED;
		return true;
	}
	rec->stack = rec->values = 0;
	return false;
}

enum gospy_code collect_late_stacks(struct passes *p, struct gospy_error *err)
{
	struct capture *c = p->capture;
	CLEANUP_FREE uint8_t *g = malloc(grec_window(&p->image->layout));
	CLEANUP_FREE uint8_t *stack = malloc(STACK_BULK_MAX);
	if (!g || !stack)
		return err_nomem(err);
	for (size_t i = 0; i < c->count; i++) {
		struct g_rec *rec = &c->recs[i];
		bool moved = rec->soundness == GOSPY_SOUND_MOVED;
		// What is recorded of a goroutine that moved has to fit together, also if it was
		// born, or has ended.
		bool wants =
			collect_wants_stack(p, rec) || (moved && mem_is_recorded(p->image->mem));
		if (!(c->exact || rec->flags & G_ACTIVE) || rec->stack || rec->flags & G_NAMED ||
		    !wants)
			continue;
		bool left = rec->soundness == GOSPY_SOUND && is_left(p, rec);
		if (!left || !read_left(p, rec, g, stack))
			read_alone(p, rec, g, stack, moved ? GOSPY_SOUND_MOVED : GOSPY_SOUND_LATE);
	}
	return finish(p, GOSPY_OK, err);
}

/* ---- no stop */

struct changed_job {
	struct passes *p;
	VEC(struct active_item) items;
};

/* The g's that were read in this capture. */
static bool list_read(struct changed_job *job)
{
	const struct capture *c = job->p->capture;
	for (size_t i = 0; i < c->sorted; i++) {
		const struct active_item item = {c->recs[i].addr, (uint32_t)i};
		if (!(c->recs[i].flags & G_NAMED) && !vec_push(&job->items, item))
			return false;
	}
	return true;
}

static void visit_changed(void *ctx, unsigned worker, size_t i, const uint8_t *bytes,
			  const uint8_t *again)
{
	const struct changed_job *job = ctx;
	struct passes *p = job->p;
	uint32_t at = job->items.at[i].rec;
	const struct g_rec *rec = &p->capture->recs[at];
	struct g_rec now = *rec;
	(void)again;
	if (bytes)
		grec_extract(&p->image->layout, bytes, &now);
	bool held = now.flags & G_ON_M && collect_wants_stack(p, &now);
	if (!bytes || !grec_same(&now, rec) || now.status & G_SCAN || held)
		pick(p, worker, at);
}

/* Pick those that have changed since they were read. */
static enum gospy_code find_changed(struct passes *p, struct gospy_error *err)
{
	struct changed_job job = {.p = p};
	enum gospy_code code = list_read(&job) ? GOSPY_OK : err_nomem(err);
	const struct bulk bulk = {
		.mem = p->image->mem,
		.room = p->room,
		.items = job.items.at,
		.stride = sizeof(*job.items.at),
		.count = job.items.len,
		.len = grec_window(&p->image->layout),
		.visit = visit_changed,
		.ctx = &job,
	};
	// What has changed is read once more.
	mem_record(p->image->mem, false);
	if (!code)
		code = finish(p, bulk_run(&bulk, NULL, err), err);
	mem_record(p->image->mem, true);
	vec_free(&job.items);
	return code;
}

enum gospy_code collect_validated_stacks(struct passes *p, struct gospy_error *err)
{
	struct capture *c = p->capture;
	enum gospy_code code = collect_stacks(p, err);
	if (code)
		return code;
	p->phase = GOSPY_PHASE_VERIFY;
	code = find_changed(p, err);
	CLEANUP_FREE uint8_t *g = malloc(grec_window(&p->image->layout));
	CLEANUP_FREE uint8_t *stack = malloc(STACK_BULK_MAX);
	if (code)
		return code;
	if (!g || !stack)
		return err_nomem(err);
	for (size_t w = 0; w < BULK_WORKERS; w++) {
		for (size_t i = 0; i < p->picked[w].len; i++)
			read_alone(p, &c->recs[p->picked[w].at[i]], g, stack, GOSPY_SOUND_RETRIED);
		p->picked[w].len = 0;
	}
	return finish(p, GOSPY_OK, err);
}
