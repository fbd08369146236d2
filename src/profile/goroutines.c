#include "profile/goroutines.h"

#include "base/cancel.h"
#include "base/cleanup.h"
#include "profile/callers.h"

/* The stacks of a snapshot, each expanded once: many goroutines have one. */
struct expanded {
	struct callers callers; /* of all, one behind the other */
	struct part {
		size_t first, count;
		bool known;
	} * parts;         /* by number of the stack */
	struct map groups; /* stack and label set -> 1 + index of their group */
};

static void expanded_deinit(struct expanded *e)
{
	callers_deinit(&e->callers);
	free(e->parts);
	map_deinit(&e->groups);
}

static bool expand(struct gospy_snapshot *s, uint32_t number, size_t depth, struct expanded *e)
{
	struct part *part = &e->parts[number - 1];
	if (part->known)
		return true;
	const uint64_t *pcs;
	const struct stack_rec *stack = stacks_get(&s->capture.stacks, number, &pcs);
	size_t first = e->callers.pcs.len;
	enum pcln_known callee = PCLN_NORMAL;
	// The innermost is taken for a return address even where it is none.
	bool interrupted = false;
	for (size_t i = 0; i < stack->count && e->callers.pcs.len < first + depth; i++) {
		if (stack->gap && i == UNWIND_INNER)
			break;
		if (!callers_add_physical(s->capture.symbols, pcs[i], interrupted, &callee,
					  first + depth, &e->callers))
			return false;
		interrupted = symbols_frames(s->capture.symbols, pcs[i], interrupted)->interrupts;
	}
	*part = (struct part){first, e->callers.pcs.len - first, true};
	return true;
}

static bool is_counted(const struct gospy_goroutine *g)
{
	return g->status != GOSPY_STATUS_DEAD && g->status != GOSPY_STATUS_DEADEXTRA &&
	       g->status != GOSPY_STATUS_IDLE && !g->system &&
	       g->soundness != GOSPY_SOUND_UNREADABLE;
}

/* Its group is known by the pcs, which are different of different stacks, and by the labels. */
static bool count_new(struct gospy_snapshot *s, const struct gospy_goroutine *g, size_t depth,
		      struct expanded *e, struct counts *counts, uint64_t *group)
{
	// A stack that is not known begins all the same.
	uint64_t start = g->start ? g->start->pc + 1 : 0;
	const uint64_t *pcs = &start;
	size_t n = start != 0;
	if (g->stack_id) {
		if (!expand(s, g->stack_id, depth, e))
			return false;
		pcs = e->callers.pcs.at + e->parts[g->stack_id - 1].first;
		n = e->parts[g->stack_id - 1].count;
	}
	return counts_add(counts, pcs, n, g->labels, g->label_list, g->label_count, group);
}

static bool count_one(struct gospy_snapshot *s, const struct g_rec *rec,
		      const struct gospy_goroutine *g, size_t depth, struct expanded *e,
		      struct counts *counts)
{
	uint64_t group, *known = NULL;
	if (g->stack_id) {
		// Labels that are set and could not be read have no number.
		uint64_t labels = !g->labels ? 0 : rec->label_set ? rec->label_set : UINT32_MAX;
		known = map_put(&e->groups, labels << 32 | g->stack_id);
		if (!known)
			return false;
		if (*known) {
			counts->groups.at[*known - 1].count++;
			return true;
		}
	}
	if (!count_new(s, g, depth, e, counts, &group))
		return false;
	if (known)
		*known = group + 1;
	return true;
}

enum gospy_code goroutines_count(struct gospy_snapshot *s, size_t depth, bool labels,
				 struct counts *counts, uint64_t *unknown_ret,
				 struct gospy_error *err)
{
	CLEANUP(expanded_deinit) struct expanded e = {0};
	e.parts = calloc(stacks_count(&s->capture.stacks) + 1, sizeof(*e.parts));
	if (!e.parts)
		return err_nomem(err);
	*unknown_ret = 0;
	for (size_t i = 0; i < s->capture.count; i++) {
		struct gospy_goroutine g;
		if (cancel_asked())
			return err_set(err, GOSPY_E_CANCELLED, "cancelled");
		snapshot_goroutine(s, i, &g);
		if (!is_counted(&g))
			continue;
		if (!labels) {
			g.labels = false;
			g.label_count = 0;
		}
		const struct g_rec *rec = &s->capture.recs[s->capture.store->by_index[i]];
		if (!count_one(s, rec, &g, depth, &e, counts))
			return err_nomem(err);
		*unknown_ret += !g.stack_id;
	}
	return GOSPY_OK;
}
