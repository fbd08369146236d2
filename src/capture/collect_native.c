#include "capture/collect_native.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "capture/place.h"

enum {
	/* Bytes copied of one stack of C code. It seldom needs some KiB, but has large buffers now
	 * and then; what lies beyond is cut off. */
	NATIVE_STACK_MAX = 1 << 20,
	/* The same of a system stack that Go code is on. Where C code does not make the threads,
	 * runtime.malg gives it 16 KiB, which lie amid Go's heap. */
	SYSTEM_STACK_MAX = 64 << 10,
	/* Leaf functions use so much below the stack pointer: System V ABI, "The Stack Frame". */
	RED_ZONE = 128,
	/* Threads between two looks at the clock. */
	BATCH = 64,
};

/* Bytes copied of all stacks together: enough for thousands of threads. */
#define NATIVE_BYTES_MAX (UINT64_C(64) << 20)

struct native_item {
	pid_t tid;
	struct user_regs_struct regs;
	uint64_t addr;
	size_t off, len; /* of the copy; 0: there is none */
};

struct native_work {
	struct passes *p;
	struct modules modules;
	struct native_walker *walker;
	struct unwinder go; /* for Go code on system stacks */
	VEC(struct native_item) items;
	uint8_t *copies;
	size_t used;
};

static bool is_go(void *ctx, uint64_t pc)
{
	struct native_work *work = ctx;
	const struct site *site = symbols_site(work->go.symbols, pc);
	// pclntab also names C functions that Go's own linker has linked.
	return site->known && site->step != PCLN_STEP_NO_FRAME;
}

/* Make room for what the stop needs. So much of the copies is touched that their pages are there
 * for ordinary stacks. */
