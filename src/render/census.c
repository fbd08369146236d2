#include "render/census.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/hash.h"
#include "render/wait.h"

static const char *const key_names[GROUP_KEYS] = {
	[GROUP_START] = "start",     [GROUP_CREATOR] = "creator", [GROUP_USER] = "user",
	[GROUP_CURRENT] = "current", [GROUP_STACK] = "stack",     [GROUP_STATE] = "state",
	[GROUP_OBJECT] = "object",   [GROUP_LABEL] = "label",
};

const char *group_key_name(enum group_key key)
{
	return key_names[key];
}

const char *group_key_text(enum group_key key)
{
	switch (key) {
	case GROUP_START:
		return "start";
	case GROUP_CREATOR:
		return "creator";
	case GROUP_USER:
		return "user frame";
	case GROUP_CURRENT:
		return "current place";
	case GROUP_STACK:
		return "whole stack";
	case GROUP_STATE:
		return "state";
	case GROUP_OBJECT:
		return "wait object";
	case GROUP_LABEL:
		return "label";
	case GROUP_KEYS:
		break;
	}
	return "?";
}

void group_key_needs(enum group_key key, struct gospy_snapshot_options *options)
{
	options->stacks |= key == GROUP_USER || key == GROUP_CURRENT || key == GROUP_STACK;
	options->objects |= key == GROUP_OBJECT;
	options->sockets |= key == GROUP_OBJECT;
	options->labels |= key == GROUP_LABEL;
}

bool census_answers(const struct census *census, enum group_key key)
{
	switch (key) {
	case GROUP_START:
	case GROUP_CREATOR:
	case GROUP_STATE:
		return true;
	case GROUP_USER:
	case GROUP_CURRENT:
		return census->has_stacks;
	case GROUP_STACK:
	case GROUP_OBJECT:
	case GROUP_LABEL:
	case GROUP_KEYS:
		break;
	}
	return census->key == key;
}

struct counter {
	struct census *census;
	enum group_key key;
	struct map by_hash;  /* hash_class() -> 1 + index of the class */
	uint32_t recent[16]; /* 1 + class, by recent_slot(): neighbours are often alike */
	struct map by_label; /* label_list -> 1 + index in label_texts */
	VEC(struct label_text) label_texts;
	struct map places; /* gospy_goroutine.user, .call -> copy */
};

struct label_text {
	uint64_t hash;
	const char *text;
};

static void counter_deinit(struct counter *counter)
{
	map_deinit(&counter->by_hash);
	map_deinit(&counter->by_label);
	map_deinit(&counter->places);
	vec_free(&counter->label_texts);
}

static uint64_t mix_pointer(uint64_t hash, const void *p)
{
	return hash_mix(hash, (uint64_t)(uintptr_t)p);
}

static uint64_t hash_class(const struct census_class *c)
{
	uint64_t hash = mix_pointer((uint64_t)c->status, c->start);
	hash = mix_pointer(hash, c->creator);
	hash = mix_pointer(hash, c->current);
	hash = mix_pointer(hash, c->user);
	hash = mix_pointer(hash, c->wait_reason);
	hash = hash_mix(hash, (uint64_t)c->unreadable << 12 | (uint64_t)c->wait_kind << 4 |
				      (uint64_t)c->extra_kind);
	return hash_mix(hash, c->extra);
}

static bool same_class(const struct census_class *a, const struct census_class *b)
{
	return a->start == b->start && a->current == b->current && a->creator == b->creator &&
	       a->user == b->user && a->wait_reason == b->wait_reason && a->status == b->status &&
	       a->unreadable == b->unreadable && a->extra_kind == b->extra_kind &&
	       a->wait_kind == b->wait_kind && a->extra == b->extra;
}

/* "key=value, key=value" of a set that was not met before. */
static bool add_label_text(struct counter *counter, const struct gospy_goroutine *g)
{
	enum {
		TEXT_MAX = 16 << 10
	}; // enough to be shown: a set may have 128 KiB, and is kept for long
	CLEANUP(strbuf_deinit) struct strbuf b = {0};
	for (size_t i = 0; i < g->label_count; i++)
		strbuf_printf(&b, "%s%s=%s", i ? ", " : "", g->label_list[i].key,
			      g->label_list[i].value);
	struct label_text text = {.hash = hash_bytes(0, b.s, b.len)};
	if (b.len > TEXT_MAX) {
		b.len = TEXT_MAX;
		strbuf_puts(&b, " ...");
	}
	text.text = b.failed ? NULL : arena_strndup(&counter->census->arena, b.s, b.len);
	return text.text && vec_push(&counter->label_texts, text);
}

