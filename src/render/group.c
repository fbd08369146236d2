#include "render/group.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"

void groups_deinit(struct groups *groups)
{
	vec_free(&groups->groups);
	free(groups->group_of);
	*groups = (struct groups){0};
}

static const uint64_t hash_seed = UINT64_C(0xcbf29ce484222325);

static uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t len)
{
	// FNV-1a, 64 bits
	const uint8_t *p = bytes;
	for (size_t i = 0; i < len; i++)
		hash = (hash ^ p[i]) * 0x100000001b3u;
	return hash;
}

static uint64_t hash_text(uint64_t hash, const char *s)
{
	return hash_bytes(hash, s, strlen(s) + 1);
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
	return class->wait_reason ? class->wait_reason : select_state_name(class->status);
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
	const uint64_t parts[] = {class->extra_kind, class->object_kind, class->extra};
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
	static const char *const kinds[] = {
		[GOSPY_OBJECT_NONE] = "?",
		[GOSPY_OBJECT_CHANNEL] = "channel",
		[GOSPY_OBJECT_SEMAPHORE] = "semaphore",
		[GOSPY_OBJECT_NOTIFY_LIST] = "notify list",
	};
	if (key != GROUP_OBJECT && key != GROUP_LABEL)
		return;
	if (class->extra_kind == EXTRA_OTHERS)
		strbuf_puts(text, key == GROUP_OBJECT ? "(other objects)" : "(other labels)");
	else if (class->extra_kind == EXTRA_NONE)
		strbuf_puts(text, key == GROUP_OBJECT ? "(no object known)" : "(no labels)");
	else if (key == GROUP_LABEL)
		strbuf_puts(text, class->text);
	else
		strbuf_printf(text, "%s 0x%" PRIx64, kinds[class->object_kind], class->extra);
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
	if (class->longest_wait_ns != GOSPY_UNKNOWN &&
	    (group->longest_wait_ns == GOSPY_UNKNOWN ||
	     class->longest_wait_ns > group->longest_wait_ns))
		group->longest_wait_ns = class->longest_wait_ns;
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
		struct group group = {.id = id, .largest = class, .longest_wait_ns = GOSPY_UNKNOWN};
		if (!vec_push(&groups->groups, group))
			return false;
		*slot = groups->groups.len;
	}
	*ret = (uint32_t)(*slot - 1);
	add(&groups->groups.at[*ret], class);
	return true;
}

static int compare(const struct group *x, const struct group *y, enum group_key key)
{
	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	int order = select_compare_locations(group_location(x->largest, key),
					     group_location(y->largest, key));
	return order ? order : (x->id > y->id) - (x->id < y->id);
}

static int compare_groups(const void *a, const void *b, void *key)
{
	return compare(a, b, *(const enum group_key *)key);
}

/* Sort the groups, and tell the classes where theirs has gone. */
static bool sort_groups(struct groups *groups, struct map *by_id, const struct census *census)
{
	size_t n = groups->groups.len;
	CLEANUP_FREE uint64_t *ids = malloc((n + 1) * sizeof(*ids));
	if (!ids)
		return false;
	for (size_t i = 0; i < n; i++)
		ids[i] = groups->groups.at[i].id;
	if (n)
		qsort_r(groups->groups.at, n, sizeof(*groups->groups.at), compare_groups,
			&groups->key);
	for (size_t i = 0; i < n; i++)
		*map_get(by_id, groups->groups.at[i].id) = i;
	for (size_t i = 0; i < census->classes.len; i++)
		groups->group_of[i] = (uint32_t)*map_get(by_id, ids[groups->group_of[i]]);
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
		.group_of = malloc((n + 1) * sizeof(*groups->group_of)),
	};
	bool ok = groups->group_of;
	for (size_t i = 0; ok && i < n; i++)
		ok = place_class(groups, &by_id, &hasher, &census->classes.at[i],
				 &groups->group_of[i]);
	for (size_t i = 0; ok && i < n; i++)
		note_differences(&groups->groups.at[groups->group_of[i]], &census->classes.at[i],
				 key);
	if (ok && sort_groups(groups, &by_id, census))
		return GOSPY_OK;
	groups_deinit(groups);
	return err_nomem(err);
}
