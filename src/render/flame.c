#include "render/flame.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "render/profile_stack.h"

static bool add_node(struct flame *flame, uint32_t parent, uint32_t name)
{
	if (!vec_reserve(&flame->nodes, flame->nodes.len + 1) ||
	    !vec_reserve(&flame->values, flame->values.len + flame->columns))
		return false;
	flame->nodes.at[flame->nodes.len++] = (struct flame_node){.name = name, .parent = parent};
	memset(flame->values.at + flame->values.len, 0, flame->columns * sizeof(*flame->values.at));
	flame->values.len += flame->columns;
	return true;
}

bool flame_init(struct flame *flame, size_t columns)
{
	*flame = (struct flame){.columns = columns};
	return add_node(flame, FLAME_ROOT, 0);
}

void flame_deinit(struct flame *flame)
{
	arena_deinit(&flame->arena);
	intern_deinit(&flame->names);
	vec_free(&flame->nodes);
	vec_free(&flame->values);
	map_deinit(&flame->by_call);
}

bool flame_name(struct flame *flame, const char *name, uint32_t *ret)
{
	size_t known = flame->names.all.len;
	if (!intern_put(&flame->names, name, ret))
		return false;
	if (flame->names.all.len == known)
		return true;
	const char *copy = arena_strdup(&flame->arena, name);
	// Without a copy the tree is not used any more, nor is the name.
	flame->names.all.at[*ret] = copy ? copy : "";
	return copy;
}

bool flame_call(struct flame *flame, uint32_t parent, uint32_t name, uint32_t *ret)
{
	uint64_t *node = map_put(&flame->by_call, (uint64_t)parent << 32 | name);
	if (!node || (!*node && flame->nodes.len >= UINT32_MAX))
		return false;
	if (!*node) {
		if (!add_node(flame, parent, name))
			return false;
		*node = flame->nodes.len - 1;
	}
	*ret = (uint32_t)*node;
	return true;
}

/* Sums of a hostile target may wrap. */
static void sum(int64_t *to, int64_t value)
{
	*to = (int64_t)((uint64_t)*to + (uint64_t)value);
}

void flame_add(struct flame *flame, uint32_t node, size_t column, int64_t value)
{
	sum(&flame->values.at[node * flame->columns + column].self, value);
}

/* ------------------------------------------------------------------------------ from a profile --
 */

struct adding {
	const struct gospy_profile *profile;
	profile_calls calls;
	VEC(uint32_t) names; /* of calls: 1 + number of the name; 0: not looked up yet */
	struct strbuf text;
};

static void adding_deinit(struct adding *adding)
{
	vec_free(&adding->calls);
	vec_free(&adding->names);
	strbuf_deinit(&adding->text);
}

static bool name_of(struct flame *flame, struct adding *adding, uint32_t call, uint32_t *ret)
{
	uint32_t *known = &adding->names.at[call];
	if (!*known) {
		strbuf_clear(&adding->text);
		profile_call_name(adding->profile, call, &adding->text);
		if (adding->text.failed ||
		    !flame_name(flame, adding->text.s ? adding->text.s : "", ret))
			return false;
		*known = *ret + 1;
	}
	*ret = *known - 1;
	return true;
}

static bool add_sample(struct flame *flame, struct adding *adding,
		       const struct gospy_profile_sample *sample, size_t first)
{
	uint32_t node = FLAME_ROOT, name;
	if (!profile_stack(adding->profile, sample, &adding->calls))
		return false;
	for (size_t i = 0; i < adding->calls.len; i++) {
		if (!name_of(flame, adding, adding->calls.at[i], &name) ||
		    !flame_call(flame, node, name, &node))
			return false;
	}
	for (size_t i = 0; i < adding->profile->type_count; i++)
		flame_add(flame, node, first + i, sample->values[i]);
	return true;
}

bool flame_add_profile(struct flame *flame, const struct gospy_profile *profile, size_t first)
{
	CLEANUP(adding_deinit) struct adding adding = {.profile = profile};
	size_t calls = profile_call_limit(profile);
	if (!vec_reserve(&adding.names, calls + 1))
		return false;
	memset(adding.names.at, 0, (calls + 1) * sizeof(*adding.names.at));
	for (size_t i = 0; i < profile->sample_count; i++) {
		if (!add_sample(flame, &adding, &profile->samples[i], first))
			return false;
	}
	return true;
}

/* ------------------------------------------------------------------------------------- callers --
 */

static bool has_caller(const struct flame *flame, uint32_t node, uint32_t name)
{
	while ((node = flame->nodes.at[node].parent) != FLAME_ROOT) {
		if (flame->nodes.at[node].name == name)
			return true;
	}
	return false;
}

/* The stacks through a node, from there outwards. */
static bool add_outwards(struct flame *to, const struct flame *from, uint32_t node)
{
	uint32_t call = FLAME_ROOT, name;
	const struct flame_value *values = flame_value(from, node, 0);
	for (; node != FLAME_ROOT; node = from->nodes.at[node].parent) {
		if (!flame_name(to, from->names.all.at[from->nodes.at[node].name], &name) ||
		    !flame_call(to, call, name, &call))
			return false;
	}
	for (size_t column = 0; column < to->columns; column++)
		flame_add(to, call, column, values[column].total);
	return true;
}

bool flame_add_callers(struct flame *to, const struct flame *from, uint32_t name, size_t *at,
		       size_t end)
{
	for (; *at < end; (*at)++) {
		uint32_t node = (uint32_t)*at;
		if (node != FLAME_ROOT && from->nodes.at[node].name == name &&
		    !has_caller(from, node, name) && !add_outwards(to, from, node))
			return false;
	}
	return true;
}

/* ------------------------------------------------------------------------------------- the end --
 */

static int compare(const void *a, const void *b, void *arg)
{
	const struct flame *flame = arg;
	const uint32_t *x = a, *y = b;
	return strcmp(flame->names.all.at[flame->nodes.at[*x].name],
		      flame->names.all.at[flame->nodes.at[*y].name]);
}

/* Children are before their parents from the end on. */
static void sum_up(struct flame *flame)
{
	for (size_t i = flame->nodes.len; i-- > 0;) {
		struct flame_value *of = &flame->values.at[i * flame->columns];
		struct flame_value *parent =
			&flame->values.at[flame->nodes.at[i].parent * flame->columns];
		for (size_t column = 0; column < flame->columns; column++) {
			sum(&of[column].total, of[column].self);
			if (i != FLAME_ROOT)
				sum(&parent[column].total, of[column].total);
		}
	}
}

bool flame_end(struct flame *flame)
{
	size_t n = flame->nodes.len;
	VEC(uint32_t) order = {0}, depths = {0};
	bool room = vec_reserve(&order, n) && vec_reserve(&depths, n);
	if (room) {
		sum_up(flame);
		for (uint32_t i = 1; i < n; i++)
			order.at[i - 1] = i;
		qsort_r(order.at, n - 1, sizeof(*order.at), compare, flame);
		// Each is put before its siblings that were already there.
		for (size_t i = n - 1; i-- > 0;) {
			struct flame_node *node = &flame->nodes.at[order.at[i]];
			struct flame_node *parent = &flame->nodes.at[node->parent];
			node->next = parent->child;
			parent->child = order.at[i];
		}
		depths.at[FLAME_ROOT] = 0;
		for (size_t i = 1; i < n; i++) {
			depths.at[i] = depths.at[flame->nodes.at[i].parent] + 1;
			if (depths.at[i] > flame->depth)
				flame->depth = depths.at[i];
		}
	}
	vec_free(&order);
	vec_free(&depths);
	return room;
}
