#include "record/walk.h"

#include <string.h>

enum { WORD = 8 };

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

/* What the outermost call that was found says of the stack. */
static enum walk_root root_of(struct walker *w, uint64_t pc)
{
	const struct site *site = symbols_site(w->symbols, pc);
	if (!site->known)
		return WALK_CUT;
	switch (site->func) {
	case PCLN_GOEXIT:
	case PCLN_CGOCALLBACK:
		return WALK_GOROUTINE;
	case PCLN_MCALL:
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

/* Go on with the kernel's chain from number `i` on. Behind mcall it leads to the goroutine that the
 * thread has left, which may run elsewhere. False: out of memory. */
static bool add_chain(struct walker *w, const struct cpu_sample *s, size_t i)
{
	for (; i < s->chain_len; i++) {
		if (!vec_push(&w->pcs, s->chain[i]))
			return false;
		if (symbols_site(w->symbols, s->chain[i])->func == PCLN_MCALL &&
		    symbols_site(w->symbols, s->chain[i])->known)
			break;
	}
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
	return w->go.end == UNWIND_DONE && last && last->step == PCLN_STEP_SP_WRITE &&
	       last->func != PCLN_MCALL;
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
		w->root = root_of(w, w->pcs.at[w->pcs.len - 1]);
		return true;
	}
	if (w->go.gap.frames || w->go.lead)
		return true;
	size_t rest = find_rest(w, s, s->regs.sp);
	if (switched)
		w->crossed = frame_pointer_behind(w, s, s->regs.sp);
	if (!rest || rest >= s->chain_len)
		return true;
	if (!add_chain(w, s, rest))
		return false;
	w->root = root_of(w, w->pcs.at[w->pcs.len - 1]);
	return true;
}

/* -------------------------------------------------------------------------------------- C code --
 */

/* The chain from number `i` on counts only if it is a whole stack of a goroutine. */
static bool add_goroutine(struct walker *w, const struct cpu_sample *s, size_t i)
{
	size_t before = w->pcs.len;
	if (i >= s->chain_len)
		return true;
	if (!add_chain(w, s, i))
		return false;
	w->root = root_of(w, w->pcs.at[w->pcs.len - 1]);
	if (w->root != WALK_GOROUTINE) {
		w->root = WALK_CUT;
		w->pcs.len = before;
	}
	return true;
}

/* By frame pointers alone: of the vDSO, and of what has no unwind tables. */
static bool walk_chain(struct walker *w, const struct cpu_sample *s)
{
	w->crossed = s->regs.bp;
	return vec_push(&w->pcs, s->regs.ip) && add_goroutine(w, s, 1);
}

/* Go's calls behind those of C code: some on the system stack, then those of the goroutine, to
 * which C code hands the frame pointer on. */
static bool walk_behind_c(struct walker *w, const struct cpu_sample *s,
			  const struct native_stack *native, const struct walk_place *place)
{
	const struct unwind_start start = {.pc = native->go_pc, .sp = native->go_sp};
	if (!walk_go(w, s, &start, place))
		return false;
	if (w->go.end == UNWIND_DONE && !has_switched(w)) {
		w->root = w->pcs.len ? root_of(w, w->pcs.at[w->pcs.len - 1]) : WALK_CUT;
		return true;
	}
	// Where C code uses frame pointers the chain has come to the same call.
	uint64_t last = w->pcs.len ? w->pcs.at[w->pcs.len - 1] : 0;
	size_t i = 1;
	while (i < s->chain_len && s->chain[i] != last)
		i++;
	return add_goroutine(w, s, i < s->chain_len ? i + 1 : 1);
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
	if (!s->has_regs)
		return true;
	if (!s->regs.ip || is_go(w, s->regs.ip))
		return walk_from_go(w, s, place);
	// Go's calls of the vDSO switch to the system stack by themselves.
	if (!w->native || is_vdso(w, s->regs.ip))
		return walk_chain(w, s);
	return walk_from_c(w, s, place);
}
