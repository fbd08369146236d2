#include "dwarf/go/lock_step.h"

#include <string.h>

#include "dwarf/go/lock_tell.h"

enum {
	WORD = LOCK_WORD,
	RWMUTEX_READER_COUNT = 16, /* src/sync/rwmutex.go, Go 1.12-1.27 */
	/* Of arguments on the stack, if it is not known how many there are. */
	ARGS_MAX = 256,
	/* Methods of sync.Locker in an itab: src/runtime/runtime2.go. */
	ITAB_LOCK = 24,
	ITAB_UNLOCK = 32,
};

/* Registers that may hold results: src/internal/abi/abi_amd64.go. */
static const uint8_t results[] = {INSN_RAX, INSN_RBX, INSN_RCX, INSN_RDI, INSN_RSI, 8, 9, 10, 11};

/* ---- before */

static const struct lock_callee *callee_of(struct lock_stepper *s, uint64_t target)
{
	static const struct lock_callee other = {.args = LOCK_ARGS_UNKNOWN};
	uint64_t *at = map_put(&s->by_target, target);
	if (!at) {
		s->out_of_memory = true;
		return &other;
	}
	if (!*at) {
		struct lock_callee callee = other;
		s->code->callee(s->code->ctx, target, &callee);
		if (!vec_push(&s->callees, callee)) {
			s->out_of_memory = true;
			return &other;
		}
		*at = s->callees.len;
	}
	return &s->callees.at[*at - 1];
}

static bool is_of_locks(struct lock_stepper *s, const struct insn *in)
{
	if (in->op == INSN_SWAP)
		return in->size == 4;
	if (in->op != INSN_CALL && in->op != INSN_JUMP)
		return false;
	if (in->op == INSN_JUMP &&
	    in->target - s->code->addr < s->code->code.len) // else it calls, and returns
		return false;
	const struct lock_callee *callee = callee_of(s, in->target);
	s->waits |= callee->kind == CALLEE_WAIT;
	s->unlocks |= callee->kind == CALLEE_UNLOCK;
	s->runlocks |= callee->kind == CALLEE_RUNLOCK;
	s->defers |= callee->kind == CALLEE_RUN_DEFERRED;
	return (callee->kind != CALLEE_OTHER && callee->kind != CALLEE_NO_RETURN &&
		callee->kind != CALLEE_RUN_DEFERRED) ||
	       callee->summary;
}

bool lock_stepper_init(struct lock_stepper *s, const struct lock_code *code,
		       const struct insns *insns)
{
	*s = (struct lock_stepper){.code = code};
	bool any = false, lock_method = false, calls = false;
	for (size_t i = 0; i < insns->list.len; i++) {
		const struct insn *in = &insns->list.at[i];
		any |= is_of_locks(s, in);
		lock_method |= (in->op == INSN_LOAD || in->op == INSN_CALL_REG) &&
			       in->mem.disp == ITAB_LOCK;
		calls |= in->op == INSN_CALL_REG;
	}
	return !s->out_of_memory && (any || (lock_method && calls));
}

void lock_stepper_deinit(struct lock_stepper *s)
{
	bases_deinit(&s->bases);
	vec_free(&s->exposed);
	vec_free(&s->callees);
	map_deinit(&s->by_target);
}

void lock_step_begin(struct lock_stepper *s, struct lock_state *ret)
{
	memset(ret, 0, sizeof(*ret));
	for (unsigned i = 0; i < INSN_REGS; i++)
		ret->regs[i].base = bases_get(&s->bases, BASE_KIND_ARG, i, 0);
	ret->regs[INSN_RSP] = (struct value){.base = BASE_STACK};
}

/* ---- values */

static struct value nothing(void)
{
	return (struct value){0};
}

static struct value address(const struct lock_state *state, const struct insn_mem *mem)
{
	if (mem->indexed || mem->base == INSN_SOME_REG)
		return nothing();
	if (mem->base == INSN_NO_REG)
		return (struct value){BASE_CONST, mem->disp};
	struct value value = state->regs[mem->base];
	value.off = (int64_t)((uint64_t)value.off + (uint64_t)mem->disp);
	return value;
}

/* Its value is another one from now on. */
static struct value define(struct lock_stepper *s, struct lock_state *state, enum base_kind kind,
			   uint32_t a, int32_t b)
{
	uint32_t base = bases_get(&s->bases, kind, a, b);
	state_redefine(state, &s->bases, base);
	return (struct value){base, 0};
}

