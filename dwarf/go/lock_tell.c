#include "dwarf/go/lock_tell.h"

#include <string.h>

enum {
	/* A variable whose address is taken may be as large. Spilled values lie below it, since the
	 * compiler puts large variables above small ones: cmd/compile/internal/ssagen,
	 * cmpstackvarlt. */
	EXPOSED_BYTES = 512,
	RWMUTEX_READER_SEM = 12, /* src/sync/rwmutex.go, Go 1.12-1.27 */
};

bool lock_is_exposed(const struct lock_stepper *s, int64_t off)
{
	for (size_t i = 0; i < s->exposed.len; i++) {
		int64_t from = s->exposed.at[i].off, end = from + EXPOSED_BYTES;
		// A variable of the function's own ends below its return address.
		if (from < 0 && end > 0)
			end = 0;
		if (off >= from && off < end)
			return true;
	}
	return false;
}

/* ---- recipes */

static struct lock_recipe recipe_in_slot(const struct lock_stepper *s,
					 const struct lock_state *state, struct value value)
{
	for (unsigned i = 0; i < state->slot_count; i++) {
		const struct slot *slot = &state->slots[i];
		if (slot->value.base == value.base && !lock_is_exposed(s, slot->off))
			return (struct lock_recipe){
				.kind = RECIPE_SLOT,
				.slot = slot->off,
				.add = {value.off - slot->value.off},
			};
	}
	return (struct lock_recipe){0};
}

/* Without a look at what memory holds; RECIPE_NONE. */
static struct lock_recipe recipe_at_once(const struct lock_stepper *s,
					 const struct lock_state *state, struct value value)
{
	if (value.base == BASE_CONST)
		return (struct lock_recipe){.kind = RECIPE_CONST, .add = {value.off}};
	if (value.base == BASE_STACK)
		return (struct lock_recipe){.kind = RECIPE_STACK, .add = {value.off}};
	return value.base ? recipe_in_slot(s, state, value) : (struct lock_recipe){0};
}

static struct lock_recipe recipe_of(const struct lock_stepper *s, const struct lock_state *state,
				    struct value value)
{
	int64_t add[RECIPE_STEPS];
	unsigned loads = 0;
	struct lock_recipe recipe = recipe_at_once(s, state, value);
	while (!recipe.kind && loads < RECIPE_STEPS) {
		const struct base *base = bases_at(&s->bases, value.base);
		if (!base || base->kind != BASE_KIND_LOAD || !base->from.base)
			return recipe;
		add[loads++] = value.off;
		value = base->from;
		recipe = recipe_at_once(s, state, value);
	}
	recipe.loads = (uint8_t)loads;
	for (unsigned i = 0; i < loads; i++)
		recipe.add[i + 1] = add[loads - 1 - i];
	return recipe;
}

/* ---- sites */

/* A reader that waits has counted itself in, but has nothing by that. */
static bool is_pending(const struct lock_event *event, const struct value *word)
{
	return word && event->mode == LOCK_READ && event->at.base == word->base &&
	       event->at.off + RWMUTEX_READER_SEM == word->off;
}

static unsigned tell_events(struct lock_stepper *s, const struct lock_state *state,
			    const struct lock_events *events, const struct value *word)
{
	unsigned n = 0;
	for (unsigned i = 0; i < events->count; i++) {
		const struct lock_event *event = &events->list[i];
		// One that has it already waits all the same, if a writer has come meanwhile.
		bool pending = is_pending(event, word) && !(event->certain && event->again);
		const struct lock_found found = {
			.at = recipe_of(s, state, event->at),
			.via = recipe_of(s, state, event->via),
			.has_via = event->via.base != BASE_NOTHING,
			.off = event->off,
			.mode = event->mode,
			.certain = event->certain,
		};
		if (pending)
			continue;
		if (!vec_push(&s->ret->found, found))
			s->out_of_memory = true;
		n++;
	}
	return n;
}

static void tell(struct lock_stepper *s, const struct lock_state *state, struct lock_site site,
		 const struct value *word)
{
	site.lost = state->lost;
	site.first = s->ret->found.len;
	site.held_count = (uint8_t)tell_events(s, state, &state->held, word);
	site.released_count = (uint8_t)tell_events(s, state, &state->released, NULL);
	if ((site.held_count || site.released_count || site.lost) &&
	    !vec_push(&s->ret->sites, site))
		s->out_of_memory = true;
}

void lock_tell_call(struct lock_stepper *s, const struct lock_state *state, const struct insn *in,
		    const struct value *word, bool unlocks)
{
	if (!s->ret || s->out_of_memory)
		return;
	tell(s, state, (struct lock_site){.off = in->off + in->len, .unlocks = unlocks}, word);
	if (!vec_push(&s->ret->reached, in->off + in->len))
		s->out_of_memory = true;
}