static bool allocate(struct native_work *work)
{
	enum { ORDINARY = 8 << 10, MORE_THREADS = 16 };
	size_t threads = work->p->capture->tasks.tasks.len + MORE_THREADS;
	size_t len = threads < NATIVE_BYTES_MAX / ORDINARY ? threads * ORDINARY : NATIVE_BYTES_MAX;
	void *copies = mmap(NULL, NATIVE_BYTES_MAX, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (copies == MAP_FAILED)
		return false;
	work->copies = copies;
	memset(copies, 0, len);
	return vec_reserve(&work->items, threads);
}

enum gospy_code collect_native_prepare(struct passes *p, struct native_work **ret,
				       struct gospy_error *err)
{
	struct native_work *work = calloc(1, sizeof(*work));
	if (!work)
		return err_nomem(err);
	work->p = p;
	work->go.symbols = p->capture->symbols;
	enum gospy_code code = modules_init(p->source, &work->modules, err);
	if (!code)
		code = native_walker_create(&work->modules, is_go, work, &work->walker, err);
	if (!code && !allocate(work))
		code = err_nomem(err);
	if (code) {
		native_work_destroy(work);
		return code;
	}
	*ret = work;
	return GOSPY_OK;
}

void native_work_destroy(struct native_work *work)
{
	if (!work)
		return;
	if (work->copies)
		munmap(work->copies, NATIVE_BYTES_MAX);
	native_walker_destroy(work->walker);
	modules_deinit(&work->modules);
	unwinder_deinit(&work->go);
	vec_free(&work->items);
	free(work);
}

static bool on_own_stack(const struct g_rec *g, uint64_t sp)
{
	return g && sp > g->stack_lo && sp <= g->stack_hi;
}

static bool is_wanted(const struct passes *p, const struct m_rec *m, uint64_t sp)
{
	const struct g_rec *g = m && m->curg ? capture_g(p->capture, m->curg) : NULL;
	// A worker of io_uring has no stack: arch/x86/kernel/process.c, copy_thread().
	if (!sp)
		return false;
	if (p->options->threads)
		return !on_own_stack(g, sp);
	return g && m->incgo && !on_own_stack(g, sp);
}

/* The end of the stack that runtime.malg has made, which lies amid Go's heap, if that is where the
 * stack pointer is: the thread's system stack or that of its handlers. What lies behind it is
 * anything, and no stack to who records. Of stacks that C code has made the runtime guesses where
 * they end. */
static uint64_t end_of_stack(const struct native_work *work, const struct m_rec *m, uint64_t sp)
{
	const struct image *image = work->p->image;
	const struct field lo_field = image->layout.g.stack_lo, hi_field = image->layout.g.stack_hi;
	const uint64_t gs[] = {m ? m->g0 : 0, m ? m->gsignal : 0};
	for (size_t i = 0; i < sizeof(gs) / sizeof(*gs); i++) {
		uint64_t lo, hi;
		if (gs[i] && !mem_read_u64(image->mem, gs[i] + lo_field.off, &lo, NULL) &&
		    !mem_read_u64(image->mem, gs[i] + hi_field.off, &hi, NULL) && sp > lo &&
		    sp <= hi && hi - lo <= SYSTEM_STACK_MAX)
			return hi;
	}
	return UINT64_MAX;
}

/* Copy from the red zone to the end of the stack or the mapping, or as much as is copied of one
 * stack. */
static void lay_out(struct native_work *work, const struct m_rec *m, struct native_item *item)
{
	const bool in_c = !m || m->incgo;
	uint64_t sp = item->regs.rsp, lo = sp > RED_ZONE ? (sp - RED_ZONE) & ~UINT64_C(7) : 0;
	const struct mapping *map = mappings_find(&work->modules.maps, sp);
	uint64_t len = in_c ? NATIVE_STACK_MAX : SYSTEM_STACK_MAX,
		 room = NATIVE_BYTES_MAX - work->used;
	uint64_t end = end_of_stack(work, m, sp);
	if (map && map->end < end)
		end = map->end;
	if (end > lo && end - lo < len)
		len = end - lo;
	item->addr = lo;
	item->off = work->used;
	item->len = len <= room ? (size_t)len : 0;
	work->used += item->len;
}

/* The threads of a program that died are in handlers of signals. What their C code was doing is
 * where these came. */
static void leave_handler(const struct native_work *work, const struct m_rec *m,
			  struct user_regs_struct *regs)
{
	struct signal_frame frame;
	if (!work->p->source->frozen || !m || !m->incgo ||
	    !place_interrupted(work->p->image, m, &frame))
		return;
	regs->rip = frame.rip;
	regs->rsp = frame.rsp;
	regs->rbp = frame.rbp;
	regs->rbx = frame.rbx;
	regs->r12 = frame.r12;
	regs->r13 = frame.r13;
	regs->r14 = frame.r14;
	regs->r15 = frame.r15;
}

/* The stacks of the items from `first` on. */
static enum gospy_code copy(struct native_work *work, size_t first, uint64_t deadline_ns,
			    struct gospy_error *err)
{
	for (; first < work->items.len; first += BATCH) {
		struct mem_req reqs[BATCH];
		struct native_item *items = work->items.at + first;
		size_t n = work->items.len - first < BATCH ? work->items.len - first : BATCH;
		bool late = clock_mono_ns() >= deadline_ns;
		for (size_t i = 0; i < n; i++)
			reqs[i] = (struct mem_req){items[i].addr, work->copies + items[i].off,
						   late ? 0 : items[i].len, 0, MEM_STACK};
		enum gospy_code code = mem_readv(work->p->image->mem, reqs, n, err);
		if (code && code != GOSPY_E_FAULT)
			return code;
		for (size_t i = 0; i < n; i++)
			items[i].len = reqs[i].done;
	}
	return GOSPY_OK;
}

enum gospy_code collect_native_stopped(struct native_work *work, const struct moment *moment,
				       uint64_t deadline_ns, struct gospy_error *err)
{
	const struct capture *c = work->p->capture;
	struct map by_tid = {0};
	work->items.len = work->used = 0;
	bool ok = capture_index_ms(c, &by_tid);
	for (size_t i = 0; ok && i < moment->threads.len; i++) {
		const struct moment_thread *thread = &moment->threads.at[i];
		const uint64_t *at = map_get(&by_tid, (uint64_t)thread->tid);
		const struct m_rec *m = at ? &c->sched.ms.at[*at - 1] : NULL;
		if (!thread->has_regs || !is_wanted(work->p, m, thread->regs.rsp))
			continue;
		struct native_item item = {.tid = thread->tid, .regs = thread->regs};
		leave_handler(work, m, &item.regs);
		lay_out(work, m, &item);
		ok = vec_push(&work->items, item);
	}
	map_deinit(&by_tid);
	return ok ? copy(work, 0, deadline_ns, err) : err_nomem(err);
}

bool collect_native_wants(const struct native_work *work, const struct m_rec *m, uint64_t sp)
{
	return is_wanted(work->p, m, sp);
}

void collect_native_late(struct native_work *work, const struct moment_thread *thread)
{
	const struct capture *c = work->p->capture;
	const struct m_rec *m = NULL;
	for (size_t i = 0; !m && i < c->sched.ms.len; i++)
		m = c->sched.ms.at[i].tid == thread->tid ? &c->sched.ms.at[i] : NULL;
	if (!thread->has_regs || !is_wanted(work->p, m, thread->regs.rsp))
		return;
	struct native_item item = {.tid = thread->tid, .regs = thread->regs};
	lay_out(work, m, &item);
	// What cannot be read is marked as such.
	if (!vec_push(&work->items, item) || copy(work, work->items.len - 1, UINT64_MAX, NULL))
		work->p->out_of_memory = true;
}

/* Go's calls on the system stack, behind those of C code or without any. */
static bool walk_go(struct native_work *work, const struct native_start *start,
		    const struct native_stack *native, struct g_rec *ret)
{
	struct stacks *stacks = &work->p->capture->stacks;
	struct unwind_bytes bytes = {
		.addr = start->addr,
		.bytes = start->bytes.ptr,
		.len = start->bytes.len,
		.hi = start->addr + start->bytes.len,
	};
	struct unwind_start from = {
		.pc = native->go_pc,
		.sp = native->go_sp,
		.interrupted = !native->count,
		.on_stack = !native->count,
	};
	ret->sp = from.sp;
	return stacks_walk(stacks, 0, &bytes, &from, ret);
}

static bool walk_item(struct native_work *work, const struct native_item *item)
{
	struct capture *c = work->p->capture;
	struct native_rec rec = {0};
	const struct native_start start = {
		.regs = &item->regs,
		.bytes = {work->copies + item->off, item->len},
		.addr = item->addr,
	};
	if (!item->len)
		rec.stack =
			(struct native_stack){.end = NATIVE_NOT_COPIED, .end_addr = item->regs.rsp};
	else if (!native_walk(work->walker, &start, &c->native_arena, &rec.stack))
		return false;
	if (rec.stack.go_pc && work->p->options->threads &&
	    !walk_go(work, &start, &rec.stack, &rec.go))
		return false;
	uint64_t *at = map_put(&c->native_index, (uint64_t)item->tid);
	if (!at || !vec_push(&c->natives, rec))
		return false;
	*at = c->natives.len;
	return true;
}

enum gospy_code collect_native_walk(struct native_work *work, struct gospy_error *err)
{
	for (size_t i = 0; i < work->items.len; i++) {
		if (cancel_check(err))
			return GOSPY_E_CANCELLED;
		if (!walk_item(work, &work->items.at[i]))
			return err_nomem(err);
	}
	work->p->capture->unnamed_files = work->modules.unnamed;
	return GOSPY_OK;
}
