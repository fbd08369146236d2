#include "goruntime/capture.h"

#include <stdlib.h>
#include <sys/mman.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "goruntime/signal_frame.h"

static const uint64_t default_max_pause_ns = 1000000000;

/* Thread ids of the target's PID namespace to ours; empty when they are the same. */
static enum gospy_code map_tids(const struct gospy_target *target, const struct proc_tasks *tasks,
				struct map *ret, struct gospy_error *err)
{
	for (size_t i = 0; target->namespaced && i < tasks->tasks.len; i++) {
		uint64_t *tid = map_put(ret, (uint64_t)tasks->tasks.at[i].nstid);
		if (!tid)
			return err_nomem(err);
		*tid = (uint64_t)tasks->tasks.at[i].tid;
	}
	return GOSPY_OK;
}

const struct g_rec *capture_g(const struct capture *c, uint64_t addr)
{
	size_t lo = 0, hi = c->sorted;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (c->recs[mid].addr < addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < c->sorted && c->recs[lo].addr == addr)
		return &c->recs[lo];
	const uint64_t *newborn = map_get(&c->newborn, addr);
	return newborn ? &c->recs[*newborn] : NULL;
}

static struct g_rec *find_g(struct capture *c, uint64_t addr)
{
	const struct g_rec *rec = capture_g(c, addr);
	return rec ? &c->recs[rec - c->recs] : NULL;
}

enum { G_REGISTER_SINCE = 17 }; /* Go 1.17+ */

/* What a thread's g register said: r14, before Go 1.17 a word of its TLS block. */
static uint64_t register_g(const struct image *image, const struct m_rec *m)
{
	uint64_t g;
	if (image->version.minor >= G_REGISTER_SINCE)
		return m->r14;
	return mem_read_u64(image->mem, m->fs_base + (uint64_t)image->tls_g, &g, NULL) ? 0 : g;
}

/* The stack pointer of the caller that vdsoPC is in. Up to Go 1.13 vdsoSP is where the return
 * address lies, and the runtime's own walk goes astray: src/runtime/sys_linux_amd64.s */
static uint64_t vdso_caller_sp(const struct image *image, const struct m_rec *m)
{
	enum { CALLERS_SP_SINCE = 14, WORD = 8 };
	bool callers = image->version.minor >= CALLERS_SP_SINCE || !m->vdsoSP;
	return callers ? m->vdsoSP : m->vdsoSP + WORD;
}

/* Off its own stack, a running goroutine was saved to sched by whatever switched to the system
 * stack, if that was the scheduler or systemstack: they set the g register to g0. The race detector
 * switches stacks without saving; sched is old then, the place of the last system call perhaps.
 * src/runtime/{asm,race}_amd64.s */
static bool is_saved(const struct m_rec *m, uint64_t g)
{
	return m->g0 && g == m->g0;
}

/* Where a running goroutine is, from registers of its thread: traceback1 and sigprof,
 * src/runtime/{traceback,proc}.go. False: they do not tell. */
static bool place_by_registers(struct passes *p, struct g_rec *rec, const struct m_rec *m,
			       const struct signal_frame *regs, uint64_t g)
{
	uint64_t vdso_sp = vdso_caller_sp(p->image, m);
	if (vdso_sp > rec->stack_lo && vdso_sp <= rec->stack_hi) {
		rec->sp = vdso_sp;
		rec->pc = m->vdsoPC;
	} else if (regs->rsp > rec->stack_lo && regs->rsp <= rec->stack_hi) {
		// gogo has switched the stack and is about to jump to sched.pc: unwind.h.
		uint64_t at = (uint64_t)(rec - p->capture->recs);
		uint64_t *sched_pc = map_put(&p->sched_pcs, at);
		uint64_t *bp = map_put(&p->frame_pointers, at);
		uint64_t *r12 = map_put(&p->r12s, at);
		if (sched_pc)
			*sched_pc = rec->pc;
		if (bp)
			*bp = regs->rbp;
		if (r12)
			*r12 = regs->r12;
		rec->sp = regs->rsp;
		rec->pc = regs->rip;
		rec->flags |= G_PC_EXACT;
	} else if (!is_saved(m, g)) {
		return false;
	}
	// sched may be empty all the same: it is about to switch.
	return rec->sp > rec->stack_lo && rec->sp <= rec->stack_hi;
}