/* Where it comes from; two different places are none. */
static void note_from(struct lock_stepper *s, struct value value, struct value from)
{
	struct base *base = bases_at(&s->bases, value.base);
	if (!base)
		return;
	if (base->noted && !value_same(base->from, from))
		base->from = nothing();
	else
		base->from = from;
	base->noted = true;
}

static void expose(struct lock_stepper *s, int64_t off)
{
	for (size_t i = 0; i < s->exposed.len; i++) {
		if (s->exposed.at[i].off == off)
			return;
	}
	if (!vec_push(&s->exposed, ((struct exposed){off})))
		s->out_of_memory = true;
}

static struct value load(struct lock_stepper *s, struct lock_state *state, const struct insn *in)
{
	struct value from = address(state, &in->mem);
	bool on_stack = from.base == BASE_STACK;
	const struct slot *slot = on_stack ? state_slot(state, from.off) : NULL;
	bool exposed = on_stack && lock_is_exposed(s, from.off);
	if (in->size != WORD)
		return nothing();
	if (slot && slot->value.base && !exposed)
		return slot->value;
	struct value value = define(s, state, BASE_KIND_LOAD, in->off, 0);
	// A base that the address had may have become another one.
	note_from(s, value, address(state, &in->mem));
	if (on_stack && !exposed)
		state_set_slot(state, from.off, value);
	return value;
}

static void store(struct lock_stepper *s, struct lock_state *state, const struct insn *in,
		  struct value value)
{
	struct value to = address(state, &in->mem);
	if (in->mem.indexed && in->mem.base < INSN_REGS &&
	    state->regs[in->mem.base].base == BASE_STACK)
		expose(s, state->regs[in->mem.base].off + in->mem.disp);
	if (to.base != BASE_STACK)
		return;
	if (in->repeats || in->size == UINT8_MAX) {
		state_forget_slots(state, to.off, INT32_MAX);
	} else if (in->size == WORD) {
		state_set_slot(state, to.off, value);
	} else {
		state_forget_slots(state, to.off, in->size);
		if (in->size < WORD) // an argument, perhaps
			state_set_slot(state, to.off & ~(int64_t)(WORD - 1), nothing());
	}
}

static struct value opposite(struct lock_stepper *s, struct value value)
{
	const struct base *base = bases_at(&s->bases, value.base);
	if (!base || (base->kind != BASE_KIND_TAKEN && base->kind != BASE_KIND_REFUSED))
		return nothing();
	uint32_t off = (uint32_t)(base->key >> 32) & 0xffffff;
	const struct base copy = *base;
	uint32_t other = bases_get(
		&s->bases, base->kind == BASE_KIND_TAKEN ? BASE_KIND_REFUSED : BASE_KIND_TAKEN, off,
		(int32_t)(uint32_t)base->key);
	struct base *to = bases_at(&s->bases, other);
	if (!to)
		return nothing();
	to->from = copy.from;
	to->mode = copy.mode;
	return (struct value){other, 0};
}

static bool is_answer(const struct lock_stepper *s, struct value value)
{
	const struct base *base = bases_at(&s->bases, value.base);
	return base && (base->kind == BASE_KIND_TAKEN || base->kind == BASE_KIND_REFUSED);
}

/* Whether the lock was taken, as the instruction or call at `off` tells. */
static struct value answer(struct lock_stepper *s, struct lock_state *state, uint32_t off,
			   struct value lock, enum lock_mode mode)
{
	define(s, state, BASE_KIND_REFUSED, off, 0);
	struct value value = define(s, state, BASE_KIND_TAKEN, off, 0);
	struct base *base = bases_at(&s->bases, value.base);
	if (!base)
		return nothing();
	base->from = lock;
	base->mode = (uint8_t)mode;
	return value;
}

static void forget_answer(struct lock_state *state, uint32_t base)
{
	for (unsigned i = 0; i < INSN_REGS; i++) {
		if (state->regs[i].base == base)
			state->regs[i] = nothing();
	}
	for (unsigned i = 0; i < state->slot_count; i++) {
		if (state->slots[i].value.base == base)
			state->slots[i].value = nothing();
	}
	if (state->flag.base == base)
		state->flag = nothing();
}

