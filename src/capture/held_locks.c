#include "capture/held_locks.h"

enum { WORD = 8 };

void held_locks_init(struct held_locks *held, const struct capture *capture,
		     const struct symbolizer *symbolizer)
{
	*held = (struct held_locks){.capture = capture, .bias = symbolizer->bias};
	lock_sites_init(&held->sites, symbolizer);
}

void held_locks_deinit(struct held_locks *held)
{
	lock_sites_deinit(&held->sites);
	vec_free(&held->answers);
	map_deinit(&held->by_pc);
	vec_free(&held->steps);
	vec_free(&held->plans);
	map_deinit(&held->by_stack);
}

/* NULL: out of memory. */
static const struct lock_answer *answer_at(struct held_locks *held, uint64_t pc, bool exact)
{
	uint64_t *at = map_put(&held->by_pc, pc << 1 | exact);
	if (!at)
		return NULL;
	if (!*at) {
		if (!vec_push(&held->answers, lock_sites_at(&held->sites, pc, exact)))
			return NULL;
		*at = held->answers.len;
	}
	return &held->answers.at[*at - 1];
}

/* A stack whose plan is being made. */
struct planning {
	struct held_locks *held;
	struct held_plan plan;
	int64_t entry;  /* of the frame */
	unsigned locks; /* steps of HELD_LOCK */
	bool doubted;   /* all that follows is */
	bool releasing; /* the call before releases a lock */
	bool ok;        /* there is memory */
};

static void add(struct planning *p, struct held_step step)
{
	if (p->plan.count == HELD_STEPS_MAX)
		return;
	step.entry = p->entry;
	p->ok = p->ok && vec_push(&p->held->steps, step);
	p->plan.count++;
	p->locks += step.kind == HELD_LOCK;
}

static void add_doubt(struct planning *p, enum gospy_doubt doubt)
{
	if (!p->doubted)
		add(p, (struct held_step){.kind = HELD_DOUBT, .doubt = (uint8_t)doubt});
	p->doubted = true;
}

static void add_found(struct planning *p, const struct lock_answer *answer,
		      const struct lock_found *found, enum held_step_kind kind)
{
	const struct lock_recipe *at = &found->at;
	bool sure = found->certain && !answer->site->lost;
	add(p, (struct held_step){
		       .kind = kind,
		       .at = *at,
		       .via = found->via,
		       .has_via = found->has_via,
		       .mode = found->mode,
		       .doubt = (uint8_t)(!sure       ? GOSPY_DOUBT_PATHS
					  : at->loads ? GOSPY_DOUBT_MEMORY
						      : GOSPY_DOUBT_NONE),
		       .pc = answer->entry + found->off + p->held->bias,
	       });
}

static void add_site(struct planning *p, const struct lock_answer *answer)
{
	const struct lock_site *site = answer->site;
	for (unsigned i = 0; i < site->held_count; i++)
		add_found(p, answer, &answer->found[site->first + i], HELD_LOCK);
	for (unsigned i = 0; i < site->released_count; i++)
		add_found(p, answer, &answer->found[site->first + site->held_count + i],
			  HELD_RELEASED);
	if (site->lost)
		add_doubt(p, GOSPY_DOUBT_CALLEE);
}

static void add_frame(struct planning *p, uint64_t pc, bool exact)
{
	const struct lock_answer *answer = answer_at(p->held, pc, exact);
	if (!answer) {
		p->ok = false;
		return;
	}
	unsigned before = p->locks;
	bool releasing = p->releasing && answer->kind != LOCK_RELEASING;
	// Which lock it is only a call knows whose code names it.
	if (releasing && !(answer->kind == LOCK_SITE && answer->site->unlocks))
		add_doubt(p, GOSPY_DOUBT_CALLEE);
	p->releasing = answer->kind == LOCK_RELEASING;
	switch (answer->kind) {
	case LOCK_NONE:
	case LOCK_RELEASING:
		break;
	case LOCK_SITE:
		add_site(p, answer);
		break;
	case LOCK_UNCLEAR:
	case LOCK_UNWINDING:
		add_doubt(p, GOSPY_DOUBT_CALLEE);
		break;
	case LOCK_COND_WAIT:
		add(p, (struct held_step){.kind = HELD_COND_WAIT});
		break;
	}
	// What a call releases in the end its caller may have taken.
	bool from_caller = p->locks > before;
	p->plan.releases = (p->plan.releases && !from_caller) ||
			   lock_sites_releases(&p->held->sites, exact ? pc : pc - 1);
}

static void make_plan(struct planning *p, uint32_t stack)
{
	const struct capture *c = p->held->capture;
	const uint64_t *pcs;
	const struct stack_rec *rec = stacks_get(&c->stacks, stack, &pcs);
	bool exact = rec->interrupted;
	int64_t sp = rec->lead;
	for (uint32_t i = 0; p->ok && i < rec->count && i < rec->certain; i++) {
		int64_t size = symbols_site(c->symbols, pcs[i])->size;
		if (rec->gap && i == UNWIND_INNER) {
			add_doubt(p, GOSPY_DOUBT_CALLEE); // what lies between was not looked at
			sp = rec->lead + (int64_t)stacks_gap(&c->stacks, rec).bytes;
			exact = false;
		}
		if (size < WORD)
			break;
		sp += size;
		p->entry = sp - WORD;
		add_frame(p, pcs[i], exact);
		exact = symbols_frames(c->symbols, pcs[i], exact)->interrupts;
	}
}

const struct held_plan *held_locks_plan(struct held_locks *held, uint32_t stack)
{
	uint64_t *at = map_put(&held->by_stack, stack);
	if (!at)
		return NULL;
	if (!*at) {
		struct planning p = {.held = held, .plan.first = held->steps.len, .ok = true};
		make_plan(&p, stack);
		p.plan.locks = p.locks;
		if (!p.ok || !vec_push(&held->plans, p.plan))
			return NULL;
		*at = held->plans.len;
	}
	return &held->plans.at[*at - 1];
}
