#include "record/walk.h"

#include <string.h>

#include "base/hash.h"
#include "capture/signal_frame.h"

enum {
	WORD = 8,
	/* Of the stack of a goroutine in C code: a page of its callers, or a few. */
	CALLERS_BYTES = 8192,
	/* newstack, and what it calls to give the processor to another goroutine. */
	LEAVES_MAX = 4,
};

/* pclntab also names C functions that Go's own linker has linked. */
static bool is_go(struct walker *w, uint64_t pc)
{
	const struct site *site = symbols_site(w->symbols, pc);
	return site->known && site->step != PCLN_STEP_NO_FRAME;
}

static bool is_go_ctx(void *ctx, uint64_t pc)
{
	return is_go(ctx, pc);
}

enum gospy_code walker_init(struct walker *w, struct gospy_error *err)
{
	w->go = (struct unwinder){.symbols = w->symbols, .frames_max = UNWIND_INNER};
	enum gospy_code code = native_walker_create(w->modules, is_go_ctx, w, &w->native, err);
	return code == GOSPY_E_UNSUPPORTED ? GOSPY_OK : code;
}

void walker_deinit(struct walker *w)
{
	native_walker_destroy(w->native);
	unwinder_deinit(&w->go);
	arena_deinit(&w->arena);
	vec_free(&w->pcs);
}

static bool is_call_of(struct walker *w, uint64_t pc, const char *name, const char * or)
{
	const struct frame_site *site = symbols_frames(w->symbols, pc, false);
	for (size_t i = 0; i < site->call_count; i++) {
		const char *func = site->calls[i].func;
		if (strcmp(func, name) == 0 || strcmp(func, or) == 0)
			return true;
	}
	return false;
}

/* Does the walk end where the thread has left its goroutine? mcall does that to any; and morestack,
 * if newstack has found that the goroutine is to be preempted. Its stack may be anybody's since. */
static bool has_left(struct walker *w)
{
	size_t n = w->pcs.len;
	const struct site *last = n ? symbols_site(w->symbols, w->pcs.at[n - 1]) : NULL;
	if (!last || !last->known)
		return false;
	if (last->func == PCLN_MCALL)
		return true;
	if (last->func != PCLN_MORESTACK)
		return false;
	for (size_t i = 1; i <= LEAVES_MAX && i < n; i++) {
		if (is_call_of(w, w->pcs.at[n - 1 - i], "runtime.gopreempt_m",
			       "runtime.preemptPark"))
			return true;
	}
	return false;
}

/* What the outermost call that was found says of the stack. */
static enum walk_root root_of(struct walker *w)
{
	uint64_t pc = w->pcs.len ? w->pcs.at[w->pcs.len - 1] : 0;
	const struct site *site = symbols_site(w->symbols, pc);
	if (!site->known)
		return WALK_CUT;
	if (has_left(w))
		return WALK_SYSTEM;
	switch (site->func) {
	case PCLN_GOEXIT:
	case PCLN_CGOCALLBACK:
		return WALK_GOROUTINE;
	case PCLN_GOGO:
	case PCLN_MSTART:
	case PCLN_RT0_GO:
	case PCLN_EXTERNAL_THREAD:
		return WALK_SYSTEM;
	default:
		return WALK_CUT;
	}
}

static bool add_all(struct walker *w, const uint64_t *pcs, size_t n)
{
	if (!vec_reserve(&w->pcs, w->pcs.len + n))
		return false;
	if (n)
		memcpy(w->pcs.at + w->pcs.len, pcs, n * sizeof(*pcs));
	w->pcs.len += n;
	return true;
}

/* Go on with the kernel's chain from number `i` on. Behind mcall it would lead to the goroutine
 * that the thread has left, which may run elsewhere. False: out of memory. */
static bool add_chain(struct walker *w, const struct cpu_sample *s, size_t i)
{
	for (; i < s->chain_len; i++) {
		if (!vec_push(&w->pcs, s->chain[i]))
			return false;
		if (has_left(w))
			break;
	}
	return true;
}

/* The chain from number `i` on counts only if it is a whole stack. */
static bool add_whole(struct walker *w, const struct cpu_sample *s, size_t i)
{
	size_t before = w->pcs.len;
	if (i >= s->chain_len)
		return true;
	if (!add_chain(w, s, i))
		return false;
	w->root = root_of(w);
	if (w->root == WALK_CUT)
		w->pcs.len = before;
	return true;
}

/* ---------------------------------------------------------------------------------------- Go --
 */

/* The number in the chain of what called the outermost frame of those that were walked; 0: it is
 * not known. They were walked from `sp` on. A frame whose end lies right above the saved frame
 * pointer and the return address has set the frame pointer: the chain begins with its caller. */
