#include "render/diff_side.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/status_name.h"
#include "render/select.h"

void diff_side_deinit(struct diff_side *side)
{
	vec_free(&side->groups);
	vec_free(&side->calls);
	map_deinit(&side->by_hash);
	free(side->group_of);
	*side = (struct diff_side){0};
}

uint32_t diff_side_group(struct diff_side *side, const struct diff_key *key)
{
	uint64_t *slot = map_put(&side->by_hash, key->hash);
	if (!slot)
		return DIFF_NONE;
	if (*slot)
		return (uint32_t)*slot - 1;
	struct diff_group group = {
		.hash = key->hash,
		.unnumbered = key->unnumbered,
		.loose = key->loose,
		.start = key->start,
		.calls_at = (uint32_t)side->calls.len,
		.call_count = key->call_count,
		.longest_wait_ns = GOSPY_UNKNOWN,
	};
	if (!vec_reserve(&side->calls, side->calls.len + key->call_count) ||
	    !vec_push(&side->groups, group))
		return DIFF_NONE;
	for (size_t i = 0; i < key->call_count; i++)
		side->calls.at[side->calls.len++] = key->calls[i];
	*slot = side->groups.len;
	return (uint32_t)side->groups.len - 1;
}

/* ---- a snapshot */

enum { IGNORED = DIFF_NONE - 1 };

struct taker {
	struct diff_side *side;
	struct diff_names *names;
	const struct diff_wanted *wanted;
	struct gospy_snapshot *snapshot;
	/* What tells a goroutine's group without a look at its stack, hashed -> 1 + group, or 1 +
	 * IGNORED. */
	struct map known;
	struct map matches; /* address of a name -> 1 + "a pattern matches" */
};

static void taker_deinit(struct taker *t)
{
	map_deinit(&t->known);
	map_deinit(&t->matches);
}

static uint64_t mix_pointer(uint64_t hash, const void *p)
{
	return hash_mix(hash, (uint64_t)(uintptr_t)p);
}

static uint64_t hash_of(const struct gospy_goroutine *g)
{
	uint64_t hash = hash_mix((uint64_t)g->status, g->stack_id);
	hash = mix_pointer(hash, g->wait_reason);
	hash = mix_pointer(hash, g->creator);
	return mix_pointer(hash, g->start);
}

static bool name_matches(struct taker *t, const char *func)
{
	uint64_t *known = map_put(&t->matches, (uint64_t)(uintptr_t)func);
	if (known && *known)
		return *known == 2;
	bool matches = false;
	for (size_t i = 0; !matches && i < t->wanted->pattern_count; i++)
		matches = pattern_matches(&t->wanted->patterns[i], func);
	if (known)
		*known = 1 + matches;
	return matches;
}

static bool is_ignored(struct taker *t, const struct gospy_goroutine *g,
		       const struct gospy_stack *stack)
{
	if (!t->wanted->pattern_count)
		return false;
	for (size_t i = 0; i < stack->frame_count; i++) {
		if (stack->frames[i].func && name_matches(t, stack->frames[i].func))
			return true;
	}
	// Where no stack was read its outermost call is known all the same.
	return g->start && g->start->func && name_matches(t, g->start->func);
}

static void note_lines(struct diff_side *side, const struct gospy_stack *stack)
{
	for (size_t i = 0; !side->has_lines && i < stack->frame_count; i++)
		side->has_lines = stack->start_lines[i];
}

static enum diff_level level_of(const struct taker *t)
{
	t->side->full |= t->side->groups.len >= DIFF_GROUPS_MAX;
	return t->side->full ? DIFF_START : t->wanted->level;
}

/* What stands for a group that is the first of its goroutines. */
static void describe(struct diff_group *group, const struct gospy_goroutine *g, uint32_t index)
{
	group->example = index;
	group->place = select_where(g);
	group->begin = g->start;
	group->creator = g->creator;
	group->state = g->wait_reason ? g->wait_reason : status_name(g->status);
}

/* Its group, or IGNORED. */
static enum gospy_code find_group(struct taker *t, const struct gospy_goroutine *g, uint32_t index,
				  uint32_t *ret, struct gospy_error *err)
{
	struct gospy_stack stack;
	struct diff_key key;
	enum gospy_code code = gospy_snapshot_stack(t->snapshot, index, &stack, err);
	if (code && code != GOSPY_E_NOT_FOUND)
		return code;
	if (code)
		stack.frame_count = 0;
	*ret = IGNORED;
	if (is_ignored(t, g, &stack))
		return GOSPY_OK;
	note_lines(t->side, &stack);
	if (!diff_key(t->names, level_of(t), g, &stack, &key))
		return err_nomem(err);
	if (t->side->groups.len >= 2 * DIFF_GROUPS_MAX)
		key = (struct diff_key){0};
	*ret = diff_side_group(t->side, &key);
	if (*ret == DIFF_NONE)
		return err_nomem(err);
	if (!t->side->groups.at[*ret].count)
		describe(&t->side->groups.at[*ret], g, index);
	return GOSPY_OK;
}

static enum gospy_code count(struct taker *t, const struct gospy_goroutine *g, uint32_t index,
			     struct gospy_error *err)
{
	struct diff_side *side = t->side;
	uint32_t found;
	uint64_t *known = map_put(&t->known, hash_of(g));
	if (!known)
		return err_nomem(err);
	if (!*known) {
		enum gospy_code code = find_group(t, g, index, &found, err);
		if (code)
			return code;
		*known = 1 + (uint64_t)found;
	}
	found = (uint32_t)(*known - 1);
	if (found == IGNORED) {
		side->ignored++;
		return GOSPY_OK;
	}
	struct diff_group *group = &side->groups.at[found];
	group->count++;
	group->longest_wait_ns = select_longer(group->longest_wait_ns, g->wait_ns);
	group->wait_at_least |= g->wait_at_least;
	side->group_of[index] = found;
	side->goroutines++;
	return GOSPY_OK;
}

static bool is_counted(const struct diff_wanted *wanted, const struct gospy_goroutine *g)
{
	bool dead = g->status == GOSPY_STATUS_DEAD || g->status == GOSPY_STATUS_DEADEXTRA;
	return !dead && (!g->system || wanted->system);
}

enum gospy_code diff_side_take(struct diff_side *side, struct diff_names *names,
			       const struct diff_wanted *wanted, struct gospy_snapshot *snapshot,
			       struct gospy_error *err)
{
	CLEANUP(taker_deinit)
	struct taker t = {.side = side, .names = names, .wanted = wanted, .snapshot = snapshot};
	size_t n = gospy_snapshot_goroutine_count(snapshot);
	*side = (struct diff_side){
		.indexes = n,
		.group_of = malloc((n + 1) * sizeof(*side->group_of)),
	};
	enum gospy_code code = side->group_of ? GOSPY_OK : err_nomem(err);
	for (size_t i = 0; !code && i < n; i++) {
		struct gospy_goroutine g;
		gospy_snapshot_goroutine(snapshot, i, &g);
		side->group_of[i] = DIFF_NONE;
		if (g.soundness == GOSPY_SOUND_UNREADABLE)
			side->unreadable++;
		else if (is_counted(wanted, &g))
			code = count(&t, &g, (uint32_t)i, err);
	}
	return code;
}