void lock_step_assume(struct lock_stepper *s, struct lock_state *state, const struct insn *in,
		      bool equal)
{
	struct value flag = state->flag, other = opposite(s, flag);
	const struct base *base = bases_at(&s->bases, flag.base);
	if (!base)
		return;
	const struct lock_event event = {
		.at = base->from, .mode = base->mode, .off = in->off, .certain = true};
	bool taken = equal == (base->kind == BASE_KIND_TAKEN);
	// It is not asked again: by then it may have been released.
	forget_answer(state, flag.base);
	forget_answer(state, other.base);
	if (taken && event.at.base)
		state_take(state, event);
}

/* ---- calls */

struct args {
	struct value regs[INSN_REGS];
	struct value first; /* the receiver, or the only one */
};

static struct args args_of(const struct lock_stepper *s, const struct lock_state *state)
{
	struct args args;
	memcpy(args.regs, state->regs, sizeof(args.regs));
	args.first = state->regs[INSN_RAX];
	if (!s->code->registers) {
		const struct slot *slot = state_slot(state, state->regs[INSN_RSP].off);
		args.first =
			state->regs[INSN_RSP].base == BASE_STACK && slot ? slot->value : nothing();
	}
	return args;
}

/* The callee may write to its arguments. */
static void forget_args(const struct lock_stepper *s, struct lock_state *state, uint32_t args)
{
	struct value sp = state->regs[INSN_RSP];
	if (sp.base != BASE_STACK) {
		state->slot_count = 0;
		return;
	}
	if (args != LOCK_ARGS_UNKNOWN)
		state_forget_slots(state, sp.off, args);
	else if (!s->code->registers)
		state_forget_slots(state, sp.off, ARGS_MAX);
	// Those that the caller has put there, if that is not known.
	for (int64_t off = sp.off; args == LOCK_ARGS_UNKNOWN && state_slot(state, off); off += WORD)
		state_forget_slots(state, off, WORD);
}

static void define_results(struct lock_stepper *s, struct lock_state *state, uint32_t off)
{
	struct value sp = state->regs[INSN_RSP], bp = state->regs[INSN_RBP];
	memset(state->regs, 0, sizeof(state->regs));
	state->flag = nothing();
	for (size_t i = 0; i < sizeof(results); i++)
		state->regs[results[i]] =
			define(s, state, BASE_KIND_RESULT, off, (int32_t)results[i]);
	state->regs[INSN_RSP] = sp;
	state->regs[INSN_RBP] = bp;
}

static struct lock_event event_at(struct value at, enum lock_mode mode, uint32_t off)
{
	return (struct lock_event){.at = at, .mode = (uint8_t)mode, .off = off, .certain = true};
}

/* What the effect is on, for the caller; before it the results are not defined. */
static struct value effect_value(struct lock_stepper *s, const struct lock_state *state,
				 const struct args *args, const struct insn *in,
				 const struct lock_effect *effect)
{
	enum { BY_CALLEE = 1 << 23 }; // no instruction of this function
	struct value value = {0};
	const struct slot *slot;
	switch (effect->kind) {
	case EFFECT_ARG:
		value = args->regs[effect->reg];
		break;
	case EFFECT_SLOT:
		slot = state_slot(state, args->regs[INSN_RSP].off - WORD + effect->slot);
		value = args->regs[INSN_RSP].base == BASE_STACK && slot ? slot->value : value;
		break;
	case EFFECT_LOAD: {
		struct value from = args->regs[effect->reg];
		from.off += effect->inner;
		slot = from.base == BASE_STACK ? state_slot(state, from.off) : NULL;
		if (slot) {
			value = slot->value;
		} else if (from.base) {
			value.base = bases_get(&s->bases, BASE_KIND_LOAD, BY_CALLEE | in->off,
					       (int32_t)effect->inner);
			note_from(s, value, from);
		}
		break;
	}
	case EFFECT_RESULT:
		value = state->regs[effect->reg];
		break;
	case EFFECT_CONST:
		value.base = BASE_CONST;
		break;
	case EFFECT_UNKNOWN:
		break;
	}
	value.off = (int64_t)((uint64_t)value.off + (uint64_t)effect->off);
	return value;
}

/* `before` the results are defined, or behind that. */
static void apply(struct lock_stepper *s, struct lock_state *state, const struct args *args,
		  const struct insn *in, const struct lock_summary *summary, bool before)
{
	for (unsigned i = 0; i < summary->released_count && before; i++) {
		struct value at = effect_value(s, state, args, in, &summary->released[i]);
		struct lock_event event =
			event_at(at, (enum lock_mode)summary->released[i].mode, in->off);
		event.certain = summary->released[i].certain;
		state_release(state, &s->bases, event);
	}
	for (unsigned i = 0; i < summary->taken_count; i++) {
		const struct lock_effect *effect = &summary->taken[i];
		if ((effect->kind != EFFECT_RESULT) != before)
			continue;
		struct lock_event event = event_at(effect_value(s, state, args, in, effect),
						   (enum lock_mode)effect->mode, in->off);
		event.certain = effect->certain;
		if (event.at.base)
			state_take(state, event);
	}
}