static bool set_label(struct counter *counter, const struct gospy_goroutine *g,
		      struct census_class *c)
{
	if (!g->label_count)
		return true;
	uint64_t *slot = map_put(&counter->by_label, (uint64_t)(uintptr_t)g->label_list);
	if (!slot || (!*slot && !add_label_text(counter, g)))
		return false;
	if (!*slot)
		*slot = counter->label_texts.len;
	c->extra_kind = EXTRA_KNOWN;
	c->extra = counter->label_texts.at[*slot - 1].hash;
	c->text = counter->label_texts.at[*slot - 1].text;
	return true;
}

static bool set_extra(struct counter *counter, const struct gospy_goroutine *g,
		      struct census_class *c)
{
	switch (counter->key) {
	case GROUP_STACK:
		c->extra = g->stack_hash;
		c->extra_kind = g->stack_hash ? EXTRA_KNOWN : EXTRA_NONE;
		return true;
	case GROUP_OBJECT:
		c->wait_kind = g->wait_kind;
		c->extra_kind = wait_kind_name(g->wait_kind) ? EXTRA_KNOWN : EXTRA_NONE;
		c->extra = c->extra_kind == EXTRA_KNOWN ? wait_id(g) : 0;
		return true;
	case GROUP_LABEL:
		return set_label(counter, g, c);
	case GROUP_START:
	case GROUP_CREATOR:
	case GROUP_USER:
	case GROUP_CURRENT:
	case GROUP_STATE:
	case GROUP_KEYS:
		break;
	}
	return true;
}

/* Such places belong to the snapshot, which the census may outlive. */
static bool copy_place(struct counter *counter, const struct gospy_location *place,
		       const struct gospy_location **ret)
{
	if (!place)
		return true;
	uint64_t *copy = map_put(&counter->places, (uint64_t)(uintptr_t)place);
	if (copy && !*copy) {
		struct gospy_location *own = arena_alloc(&counter->census->arena, sizeof(*own));
		if (own)
			*own = *place;
		*copy = (uint64_t)(uintptr_t)own;
	}
	*ret = copy ? (const struct gospy_location *)(uintptr_t)*copy : NULL;
	return *ret;
}

static bool describe(struct counter *counter, const struct gospy_goroutine *g,
		     struct census_class *c)
{
	*c = (struct census_class){.longest_wait_ns = GOSPY_UNKNOWN,
				   .longest_still_ns = GOSPY_UNKNOWN};
	if (g->soundness == GOSPY_SOUND_UNREADABLE) {
		c->unreadable = true;
		return true;
	}
	c->start = g->start;
	c->creator = g->creator;
	c->current = g->current;
	c->wait_reason = g->wait_reason;
	c->status = g->status;
	return copy_place(counter, g->user, &c->user) &&
	       copy_place(counter, g->call, &c->current) && set_extra(counter, g, c);
}

/* 1 + index; 0: there is none; `*slot_ret` is where it belongs, NULL: out of memory. */
static uint32_t look_up(struct counter *counter, const struct census_class *c, uint64_t **slot_ret)
{
	for (uint64_t hash = hash_class(c);; hash = hash_mix(hash, 1)) {
		uint64_t *slot = map_put(&counter->by_hash, hash);
		*slot_ret = slot;
		if (!slot || !*slot)
			return 0;
		if (same_class(&counter->census->classes.at[*slot - 1], c))
			return (uint32_t)*slot;
	}
}

/* There are too many classes. Give up telling apart by the key first, and by everything if there
 * still are too many. */
static void make_common(struct census_class *c, size_t classes)
{
	if (classes >= 2 * CENSUS_CLASSES_MAX) {
		*c = (struct census_class){.longest_wait_ns = GOSPY_UNKNOWN,
					   .longest_still_ns = GOSPY_UNKNOWN};
	} else {
		c->extra = 0;
		c->text = NULL;
		c->wait_kind = GOSPY_WAIT_NONE;
	}
	c->extra_kind = EXTRA_OTHERS;
}

/* The name of the object, which the first one of a class tells for all. */
static bool set_object_text(struct counter *counter, const struct gospy_goroutine *g,
			    struct census_class *c)
{
	CLEANUP(strbuf_deinit) struct strbuf b = {0};
	if (counter->key != GROUP_OBJECT || c->extra_kind != EXTRA_KNOWN)
		return true;
	wait_name(g, &b);
	c->text = b.failed ? NULL : arena_strndup(&counter->census->arena, b.s, b.len);
	return c->text;
}

