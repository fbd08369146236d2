#include "capture/collect_label.h"

enum {
	LABEL_SETS_MAX = 1 << 16, /* different sets; further ones are not read */
	/* What a set costs before anything is read of it: its places in the list and in the map. */
	SET_BYTES = sizeof(struct label_set) + 64,
};

/* Note each different set; those that do not fit have no place. */
static bool list_sets(struct passes *p)
{
	struct capture *c = p->capture;
	for (size_t i = 0; i < c->count; i++) {
		const struct g_rec *rec = &c->recs[i];
		if (!rec->labels || rec->soundness == GOSPY_SOUND_UNREADABLE ||
		    map_get(&c->label_index, rec->labels))
			continue;
		if (c->label_sets.len == LABEL_SETS_MAX || !budget_take(&p->budget, SET_BYTES))
			return true;
		uint64_t *slot = map_put(&c->label_index, rec->labels);
		if (!slot || !vec_push(&c->label_sets, ((struct label_set){0})))
			return false;
		*slot = c->label_sets.len;
	}
	return true;
}

static enum gospy_code read_sets(struct passes *p, struct gospy_error *err)
{
	struct capture *c = p->capture;
	const struct map *index = &c->label_index;
	const struct label_reader reader = {p->image, &p->budget, &c->label_arena};
	VEC(uint64_t) addrs = {0};
	VEC(struct label_set *) sets = {0};
	bool ok = true;
	for (size_t i = 0; i < index->cap && ok; i++) {
		const struct map_entry *entry = &index->entries[i];
		if (entry->used)
			ok = vec_push(&addrs, entry->key) &&
			     vec_push(&sets, &c->label_sets.at[entry->value - 1]);
	}
	enum gospy_code code =
		ok ? label_sets_read(&reader, addrs.at, sets.at, addrs.len, err) : err_nomem(err);
	vec_free(&addrs);
	vec_free(&sets);
	return code;
}

enum gospy_code collect_labels(struct passes *p, struct gospy_error *err)
{
	struct capture *c = p->capture;
	const struct image *image = p->image;
	struct field field = image->layout.g.labels;
	if (field.size != sizeof(uint64_t))
		return GOSPY_OK;
	enum gospy_code code = list_sets(p) ? read_sets(p, err) : err_nomem(err);
	if (code)
		return code;
	for (size_t i = 0; i < c->count; i++) {
		struct g_rec *rec = &c->recs[i];
		uint64_t now;
		if (!rec->labels || rec->soundness == GOSPY_SOUND_UNREADABLE)
			continue;
		const uint64_t *set = map_get(&c->label_index, rec->labels);
		// A goroutine that runs on may have other labels by now, and the memory of these
		// may be in use for something else. The others are verified to stand still.
		bool moves = c->exact || rec->flags & G_ACTIVE || p->options->non_blocking;
		if (moves && (mem_read_u64(image->mem, rec->addr + field.off, &now, err) ||
			      now != rec->labels))
			continue;
		if (set && c->label_sets.at[*set - 1].known)
			rec->label_set = (uint32_t)*set;
		else
			c->missing.labels++;
	}
	return GOSPY_OK;
}