/* A handler may just be putting a call in the way of the code that was interrupted, for
 * asynchronous preemption or to panic: the return address is there, the call not yet.
 * src/runtime/signal_amd64.go:pushCall */
static bool is_pushing(const struct image *image, const struct signal_frame *frame)
{
	uint64_t top;
	return mem_read_u64(image->mem, frame->rsp, &top, NULL) || top == frame->rip;
}

/* In a signal handler: where the signal came. */
static bool find_interrupted(const struct image *image, const struct m_rec *m,
			     struct signal_frame *ret)
{
	enum { SIGNAL_STACK_MAX = 64 << 10 }; // gsignal has 32 KiB, C libraries take less
	const struct field lo = image->layout.g.stack_lo, hi = image->layout.g.stack_hi;
	uint64_t stack[2];
	if (!m->gsignal || mem_read_u64(image->mem, m->gsignal + lo.off, &stack[0], NULL) ||
	    mem_read_u64(image->mem, m->gsignal + hi.off, &stack[1], NULL) || m->rsp < stack[0] ||
	    m->rsp >= stack[1] || stack[1] - m->rsp > SIGNAL_STACK_MAX)
		return false;
	size_t len = (size_t)(stack[1] - m->rsp);
	CLEANUP_FREE uint8_t *bytes = malloc(len);
	return bytes && !mem_read(image->mem, m->rsp, bytes, len, NULL) &&
	       signal_frame_find((struct span){bytes, len}, stack[0], stack[1], ret) &&
	       !is_pushing(image, ret);
}

/* On the way into a system call or out of it, and elsewhere than on its own stack: the frame that
 * makes the call stays until syscallsp is cleared. From Go 1.26 on the status changes before that.
 * src/runtime/{proc,traceback}.go: exitsyscall, tracebacksomeothers */
static bool place_in_syscall(const struct image *image, struct g_rec *rec)
{
	uint64_t sp, pc;
	if (mem_read_u64(image->mem, rec->addr + image->layout.g.syscallsp.off, &sp, NULL) ||
	    mem_read_u64(image->mem, rec->addr + image->layout.g.syscallpc.off, &pc, NULL) ||
	    sp <= rec->stack_lo || sp > rec->stack_hi)
		return false;
	rec->sp = sp;
	rec->pc = pc;
	return true;
}

static void place_running(struct passes *p, struct g_rec *rec, const struct m_rec *m)
{
	const struct image *image = p->image;
	struct signal_frame regs = {m->rip, m->rsp, m->rbp, m->r12, m->r14};
	bool placed = place_by_registers(p, rec, m, &regs, register_g(image, m));
	if (!placed && find_interrupted(image, m, &regs)) {
		// Where g is not in a register, it is the handler's by now.
		uint64_t g = image->version.minor >= G_REGISTER_SINCE ? regs.r14 : 0;
		placed = place_by_registers(p, rec, m, &regs, g);
	}
	if (placed || place_in_syscall(image, rec))
		rec->flags &= (uint8_t)~G_PC_STALE;
}

static void place_all_running(struct passes *p)
{
	struct capture *c = p->capture;
	for (size_t i = 0; i < c->sched.ms.len; i++) {
		const struct m_rec *m = &c->sched.ms.at[i];
		struct g_rec *rec = m->curg && m->has_regs ? find_g(c, m->curg) : NULL;
		if (rec && grec_status(rec) == GOSPY_STATUS_RUNNING &&
		    rec->soundness == GOSPY_SOUND)
			place_running(p, rec, m);
	}
}

struct stop_work {
	struct passes *passes;
	const struct map *tids;
	size_t active_done, all_done; /* how far the deadline let it come */
	struct stopped_stacks *stacks;
	struct native_work *native; /* NULL: not asked for */
};

