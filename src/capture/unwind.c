#include "capture/unwind.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"

enum { WORD = 8 };

void unwinder_deinit(struct unwinder *u)
{
	vec_free(&u->pcs);
	vec_free(&u->values);
	free(u->outer);
}

static inline struct unwind_near *lookup(struct unwinder *u, uint64_t pc)
{
	struct unwind_near *near = &u->near[(pc * UINT64_C(0x9e3779b97f4a7c15)) >> 57];
	_Static_assert(UNWIND_NEAR == 1 << 7, "seven bits of the hash");
	if (near->pc != pc || !near->site)
		*near = (struct unwind_near){.pc = pc, .site = symbols_site(u->symbols, pc)};
	return near;
}

static inline struct unwind_near *lookup_caller(struct unwinder *u, struct unwind_near *callee,
						uint64_t pc)
{
	struct unwind_near *near = callee->caller;
	if (!near || near->pc != pc) {
		near = lookup(u, pc);
		callee->caller = near;
	}
	return near;
}

static bool holds(const struct unwind_bytes *b, uint64_t addr, size_t len)
{
	return addr >= b->addr && addr - b->addr <= b->len && len <= b->len - (addr - b->addr);
}

static bool load(struct unwind_bytes *b, uint64_t addr, size_t len, uint64_t *ret)
{
	if (addr > b->hi || len > b->hi - addr)
		return false;
	if (!holds(b, addr, len) && !(b->refill && b->refill(b, addr) && holds(b, addr, len)))
		return false;
	*ret = 0;
	memcpy(ret, b->bytes + (addr - b->addr), len);
	return true;
}

static inline bool load_word(struct unwind_bytes *b, uint64_t addr, uint64_t *ret)
{
	uint64_t off = addr - b->addr;
	if (addr < b->addr || b->len < WORD || off > b->len - WORD || b->hi - addr < WORD)
		return load(b, addr, WORD, ret);
	memcpy(ret, b->bytes + off, WORD);
	return true;
}

/* The printed arguments of a frame lie from its end on, in the caller's frame. 0: some are not
 * there; negative: out of memory. */
static int keep_values(struct unwinder *u, struct unwind_bytes *bytes, const struct site *site,
		       uint64_t frame_end)
{
	size_t before = u->values.len;
	for (unsigned i = 0; i < site->value_count; i++) {
		uint64_t value;
		if (!load(bytes, frame_end + site->values[i].off, site->values[i].size, &value)) {
			u->values.len = before;
			return 0;
		}
		if (!vec_push(&u->values, value))
			return -1;
	}
	return 1;
}

static void end_at(struct unwinder *u, enum unwind_end end, uint64_t addr)
{
	u->end = end;
	u->end_addr = addr;
}

/* Does the walk end with this frame silently? The runtime's walk does so at the second frame as
 * well, but then systemstack or asmcgocall are about to switch: they have called
 * gosave_systemstack_switch, runtime/asm_amd64.s, from Go 1.17 on. */
static bool ends_here(const struct site *site, const struct unwind_start *start, size_t depth)
{
	return site->step == PCLN_STEP_TOP || site->step == PCLN_STEP_NO_FRAME ||
	       (site->step == PCLN_STEP_SP_WRITE && !(depth <= 2 && start->on_stack));
}

/* Where the walk begins. Inside gogo that is the place to which gogo leads. */
static struct unwind_near *lookup_innermost(struct unwinder *u, const struct unwind_start *start,
					    uint64_t *pc)
{
	struct unwind_near *near = lookup(u, *pc);
	bool leads_on = near->site->known && near->site->func == PCLN_GOGO;
	if (!leads_on || !start->gogo_pc)
		return near;
	u->interrupted = false;
	*pc = start->gogo_pc;
	return lookup(u, *pc);
}

/* How many calls a traceback would print of a frame. */
static void count_calls(struct unwinder *u, struct unwind_near *near, uint64_t callee)
{
	const struct frame_site *below = symbols_frames(u->symbols, callee, false);
	const struct frame_site *here = symbols_frames(u->symbols, near->pc, below->interrupts);
	enum pcln_known known =
		below->call_count ? below->calls[below->call_count - 1].known : PCLN_NORMAL;
	near->callee = callee;
	near->calls = near->shown = 0;
	for (size_t i = 0; i < here->call_count; i++) {
		near->calls++;
		near->shown += frame_is_shown(&here->calls[i], known, false);
		known = here->calls[i].known;
	}
}