static size_t find_rest(struct walker *w, const struct cpu_sample *s, uint64_t sp)
{
	size_t n = w->go.pcs.len, owner = 0;
	uint64_t end = sp, owned = s->regs.bp + 2 * WORD;
	for (; owner < n; owner++) {
		int64_t size = symbols_site(w->symbols, w->go.pcs.at[owner])->size;
		if (size <= 0 || end > owned)
			return 0;
		end += (uint64_t)size;
		if (end == owned)
			break;
	}
	if (owner == n || n - owner > s->chain_len)
		return 0;
	for (size_t i = owner + 1; i < n; i++) {
		if (s->chain[i - owner] != w->go.pcs.at[i])
			return 0;
	}
	return n - owner;
}

/* The frame pointer that the function had which the system stack's outermost frame has left: the
 * call on the system stack has saved it. 0: not known. */
static uint64_t frame_pointer_behind(struct walker *w, const struct cpu_sample *s, uint64_t sp)
{
	size_t n = w->go.pcs.len;
	uint64_t end = sp, bp;
	if (n < 2)
		return s->regs.bp;
	for (size_t i = 0; i + 1 < n; i++)
		end += (uint64_t)symbols_site(w->symbols, w->go.pcs.at[i])->size;
	uint64_t off = end - 2 * WORD - s->regs.sp;
	if (s->stack.len < WORD || off > s->stack.len - WORD)
		return 0;
	memcpy(&bp, s->stack.ptr + off, WORD);
	return bp;
}

static struct unwind_bytes bytes_of(const struct cpu_sample *s, uint64_t hi)
{
	return (struct unwind_bytes){
		.addr = s->regs.sp, .bytes = s->stack.ptr, .len = s->stack.len, .hi = hi};
}

/* Does the walk end with a call that has switched to the stack that was walked? */
static bool has_switched(struct walker *w)
{
	size_t n = w->go.pcs.len;
	const struct site *last = n ? symbols_site(w->symbols, w->go.pcs.at[n - 1]) : NULL;
	return w->go.end == UNWIND_DONE && last && last->step == PCLN_STEP_SP_WRITE && !has_left(w);
}

/* From Go code on; `sp` is that of its frame. */
static bool walk_go(struct walker *w, const struct cpu_sample *s, const struct unwind_start *start,
		    const struct walk_place *place)
{
	struct unwind_bytes bytes = bytes_of(s, place->hi);
	if (!unwind(&w->go, &bytes, start) || !add_all(w, w->go.pcs.at, w->go.pcs.len))
		return false;
	return true;
}

/* A handler of a signal, on the signal stack: go on where the signal came. What called that is in
 * the chain, if the frame pointer was that of the function. */
static bool walk_behind_signal(struct walker *w, const struct cpu_sample *s)
{
	struct signal_frame frame;
	size_t n = w->pcs.len, i = 1;
	if (!n || !is_call_of(w, w->pcs.at[n - 1], "runtime.sigtramp", "runtime.cgoSigtramp") ||
	    !signal_frame_find_above(s->stack, s->regs.sp, &frame))
		return true;
	while (i < s->chain_len && s->chain[i] != w->pcs.at[n - 1])
		i++;
	// Behind it there is the address of what returns from the signal.
	const struct site *site = symbols_site(w->symbols, frame.rip);
	w->crossed = frame.rsp;
	if (!site->known || frame.rbp + 2 * WORD != frame.rsp + (uint64_t)site->size ||
	    i + 2 >= s->chain_len)
		return true;
	if (!vec_push(&w->pcs, frame.rip) || !add_chain(w, s, i + 2))
		return false;
	w->root = root_of(w);
	return true;
}

static bool walk_from_go(struct walker *w, const struct cpu_sample *s,
			 const struct walk_place *place)
{
	const struct unwind_start start = {
		.pc = s->regs.ip,
		.sp = s->regs.sp,
		.interrupted = true,
		.on_stack = place->on_stack,
		.bp = s->regs.bp,
		.r12 = s->regs.r12,
	};
	if (!walk_go(w, s, &start, place))
		return false;
	bool switched = has_switched(w);
	if (w->pcs.len && !switched && w->go.end == UNWIND_DONE) {
		w->root = root_of(w);
		return w->root != WALK_CUT || walk_behind_signal(w, s);
	}
	if (w->go.gap.frames || w->go.lead)
		return true;
	size_t rest = find_rest(w, s, s->regs.sp);
	if (switched)
		w->crossed = frame_pointer_behind(w, s, s->regs.sp);
	// What reads the clock makes a frame, and then switches by itself (runtime.nanotime1).
	if (switched && w->pcs.len == 1 && symbols_site(w->symbols, s->regs.ip)->size > 2 * WORD)
		return add_whole(w, s, 1);
	if (!rest || rest >= s->chain_len)
		return true;
	if (!add_chain(w, s, rest))
		return false;
	w->root = root_of(w);
	return true;
}

