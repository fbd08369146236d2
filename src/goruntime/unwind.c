#include "goruntime/unwind.h"

#include <string.h>

enum { WORD = 8 };

void unwind_sites_init(struct unwind_sites *sites, struct pclntab *pcln)
{
	*sites = (struct unwind_sites){.pcln = pcln};
	pthread_mutex_init(&sites->lock, NULL);
}

void unwind_sites_deinit(struct unwind_sites *sites)
{
	map_deinit(&sites->by_pc);
	arena_deinit(&sites->arena);
	pthread_mutex_destroy(&sites->lock);
}

void unwinder_deinit(struct unwinder *u)
{
	map_deinit(&u->cache);
	vec_free(&u->pcs);
	vec_free(&u->values);
}

static bool resolve_values(struct unwind_sites *sites, const struct pcln_func *func,
			   struct unwind_site *site)
{
	struct args args;
	if (!args_decode(func, func->entry, &args) || !args.values)
		return true; // nothing to print
	struct unwind_value *values = arena_calloc(&sites->arena, args.values, sizeof(*values));
	if (!values)
		return false;
	for (unsigned i = 0; i < args.count; i++) {
		const struct args_item *item = &args.items[i];
		if (item->kind == ARGS_VALUE)
			values[site->value_count++] = (struct unwind_value){item->off, item->size};
	}
	site->values = values;
	return true;
}

static struct unwind_site *resolve(struct unwind_sites *sites, uint64_t pc)
{
	struct unwind_site *site = arena_alloc(&sites->arena, sizeof(*site));
	struct pcln_func func;
	if (!site || !pcln_find_func(sites->pcln, pc, &func))
		return site;
	site->known = true;
	site->step = pcln_step(&func);
	site->func = pcln_known(&func);
	// From Go 1.17 on the body of gogo is a static function of that name, and funcIDs are given
	// to the package's names only: runtime/asm_amd64.s, cmd/internal/objabi/funcid.go.
	if (func.name && strcmp(func.name, "gogo") == 0)
		site->func = PCLN_GOGO;
	// The return address lies behind what the function has pushed.
	int32_t pushed = pcln_value(&func, func.pcsp, pc);
	site->size = pushed < 0 ? 0 : (int64_t)pushed + WORD;
	site->popped =
		pushed == -WORD && func.name && strcmp(func.name, "syscall.rawVforkSyscall") == 0;
	return resolve_values(sites, &func, site) ? site : NULL;
}

const struct unwind_site *unwind_site(struct unwinder *u, uint64_t pc)
{
	struct unwind_sites *sites = u->sites;
	uint64_t *own = map_put(&u->cache, pc);
	if (!own)
		return NULL;
	if (!*own) {
		pthread_mutex_lock(&sites->lock);
		uint64_t *slot = map_put(&sites->by_pc, pc);
		if (slot && !*slot)
			*slot = (uint64_t)(uintptr_t)resolve(sites, pc);
		if (slot)
			*own = *slot;
		pthread_mutex_unlock(&sites->lock);
	}
	return (const struct unwind_site *)(uintptr_t)*own;
}