/* Take one frame more than are kept as the innermost. False: out of memory. */
static bool add_beyond(struct unwinder *u, struct unwind_near *near, uint64_t sp)
{
	if (!u->outer && !(u->outer = calloc(UNWIND_OUTER, sizeof(*u->outer))))
		return false;
	uint64_t callee = u->beyond ? u->outer[(u->beyond - 1) % UNWIND_OUTER].pc
				    : u->pcs.at[UNWIND_INNER - 1];
	if (near->callee != callee || !near->calls)
		count_calls(u, near, callee);
	u->outer[u->beyond % UNWIND_OUTER] = (struct unwind_outer){
		.pc = near->pc,
		.sp = sp,
		.callee = callee,
		.calls = u->calls,
		.shown = u->shown,
	};
	u->calls += near->calls;
	u->shown += near->shown;
	u->beyond++;
	return true;
}

static bool add(struct unwinder *u, struct unwind_near *near, uint64_t sp)
{
	return u->pcs.len < UNWIND_INNER ? vec_push(&u->pcs, near->pc) : add_beyond(u, near, sp);
}

static bool add_values(struct unwinder *u, struct unwind_bytes *bytes, const struct site *site,
		       uint64_t frame_end)
{
	int kept = keep_values(u, bytes, site, frame_end);
	u->values_gone = kept <= 0;
	return kept >= 0;
}

/* Keep the last of the frames beyond, with their values. `sp`: of the innermost frame. */
static bool keep_outer(struct unwinder *u, struct unwind_bytes *bytes, uint64_t sp)
{
	uint64_t i = u->beyond > UNWIND_OUTER ? u->beyond - UNWIND_OUTER : 0;
	if (i) {
		const struct unwind_outer *first = &u->outer[i % UNWIND_OUTER];
		u->gap = (struct unwind_gap){
			.frames = i,
			.calls = first->calls,
			.shown = first->shown,
			.bytes = first->sp - sp,
			.callee = first->callee,
		};
	}
	for (; i < u->beyond; i++) {
		const struct unwind_outer *frame = &u->outer[i % UNWIND_OUTER];
		const struct site *site = symbols_site(u->symbols, frame->pc);
		bool values = site->size > 0 && site->step != PCLN_STEP_NO_FRAME;
		if (!vec_push(&u->pcs, frame->pc))
			return false;
		if (values && u->want_values && !u->values_gone &&
		    !add_values(u, bytes, site, frame->sp + (uint64_t)site->size))
			return false;
	}
	return true;
}

/* Each frame ends above where it begins, and below the end of the stack: there are no loops. */
static bool walk(struct unwinder *u, struct unwind_bytes *bytes, const struct unwind_start *start,
		 uint64_t pc, uint64_t sp)
{
	for (struct unwind_near *near = lookup_innermost(u, start, &pc);;
	     near = lookup_caller(u, near, pc)) {
		const struct site *site = near->site;
		if (!site->known) {
			end_at(u, site->no_room ? UNWIND_NO_MEMORY : UNWIND_UNKNOWN_PC, pc);
			u->end_sp = sp;
			return true;
		}
		if (u->pcs.len + u->beyond >= u->frames_max) {
			end_at(u, UNWIND_TOO_DEEP, sp);
			return true;
		}
		if (!add(u, near, sp))
			return false;
		u->hash = hash_mix(u->hash, pc);
		bool last = ends_here(site, start, u->pcs.len);
		bool popped = site->popped && start->r12 && u->pcs.len == 1;
		bool sane = site->size > 0 || popped;
		uint64_t end = sp + (sane ? (uint64_t)site->size : 0);
		if (site->step == PCLN_STEP_NO_FRAME)
			return true; // its arguments cannot be found, either
		if (sane && u->want_values && !u->values_gone && !u->beyond &&
		    !add_values(u, bytes, site, end))
			return false;
		if (last)
			return true;
		if (!sane) {
			end_at(u, UNWIND_BAD_FRAME, pc);
			return true;
		}
		if (end < sp || end > bytes->hi) {
			end_at(u, UNWIND_OUTSIDE, end);
			return true;
		}
		if (popped) {
			pc = start->r12;
			continue;
		}
		if (!load_word(bytes, end - WORD, &pc)) {
			end_at(u, UNWIND_UNREADABLE, end - WORD);
			return true;
		}
		if (!pc)
			return true; // "do not unwind past the bottom of the stack"
		sp = end;
	}
}