/* -------------------------------------------------------------------------------------- C code --
 */

/* By frame pointers alone: of the vDSO, and of what has no unwind tables. */
static bool walk_chain(struct walker *w, const struct cpu_sample *s)
{
	if (!vec_push(&w->pcs, s->regs.ip) || !add_whole(w, s, 1))
		return false;
	// Who calls the vDSO keeps its stack pointer in r12 (runtime.nanotime1), in Go 1.12 in rbp,
	// which the vDSO saves where it has a frame of its own.
	uint64_t off = s->regs.bp - s->regs.sp;
	w->hints[0] = s->regs.r12;
	w->hints[1] = s->regs.bp;
	if (s->stack.len >= WORD && off <= s->stack.len - WORD)
		memcpy(&w->hints[2], s->stack.ptr + off, WORD);
	return true;
}

static bool is_asmcgocall(struct walker *w, uint64_t pc)
{
	const struct site *site = symbols_site(w->symbols, pc);
	return site->known && site->func == PCLN_ASMCGOCALL;
}

/* asmcgocall keeps on the stack of C code what it has to go back to, since the other stack may be
 * moved meanwhile. src/runtime/asm_amd64.s: "save g", "save depth in stack" */
static void note_c_call(struct walker *w, const struct cpu_sample *s,
			const struct native_stack *native, uint64_t last, size_t behind)
{
	static const uint8_t offs[WALK_C_CALLS] = {0, 40}; // of the depth; the second: Go 1.12-1.15
	if (!is_asmcgocall(w, last))
		return;
	w->behind_c = behind;
	w->cgocall_bp = native->go_bp; // it leaves it alone
	w->c_func = native->count ? native->frames[native->count - 1].func : NULL;
	for (size_t i = 0; i < WALK_C_CALLS; i++) {
		uint64_t off = native->go_sp - s->regs.sp + offs[i];
		if (s->stack.len < 2 * WORD || off > s->stack.len - 2 * WORD)
			continue;
		memcpy(&w->c_calls[i].depth, s->stack.ptr + off, WORD);
		memcpy(&w->c_calls[i].g, s->stack.ptr + off + WORD, WORD);
	}
}

/* Go's calls behind those of C code: some on the system stack, then those of the goroutine, to
 * which C code hands the frame pointer on. */
static bool walk_behind_c(struct walker *w, const struct cpu_sample *s,
			  const struct native_stack *native, const struct walk_place *place)
{
	const struct unwind_start start = {.pc = native->go_pc, .sp = native->go_sp};
	if (is_asmcgocall(w, native->go_pc)) {
		// It has switched to this stack; before Go 1.17 the function table does not tell.
		if (!vec_push(&w->pcs, native->go_pc))
			return false;
	} else if (!walk_go(w, s, &start, place)) {
		return false;
	} else if (w->go.end == UNWIND_DONE && !has_switched(w)) {
		w->root = root_of(w);
		return true;
	}
	// Where C code uses frame pointers the chain has come to the same call.
	uint64_t last = w->pcs.len ? w->pcs.at[w->pcs.len - 1] : 0;
	size_t i = 1, behind = w->pcs.len;
	while (i < s->chain_len && s->chain[i] != last)
		i++;
	if (!add_whole(w, s, i < s->chain_len ? i + 1 : 1))
		return false;
	note_c_call(w, s, native, last, behind);
	return true;
}

static bool walk_from_c(struct walker *w, const struct cpu_sample *s,
			const struct walk_place *place)
{
	const struct cpu_sample_regs *r = &s->regs;
	const struct user_regs_struct regs = {
		.rax = r->ax,
		.rbx = r->bx,
		.rcx = r->cx,
		.rdx = r->dx,
		.rsi = r->si,
		.rdi = r->di,
		.rbp = r->bp,
		.rsp = r->sp,
		.rip = r->ip,
		.r8 = r->r8,
		.r9 = r->r9,
		.r10 = r->r10,
		.r11 = r->r11,
		.r12 = r->r12,
		.r13 = r->r13,
		.r14 = r->r14,
		.r15 = r->r15,
	};
	const struct native_start start = {.regs = &regs, .bytes = s->stack, .addr = r->sp};
	struct native_stack stack;
	arena_deinit(&w->arena);
	if (!native_walk(w->native, &start, &w->arena, &stack))
		return false;
	for (size_t i = 0; i < stack.count; i++) {
		if (!vec_push(&w->pcs, stack.frames[i].pc))
			return false;
	}
	if (stack.go_pc)
		return walk_behind_c(w, s, &stack, place);
	if (stack.count && stack.end == NATIVE_DONE) {
		w->root = WALK_SYSTEM;
		return true;
	}
	if (stack.count > 1)
		return true;
	w->pcs.len = 0;
	return walk_chain(w, s);
}