/* Has an instruction released it, whose slow part this is? src/sync/mutex.go: Unlock;
 * rwmutex.go: RUnlock. */
static bool is_rest(const struct lock_state *state, struct value lock, enum lock_mode mode)
{
	if (mode == LOCK_READ)
		lock.off += RWMUTEX_READER_COUNT;
	return value_same(state->dropped, lock);
}

static void call(struct lock_stepper *s, struct lock_state *state, const struct insn *in,
		 const struct lock_callee *callee)
{
	struct args args = args_of(s, state);
	struct value first = args.first;
	struct lock_state before;
	if (callee->summary)
		before = *state;
	forget_args(s, state, callee->args);
	if (callee->kind == CALLEE_RUN_DEFERRED)
		state_doubt(state);
	// It gives the lock away long before it returns: it wakes up others.
	bool unlocks = callee->kind == CALLEE_UNLOCK || callee->kind == CALLEE_RUNLOCK;
	enum lock_mode mode = callee->kind == CALLEE_UNLOCK ? LOCK_WRITE : LOCK_READ;
	if (unlocks && !is_rest(state, first, mode))
		state_release(state, &s->bases, event_at(first, mode, in->off));
	state->dropped = nothing();
	if (in->op != INSN_JUMP)
		lock_tell_call(s, state, in, callee->kind == CALLEE_WAIT ? &first : NULL, unlocks);
	if (callee->unread)
		state_cross(state);
	if (callee->unclear)
		state_doubt(state);
	switch (callee->kind) {
	case CALLEE_LOCK:
	case CALLEE_RLOCK:
		if (first.base)
			state_take(state,
				   event_at(first,
					    callee->kind == CALLEE_LOCK ? LOCK_WRITE : LOCK_READ,
					    in->off));
		break;
	case CALLEE_UNLOCK:
	case CALLEE_RUNLOCK:
	case CALLEE_OTHER:
	case CALLEE_NO_RETURN:
	case CALLEE_TRY_LOCK:
	case CALLEE_TRY_RLOCK:
	case CALLEE_WAIT:
	case CALLEE_RUN_DEFERRED:
		break;
	}
	if (callee->summary) {
		// Its arguments are those that were there when it was called.
		memcpy(before.regs, state->regs, sizeof(before.regs));
		before.held = state->held;
		before.released = state->released;
		before.lost = state->lost;
		apply(s, &before, &args, in, callee->summary, true);
		state->held = before.held;
		state->released = before.released;
		state->lost = before.lost;
	}
	define_results(s, state, in->off);
	if (callee->summary)
		apply(s, state, &args, in, callee->summary, false);
	if (callee->kind == CALLEE_TRY_LOCK || callee->kind == CALLEE_TRY_RLOCK)
		state->regs[INSN_RAX] =
			answer(s, state, in->off, first,
			       callee->kind == CALLEE_TRY_LOCK ? LOCK_WRITE : LOCK_READ);
}

/* Which method of an interface is called: its place in the itab; 0: it is not known. */
static int64_t method_of(const struct lock_stepper *s, struct value function)
{
	const struct base *base = bases_at(&s->bases, function.base);
	return base && base->kind == BASE_KIND_LOAD && base->from.base && function.off == 0
		       ? base->from.off
		       : 0;
}

/* A method of something that is locked may release it. */
static void call_method(struct lock_stepper *s, struct lock_state *state, const struct insn *in,
			struct value receiver, struct value function)
{
	int64_t method = method_of(s, function);
	for (unsigned i = 0; i < state->held.count;) {
		struct lock_event *held = &state->held.list[i];
		if (value_alike(&s->bases, held->at, receiver)) {
			if (held->via.base && method == ITAB_UNLOCK) {
				memmove(held, held + 1,
					(size_t)(--state->held.count - i) * sizeof(*held));
				continue;
			}
			held->certain = false;
		}
		i++;
	}
	if (method != ITAB_LOCK || !receiver.base)
		return;
	struct lock_event event = event_at(receiver, LOCK_WRITE, in->off);
	event.via = function;
	state_take(state, event);
}

