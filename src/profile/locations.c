#include "profile/locations.h"

#include <string.h>

#include "base/hash.h"
#include "image/func_name.h"

enum { HINTS = 1024 };
enum { LOOKUP_TRIED = 1, LOOKUP_FAILED = 2 };

enum { DECK_SINCE = 14, CACHED_JOIN_DECK_SINCE = 19, SYMBOL_NAMES_SINCE = 22 };

void locations_deinit(struct locations *l)
{
	vec_free(&l->all);
	vec_free(&l->keys);
	vec_free(&l->functions);
	vec_free(&l->mappings);
	vec_free(&l->looked_up);
	map_deinit(&l->by_pc);
	map_deinit(&l->by_name);
	vec_free(&l->same_hash);
	vec_free(&l->found);
	callers_deinit(&l->stack);
	vec_free(&l->deck);
}

static const char *name_of(const struct caller *caller)
{
	return caller->call && caller->call->symbol ? caller->call->symbol : "";
}

/* The same, or what code that is not Go's is called. */
static const char *full_name_of(const struct locations *l, const struct caller *caller)
{
	const char *name = NULL;
	if (!caller->call && l->foreign.name)
		name = l->foreign.name(l->foreign.ctx, caller->pc);
	return name ? name : name_of(caller);
}

/* runtime.goexit stands for no location. */
static bool is_goexit(const struct caller *caller)
{
	return strcmp(name_of(caller), "runtime.goexit") == 0;
}

static bool has_failed(const struct caller *caller)
{
	return !*name_of(caller) || !caller->call->file || !*caller->call->file ||
	       !caller->call->line;
}

/* ----------------------------------------------------------------------------------- functions --
 */

static bool add_function(struct locations *l, const char *name, const struct caller *caller)
{
	const struct frame_call *call = caller->call;
	// What is no code of Go's is printed as it is.
	const char *printed = call ? func_name_for_print(l->arena, name, l->minor) : name;
	struct gospy_profile_function function = {
		.name = arena_strdup(l->arena, name),
		.file = arena_strdup(l->arena, call && call->file ? call->file : ""),
		.start_line = call ? call->start_line : 0,
	};
	function.printed = printed == name ? function.name : printed;
	function.system_name = function.name;
	return printed && function.name && function.file && vec_push(&l->functions, function);
}

/* Functions are told apart by name alone. */
static bool find_function(struct locations *l, const char *name, const struct caller *caller,
			  uint32_t *ret)
{
	uint64_t *head = map_put(&l->by_name, hash_bytes(0, name, strlen(name)));
	if (!head)
		return false;
	for (uint64_t i = *head; i; i = l->same_hash.at[i - 1]) {
		if (strcmp(l->functions.at[i - 1].name, name) == 0) {
			*ret = (uint32_t)i - 1;
			return true;
		}
	}
	if (!vec_push(&l->same_hash, (uint32_t)*head) || !add_function(l, name, caller))
		return false;
	*head = l->functions.len;
	*ret = (uint32_t)l->functions.len - 1;
	return true;
}

/* ----------------------------------------------------------------------------------- locations --
 */

static uint32_t find_mapping(struct locations *l, uint64_t pc, bool failed)
{
	for (size_t i = 0; i < l->mappings.len; i++) {
		const struct gospy_profile_mapping *m = &l->mappings.at[i];
		if (pc < m->start || pc >= m->end)
			continue;
		l->looked_up.at[i] |= LOOKUP_TRIED | (failed ? LOOKUP_FAILED : 0);
		return (uint32_t)i + 1;
	}
	return 0;
}

static struct location_hint *hint_of(const struct locations *l, uint64_t pc)
{
	return &l->hints[(pc ^ pc >> 10) % HINTS];
}

/* 1 + index of the location that was made for a return address; 0: none. Stacks have their outer
 * calls in common, so it is asked for few of them, and very often. */
static uint64_t known_at(struct locations *l, uint64_t pc)
{
	struct location_hint *hint = hint_of(l, pc);
	if (hint->known && hint->pc == pc)
		return hint->known;
	const uint64_t *known = map_get(&l->by_pc, pc);
	if (!known)
		return 0;
	*hint = (struct location_hint){pc, *known};
	return *known;
}

/* A location of what is in the deck; its index is that of the last one. */
static bool add_location(struct locations *l)
{
	size_t n = l->deck.len;
	struct gospy_profile_line *lines = arena_calloc(l->arena, n, sizeof(*lines));
	if (!lines)
		return false;
	for (size_t i = 0; i < n; i++) {
		const struct caller *caller = &l->deck.at[i];
		lines[i] = (struct gospy_profile_line){
			.line = caller->call ? caller->call->line : 0,
			.pc = caller->pc,
			.entry = caller->entry,
		};
		if (!find_function(l, full_name_of(l, caller), caller, &lines[i].function))
			return false;
	}
	const struct gospy_profile_location location = {
		.addr = l->deck.at[0].pc,
		.mapping = find_mapping(l, l->deck_pc, l->deck_failed),
		.line_count = (uint32_t)n,
		.lines = lines,
	};
	const struct location_key key = {
		.pc = l->deck_pc,
		.pc_count = (uint32_t)n,
		.first = l->deck.at[0],
		.first_failed = has_failed(&l->deck.at[0]),
	};
	uint64_t *slot = map_put(&l->by_pc, l->deck_pc);
	if (!slot || !vec_push(&l->all, location) || !vec_push(&l->keys, key))
		return false;
	*slot = l->all.len;
	*hint_of(l, l->deck_pc) = (struct location_hint){l->deck_pc, *slot};
	return true;
}

