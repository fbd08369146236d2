#include "profile/goroutines.h"

#include <string.h>

#include "base/cancel.h"
#include "base/cleanup.h"
#include "base/status_name.h"
#include "profile/callers.h"

/* Goroutines in one state, waiting for one reason; all, if they are not told apart by that. */
struct division {
	/* "": not told apart, or they do not wait, or there is no doubt. */
	const char *state, *reason, *verdict;
	struct map groups; /* stack and label set -> 1 + index of their group */
};

/* The stacks of a snapshot, each expanded once: many goroutines have one. */
struct expanded {
	struct callers callers; /* of all, one behind the other */
	struct part {
		size_t first, count;
		bool known;
	} * parts;                      /* by number of the stack */
	VEC(struct division) divisions; /* some ten */
	VEC(struct gospy_label) labels; /* of the goroutine that is looked at */
};

static void expanded_deinit(struct expanded *e)
{
	callers_deinit(&e->callers);
	free(e->parts);
	for (size_t i = 0; i < e->divisions.len; i++)
		map_deinit(&e->divisions.at[i].groups);
	vec_free(&e->divisions);
	vec_free(&e->labels);
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

/* NULL: out of memory. Valid until the next call. */
static struct division *division_of(struct expanded *e, const struct goroutines_by *by,
				    const struct gospy_goroutine *g, bool likely)
{
	struct division new = {
		.state = by->state ? status_name(g->status) : "",
		.reason = by->reason && g->wait_reason ? g->wait_reason : "",
		.verdict = likely ? "likely" : "",
	};
	for (size_t i = 0; i < e->divisions.len; i++) {
		struct division *known = &e->divisions.at[i];
		if (strcmp(known->state, new.state) == 0 &&
		    strcmp(known->reason, new.reason) == 0 &&
		    strcmp(known->verdict, new.verdict) == 0)
			return known;
	}
	return vec_push(&e->divisions, new) ? &e->divisions.at[e->divisions.len - 1] : NULL;
}

/* All labels of the goroutine. */
static bool gather_labels(struct expanded *e, const struct division *division,
			  const struct gospy_goroutine *g)
{
	enum { OWN = 3 };
	const struct gospy_label own[OWN] = {{"state", division->state},
					     {"reason", division->reason},
					     {"verdict", division->verdict}};
	e->labels.len = 0;
	for (size_t i = 0; i < OWN; i++) {
		if (*own[i].value && !vec_push(&e->labels, own[i]))
			return false;
	}
	for (size_t i = 0; i < g->label_count; i++) {
		const char *key = g->label_list[i].key;
		bool replaced = false;
		for (size_t k = 0; k < OWN; k++)
			replaced |= *own[k].value && strcmp(key, own[k].key) == 0;
		if (!replaced && !vec_push(&e->labels, g->label_list[i]))
			return false;
	}
	return true;
}

/* Its group is known by the pcs, which are different of different stacks, and by the labels. */
static bool count_new(struct gospy_snapshot *s, const struct gospy_goroutine *g, size_t depth,
		      const struct division *division, struct expanded *e, struct counts *counts,
		      uint64_t *group)
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
	return gather_labels(e, division, g) &&
	       counts_add(counts, pcs, n, g->labels || e->labels.len, e->labels.at, e->labels.len,
			  group);
}

static bool count_one(struct gospy_snapshot *s, const struct g_rec *rec,
		      const struct gospy_goroutine *g, size_t depth, const struct goroutines_by *by,
		      bool likely, struct expanded *e, struct counts *counts)
{
	uint64_t group, *known = NULL;
	struct division *division = division_of(e, by, g, likely);
	if (!division)
		return false;
	if (g->stack_id) {
		// Labels that are set and could not be read have no number.
		uint64_t labels = !g->labels ? 0 : rec->label_set ? rec->label_set : UINT32_MAX;
		known = map_put(&division->groups, labels << 32 | g->stack_id);
		if (!known)
			return false;
		if (*known) {
			counts->groups.at[*known - 1].count++;
			return true;
		}
	}
	if (!count_new(s, g, depth, division, e, counts, &group))
		return false;
	if (known)
		*known = group + 1;
	return true;
}

enum gospy_code goroutines_count(struct gospy_snapshot *s, size_t depth,
				 const struct goroutines_by *by, struct counts *counts,
				 uint64_t *unknown_ret, struct gospy_error *err)
{
	CLEANUP(expanded_deinit) struct expanded e = {0};
	e.parts = calloc(stacks_count(&s->capture.stacks) + 1, sizeof(*e.parts));
	if (!e.parts)
		return err_nomem(err);
	size_t next = 0;
	*unknown_ret = 0;
	for (size_t i = 0; i < s->capture.count; i++) {
		const struct gospy_leak *leak =
			by->leaked ? leaked_find(by->leaked, i, &next) : NULL;
		struct gospy_goroutine g;
		if (by->leaked && !leak)
			continue;
		if (cancel_asked())
			return err_set(err, GOSPY_E_CANCELLED, "cancelled");
		snapshot_goroutine(s, i, &g);
		if (!is_counted(&g))
			continue;
		if (!by->labels) {
			g.labels = false;
			g.label_count = 0;
		}
		const struct g_rec *rec = &s->capture.recs[s->capture.store->by_index[i]];
		if (!count_one(s, rec, &g, depth, by, leak && leak->verdict != GOSPY_LEAK_PROVED,
			       &e, counts))
			return err_nomem(err);
		*unknown_ret += !g.stack_id;
	}
	return GOSPY_OK;
}