/* The frame pointer of the code that the walk did not know. If that code called a Go function, the
 * function has saved it below its return address. 0: not known. */
static uint64_t frame_pointer(struct unwinder *u, struct unwind_bytes *bytes, uint64_t bp)
{
	if (!u->pcs.len)
		return bp;
	const struct site *callee = symbols_site(u->symbols, u->pcs.at[u->pcs.len - 1]);
	bool saved = callee->size >= 2 * WORD;
	return saved && load(bytes, u->end_sp - 2 * WORD, WORD, &bp) ? bp : 0;
}

/* Follow frame pointers up to Go code: a return address lies above a saved frame pointer. */
static bool follow(struct unwinder *u, struct unwind_bytes *bytes, uint64_t bp, uint64_t *pc_ret,
		   uint64_t *sp_ret)
{
	enum { FRAMES_MAX = 256 };
	uint64_t sp = u->end_sp;
	for (unsigned i = 0; i < FRAMES_MAX; i++) {
		uint64_t caller_bp, pc;
		if (bp < sp || bp % WORD || !load(bytes, bp, WORD, &caller_bp) ||
		    !load(bytes, bp + WORD, WORD, &pc))
			return false;
		sp = bp + 2 * WORD;
		bp = caller_bp;
		if (symbols_site(u->symbols, pc)->known) {
			*pc_ret = pc;
			*sp_ret = sp;
			return true;
		}
	}
	return false;
}

/* Go on behind code that is not Go's. What it finds counts only if the walk gets to an end. */
static bool go_on(struct unwinder *u, struct unwind_bytes *bytes, uint64_t bp)
{
	static const struct unwind_start start = {0};
	uint64_t unknown_pc = u->end_addr, hash = u->hash, pc, sp;
	bool want_values = u->want_values;
	if (!follow(u, bytes, frame_pointer(u, bytes, bp), &pc, &sp))
		return true;
	end_at(u, UNWIND_DONE, 0);
	u->want_values = false;
	bool ok = walk(u, bytes, &start, pc, sp);
	u->want_values = want_values;
	u->values_gone = true;
	u->end_addr = unknown_pc;
	if (u->end != UNWIND_DONE) {
		u->end = UNWIND_UNKNOWN_PC;
		u->pcs.len = u->certain;
		u->hash = hash;
		u->beyond = 0;
	} else if (!u->certain) {
		u->interrupted = false;
	}
	return ok;
}

static void begin(struct unwinder *u)
{
	u->pcs.len = u->values.len = u->certain = 0;
	u->hash = u->beyond = u->calls = u->shown = 0;
	u->gap = (struct unwind_gap){0};
	u->values_gone = u->interrupted = false;
	u->lead = 0;
	end_at(u, UNWIND_DONE, 0);
}

void unwind_nothing(struct unwinder *u)
{
	begin(u);
	end_at(u, UNWIND_NO_MEMORY, 0);
}

bool unwind(struct unwinder *u, struct unwind_bytes *bytes, const struct unwind_start *start)
{
	uint64_t pc = start->pc, sp = start->sp;
	begin(u);
	u->interrupted = start->interrupted && pc;
	if (!pc) {
		// A call of a nil func: its caller is where the return address says.
		if (!load(bytes, sp, WORD, &pc)) {
			end_at(u, UNWIND_UNREADABLE, sp);
			return true;
		}
		sp += WORD;
		u->lead = WORD;
	}
	if (!walk(u, bytes, start, pc, sp))
		return false;
	u->certain = u->pcs.len;
	bool deep = u->beyond;
	if (u->end == UNWIND_UNKNOWN_PC && !deep && !go_on(u, bytes, start->bp))
		return false;
	if (!keep_outer(u, bytes, sp))
		return false;
	if (deep)
		u->certain = u->pcs.len;
	return true;
}