/* 1 + index of its class; 0: out of memory. */
static uint32_t find_class(struct counter *counter, const struct gospy_goroutine *g,
			   struct census_class *c, uint32_t index)
{
	struct census *census = counter->census;
	uint64_t *slot;
	uint32_t found = look_up(counter, c, &slot);
	bool full = (c->extra_kind == EXTRA_KNOWN && census->classes.len >= CENSUS_CLASSES_MAX) ||
		    census->classes.len >= 2 * CENSUS_CLASSES_MAX;
	if (!found && slot && full) {
		make_common(c, census->classes.len);
		found = look_up(counter, c, &slot);
	}
	if (found || !slot)
		return found;
	c->example = index;
	if (!set_object_text(counter, g, c) || !vec_push(&census->classes, *c))
		return 0;
	*slot = census->classes.len;
	return (uint32_t)*slot;
}

/* A hash of what most classes differ in, cheaper than hash_class(). */
static size_t recent_slot(const struct census_class *c)
{
	enum { BITS = 4 };
	uint64_t key = (uint64_t)(uintptr_t)c->start ^ (uint64_t)(uintptr_t)c->current << 1;
	return (size_t)(key * UINT64_C(0x9e3779b97f4a7c15) >> (64 - BITS));
}

static bool count(struct counter *counter, const struct gospy_goroutine *g, uint32_t index)
{
	struct census *census = counter->census;
	struct census_class wanted;
	if (!describe(counter, g, &wanted))
		return false;
	uint32_t *recent = &counter->recent[recent_slot(&wanted)];
	if (!*recent || !same_class(&census->classes.at[*recent - 1], &wanted))
		*recent = find_class(counter, g, &wanted, index);
	if (!*recent)
		return false;
	struct census_class *c = &census->classes.at[*recent - 1];
	c->count++;
	if (g->wait_ns != GOSPY_UNKNOWN &&
	    (c->longest_wait_ns == GOSPY_UNKNOWN || g->wait_ns > c->longest_wait_ns))
		c->longest_wait_ns = g->wait_ns;
	c->wait_at_least |= g->wait_at_least;
	uint64_t still_ns = census_still_ns(census, index);
	if (still_ns != GOSPY_UNKNOWN &&
	    (c->longest_still_ns == GOSPY_UNKNOWN || still_ns > c->longest_still_ns))
		c->longest_still_ns = still_ns;
	census->class_of[index] = *recent - 1;
	census->goroutines++;
	return true;
}

static enum gospy_code
count_all(struct census *census, struct still *still,
	  bool (*wanted)(void *ctx, const struct gospy_goroutine *g, size_t index), void *ctx,
	  enum group_key key, struct gospy_snapshot *snapshot, struct gospy_error *err)
{
	CLEANUP(counter_deinit) struct counter counter = {.census = census, .key = key};
	size_t n = gospy_snapshot_goroutine_count(snapshot);
	*census = (struct census){
		.goroutine_count = n,
		.key = key,
		.has_stacks = gospy_snapshot_info(snapshot)->stacks,
		.class_of = malloc((n + 1) * sizeof(*census->class_of)),
		.still_ns = still ? malloc((n + 1) * sizeof(*census->still_ns)) : NULL,
	};
	bool ok = census->class_of && (!still || census->still_ns);
	for (size_t i = 0; ok && i < n; i++) {
		struct gospy_goroutine g;
		gospy_snapshot_goroutine(snapshot, i, &g);
		census->class_of[i] = CENSUS_NOT_COUNTED;
		if (still)
			census->still_ns[i] = still_note(still, &g, i);
		if (wanted(ctx, &g, i))
			ok = count(&counter, &g, (uint32_t)i);
	}
	if (ok)
		return GOSPY_OK;
	census_deinit(census);
	return err_nomem(err);
}

enum gospy_code census_take_where(struct census *census,
				  bool (*wanted)(void *ctx, const struct gospy_goroutine *g,
						 size_t index),
				  void *ctx, enum group_key key, struct gospy_snapshot *snapshot,
				  struct gospy_error *err)
{
	return count_all(census, NULL, wanted, ctx, key, snapshot, err);
}

static bool is_selected(void *ctx, const struct gospy_goroutine *g, size_t index)
{
	return select_match(ctx, g, index);
}

enum gospy_code census_take_still(struct census *census, struct select *select, struct still *still,
				  enum group_key key, struct gospy_snapshot *snapshot,
				  struct gospy_error *err)
{
	return count_all(census, still, is_selected, select, key, snapshot, err);
}

enum gospy_code census_take(struct census *census, struct select *select, enum group_key key,
			    struct gospy_snapshot *snapshot, struct gospy_error *err)
{
	return count_all(census, NULL, is_selected, select, key, snapshot, err);
}

void census_deinit(struct census *census)
{
	vec_free(&census->classes);
	free(census->class_of);
	free(census->still_ns);
	arena_deinit(&census->arena);
	*census = (struct census){0};
}