/* A part of read_stopped while the target still runs. Its result is overwritten, but for the
 * newborn g's, which are known by then. */
static void rehearse(void *ctx)
{
	static const uint64_t enough_ns = 1000000;
	struct stop_work *work = ctx;
	struct passes *p = work->passes;
	struct gospy_error err;
	if (!schedstate_reread(&p->capture->sched, p->image, NULL, work->tids, &err) &&
	    !collect_newborn(p, &err))
		collect_stopped(p, clock_mono_ns() + enough_ns, &work->active_done, &err);
}

/* Everything that happens while the target stands still. */
static enum gospy_code read_stopped(void *ctx, const struct pause *pause, struct gospy_error *err)
{
	struct stop_work *work = ctx;
	struct passes *p = work->passes;
	struct capture *c = p->capture;
	c->instant_real_ns = clock_real_ns() - (clock_mono_ns() - pause->begin_ns);
	c->instant_mono_ns = pause->begin_ns;
	enum gospy_code code = schedstate_reread(&c->sched, p->image, pause, work->tids, err);
	if (!code)
		code = collect_newborn(p, err);
	if (!code && c->exact)
		code = collect_all_stopped(p, pause->deadline_ns, &work->all_done, err);
	if (!code)
		code = collect_stopped(p, pause->deadline_ns, &work->active_done, err);
	if (!code)
		place_all_running(p);
	if (!code && p->options->stacks)
		code = collect_stopped_stacks(p, pause->deadline_ns, &work->stacks, err);
	if (!code && work->native)
		code = collect_native_stopped(work->native, pause, pause->deadline_ns, err);
	if (!code && p->options->channels && work->active_done == p->active.len)
		code = collect_channels(p, true, err);
	if (!code && work->active_done == p->active.len)
		code = collect_semaphores(p, true, err);
	return code;
}

static enum gospy_code stop_and_read(const struct gospy_target *target, struct stop_work *work,
				     uint64_t max_pause_ns, struct gospy_error *err)
{
	struct passes *p = work->passes;
	struct capture *c = p->capture;
	if (p->options->progress)
		p->options->progress(p->options->progress_ctx, GOSPY_PHASE_STOP, 0, 1);
	const struct pause_work work_of = {rehearse, read_stopped, work};
	struct pause pause = {0};
	enum gospy_code code = pause_run(&target->process, max_pause_ns, &work_of, &pause, err);
	c->paused_ns = pause.stopped_ns;
	if (!code && p->options->threads)
		code = collect_threads(c, &pause, err);
	pause_deinit(&pause);
	return code;
}

/* The double collect, or without the counter that it leans on (Go before 1.17) the exact way. */
static enum gospy_code capture_stopping(struct gospy_target *target, struct passes *p,
					const struct map *tids, struct gospy_error *err)
{
	struct capture *c = p->capture;
	struct image *image = p->image;
	struct stop_work work = {.passes = p, .tids = tids, .all_done = c->sorted};
	uint64_t max_pause_ns =
		p->options->max_pause_ns ? p->options->max_pause_ns : default_max_pause_ns;
	enum gospy_code code = GOSPY_OK;
	c->exact = p->options->exact || !field_present(image->layout.g.trackingSeq);
	if (!c->exact || p->options->stacks)
		code = collect_first(p, err);
	if (!code && p->options->stacks)
		code = collect_stacks(p, err);
	if (!code && !c->exact)
		code = collect_active(p, err);
	if (!code && p->options->native)
		code = collect_native_prepare(p, &target->process, &work.native, err);
	if (!code)
		code = stop_and_read(target, &work, max_pause_ns, err);
	if (!code)
		code = collect_late(p, work.active_done, work.all_done, err);
	c->active = c->exact ? c->count : p->active.len;
	if (!code && p->options->channels)
		code = collect_channels(p, false, err);
	if (!code)
		code = collect_semaphores(p, false, err);
	if (!code && p->options->labels)
		code = collect_labels(p, err);
	if (!code)
		code = collect_rare(p, err);
	if (!code && (!c->exact || p->options->channels))
		code = collect_verify(p, !c->exact, err);
	// The sooner it is verified the less has moved: walking can wait.
	if (!code && work.stacks)
		code = collect_stopped_walk(p, work.stacks, err);
	stopped_stacks_destroy(work.stacks);
	if (!code && work.native)
		code = collect_native_walk(work.native, err);
	native_work_destroy(work.native);
	if (!code && p->options->stacks)
		code = collect_late_stacks(p, err);
	return code;
}

