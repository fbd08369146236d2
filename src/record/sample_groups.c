#include "record/sample_groups.h"

#include <string.h>

#include "base/hash.h"

enum {
	/* Addresses of all groups together, 256 MiB, and groups. A recording of a day at 99 Hz that
	 * never meets a stack twice does not come to that. */
	PCS_MAX = 1 << 25,
	GROUPS_MAX = 1 << 22,
};

void sample_groups_deinit(struct sample_groups *t)
{
	vec_free(&t->all);
	callers_deinit(&t->stacks);
	callers_deinit(&t->stack);
	map_deinit(&t->by_hash);
}

/* One frame: all calls that were inlined there. False: out of memory. */
static bool expand_frame(struct sample_groups *t, uint64_t pc, bool exact, enum pcln_known *callee)
{
	size_t first = t->stack.pcs.len;
	if (!symbols_site(t->symbols, pc)->known) {
		*callee = PCLN_NORMAL;
		uint64_t ret = exact ? pc + 1 : pc;
		return vec_push(&t->stack.pcs, ret) && foreign_look(t->foreign, ret - 1);
	}
	if (!callers_add_physical(t->symbols, pc, exact, callee, SIZE_MAX, &t->stack))
		return false;
	for (size_t i = first; i < t->stack.pcs.len; i++)
		symbols_frames(t->symbols, t->stack.pcs.at[i], false);
	return true;
}

static bool expand(struct sample_groups *t, const uint64_t *pcs, size_t n, bool exact)
{
	enum pcln_known callee = PCLN_NORMAL;
	t->stack.pcs.len = 0;
	for (size_t i = 0; i < n; i++) {
		uint64_t pc = pcs[i];
		if (!expand_frame(t, pc, exact, &callee))
			return false;
		exact = symbols_frames(t->symbols, pc, exact)->interrupts;
	}
	return true;
}

static bool is_same(const struct sample_groups *t, const struct sample_group *a,
		    const struct sample_group *b, const uint64_t *pcs)
{
	return a->pc_count == b->pc_count && a->tid == b->tid && a->kernel == b->kernel &&
	       a->cut == b->cut && a->wall == b->wall && a->moving == b->moving &&
	       a->state == b->state && a->reason == b->reason && a->whose.kind == b->whose.kind &&
	       a->whose.goid == b->whose.goid && a->whose.startpc == b->whose.startpc &&
	       a->whose.labels == b->whose.labels && a->whose.has_labels == b->whose.has_labels &&
	       (!a->pc_count ||
		memcmp(t->stacks.pcs.at + a->first_pc, pcs, a->pc_count * sizeof(*pcs)) == 0);
}

static uint64_t hash_of(const struct sample_group *group, const uint64_t *pcs)
{
	uint64_t hash = hash_bytes(0, pcs, group->pc_count * sizeof(*pcs));
	hash = hash_mix(hash, (uint64_t)group->tid);
	hash = hash_mix(hash, group->whose.goid);
	hash = hash_mix(hash, group->whose.startpc);
	hash = hash_mix(hash, (uint64_t)group->state << 16 | (uint64_t)group->reason << 8 |
				      (group->wall ? 2 : 0) | (group->moving ? 1 : 0));
	return hash_mix(hash, (uint64_t)group->whose.labels << 8 | (uint64_t)group->whose.kind |
				      (group->kernel ? 16 : 0) | (group->cut ? 32 : 0) |
				      (group->whose.has_labels ? 64 : 0));
}

static bool add_group(struct sample_groups *t, struct sample_group *group, uint64_t *slot)
{
	size_t n = group->pc_count, first = t->stacks.pcs.len;
	if (!vec_reserve(&t->stacks.pcs, first + n))
		return false;
	if (n)
		memcpy(t->stacks.pcs.at + first, t->stack.pcs.at, n * sizeof(*t->stack.pcs.at));
	t->stacks.pcs.len += n;
	group->first_pc = first;
	group->same_hash = *slot;
	if (!vec_push(&t->all, *group))
		return false;
	*slot = t->all.len;
	return true;
}

/* Find its group, or make it. False: out of memory. */
static bool count(struct sample_groups *t, struct sample_group *group)
{
	uint64_t *slot = map_put(&t->by_hash, hash_of(group, t->stack.pcs.at));
	if (!slot)
		return false;
	for (uint64_t i = *slot; i; i = t->all.at[i - 1].same_hash) {
		if (is_same(t, &t->all.at[i - 1], group, t->stack.pcs.at)) {
			t->all.at[i - 1].count += group->count;
			t->all.at[i - 1].weight_ns += group->weight_ns;
			return true;
		}
	}
	return add_group(t, group, slot);
}

bool sample_groups_add_stack(struct sample_groups *t, const uint64_t *pcs, size_t n, bool exact,
			     const struct sample_group *like)
{
	struct sample_group group = *like;
	if (!expand(t, pcs, n, exact))
		return false;
	group.pc_count = (uint32_t)t->stack.pcs.len;
	if (t->stacks.pcs.len + group.pc_count > PCS_MAX || t->all.len >= GROUPS_MAX) {
		t->full = true;
		group = (struct sample_group){.cut = true,
					      .wall = like->wall,
					      .count = like->count,
					      .weight_ns = like->weight_ns};
	}
	return count(t, &group);
}

bool sample_groups_add(struct sample_groups *t, const struct cpu_sample *sample,
		       const struct walker *walker, const struct whose *whose, uint64_t period_ns)
{
	const struct sample_group group = {
		.tid = sample->tid,
		.whose = *whose,
		.kernel = sample->kernel,
		.cut = walker->root == WALK_CUT,
		.count = 1,
		.weight_ns = period_ns,
	};
	return sample_groups_add_stack(t, walker->pcs.at, walker->pcs.len, true, &group);
}