/* Which function is called, if the code alone tells: that of a closure that was made here, or of a
 * function value that the linker has made. 0: it is not known. */
static uint64_t known_target(struct lock_stepper *s, struct value function)
{
	const struct base *base = bases_at(&s->bases, function.base);
	uint64_t target = 0;
	if (function.base == BASE_CONST)
		target = (uint64_t)function.off;
	else if (!base || base->kind != BASE_KIND_LOAD || base->from.base != BASE_CONST ||
		 function.off || !s->code->word(s->code->ctx, (uint64_t)base->from.off, &target))
		return 0;
	return target && callee_of(s, target)->is_func ? target : 0;
}

static void call_reg(struct lock_stepper *s, struct lock_state *state, const struct insn *in)
{
	struct args args = args_of(s, state);
	struct value function = nothing();
	if (in->src < INSN_REGS) {
		function = state->regs[in->src];
	} else if (address(state, &in->mem).base) {
		function = define(s, state, BASE_KIND_LOAD, in->off, 0);
		note_from(s, function, address(state, &in->mem));
	}
	uint64_t target = known_target(s, function);
	if (target) {
		const struct lock_callee callee = *callee_of(s, target);
		call(s, state, in, &callee);
		return;
	}
	state->dropped = nothing();
	forget_args(s, state, LOCK_ARGS_UNKNOWN);
	lock_tell_call(s, state, in, NULL, false);
	state_cross(state);
	call_method(s, state, in, args.first, function);
	if (s->defers && !method_of(s, function))
		state_doubt(state); // a deferred call, perhaps
	define_results(s, state, in->off);
}

/* ---- instructions */

/* One word is of one lock: if that is held, it is none of another kind. TryRLock that was inlined
 * has taken the word that counts readers: its code is that of TryLock. */
static void drop(struct lock_stepper *s, struct lock_state *state, const struct insn *in,
		 struct value at)
{
	struct value rwmutex = {at.base, at.off - RWMUTEX_READER_COUNT};
	const struct lock_event *word = state_find_held(state, at, LOCK_WRITE);
	bool tried = s->runlocks && !s->unlocks && word, somewhere = word && word->somewhere;
	bool read = s->runlocks && (!word || (tried && somewhere));
	bool write = (s->unlocks && !(s->runlocks && state_find_held(state, rwmutex, LOCK_READ))) ||
		     tried;
	if (write)
		state_release(state, &s->bases, event_at(at, LOCK_WRITE, in->off));
	struct lock_event event = event_at(rwmutex, LOCK_READ, in->off);
	event.certain = !tried;
	if (read)
		state_release(state, &s->bases, event);
	if (read || write)
		state->dropped = at;
}

/* A lock is released if it is one that is held; else this may be any counter. */
static void add_to(struct lock_stepper *s, struct lock_state *state, const struct insn *in)
{
	struct value at = address(state, &in->mem), delta = {BASE_CONST, in->imm};
	if (in->src < INSN_REGS) {
		delta = state->regs[in->src];
		state->regs[in->src] = nothing();
	}
	if (in->size != 4 || delta.base != BASE_CONST)
		return;
	struct value rwmutex = {at.base, at.off - RWMUTEX_READER_COUNT};
	if ((int32_t)delta.off == 1 && s->waits && at.base)
		state_take(state, event_at(rwmutex, LOCK_READ, in->off));
	if ((int32_t)delta.off == -1)
		drop(s, state, in, at);
}

static void swap(struct lock_stepper *s, struct lock_state *state, const struct insn *in)
{
	struct value at = address(state, &in->mem);
	state->regs[INSN_RAX] = state->flag = nothing();
	if (in->size == 4 && at.base)
		state->flag = answer(s, state, in->off, at, LOCK_WRITE);
}

static void other(struct lock_stepper *s, struct lock_state *state, const struct insn *in)
{
	if (in->writes_memory)
		store(s, state, in, nothing());
	for (unsigned i = 0; i < INSN_REGS; i++) {
		if (in->kills >> i & 1)
			state->regs[i] = nothing();
	}
}

static void push(struct lock_state *state, const struct insn *in)
{
	struct value *sp = &state->regs[INSN_RSP];
	struct value value = in->src < INSN_REGS ? state->regs[in->src] : nothing();
	sp->off -= WORD;
	if (sp->base == BASE_STACK)
		state_set_slot(state, sp->off, value);
}

