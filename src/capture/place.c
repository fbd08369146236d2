#include "capture/place.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "capture/signal_frame.h"
#include "capture/vfork.h"

enum { G_REGISTER_SINCE = 17 }; /* Go 1.17+ */

/* What a thread's g register said: r14, before Go 1.17 a word of its TLS block. 0: not known. */
static uint64_t register_g(const struct image *image, const struct m_rec *m)
{
	uint64_t g;
	if (!m->has_regs)
		return 0;
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

/* A running goroutine that is off its own stack was saved to sched when the scheduler or
 * systemstack switched to the system stack: they set the g register to g0. The race detector
 * switches stacks without saving; sched is old then, perhaps from the last system call.
 * src/runtime/{asm,race}_amd64.s */
static bool is_saved(const struct m_rec *m, uint64_t g)
{
	return m->g0 && g == m->g0;
}

/* The r12 in which rawVforkSyscall has saved its return address: symbols.h. 0: not known, or not
 * needed. */
static uint64_t saved_r12(const struct passes *p, const struct m_rec *m)
{
	struct symbols *symbols = p->capture->symbols;
	return symbols_site(symbols, m->rip)->popped
		       ? vfork_return(p->image, symbols, m->rip, m->rsp, m->syscall)
		       : 0;
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
		uint64_t *bp = map_put(&p->frame_pointers, at); // 0 where they are not known
		uint64_t *r12 = map_put(&p->r12s, at);
		if (sched_pc)
			*sched_pc = rec->pc;
		if (bp)
			*bp = regs->rbp;
		if (r12)
			*r12 = m->has_regs ? regs->r12 : saved_r12(p, m);
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

/* For who records of stacks only what are addresses: whoever reads that is to find the frame. */
static void record_frame(const struct image *image, const struct signal_frame *frame)
{
	static const uint64_t words[] = {SIGNAL_FRAME_SIZE_AT, SIGNAL_FRAME_CS_AT};
	for (size_t i = 0; mem_is_recorded(image->mem) && i < sizeof(words) / sizeof(*words); i++) {
		uint64_t word;
		const struct mem_range range = {frame->addr + words[i], sizeof(word)};
		if (mem_read_u64(image->mem, range.addr, &word, NULL))
			return;
		mem_fix(image->mem, &range, 1);
	}
}

bool place_interrupted(const struct image *image, const struct m_rec *m, struct signal_frame *ret)
{
	enum { SIGNAL_STACK_MAX = 64 << 10 }; // gsignal has 32 KiB, C libraries take less
	const struct field lo = image->layout.g.stack_lo, hi = image->layout.g.stack_hi;
	// The address that the handler returns to is the first word of the frame. The code there
	// calls rt_sigreturn, and has the rest of the frame on the stack.
	enum { RETURNED = 8 };
	uint64_t stack[2];
	if (!m->gsignal || mem_read_u64(image->mem, m->gsignal + lo.off, &stack[0], NULL) ||
	    mem_read_u64(image->mem, m->gsignal + hi.off, &stack[1], NULL) || m->rsp < stack[0] ||
	    m->rsp >= stack[1] || stack[1] - m->rsp > SIGNAL_STACK_MAX)
		return false;
	size_t len = (size_t)(stack[1] - m->rsp);
	CLEANUP_FREE uint8_t *bytes = calloc(1, RETURNED + len);
	if (!bytes || mem_read_stack(image->mem, m->rsp, bytes + RETURNED, len, NULL) ||
	    !signal_frame_find((struct span){bytes, RETURNED + len}, stack[0], stack[1], ret))
		return false;
	record_frame(image, ret);
	return true;
}

/* The goroutine is on its way into a system call or out of it, and not on its own stack. The frame
 * that makes the call stays until syscallsp is cleared. From Go 1.26 on the status changes before
 * that. src/runtime/{proc,traceback}.go: exitsyscall, tracebacksomeothers */
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

void place_running(struct passes *p, struct g_rec *rec, const struct m_rec *m)
{
	const struct image *image = p->image;
	struct signal_frame regs = {
		.rip = m->rip, .rsp = m->rsp, .rbp = m->rbp, .r12 = m->r12, .r14 = m->r14};
	bool placed = place_by_registers(p, rec, m, &regs, register_g(image, m));
	if (!placed && place_interrupted(image, m, &regs) && !is_pushing(image, &regs)) {
		// Where g is not in a register, the word in memory is the handler's by now.
		uint64_t g = image->version.minor >= G_REGISTER_SINCE ? regs.r14 : 0;
		placed = place_by_registers(p, rec, m, &regs, g);
	}
	if (placed || place_in_syscall(image, rec))
		rec->flags &= (uint8_t)~G_PC_STALE;
}
