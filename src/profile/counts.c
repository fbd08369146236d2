#include "profile/counts.h"

#include <inttypes.h>
#include <string.h>

#include "base/arena.h"
#include "base/hash.h"
#include "base/label_text.h"

void counts_deinit(struct counts *counts)
{
	vec_free(&counts->groups);
	vec_free(&counts->pcs);
	map_deinit(&counts->by_hash);
	strbuf_deinit(&counts->key);
}

static bool make_key(struct counts *c, const uint64_t *pcs, size_t n, bool has_labels,
		     const struct gospy_label *labels, size_t label_count)
{
	strbuf_clear(&c->key);
	strbuf_putc(&c->key, '@');
	for (size_t i = 0; i < n; i++)
		strbuf_printf(&c->key, " 0x%" PRIx64, pcs[i]);
	if (has_labels)
		strbuf_puts(&c->key, "\n# labels: ");
	return (!has_labels || label_text_add(&c->key, labels, label_count)) && !c->key.failed;
}

static const struct gospy_label *copy_labels(struct arena *arena, const struct gospy_label *labels,
					     size_t n)
{
	struct gospy_label *copies = arena_calloc(arena, n + 1, sizeof(*copies));
	for (size_t i = 0; copies && i < n; i++) {
		copies[i].key = arena_strdup(arena, labels[i].key);
		copies[i].value = arena_strdup(arena, labels[i].value);
		if (!copies[i].key || !copies[i].value)
			return NULL;
	}
	return copies;
}

bool counts_add(struct counts *c, const uint64_t *pcs, size_t n, bool has_labels,
		const struct gospy_label *labels, size_t label_count, uint64_t *group_ret)
{
	if (!make_key(c, pcs, n, has_labels, labels, label_count))
		return false;
	uint64_t *head = map_put(&c->by_hash, hash_bytes(0, c->key.s, c->key.len));
	if (!head)
		return false;
	for (uint64_t i = *head; i; i = c->groups.at[i - 1].same_hash) {
		if (strcmp(c->groups.at[i - 1].key, c->key.s) == 0) {
			c->groups.at[i - 1].count++;
			*group_ret = i - 1;
			return true;
		}
	}
	struct count_group group = {
		.key = arena_strdup(c->arena, c->key.s),
		.count = 1,
		.first_pc = c->pcs.len,
		.pc_count = n,
		.labels = copy_labels(c->arena, labels, label_count),
		.label_count = label_count,
		.has_labels = has_labels,
		.same_hash = (uint32_t)*head,
	};
	if (!group.key || !group.labels || !vec_reserve(&c->pcs, c->pcs.len + n + 1) ||
	    !vec_push(&c->groups, group))
		return false;
	if (n)
		memcpy(c->pcs.at + c->pcs.len, pcs, n * sizeof(*pcs));
	c->pcs.len += n;
	*head = c->groups.len;
	*group_ret = c->groups.len - 1;
	return true;
}

static int compare_groups(const void *a, const void *b)
{
	const struct count_group *x = a, *y = b;
	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return strcmp(x->key, y->key);
}

void counts_sort(struct counts *c)
{
	if (c->groups.len)
		qsort(c->groups.at, c->groups.len, sizeof(*c->groups.at), compare_groups);
}
