#include "dwarf/go/lock_values.h"

#include <string.h>

enum { BY_METHOD_MAX = 3 }; /* of the locks that are kept */

void bases_deinit(struct bases *bases)
{
	vec_free(&bases->list);
	map_deinit(&bases->by_key);
}

/* Offsets of instructions and numbers of bases have less than 24 bits. */
uint32_t bases_get(struct bases *bases, enum base_kind kind, uint32_t a, int32_t b)
{
	uint64_t key = (uint64_t)kind << 56 | (uint64_t)(a & 0xffffff) << 32 | (uint32_t)b;
	if (bases->list.len >= BASES_MAX && !map_get(&bases->by_key, key))
		return BASE_NOTHING;
	uint64_t *number = map_put(&bases->by_key, key);
	if (!number)
		return BASE_NOTHING;
	if (!*number) {
		if (!vec_push(&bases->list, ((struct base){.key = key, .kind = (uint8_t)kind})))
			return BASE_NOTHING;
		*number = BASE_FIRST + bases->list.len - 1;
	}
	return (uint32_t)*number;
}

struct base *bases_at(const struct bases *bases, uint32_t base)
{
	return base < BASE_FIRST ? NULL : &bases->list.at[base - BASE_FIRST];
}

bool value_alike(const struct bases *bases, struct value a, struct value b)
{
	enum { DEPTH = 4 };
	for (unsigned i = 0; i < DEPTH; i++) {
		if (value_same(a, b))
			return true;
		const struct base *x = bases_at(bases, a.base), *y = bases_at(bases, b.base);
		if (!x || !y || x->kind != BASE_KIND_LOAD || y->kind != BASE_KIND_LOAD ||
		    a.off != b.off)
			return false;
		a = x->from;
		b = y->from;
	}
	return false;
}

/* ---- slots */

static unsigned slot_place(const struct lock_state *state, int64_t off)
{
	unsigned at = 0;
	while (at < state->slot_count && state->slots[at].off < off)
		at++;
	return at;
}

const struct slot *state_slot(const struct lock_state *state, int64_t off)
{
	unsigned at = slot_place(state, off);
	return at < state->slot_count && state->slots[at].off == off ? &state->slots[at] : NULL;
}

void state_forget_slots(struct lock_state *state, int64_t off, int64_t len)
{
	enum { WORD = 8 };
	unsigned kept = 0;
	for (unsigned i = 0; i < state->slot_count; i++) {
		int64_t at = state->slots[i].off;
		if (at + WORD <= off || at >= off + len)
			state->slots[kept++] = state->slots[i];
	}
	state->slot_count = (uint8_t)kept;
}

void state_set_slot(struct lock_state *state, int64_t off, struct value value)
{
	enum { WORD = 8 };
	state_forget_slots(state, off, WORD);
	if (state->slot_count == SLOTS_MAX)
		return; // nothing is known of it
	unsigned at = slot_place(state, off);
	memmove(&state->slots[at + 1], &state->slots[at],
		(state->slot_count - at) * sizeof(state->slots[0]));
	state->slots[at] = (struct slot){off, value};
	state->slot_count++;
}

/* ---- values */

static void replace(struct value *value, uint32_t base, uint32_t with)
{
	if (value->base == base)
		value->base = with;
}

static void replace_in_events(struct lock_events *events, uint32_t base, uint32_t with)
{
	for (unsigned i = 0; i < events->count; i++) {
		replace(&events->list[i].at, base, with);
		replace(&events->list[i].via, base, with);
	}
}

static void replace_all(struct lock_state *state, uint32_t base, uint32_t with)
{
	for (unsigned i = 0; i < INSN_REGS; i++)
		replace(&state->regs[i], base, with);
	for (unsigned i = 0; i < state->slot_count; i++)
		replace(&state->slots[i].value, base, with);
	replace(&state->flag, base, with);
	replace(&state->dropped, base, with);
	replace_in_events(&state->held, base, with);
	replace_in_events(&state->released, base, with);
}

void state_redefine(struct lock_state *state, struct bases *bases, uint32_t base)
{
	if (base < BASE_FIRST)
		return;
	// What it was before that is nothing any more: one such value is enough.
	uint32_t before = bases_get(bases, BASE_KIND_BEFORE, base, 0);
	if (before)
		replace_all(state, before, BASE_NOTHING);
	replace_all(state, base, before);
}

/* ---- locks */

void state_doubt(struct lock_state *state)
{
	for (unsigned i = 0; i < state->held.count; i++)
		state->held.list[i].certain = false;
}

void state_cross(struct lock_state *state)
{
	for (unsigned i = 0; i < state->held.count; i++)
		state->held.list[i].crossed = true;
}

static void lose(struct lock_state *state)
{
	state->lost = true;
	state_doubt(state);
}