void lock_tell_exact(struct lock_stepper *s, const struct lock_state *state, const struct insn *in)
{
	if (!s->ret || s->out_of_memory || !s->code->want_exact || s->code->exact != in->off)
		return;
	tell(s, state, (struct lock_site){.off = in->off, .exact = true}, NULL);
	s->ret->exact_reached = true;
}

/* ---- summaries */

static bool effect_of_arg(const struct lock_stepper *s, struct value at, struct lock_effect *ret)
{
	const struct base *base = bases_at(&s->bases, at.base);
	if (at.base == BASE_CONST) {
		ret->kind = EFFECT_CONST;
		return true;
	}
	if (!base || (base->kind != BASE_KIND_ARG && base->kind != BASE_KIND_LOAD))
		return false;
	const struct base *inner = bases_at(&s->bases, base->from.base);
	ret->reg = (uint8_t)(base->key >> 32);
	ret->kind = EFFECT_ARG;
	if (base->kind == BASE_KIND_ARG)
		return true;
	if (base->from.base == BASE_STACK && base->from.off > 0) {
		ret->kind = EFFECT_SLOT;
		ret->slot = base->from.off;
		return true;
	}
	if (!inner || inner->kind != BASE_KIND_ARG)
		return false;
	ret->kind = EFFECT_LOAD;
	ret->reg = (uint8_t)(inner->key >> 32);
	ret->inner = base->from.off;
	return true;
}

static struct lock_effect effect_of(const struct lock_stepper *s, const struct lock_state *state,
				    const struct lock_event *event)
{
	struct lock_effect effect = {
		.mode = event->mode,
		.certain = event->certain && !event->crossed,
		.off = event->at.off,
	};
	if (effect_of_arg(s, event->at, &effect))
		return effect;
	effect.kind = EFFECT_UNKNOWN;
	for (unsigned i = 0; s->code->registers && event->at.base && i < INSN_REGS; i++) {
		if (i == INSN_RSP || state->regs[i].base != event->at.base)
			continue;
		effect.kind = EFFECT_RESULT;
		effect.reg = (uint8_t)i;
		effect.off = event->at.off - state->regs[i].off;
		return effect;
	}
	return effect;
}

static bool same_effect(const struct lock_effect *a, const struct lock_effect *b)
{
	return a->kind == b->kind && a->reg == b->reg && a->mode == b->mode && a->slot == b->slot &&
	       a->inner == b->inner && a->off == b->off;
}

static struct lock_effect *find_effect(struct lock_effect *list, unsigned count,
				       const struct lock_effect *effect)
{
	for (unsigned i = 0; i < count; i++) {
		if (same_effect(&list[i], effect))
			return &list[i];
	}
	return NULL;
}

static void release_unknown(struct lock_summary *summary)
{
	// In the place of the last one, if there is no room.
	unsigned at =
		summary->released_count < SUMMARY_MAX ? summary->released_count : SUMMARY_MAX - 1;
	summary->released[at] = (struct lock_effect){.kind = EFFECT_UNKNOWN};
	summary->released_count = (uint8_t)(at + 1);
}

static void add_released(struct lock_summary *summary, const struct lock_effect *effect)
{
	struct lock_effect *known = find_effect(summary->released, summary->released_count, effect);
	if (known)
		known->certain &= effect->certain;
	else if (summary->released_count < SUMMARY_MAX)
		summary->released[summary->released_count++] = *effect;
	else
		release_unknown(summary);
}

static void add_taken(struct lock_stepper *s, const struct lock_state *state)
{
	struct lock_summary *summary = &s->ret->summary;
	bool found[SUMMARY_MAX] = {0};
	for (unsigned i = 0; i < state->held.count; i++) {
		struct lock_effect effect = effect_of(s, state, &state->held.list[i]);
		struct lock_effect *known =
			find_effect(summary->taken, summary->taken_count, &effect);
		if (state->held.list[i].via.base || effect.kind == EFFECT_UNKNOWN)
			continue;
		if (!known && summary->taken_count < SUMMARY_MAX) {
			effect.certain &= !s->returns; // on other ways it is not taken
			known = &summary->taken[summary->taken_count++];
			*known = effect;
		}
		if (!known)
			continue;
		known->certain &= effect.certain;
		found[known - summary->taken] = true;
	}
	for (unsigned i = 0; i < summary->taken_count; i++)
		summary->taken[i].certain &= found[i];
}

void lock_tell_return(struct lock_stepper *s, const struct lock_state *state)
{
	if (!s->ret)
		return;
	add_taken(s, state);
	for (unsigned i = 0; i < state->released.count; i++) {
		struct lock_effect effect = effect_of(s, state, &state->released.list[i]);
		add_released(&s->ret->summary, &effect);
	}
	if (state->lost)
		release_unknown(&s->ret->summary);
	s->returns++;
}
