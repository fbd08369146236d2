#include "render/group.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/status_name.h"

void groups_deinit(struct groups *groups)
{
	vec_free(&groups->groups);
	free(groups->group_of);
	*groups = (struct groups){0};
}

static const uint64_t hash_seed = 1;

static uint64_t hash_text(uint64_t hash, const char *s)
{
	return hash_bytes(hash, s, strlen(s));
}

static uint64_t hash_place(const struct gospy_location *loc)
{
	if (!loc)
		return hash_seed;
	if (!loc->func)
		return hash_bytes(hash_seed, &loc->pc, sizeof(loc->pc));
	uint64_t hash = hash_text(hash_seed, loc->func);
	if (loc->file)
		hash = hash_text(hash, loc->file);
	return hash_bytes(hash, &loc->line, sizeof(loc->line));
}

const char *class_state(const struct census_class *class)
{
	if (class->unreadable)
		return "unreadable";
	return class->wait_reason ? class->wait_reason : status_name(class->status);
}

/* The place that is the key; NULL also if the key is none. */
static const struct gospy_location *key_place(const struct census_class *class, enum group_key key)
{
	switch (key) {
	case GROUP_START:
		return class->start;
	case GROUP_CREATOR:
		return class->creator;
	case GROUP_USER:
		return class->user;
	case GROUP_CURRENT:
		return class->current;
	case GROUP_STACK:
	case GROUP_STATE:
	case GROUP_OBJECT:
	case GROUP_LABEL:
	case GROUP_KEYS:
		break;
	}
	return NULL;
}

uint64_t group_id(const struct census_class *class, enum group_key key)
{
	switch (key) {
	case GROUP_START:
	case GROUP_CREATOR:
	case GROUP_USER:
	case GROUP_CURRENT:
		return hash_place(key_place(class, key));
	case GROUP_STATE:
		return hash_text(hash_seed, class_state(class));
	case GROUP_STACK:
	case GROUP_OBJECT:
	case GROUP_LABEL:
	case GROUP_KEYS:
		break;
	}
	const uint64_t parts[] = {class->extra_kind, class->wait_kind, class->extra};
	return hash_bytes(hash_seed, parts, sizeof(parts));
}

const struct gospy_location *group_location(const struct census_class *class, enum group_key key)
{
	if (key <= GROUP_CURRENT)
		return key_place(class, key);
	return class->user ? class->user : class->current;
}

void group_title(const struct census_class *class, enum group_key key, struct strbuf *text)
{
	if (key != GROUP_OBJECT && key != GROUP_LABEL)
		return;
	if (class->extra_kind == EXTRA_OTHERS)
		strbuf_puts(text, key == GROUP_OBJECT ? "(other objects)" : "(other labels)");
	else if (class->extra_kind == EXTRA_NONE)
		strbuf_puts(text, key == GROUP_OBJECT ? "(no object known)" : "(no labels)");
	else
		strbuf_puts(text, class->text);
}

/* Hashing names is slow, and thousands of classes share some dozens of places. */
struct hasher {
	enum group_key key;
	struct map places; /* location -> id */
};

static void hasher_deinit(struct hasher *hasher)
{
	map_deinit(&hasher->places);
}

static bool hasher_id(struct hasher *hasher, const struct census_class *class, uint64_t *ret)
{
	const struct gospy_location *place = key_place(class, hasher->key);
	if (!place) {
		*ret = group_id(class, hasher->key);
		return true;
	}
	uint64_t *id = map_put(&hasher->places, (uint64_t)(uintptr_t)place);
	if (!id)
		return false;
	if (!*id)
		*id = group_id(class, hasher->key);
	*ret = *id;
	return true;
}