static void pop(struct lock_state *state, const struct insn *in)
{
	struct value *sp = &state->regs[INSN_RSP];
	const struct slot *slot = sp->base == BASE_STACK ? state_slot(state, sp->off) : NULL;
	struct value value = slot ? slot->value : nothing();
	sp->off += WORD;
	if (in->dst < INSN_REGS)
		state->regs[in->dst] = value;
}

static struct value narrow(const struct lock_stepper *s, struct value value)
{
	return is_answer(s, value) || value.base == BASE_CONST ? value : nothing();
}

static void set(struct lock_stepper *s, struct lock_state *state, const struct insn *in)
{
	struct value flag = is_answer(s, state->flag) ? state->flag : nothing();
	state->regs[in->dst] = in->condition == INSN_IF_EQUAL ? flag : opposite(s, flag);
}

/* Does a closure begin there? Its first word is the address of a function's code, which is nowhere
 * else; nobody writes to one that is made. src/runtime/runtime2.go: funcval. */
static bool is_closure(struct lock_stepper *s, const struct lock_state *state, struct value at)
{
	const struct slot *slot = at.base == BASE_STACK ? state_slot(state, at.off) : NULL;
	return slot && slot->value.base == BASE_CONST && slot->value.off > 0 &&
	       callee_of(s, (uint64_t)slot->value.off)->is_func;
}

static void take_address(struct lock_stepper *s, struct lock_state *state, const struct insn *in)
{
	struct value value = address(state, &in->mem);
	bool of_stack = in->mem.base < INSN_REGS && state->regs[in->mem.base].base == BASE_STACK;
	// The frame pointer is one, but nobody writes by it.
	if (of_stack && in->dst != INSN_RBP && in->dst != INSN_RSP && !is_closure(s, state, value))
		expose(s, state->regs[in->mem.base].off + in->mem.disp);
	state->regs[in->dst] = value;
}

/* It calls another function, which returns to the caller: a wrapper does. */
static bool jump(struct lock_stepper *s, struct lock_state *state, const struct insn *in)
{
	if (in->target - s->code->addr < s->code->code.len)
		return true;
	call(s, state, in, callee_of(s, in->target));
	lock_tell_return(s, state);
	return false;
}

bool lock_step(struct lock_stepper *s, struct lock_state *state, const struct insn *in)
{
	lock_tell_exact(s, state, in);
	if (in->writes_flags && in->op != INSN_SWAP && in->op != INSN_TEST)
		state->flag = nothing();
	switch ((enum insn_op)in->op) {
	case INSN_OTHER:
		other(s, state, in);
		return true;
	case INSN_MOVE:
		state->regs[in->dst] = state->regs[in->src];
		return true;
	case INSN_NARROW:
		state->regs[in->dst] = narrow(s, state->regs[in->src]);
		return true;
	case INSN_CONST:
		state->regs[in->dst] = (struct value){BASE_CONST, in->imm};
		return true;
	case INSN_LEA:
		take_address(s, state, in);
		return true;
	case INSN_LOAD:
		state->regs[in->dst] = load(s, state, in);
		return true;
	case INSN_STORE:
		store(s, state, in,
		      in->src < INSN_REGS ? state->regs[in->src]
					  : (struct value){BASE_CONST, in->imm});
		return true;
	case INSN_ADD: {
		struct value *value = &state->regs[in->dst];
		value->off = (int64_t)((uint64_t)value->off + (uint64_t)in->imm);
		return true;
	}
	case INSN_PUSH:
		push(state, in);
		return true;
	case INSN_POP:
		pop(state, in);
		return true;
	case INSN_CALL: {
		const struct lock_callee callee = *callee_of(s, in->target);
		call(s, state, in, &callee);
		return callee.kind != CALLEE_NO_RETURN;
	}
	case INSN_CALL_REG:
		call_reg(s, state, in);
		return true;
	case INSN_JUMP:
		return jump(s, state, in);
	case INSN_JUMP_IF:
	case INSN_JUMP_REG:
		return true;
	case INSN_RETURN:
		lock_tell_return(s, state);
		return false;
	case INSN_STOP:
		return false;
	case INSN_SWAP:
		swap(s, state, in);
		return true;
	case INSN_ADD_TO:
		add_to(s, state, in);
		return true;
	case INSN_SET:
		set(s, state, in);
		return true;
	case INSN_TEST:
		state->flag = opposite(s, state->regs[in->src]);
		return true;
	}
	return false;
}