static void remove_event(struct lock_events *events, unsigned at)
{
	events->count--;
	memmove(&events->list[at], &events->list[at + 1],
		(events->count - at) * sizeof(events->list[0]));
}

/* Not every call of a method is that of a lock: make room by forgetting the oldest of them. */
static void forget_via(struct lock_events *events)
{
	for (unsigned i = 0; i < events->count; i++) {
		if (events->list[i].via.base) {
			remove_event(events, i);
			return;
		}
	}
}

/* A reader may have it twice, and what is not certain is not counted. */
static void take_again(struct lock_event *known, const struct lock_event *event)
{
	bool both = known->certain && event->certain;
	if (!both)
		known->again = 0;
	else if (event->mode == LOCK_READ && !event->via.base && known->again < AGAIN_MAX)
		known->again++;
	known->certain |= event->certain;
	known->somewhere &= event->somewhere;
}

static void add_event(struct lock_state *state, struct lock_events *events, struct lock_event event)
{
	for (unsigned i = 0; i < events->count; i++) {
		struct lock_event *known = &events->list[i];
		if (value_same(known->at, event.at) && known->mode == event.mode &&
		    !known->via.base == !event.via.base) {
			take_again(known, &event);
			return;
		}
	}
	unsigned by_method = 0;
	for (unsigned i = 0; i < events->count; i++)
		by_method += events->list[i].via.base != BASE_NOTHING;
	if (events->count == LOCKS_MAX || (event.via.base && by_method == BY_METHOD_MAX))
		forget_via(events);
	if (events->count == LOCKS_MAX)
		lose(state);
	else
		events->list[events->count++] = event;
}

void state_take(struct lock_state *state, struct lock_event event)
{
	if (state->lost)
		event.certain = false;
	add_event(state, &state->held, event);
}

static const struct lock_event *find_event(const struct lock_events *events, struct value at,
					   uint8_t mode)
{
	for (unsigned i = 0; i < events->count; i++) {
		if (value_same(events->list[i].at, at) && events->list[i].mode == mode)
			return &events->list[i];
	}
	return NULL;
}

const struct lock_event *state_find_held(const struct lock_state *state, struct value at,
					 enum lock_mode mode)
{
	return find_event(&state->held, at, (uint8_t)mode);
}

/* It may have been read from the stack, where it is known. */
static struct value resolve(const struct lock_state *state, const struct bases *bases,
			    struct value value)
{
	const struct base *base = bases_at(bases, value.base);
	if (!base || base->kind != BASE_KIND_LOAD || base->from.base != BASE_STACK)
		return value;
	const struct slot *slot = state_slot(state, base->from.off);
	return slot ? (struct value){slot->value.base, slot->value.off + value.off} : value;
}

/* A call gave it, or what leads there: another one may have given the same. */
static bool is_looked_up(const struct bases *bases, struct value value)
{
	enum { DEPTH = 4 };
	const struct base *base = bases_at(bases, value.base);
	for (unsigned i = 0; base && base->kind == BASE_KIND_LOAD && i < DEPTH; i++)
		base = bases_at(bases, base->from.base);
	return base && base->kind == BASE_KIND_RESULT;
}

void state_release(struct lock_state *state, const struct bases *bases, struct lock_event event)
{
	bool found = false, elsewhere = false;
	struct value at = resolve(state, bases, event.at);
	for (unsigned i = 0; i < state->held.count;) {
		const struct lock_event *held = &state->held.list[i];
		if (held->mode == event.mode &&
		    (value_alike(bases, held->at, at) || value_alike(bases, held->at, event.at))) {
			found = true;
			// Where it was not taken it is a lock of somebody else that is released.
			elsewhere |= held->somewhere;
			if (event.certain && held->again) {
				state->held.list[i].again--;
			} else if (event.certain) {
				remove_event(&state->held, i);
				continue;
			} else {
				state->held.list[i].certain = false;
				state->held.list[i].again = 0;
			}
		}
		i++;
	}
	if (elsewhere) {
		event.certain = false;
		add_event(state, &state->released, event);
	}
	if (found)
		return;
	// It is one that is held under another name, or a lock of somebody else.
	for (unsigned i = 0; i < state->held.count; i++) {
		struct lock_event *held = &state->held.list[i];
		if (held->mode == event.mode && held->at.base != event.at.base &&
		    (is_looked_up(bases, held->at) || is_looked_up(bases, event.at)))
			held->certain = false;
	}
	add_event(state, &state->released, event);
}

/* ---- where paths meet */

struct meeting {
	struct lock_state *to;
	struct lock_state from; /* a copy */
	struct bases *bases;
	uint32_t off;
	bool changed;
};

