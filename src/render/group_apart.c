#include "render/group_apart.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/hash.h"

enum {
	GROUPS_MAX = 4096, /* more take time, and nobody reads them */
	CALLS_MAX = 128,   /* of each; the runtime shows a hundred */
};

void group_apart_deinit(struct group_apart *apart)
{
	free(apart->calls);
	arena_deinit(&apart->arena);
	*apart = (struct group_apart){0};
}

/* A group, and its calls by their ids, the innermost first: those that tracebacks show, behind them
 * the others, such as the wrapper of a go statement with arguments. */
struct candidate {
	size_t index;
	const struct gospy_location *place;
	uint64_t *calls;
	size_t shown, count;
};

struct finder {
	struct group_apart *apart;
	struct gospy_snapshot *snapshot;
	struct map places; /* id of a call -> where it is, in the arena */
	struct candidate *candidates;
	size_t count;
};

static void finder_deinit(struct finder *finder)
{
	for (size_t i = 0; finder->candidates && i < finder->count; i++)
		free(finder->candidates[i].calls);
	free(finder->candidates);
	map_deinit(&finder->places);
}

static uint64_t call_id(const struct gospy_frame *frame)
{
	const char *func = frame->func ? frame->func : "", *file = frame->file ? frame->file : "";
	uint64_t id = hash_bytes(1, func, strlen(func) + 1);
	id = hash_bytes(id, file, strlen(file));
	return hash_bytes(id, &frame->line, sizeof(frame->line));
}

static bool keep_place(struct finder *finder, uint64_t id, const struct gospy_frame *frame)
{
	struct arena *arena = &finder->apart->arena;
	uint64_t *slot = map_put(&finder->places, id);
	if (!slot || *slot)
		return slot;
	struct gospy_location *place = arena_calloc(arena, 1, sizeof(*place));
	if (!place)
		return false;
	place->line = frame->line;
	place->pc = frame->pc;
	if ((frame->func && !(place->func = arena_strdup(arena, frame->func))) ||
	    (frame->file && !(place->file = arena_strdup(arena, frame->file))))
		return false;
	*slot = (uint64_t)(uintptr_t)place;
	return true;
}

static bool add_calls(struct finder *finder, struct candidate *candidate,
		      const struct gospy_stack *stack, size_t n, bool hidden)
{
	for (size_t i = 0; i < n; i++) {
		if (stack->frames[i].hidden != hidden)
			continue;
		uint64_t id = call_id(&stack->frames[i]);
		if (!keep_place(finder, id, &stack->frames[i]))
			return false;
		candidate->calls[candidate->count++] = id;
	}
	return true;
}

/* What cannot be read has no calls. */
static enum gospy_code read_calls(struct finder *finder, struct candidate *candidate,
				  uint32_t example, struct gospy_error *err)
{
	struct gospy_stack stack;
	enum gospy_code code = gospy_snapshot_stack(finder->snapshot, example, &stack, err);
	if (code)
		return code == GOSPY_E_NOMEM ? code : GOSPY_OK;
	size_t n = stack.frame_count < CALLS_MAX ? stack.frame_count : CALLS_MAX;
	candidate->calls = calloc(n + 1, sizeof(*candidate->calls));
	if (!candidate->calls)
		return err_nomem(err);
	bool ok = add_calls(finder, candidate, &stack, n, false);
	candidate->shown = candidate->count;
	return ok && add_calls(finder, candidate, &stack, n, true) ? GOSPY_OK : err_nomem(err);
}

static int compare_places(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	int order = select_compare_locations(x->place, y->place);
	return order ? order : (x->index > y->index) - (x->index < y->index);
}

static size_t same_calls(const struct candidate *a, const struct candidate *b)
{
	size_t n = 0;
	while (n < a->count && n < b->count && a->calls[n] == b->calls[n])
		n++;
	return n;
}

static int compare_calls(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;
	size_t n = same_calls(x, y);
	if (n == x->count || n == y->count)
		return (x->count > y->count) - (x->count < y->count);
	return x->calls[n] < y->calls[n] ? -1 : 1;
}

/* Those that are sorted by their calls have the most in common with one that is beside them. */
static void tell_apart(struct finder *finder, struct candidate *of, size_t n)
{
	qsort(of, n, sizeof(*of), compare_calls);
	for (size_t i = 0, before = 0; i < n; i++) {
		size_t after = i + 1 < n ? same_calls(&of[i], &of[i + 1]) : 0;
		bool behind = after > before || i == 0;
		size_t at = behind ? after : before;
		const struct candidate *other = behind ? &of[i + 1] : &of[i - 1];
		before = after;
		// One that ends where the other one goes on has nothing there.
		if (at >= of[i].count || (at >= of[i].shown && at < other->shown))
			continue;
		const uint64_t *place = map_get(&finder->places, of[i].calls[at]);
		finder->apart->calls[of[i].index] =
			*(const struct gospy_location *)(uintptr_t)*place;
	}
}

static enum gospy_code read_and_tell(struct finder *finder, const struct groups *groups,
				     struct candidate *of, size_t n, struct gospy_error *err)
{
	enum gospy_code code = GOSPY_OK;
	for (size_t i = 0; i < n && !code; i++) {
		uint32_t example = groups->groups.at[of[i].index].largest->example;
		code = read_calls(finder, &of[i], example, err);
	}
	if (!code)
		tell_apart(finder, of, n);
	return code;
}

enum gospy_code group_apart_find(struct group_apart *apart, const struct groups *groups,
				 struct gospy_snapshot *snapshot, struct gospy_error *err)
{
	CLEANUP(finder_deinit) struct finder finder = {.apart = apart, .snapshot = snapshot};
	enum gospy_code code = GOSPY_OK;
	apart->count = groups->groups.len;
	apart->calls = calloc(apart->count + 1, sizeof(*apart->calls));
	finder.count = apart->count < GROUPS_MAX ? apart->count : GROUPS_MAX;
	finder.candidates = calloc(finder.count + 1, sizeof(*finder.candidates));
	if (!apart->calls || !finder.candidates)
		return err_nomem(err);
	for (size_t i = 0; i < finder.count; i++) {
		finder.candidates[i].index = i;
		finder.candidates[i].place =
			group_location(groups->groups.at[i].largest, groups->key);
	}
	qsort(finder.candidates, finder.count, sizeof(*finder.candidates), compare_places);
	for (size_t begin = 0, next; begin < finder.count && !code; begin = next) {
		const struct candidate *first = &finder.candidates[begin];
		for (next = begin + 1; next < finder.count; next++) {
			const struct candidate *other = &finder.candidates[next];
			if (select_compare_locations(first->place, other->place) != 0)
				break;
		}
		if (next - begin > 1)
			code = read_and_tell(&finder, groups, &finder.candidates[begin],
					     next - begin, err);
	}
	return code;
}