/* NULL: out of memory. */
static inline struct unwind_near *lookup(struct unwinder *u, uint64_t pc)
{
	struct unwind_near *near = &u->near[(pc * UINT64_C(0x9e3779b97f4a7c15)) >> 57];
	_Static_assert(UNWIND_NEAR == 1 << 7, "seven bits of the hash");
	if (near->pc != pc || !near->site) {
		const struct unwind_site *site = unwind_site(u, pc);
		if (!site)
			return NULL;
		*near = (struct unwind_near){.pc = pc, .site = site};
	}
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
static int keep_values(struct unwinder *u, struct unwind_bytes *bytes,
		       const struct unwind_site *site, uint64_t frame_end)
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

static uint64_t mix(uint64_t hash, uint64_t pc)
{
	hash = (hash ^ pc) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 32;
}

static void end_at(struct unwinder *u, enum unwind_end end, uint64_t addr)
{
	u->end = end;
	u->end_addr = addr;
}

/* Does the walk end with this frame without a word? The runtime's does at the second one as well,
 * but then systemstack or asmcgocall are about to switch: they have called
 * gosave_systemstack_switch, runtime/asm_amd64.s, from Go 1.17 on. */
static bool ends_here(const struct unwind_site *site, const struct unwind_start *start,
		      size_t depth)
{
	return site->step == PCLN_STEP_TOP || site->step == PCLN_STEP_NO_FRAME ||
	       (site->step == PCLN_STEP_SP_WRITE && !(depth <= 2 && start->on_stack));
}

/* Where the walk begins: inside gogo that is where gogo leads. */
static struct unwind_near *lookup_innermost(struct unwinder *u, const struct unwind_start *start,
					    uint64_t *pc)
{
	struct unwind_near *near = lookup(u, *pc);
	bool leads_on = near && near->site->known && near->site->func == PCLN_GOGO;
	if (!leads_on || !start->gogo_pc)
		return near;
	u->interrupted = false;
	*pc = start->gogo_pc;
	return lookup(u, *pc);
}

/* Each frame ends above where it begins, and below the end of the stack: there are no loops. */
static bool walk(struct unwinder *u, struct unwind_bytes *bytes, const struct unwind_start *start,
		 uint64_t pc, uint64_t sp)
{
	bool values = u->want_values;
	for (struct unwind_near *near = lookup_innermost(u, start, &pc); near;
	     near = lookup_caller(u, near, pc)) {
		const struct unwind_site *site = near->site;
		if (!site->known) {
			end_at(u, UNWIND_UNKNOWN_PC, pc);
			u->end_sp = sp;
			return true;
		}
		if (u->pcs.len == UNWIND_FRAMES_MAX) {
			end_at(u, UNWIND_TOO_DEEP, sp);
			return true;
		}
		if (!vec_push(&u->pcs, pc))
			return false;
		u->hash = mix(u->hash, pc);
		bool last = ends_here(site, start, u->pcs.len);
		bool popped = site->popped && start->r12 && u->pcs.len == 1;
		bool sane = site->size > 0 || popped;
		uint64_t end = sp + (sane ? (uint64_t)site->size : 0);
		if (site->step == PCLN_STEP_NO_FRAME)
			return true; // its arguments cannot be found, either
		if (sane && values) {
			int kept = keep_values(u, bytes, site, end);
			if (kept < 0)
				return false;
			values = kept > 0;
		}
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
	return false;
}

/* The frame pointer of the code that the walk did not know: what the Go function it called has
 * saved below its return address, if there is one. 0: not known. */
static uint64_t frame_pointer(struct unwinder *u, struct unwind_bytes *bytes, uint64_t bp)
{
	if (!u->pcs.len)
		return bp;
	const struct unwind_site *callee = unwind_site(u, u->pcs.at[u->pcs.len - 1]);
	bool saved = callee && callee->size >= 2 * WORD;
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
		const struct unwind_site *site = unwind_site(u, pc);
		if (site && site->known) {
			*pc_ret = pc;
			*sp_ret = sp;
			return true;
		}
	}
	return false;
}

/* Behind code that is not Go's. Nothing comes of it unless the walk gets to an end. */
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
	u->end_addr = unknown_pc;
	if (u->end != UNWIND_DONE) {
		u->end = UNWIND_UNKNOWN_PC;
		u->pcs.len = u->certain;
		u->hash = hash;
	} else if (!u->certain) {
		u->interrupted = false;
	}
	return ok;
}

bool unwind(struct unwinder *u, struct unwind_bytes *bytes, const struct unwind_start *start)
{
	uint64_t pc = start->pc, sp = start->sp;
	u->pcs.len = u->values.len = u->certain = 0;
	u->hash = 0;
	u->interrupted = start->interrupted && pc;
	end_at(u, UNWIND_DONE, 0);
	if (!pc) {
		// A call of a nil func: its caller is where the return address says.
		if (!load(bytes, sp, WORD, &pc)) {
			end_at(u, UNWIND_UNREADABLE, sp);
			return true;
		}
		sp += WORD;
	}
	if (!walk(u, bytes, start, pc, sp))
		return false;
	u->certain = u->pcs.len;
	return u->end != UNWIND_UNKNOWN_PC || go_on(u, bytes, start->bp);
}