/* The location of a register, or of a slot: these are multiples of 8 or not, but never as small. */
static int32_t reg_location(unsigned reg)
{
	return INT32_MIN + (int32_t)reg;
}

static uint32_t merged_base(struct meeting *m, int32_t location)
{
	return bases_get(m->bases, BASE_KIND_MERGED, m->off, location);
}

/* What was merged here before and is defined anew, from a value that comes in, is another one where
 * it is found elsewhere. */
static void redefine_merged(struct meeting *m, int32_t location, struct value to, struct value from)
{
	uint32_t base = merged_base(m, location);
	if (base && to.base == base && to.off == 0 && !value_same(to, from))
		state_redefine(&m->from, m->bases, base);
}

static struct value meet(struct meeting *m, int32_t location, struct value to, struct value from)
{
	if (!to.base || value_same(to, from))
		return to;
	m->changed = true;
	struct value merged = {0};
	if (!from.base)
		return merged;
	// Once it is that it stays so.
	merged.base = merged_base(m, location);
	if (to.base == merged.base)
		m->changed = false;
	return merged;
}

/* Is the lock held on both paths, though by values that differ, which meet in one place? Then it is
 * held by what they are there. */
static bool meets(struct meeting *m, struct lock_event *held, struct value to, struct value from,
		  struct value merged)
{
	const struct base *base = bases_at(m->bases, merged.base);
	if (!base || base->kind != BASE_KIND_MERGED || !held->at.base || held->at.base != to.base)
		return false;
	struct value there = {from.base, from.off + (held->at.off - to.off)};
	for (unsigned i = 0; i < m->from.held.count; i++) {
		struct lock_event *other = &m->from.held.list[i];
		if (other->mode != held->mode || !value_same(other->at, there))
			continue;
		held->at = (struct value){merged.base, merged.off + (held->at.off - to.off)};
		other->at = held->at;
		m->changed = true;
		return true;
	}
	return false;
}

/* Values of `to` before the merge and behind it. */
struct before {
	struct value regs[INSN_REGS];
	struct slot slots[SLOTS_MAX];
	unsigned slot_count;
};

static void translate(struct meeting *m, const struct before *before, struct lock_event *held)
{
	for (unsigned i = 0; i < INSN_REGS; i++) {
		if (meets(m, held, before->regs[i], m->from.regs[i], m->to->regs[i]))
			return;
	}
	for (unsigned i = 0; i < before->slot_count; i++) {
		const struct slot *from = state_slot(&m->from, before->slots[i].off);
		const struct slot *to = state_slot(m->to, before->slots[i].off);
		if (from && to && meets(m, held, before->slots[i].value, from->value, to->value))
			return;
	}
}

/* NULL: there is none. */
static const struct lock_event *same_event(const struct lock_events *events,
					   const struct lock_event *event)
{
	for (unsigned i = 0; i < events->count; i++) {
		if (value_same(events->list[i].at, event->at) &&
		    events->list[i].mode == event->mode &&
		    !events->list[i].via.base == !event->via.base)
			return &events->list[i];
	}
	return NULL;
}

/* What only the one path has is perhaps so. */
static void meet_events(struct meeting *m, struct lock_events *to, const struct lock_events *from)
{
	for (unsigned i = 0; i < to->count; i++) {
		const struct lock_event *other = same_event(from, &to->list[i]);
		if (to->list[i].certain && !(other && other->certain)) {
			to->list[i].certain = false;
			m->changed = true;
		}
		if (!to->list[i].somewhere && (!other || other->somewhere))
			to->list[i].somewhere = m->changed = true;
		uint8_t again = other && to->list[i].certain ? other->again : 0;
		if (to->list[i].again > again) {
			to->list[i].again = again;
			m->changed = true;
		}
		if (other && other->crossed && !to->list[i].crossed)
			to->list[i].crossed = m->changed = true;
	}
	for (unsigned i = 0; i < from->count; i++) {
		if (same_event(to, &from->list[i]))
			continue;
		struct lock_event event = from->list[i];
		bool lost = m->to->lost;
		unsigned count = to->count;
		event.certain = false;
		event.somewhere = true;
		event.again = 0;
		if (event.via.base)
			continue; // it would not be believed
		add_event(m->to, to, event);
		m->changed |= to->count != count || lost != m->to->lost;
	}
}

/* What both have, by other values, they have by the same after this. */
static void translate_held(struct meeting *m, const struct before *before)
{
	for (unsigned i = 0; i < m->to->held.count; i++) {
		if (!same_event(&m->from.held, &m->to->held.list[i]))
			translate(m, before, &m->to->held.list[i]);
	}
}

/* ---- answers: TryLock leaves a 1 on the path on which it has taken the lock, else a 0 */

