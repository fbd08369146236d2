#include "tui/flame_stacks.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "tui/alloc.h"

enum { SLICE = 16 /* stacks between two looks at the clock */ };

static void free_work(struct flame_stacks *stacks)
{
	map_deinit(&stacks->by_stack);
	vec_free(&stacks->states);
	vec_free(&stacks->stacks);
	vec_free(&stacks->members.indexes);
}

void flame_stacks_deinit(struct flame_stacks *stacks)
{
	free_work(stacks);
	flame_deinit(&stacks->flame);
	stacks->flame = (struct flame){0};
}

void flame_stacks_begin(struct flame_stacks *stacks)
{
	flame_stacks_deinit(stacks);
	stacks->members.scanned = stacks->taken = stacks->named = 0;
	stacks->members.done = false;
	stacks->begun = true;
	alloc_check(flame_init(&stacks->flame, 1));
}

static uint32_t name_of(struct flame_stacks *stacks, const char *name)
{
	uint32_t number;
	alloc_check(flame_name(&stacks->flame, name, &number));
	return number;
}

static uint32_t call(struct flame_stacks *stacks, uint32_t node, uint32_t name)
{
	alloc_check(flame_call(&stacks->flame, node, name, &node));
	return node;
}

/* Number of the name of a class's state. */
static uint32_t state_of(struct flame_stacks *stacks, const struct census *census, uint32_t class)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	size_t n = census->classes.len;
	if (!stacks->states.len) {
		alloc_check(vec_reserve(&stacks->states, n));
		memset(stacks->states.at, 0, n * sizeof(*stacks->states.at));
		stacks->states.len = n;
	}
	uint32_t *state = &stacks->states.at[class];
	if (!*state) {
		strbuf_printf(&text, "[%s]", class_state(&census->classes.at[class]));
		alloc_check(!text.failed);
		*state = name_of(stacks, text.s) + 1;
	}
	return *state - 1;
}

/* Where no stack was read, all of a class are alike. */
static uint64_t key_of(const struct gospy_goroutine *g, uint32_t state, uint32_t class)
{
	static const uint64_t without_stack = UINT64_C(1) << 63;
	return g->stack_id ? (uint64_t)state << 32 | g->stack_id : without_stack | class;
}

static void count(struct flame_stacks *stacks, const struct sample *sample, uint32_t index)
{
	struct gospy_goroutine g;
	uint32_t class = sample->census.class_of[index];
	gospy_snapshot_goroutine(sample->snapshot, index, &g);
	uint32_t state = state_of(stacks, &sample->census, class);
	uint64_t *slot = map_put(&stacks->by_stack, key_of(&g, state, class));
	alloc_check(slot);
	if (!*slot) {
		const struct flame_stack new = {.index = index, .state = state};
		// The last one stands for all that come too late.
		if (stacks->stacks.len <= FLAME_STACKS_MAX)
			alloc_check(vec_push(&stacks->stacks, new));
		*slot = stacks->stacks.len;
	}
	stacks->stacks.at[*slot - 1].count++;
}

static uint32_t add_frame(struct flame_stacks *stacks, uint32_t node,
			  const struct gospy_frame *frame)
{
	char pc[24];
	snprintf(pc, sizeof(pc), "0x%" PRIx64, frame->pc);
	return call(stacks, node, name_of(stacks, frame->func ? frame->func : pc));
}

/* The calls of a stack, outermost first; what tracebacks hide is left out. */
static uint32_t add_calls(struct flame_stacks *stacks, const struct gospy_stack *stack)
{
	uint32_t node = FLAME_ROOT;
	if (stack->problem)
		node = call(stacks, node, name_of(stacks, "(callers not known)"));
	for (size_t i = stack->frame_count; i-- > 0;) {
		if (!stack->frames[i].hidden)
			node = add_frame(stacks, node, &stack->frames[i]);
		if (stack->left_out && i == stack->left_out_at)
			node = call(stacks, node, name_of(stacks, "(calls left out)"));
	}
	return node;
}

static void add_stack(struct flame_stacks *stacks, const struct sample *sample, size_t i)
{
	const struct flame_stack *at = &stacks->stacks.at[i];
	struct gospy_goroutine g;
	struct gospy_stack stack = {0};
	struct gospy_error err;
	uint32_t node = FLAME_ROOT;
	gospy_snapshot_goroutine(sample->snapshot, at->index, &g);
	enum gospy_code code = gospy_snapshot_stack(sample->snapshot, at->index, &stack, &err);
	alloc_check(code != GOSPY_E_NOMEM);
	bool others = i == FLAME_STACKS_MAX ||
		      stacks->flame.nodes.len + stack.frame_count > FLAME_CALLS_MAX;
	if (others)
		node = call(stacks, node, name_of(stacks, "(other stacks)"));
	else if (!code)
		node = add_calls(stacks, &stack);
	else if (g.start && g.start->func)
		node = call(stacks, node, name_of(stacks, g.start->func));
	else
		node = call(stacks, node, name_of(stacks, "(stack not known)"));
	if (!others)
		node = call(stacks, node, at->state);
	flame_add(&stacks->flame, node, 0, (int64_t)at->count);
}

static void take_found(struct flame_stacks *stacks, const struct model *model)
{
	const struct sample *sample = model_sample(model);
	for (; stacks->taken < stacks->members.indexes.len; stacks->taken++)
		count(stacks, sample, stacks->members.indexes.at[stacks->taken]);
}

bool flame_stacks_step(struct flame_stacks *stacks, const struct model *model, uint64_t budget_ns)
{
	uint64_t until = clock_mono_ns() + budget_ns;
	if (!stacks->begun || !model_sample(model))
		return false;
	while (!stacks->members.done && clock_mono_ns() < until) {
		members_step(&stacks->members, model, 0);
		take_found(stacks, model);
	}
	while (stacks->members.done && stacks->named < stacks->stacks.len &&
	       clock_mono_ns() < until) {
		for (size_t i = 0; i < SLICE && stacks->named < stacks->stacks.len; i++)
			add_stack(stacks, model_sample(model), stacks->named++);
	}
	if (!stacks->members.done || stacks->named < stacks->stacks.len)
		return true;
	alloc_check(flame_end(&stacks->flame));
	free_work(stacks);
	stacks->begun = false;
	return false;
}