static bool is_vdso(struct walker *w, uint64_t pc)
{
	const struct mapping *map = mappings_find(&w->modules->maps, pc);
	return map && strcmp(map->path, "[vdso]") == 0;
}

bool walk_sample(struct walker *w, const struct cpu_sample *s, const struct walk_place *place)
{
	w->pcs.len = 0;
	w->root = WALK_CUT;
	w->crossed = 0;
	w->cgocall_bp = 0;
	memset(w->c_calls, 0, sizeof(w->c_calls));
	memset(w->hints, 0, sizeof(w->hints));
	if (!s->has_regs)
		return true;
	if (!s->regs.ip || is_go(w, s->regs.ip))
		return walk_from_go(w, s, place);
	// Go's calls of the vDSO switch to the system stack by themselves.
	if (!w->native || is_vdso(w, s->regs.ip))
		return walk_chain(w, s);
	return walk_from_c(w, s, place);
}

/* "_cgo_97ab22c4dc7b_Cfunc_sum" is what main._Cfunc_sum calls. */
static bool is_call_of_c(struct walker *w, uint64_t pc)
{
	static const char cfunc[] = "_Cfunc_", c2func[] = "_C2func_";
	const struct frame_site *site = symbols_frames(w->symbols, pc, false);
	const char *called = w->c_func ? strstr(w->c_func, cfunc) : NULL;
	if (w->c_func && !called)
		called = strstr(w->c_func, c2func);
	if (!called)
		return true; // nothing tells
	for (size_t i = 0; i < site->call_count; i++) {
		const char *func = site->calls[i].func, *at = strstr(func, cfunc);
		if (!at)
			at = strstr(func, c2func);
		if (at && strcmp(at, called) == 0)
			return true;
	}
	return false;
}

bool walk_callers_of_c(struct walker *w, struct mem *mem, const struct g_rec *rec, uint64_t depth,
		       uint64_t *hash_ret)
{
	uint8_t bytes[CALLERS_BYTES];
	*hash_ret = 0;
	uint64_t sp = rec->stack_hi - depth, len = depth, pc, bp = w->cgocall_bp;
	if (depth < 2 * WORD || depth > rec->stack_hi - rec->stack_lo)
		return true;
	if (len > sizeof(bytes))
		len = sizeof(bytes);
	if (mem_read(mem, sp, bytes, len, NULL))
		return true;
	// In newer versions asmcgocall has a frame of its own, which is nothing but a frame
	// pointer.
	size_t skip = bp == sp ? WORD : 0;
	if (skip)
		memcpy(&bp, bytes, WORD);
	memcpy(&pc, bytes + skip, WORD);
	skip += WORD;
	sp += skip;
	// Its caller has set that.
	const struct site *site = symbols_site(w->symbols, pc);
	if (!site->known || site->size < 2 * WORD || sp + (uint64_t)site->size != bp + 2 * WORD)
		return true;
	struct unwind_bytes stack = {
		.addr = sp, .bytes = bytes + skip, .len = (size_t)len - skip, .hi = rec->stack_hi};
	const struct unwind_start start = {.pc = pc, .sp = sp, .on_stack = true};
	if (!unwind(&w->go, &stack, &start))
		return false;
	if (w->go.end != UNWIND_DONE || w->go.pcs.len < 2 || w->go.gap.frames ||
	    !is_call_of_c(w, w->go.pcs.at[1]))
		return true;
	*hash_ret = hash_mix(w->go.hash, depth);
	return true;
}

bool walk_add_callers(struct walker *w)
{
	size_t before = w->pcs.len, n = w->go.pcs.len;
	if (w->root != WALK_CUT) {
		// The chain lacks the first of them, if C code was called with its frame pointer.
		if (before - w->behind_c != n - 1 ||
		    memcmp(w->pcs.at + w->behind_c, w->go.pcs.at + 1,
			   (n - 1) * sizeof(*w->pcs.at)) != 0)
			return true;
		w->pcs.len = w->behind_c;
	}
	before = w->pcs.len;
	if (!add_all(w, w->go.pcs.at, w->go.pcs.len))
		return false;
	w->root = root_of(w);
	if (w->root == WALK_CUT)
		w->pcs.len = before;
	return true;
}