/* The one lock that is held here and not there, for certain; NULL: there is none, or several. */
static const struct lock_event *only_here(const struct lock_state *here,
					  const struct lock_state *there)
{
	const struct lock_event *found = NULL;
	for (unsigned i = 0; i < here->held.count; i++) {
		const struct lock_event *event = &here->held.list[i];
		if (find_event(&there->held, event->at, event->mode))
			continue;
		if (found || !event->certain || event->via.base)
			return NULL;
		found = event;
	}
	return found;
}

static void drop_event(struct lock_state *state, struct value at, uint8_t mode)
{
	const struct lock_event *event = find_event(&state->held, at, mode);
	if (event)
		remove_event(&state->held, (unsigned)(event - state->held.list));
}

/* The answer that is made where paths meet, in this register. */
static uint32_t answer_here(struct meeting *m, unsigned reg)
{
	return bases_get(m->bases, BASE_KIND_TAKEN, m->off, (int32_t)reg + 1);
}

static void begin_answer(struct meeting *m, unsigned reg, struct lock_state *taken,
			 struct lock_state *refused)
{
	const struct lock_event *event = only_here(taken, refused);
	uint32_t number = event ? answer_here(m, reg) : BASE_NOTHING;
	struct base *base = bases_at(m->bases, number);
	if (!base || (base->noted && !value_same(base->from, event->at)))
		return;
	base->from = event->at;
	base->mode = event->mode;
	base->noted = true;
	state_redefine(&m->from, m->bases, number);
	drop_event(taken, base->from, base->mode);
	m->to->regs[reg] = m->from.regs[reg] = (struct value){number, 0};
	m->changed = true;
}

static void meet_answer(struct meeting *m, unsigned reg)
{
	struct value to = m->to->regs[reg], from = m->from.regs[reg];
	const struct base *base = bases_at(m->bases, to.base);
	if (from.base != BASE_CONST || from.off < 0 || from.off > 1)
		return;
	if (to.base == BASE_CONST && to.off == !from.off) {
		begin_answer(m, reg, from.off ? &m->from : m->to, from.off ? m->to : &m->from);
		return;
	}
	if (!base || base->kind != BASE_KIND_TAKEN || to.base != answer_here(m, reg))
		return;
	const struct lock_event *event = find_event(&m->from.held, base->from, base->mode);
	if (from.off ? !event || !event->certain : event != NULL)
		return; // it is no answer any more
	state_redefine(&m->from, m->bases, to.base);
	drop_event(&m->from, base->from, base->mode);
	m->from.regs[reg] = to;
}

static void meet_slots(struct meeting *m)
{
	struct lock_state *to = m->to;
	unsigned kept = 0;
	for (unsigned i = 0; i < to->slot_count; i++) {
		struct slot slot = to->slots[i];
		const struct slot *from = state_slot(&m->from, slot.off);
		if (!from) {
			m->changed = true;
			continue;
		}
		slot.value = meet(m, (int32_t)slot.off, slot.value, from->value);
		to->slots[kept++] = slot;
	}
	to->slot_count = (uint8_t)kept;
}

static void redefine_all(struct meeting *m)
{
	for (unsigned i = 0; i < INSN_REGS; i++)
		redefine_merged(m, reg_location(i), m->to->regs[i], m->from.regs[i]);
	for (unsigned i = 0; i < m->to->slot_count; i++) {
		const struct slot *from = state_slot(&m->from, m->to->slots[i].off);
		if (from)
			redefine_merged(m, (int32_t)m->to->slots[i].off, m->to->slots[i].value,
					from->value);
	}
}

bool state_merge(struct lock_state *to, const struct lock_state *from, struct bases *bases,
		 uint32_t off)
{
	struct meeting m = {.to = to, .from = *from, .bases = bases, .off = off};
	struct before before = {.slot_count = to->slot_count};
	memcpy(before.regs, to->regs, sizeof(before.regs));
	memcpy(before.slots, to->slots, sizeof(before.slots));
	for (unsigned i = 0; i < INSN_REGS; i++)
		meet_answer(&m, i);
	redefine_all(&m);
	for (unsigned i = 0; i < INSN_REGS; i++)
		to->regs[i] = meet(&m, reg_location(i), to->regs[i], m.from.regs[i]);
	meet_slots(&m);
	if (to->flag.base && !value_same(to->flag, m.from.flag)) {
		to->flag = (struct value){0};
		m.changed = true;
	}
	if (to->dropped.base && !value_same(to->dropped, m.from.dropped)) {
		to->dropped = (struct value){0};
		m.changed = true;
	}
	translate_held(&m, &before);
	meet_events(&m, &to->held, &m.from.held);
	meet_events(&m, &to->released, &m.from.released);
	if (m.from.lost && !to->lost) {
		to->lost = true;
		m.changed = true;
	}
	if (to->lost)
		state_doubt(to);
	return m.changed;
}