/* ------------------------------------------------------------------------------------ the deck --
 */

/* pcDeck.tryAdd */
static bool fits_deck(const struct locations *l, const struct caller *caller)
{
	if (!l->deck.len)
		return true;
	const struct caller *last = &l->deck.at[l->deck.len - 1];
	if (!last->entry || last->entry != caller->entry || !last->call->inlined)
		return false;
	// What is inlined into itself is not; before, type arguments did not count.
	if (l->minor >= SYMBOL_NAMES_SINCE)
		return strcmp(name_of(last), name_of(caller)) != 0;
	return strcmp(last->call->func, caller->call->func) != 0;
}

static bool push_deck(struct locations *l, uint64_t pc, const struct caller *caller, bool failed)
{
	if (!l->deck.len) {
		l->deck_pc = pc;
		l->deck_failed = false;
	}
	l->deck_failed |= failed;
	return vec_push(&l->deck, *caller);
}

static bool flush_deck(struct locations *l)
{
	if (!l->deck.len)
		return true;
	bool ok = add_location(l) && vec_push(&l->found, (uint32_t)l->all.len - 1);
	l->deck.len = 0;
	return ok;
}

/* One step of appendLocsForStack: how many addresses of the stack it took; 0: out of memory. */
static size_t step(struct locations *l, const uint64_t *pcs, size_t left)
{
	uint64_t known = known_at(l, *pcs);
	if (known) {
		const struct location_key *key = &l->keys.at[known - 1];
		if (l->deck.len && l->minor >= CACHED_JOIN_DECK_SINCE && fits_deck(l, &key->first))
			return push_deck(l, *pcs, &key->first, key->first_failed);
		size_t taken = key->pc_count < left ? key->pc_count : left;
		uint32_t index = (uint32_t)known - 1;
		return flush_deck(l) && vec_push(&l->found, index) ? taken : 0;
	}
	struct caller caller = caller_at(l->symbols, *pcs);
	if (is_goexit(&caller))
		return flush_deck(l);
	bool failed = has_failed(&caller);
	if (fits_deck(l, &caller))
		return push_deck(l, *pcs, &caller, failed);
	if (!flush_deck(l))
		return 0;
	known = known_at(l, *pcs); // that may have made it
	if (!known)
		return push_deck(l, *pcs, &caller, failed);
	size_t taken = l->keys.at[known - 1].pc_count;
	if (!vec_push(&l->found, (uint32_t)known - 1))
		return 0;
	return taken < left ? taken : left;
}

static bool walk_deck(struct locations *l)
{
	l->deck.len = 0;
	if (!callers_expand_final(l->symbols, l->minor, &l->stack))
		return false;
	for (size_t i = 0, taken; i < l->stack.pcs.len; i += taken) {
		taken = step(l, l->stack.pcs.at + i, l->stack.pcs.len - i);
		if (!taken)
			return false;
	}
	return flush_deck(l);
}

/* locForPC, up to Go 1.13: each address has a location of its own. */
static bool walk_pcs(struct locations *l)
{
	for (size_t i = 0; i < l->stack.pcs.len; i++) {
		uint64_t pc = l->stack.pcs.at[i];
		uint64_t known = known_at(l, pc);
		uint32_t index = known ? (uint32_t)known - 1 : 0;
		if (!known) {
			struct caller caller = caller_at(l->symbols, pc);
			if (is_goexit(&caller))
				continue;
			l->deck.len = 0;
			if (!push_deck(l, pc, &caller, has_failed(&caller)) || !add_location(l))
				return false;
			index = (uint32_t)l->all.len - 1;
		}
		if (!vec_push(&l->found, index))
			return false;
	}
	return true;
}

bool locations_of_stack(struct locations *l, const uint64_t *pcs, size_t n, const uint32_t **ret,
			uint32_t *count_ret)
{
	l->found.len = 0;
	l->stack.pcs.len = 0;
	if (!l->hints)
		l->hints = arena_calloc(l->arena, HINTS, sizeof(*l->hints));
	if (!l->hints || !vec_reserve(&l->stack.pcs, n + 1))
		return false;
	if (n)
		memcpy(l->stack.pcs.at, pcs, n * sizeof(*pcs));
	l->stack.pcs.len = n;
	bool ok = l->minor >= DECK_SINCE ? walk_deck(l) : walk_pcs(l);
	uint32_t *locations =
		ok ? arena_calloc(l->arena, l->found.len + 1, sizeof(*locations)) : NULL;
	if (locations && l->found.len)
		memcpy(locations, l->found.at, l->found.len * sizeof(*locations));
	*ret = locations;
	*count_ret = (uint32_t)l->found.len;
	return locations != NULL;
}

bool locations_add_named(struct locations *l, const char *name, uint32_t *ret)
{
	static const struct caller nowhere = {0};
	struct gospy_profile_line *line = arena_calloc(l->arena, 1, sizeof(*line));
	const struct gospy_profile_location location = {.line_count = 1, .lines = line};
	if (!line || !find_function(l, name, &nowhere, &line->function) ||
	    !vec_push(&l->all, location) || !vec_push(&l->keys, ((struct location_key){0})))
		return false;
	*ret = (uint32_t)l->all.len - 1;
	return true;
}

void locations_end(struct locations *l)
{
	for (size_t i = 0; i < l->mappings.len; i++)
		l->mappings.at[i].has_functions = l->looked_up.at[i] == LOOKUP_TRIED;
}