static void add(struct group *group, const struct census_class *class)
{
	group->count += class->count;
	if (class->unreadable)
		group->unreadable += class->count;
	else if ((unsigned)class->status < SELECT_STATES)
		group->states[class->status] += class->count;
	group->longest_wait_ns = select_longer(group->longest_wait_ns, class->longest_wait_ns);
	group->longest_still_ns = select_longer(group->longest_still_ns, class->longest_still_ns);
	group->wait_at_least |= class->wait_at_least;
	if (class->count > group->largest->count)
		group->largest = class;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

static bool same_place(const struct gospy_location *a, const struct gospy_location *b)
{
	if (a == b || !a || !b)
		return a == b;
	if (!a->func || !b->func)
		return a->func == b->func && a->pc == b->pc;
	return a->line == b->line && same_text(a->func, b->func) && same_text(a->file, b->file);
}

static void note_differences(struct group *group, const struct census_class *class,
			     enum group_key key)
{
	const struct census_class *largest = group->largest;
	group->states_differ |= !same_text(class_state(class), class_state(largest));
	enum group_key shown = key == GROUP_CREATOR ? GROUP_START : key;
	group->locations_differ |=
		!same_place(group_location(class, shown), group_location(largest, shown));
	group->creators_differ |= !same_place(class->creator, largest->creator);
	group->users_differ |= !same_place(class->user, largest->user);
}

/* Index of the class's group, made if there is none. */
static bool place_class(struct groups *groups, struct map *by_id, struct hasher *hasher,
			const struct census_class *class, uint32_t *ret)
{
	uint64_t id;
	if (!hasher_id(hasher, class, &id))
		return false;
	uint64_t *slot = map_put(by_id, id);
	if (!slot)
		return false;
	if (!*slot) {
		struct group group = {.id = id,
				      .largest = class,
				      .longest_wait_ns = GOSPY_UNKNOWN,
				      .longest_still_ns = GOSPY_UNKNOWN};
		if (!vec_push(&groups->groups, group))
			return false;
		*slot = groups->groups.len;
	}
	*ret = (uint32_t)(*slot - 1);
	add(&groups->groups.at[*ret], class);
	return true;
}

struct order {
	enum group_key key;
	enum select_sort sort;
};

static int compare_places(const struct group *x, const struct group *y, enum group_key key)
{
	return select_compare_locations(group_location(x->largest, key),
					group_location(y->largest, key));
}

static int compare_by(const struct group *x, const struct group *y, const struct order *by)
{
	switch (by->sort) {
	case SELECT_SORT_WAIT:
		return select_compare_waits(x->longest_wait_ns, y->longest_wait_ns);
	case SELECT_SORT_STATE:
		return strcmp(class_state(x->largest), class_state(y->largest));
	case SELECT_SORT_LOCATION:
		return compare_places(x, y, by->key);
	case SELECT_SORT_GOID:
		break;
	}
	return 0;
}

static int compare_groups(const void *a, const void *b, void *ctx)
{
	const struct group *x = a, *y = b;
	const struct order *by = ctx;
	int order = compare_by(x, y, by);
	if (order)
		return order;
	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	order = compare_places(x, y, by->key);
	return order ? order : (x->id > y->id) - (x->id < y->id);
}

/* Sort the groups, and tell the classes where theirs has gone. */
static bool sort_groups(struct groups *groups, const struct census *census, enum select_sort sort)
{
	struct order order = {groups->key, sort};
	CLEANUP(map_deinit) struct map by_id = {0};
	size_t n = groups->groups.len;
	CLEANUP_FREE uint64_t *ids = malloc((n + 1) * sizeof(*ids));
	if (!ids)
		return false;
	for (size_t i = 0; i < n; i++)
		ids[i] = groups->groups.at[i].id;
	if (n)
		qsort_r(groups->groups.at, n, sizeof(*groups->groups.at), compare_groups, &order);
	for (size_t i = 0; i < n; i++) {
		uint64_t *place = map_put(&by_id, groups->groups.at[i].id);
		if (!place)
			return false;
		*place = i;
	}
	for (size_t i = 0; i < census->classes.len; i++)
		groups->group_of[i] = (uint32_t)*map_get(&by_id, ids[groups->group_of[i]]);
	return true;
}

enum gospy_code groups_collect(struct groups *groups, const struct census *census,
			       enum group_key key, struct gospy_error *err)
{
	CLEANUP(map_deinit) struct map by_id = {0};
	CLEANUP(hasher_deinit) struct hasher hasher = {.key = key};
	size_t n = census->classes.len;
	*groups = (struct groups){
		.key = key,
		.goroutines = census->goroutines,
		.has_stacks = census->has_stacks,
		.group_of = malloc((n + 1) * sizeof(*groups->group_of)),
	};
	bool ok = groups->group_of;
	for (size_t i = 0; ok && i < n; i++)
		ok = place_class(groups, &by_id, &hasher, &census->classes.at[i],
				 &groups->group_of[i]);
	for (size_t i = 0; ok && i < n; i++)
		note_differences(&groups->groups.at[groups->group_of[i]], &census->classes.at[i],
				 key);
	if (ok && sort_groups(groups, census, SELECT_SORT_GOID))
		return GOSPY_OK;
	groups_deinit(groups);
	return err_nomem(err);
}

enum gospy_code groups_sort(struct groups *groups, const struct census *census,
			    enum select_sort sort, struct gospy_error *err)
{
	return sort_groups(groups, census, sort) ? GOSPY_OK : err_nomem(err);
}

static int compare_names(const void *a, const void *b)
{
	const struct group_state *x = a, *y = b;
	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	int order = strcmp(x->state, y->state);
	if (!order)
		order = x->waits - y->waits;
	return order ? order : x->leaked - y->leaked;
}

static int compare_counts(const void *a, const void *b)
{
	const struct group_state *x = a, *y = b;
	if (x->group != y->group)
		return x->group < y->group ? -1 : 1;
	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return compare_names(a, b);
}

/* Add up what stands side by side and is the same. */
static void merge(group_states *states)
{
	size_t n = 0;
	for (size_t i = 0; i < states->len; i++) {
		if (n && compare_names(&states->at[n - 1], &states->at[i]) == 0)
			states->at[n - 1].count += states->at[i].count;
		else
			states->at[n++] = states->at[i];
	}
	states->len = n;
}

enum gospy_code groups_states(const struct groups *groups, const struct census *census,
			      group_states *ret, struct gospy_error *err)
{
	group_states states = {0};
	if (!vec_reserve(&states, census->classes.len + 1))
		return err_nomem(err);
	for (size_t i = 0; i < census->classes.len; i++) {
		const struct census_class *class = &census->classes.at[i];
		states.at[states.len++] = (struct group_state){
			.group = groups->group_of[i],
			.state = class_state(class),
			.waits = class->wait_reason,
			.leaked = class->status == GOSPY_STATUS_LEAKED,
			.count = class->count,
		};
	}
	qsort(states.at, states.len, sizeof(*states.at), compare_names);
	merge(&states);
	qsort(states.at, states.len, sizeof(*states.at), compare_counts);
	*ret = states;
	return GOSPY_OK;
}

const struct group_state *group_states_of(const group_states *states, size_t index, size_t *n_ret)
{
	size_t low = 0, high = states->len;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		if (states->at[middle].group < index)
			low = middle + 1;
		else
			high = middle;
	}
	size_t end = low;
	while (end < states->len && states->at[end].group == index)
		end++;
	*n_ret = end - low;
	return states->at + low;
}
