#include "render/label.h"

#include <stdlib.h>
#include <string.h>

static bool has_label(const struct label_filter *filter, const struct gospy_goroutine *g)
{
	for (size_t i = 0; i < g->label_count; i++) {
		const struct gospy_label *label = &g->label_list[i];
		if (strncmp(label->key, filter->key, filter->key_len) == 0 &&
		    !label->key[filter->key_len] &&
		    (!filter->value || strcmp(label->value, filter->value) == 0))
			return true;
	}
	return false;
}

bool label_match(const struct label_filter *filters, size_t n, const struct gospy_goroutine *g)
{
	for (size_t i = 0; i < n; i++) {
		if (!has_label(&filters[i], g))
			return false;
	}
	return true;
}

void label_json(struct json *json, const struct gospy_goroutine *g)
{
	if (!g->label_count)
		return;
	json_array(json, "labels");
	for (size_t i = 0; i < g->label_count; i++) {
		json_object(json, NULL);
		json_str(json, "key", g->label_list[i].key);
		json_str(json, "value", g->label_list[i].value);
		json_object_end(json);
	}
	json_array_end(json);
}

void label_tally_deinit(struct label_tally *tally)
{
	vec_free(&tally->sets);
	map_deinit(&tally->by_set);
}

bool label_tally_add(struct label_tally *tally, const struct gospy_goroutine *g)
{
	tally->goroutines++;
	if (!g->label_count)
		return true;
	uint64_t *slot = map_put(&tally->by_set, (uint64_t)(uintptr_t)g->label_list);
	if (!slot)
		return false;
	if (!*slot) {
		struct label_members set = {.list = g->label_list, .len = g->label_count};
		if (!vec_push(&tally->sets, set))
			return false;
		*slot = tally->sets.len;
	}
	tally->sets.at[*slot - 1].goroutines++;
	return true;
}

static int compare_labels(const void *a, const void *b)
{
	const struct label_count *x = a, *y = b;
	int order = strcmp(x->key, y->key);
	return order ? order : strcmp(x->value, y->value);
}

static int compare_counts(const void *a, const void *b)
{
	const struct label_count *x = a, *y = b;
	if (x->goroutines != y->goroutines)
		return x->goroutines < y->goroutines ? 1 : -1;
	return compare_labels(a, b);
}

static void merge_same(label_counts *counts)
{
	size_t n = 0;
	for (size_t i = 0; i < counts->len; i++) {
		if (n && compare_labels(&counts->at[n - 1], &counts->at[i]) == 0)
			counts->at[n - 1].goroutines += counts->at[i].goroutines;
		else
			counts->at[n++] = counts->at[i];
	}
	counts->len = n;
}

bool label_tally_counts(const struct label_tally *tally, label_counts *ret)
{
	label_counts counts = {0};
	for (size_t i = 0; i < tally->sets.len; i++) {
		const struct label_members *set = &tally->sets.at[i];
		for (size_t k = 0; k < set->len; k++) {
			struct label_count count = {set->list[k].key, set->list[k].value,
						    set->goroutines};
			if (!vec_push(&counts, count)) {
				vec_free(&counts);
				return false;
			}
		}
	}
	if (counts.len) {
		qsort(counts.at, counts.len, sizeof(*counts.at), compare_labels);
		merge_same(&counts);
		qsort(counts.at, counts.len, sizeof(*counts.at), compare_counts);
	}
	*ret = counts;
	return true;
}