static enum gospy_code capture_running(struct passes *p, struct gospy_error *err)
{
	struct capture *c = p->capture;
	enum gospy_code code = collect_validated(p, err);
	if (!code && p->options->stacks)
		code = collect_validated_stacks(p, err);
	if (!code && p->options->labels)
		code = collect_labels(p, err);
	if (!code)
		code = collect_rare(p, err);
	if (!code && p->options->channels && !(code = collect_channels(p, false, err)) &&
	    !(code = collect_semaphores(p, false, err)))
		code = collect_verify(p, false, err);
	if (!code && p->options->threads)
		code = collect_threads(c, NULL, err);
	return code;
}

static enum gospy_code capture_all(struct gospy_target *target,
				   const struct gospy_snapshot_options *options, struct capture *c,
				   struct gospy_error *err)
{
	struct image *image = target->image;
	enum gospy_code code = target_check(target, err);
	if (!code)
		code = procfs_tasks(target->process.pid, target->namespaced, &c->tasks, err);
	if (code)
		return code;
	struct map tid_map = {0};
	struct passes passes = {.capture = c, .image = image, .options = options};
	collect_object_kinds(&passes);
	code = map_tids(target, &c->tasks, &tid_map, err);
	const struct map *tids = target->namespaced ? &tid_map : NULL;
	if (!code)
		code = schedstate_read(&c->sched, image, tids, err);
	// Without a stop nothing that begins later is seen.
	c->instant_mono_ns = clock_mono_ns();
	c->instant_real_ns = clock_real_ns();
	if (!code)
		code = collect_allgs(c, image, err);
	if (!code && !(passes.room = bulk_room_create(c->count)))
		code = err_nomem(err);
	if (options->stacks || options->native)
		stacks_init(&c->stacks, &image->pcln, options->arguments);
	if (!code)
		code = options->non_blocking ? capture_running(&passes, err)
					     : capture_stopping(target, &passes, tids, err);
	if (!code && options->threads)
		code = collect_starts(c, image, err);
	if (!code && (options->stacks || c->natives.len) && !stacks_merge(&c->stacks))
		code = err_nomem(err);
	passes_deinit(&passes);
	map_deinit(&tid_map);
	if (code)
		return code;
	// A program that exec'ed in the middle was read half as one, half as the other.
	return target_check(target, err);
}

enum gospy_code capture_take(struct gospy_target *target,
			     const struct gospy_snapshot_options *options, struct capture *ret,
			     struct gospy_error *err)
{
	struct capture c = {0};
	enum gospy_code code = capture_all(target, options, &c, err);
	if (code) {
		capture_deinit(&c);
		// Whatever failed: if the process is gone, or another program now, that is why.
		struct gospy_error why;
		if (target_check(target, &why) == GOSPY_E_GONE) {
			if (err)
				*err = why;
			return GOSPY_E_GONE;
		}
		return code;
	}
	*ret = c;
	return GOSPY_OK;
}

void capture_deinit(struct capture *c)
{
	if (c->recs)
		munmap(c->recs, c->cap * sizeof(*c->recs));
	map_deinit(&c->newborn);
	vec_free(&c->chans);
	stacks_deinit(&c->stacks);
	capture_forget_labels(c);
	capture_forget_rare(c);
	schedstate_deinit(&c->sched);
	proc_tasks_deinit(&c->tasks);
	vec_free(&c->threads);
	vec_free(&c->natives);
	map_deinit(&c->native_index);
	arena_deinit(&c->native_arena);
	map_deinit(&c->start_entries);
	*c = (struct capture){0};
}
