#include "capture/capture.h"

#include <string.h>

const struct g_rec *capture_g(const struct capture *c, uint64_t addr)
{
	size_t lo = 0, hi = c->sorted;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (c->recs[mid].addr < addr)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo < c->sorted && c->recs[lo].addr == addr)
		return &c->recs[lo];
	const uint64_t *newborn = map_get(&c->newborn, addr);
	return newborn ? &c->recs[*newborn] : NULL;
}

bool capture_index_ms(const struct capture *c, struct map *ret)
{
	for (size_t i = 0; i < c->sched.ms.len; i++) {
		const struct m_rec *m = &c->sched.ms.at[i];
		const struct g_rec *g = m->curg ? capture_g(c, m->curg) : NULL;
		// Lent to a thread of C code, and given back: src/runtime/proc.go:dropm, which up
		// to Go 1.20 leaves procid as it was.
		if (!m->tid || (g && grec_is_dead(g)))
			continue;
		uint64_t *at = map_put(ret, (uint64_t)m->tid);
		if (!at)
			return false;
		*at = i + 1;
	}
	return true;
}

const struct rare *capture_rare(const struct capture *c, const struct g_rec *rec)
{
	const uint64_t *at = map_get(&c->rare_index, (uint64_t)(rec - c->recs));
	return at ? &c->rares.at[*at - 1] : NULL;
}

const struct native_rec *capture_native(const struct capture *c, pid_t tid)
{
	const uint64_t *at = map_get(&c->native_index, (uint64_t)tid);
	return at ? &c->natives.at[*at - 1] : NULL;
}

void capture_forget_labels(struct capture *c)
{
	map_deinit(&c->label_index);
	vec_free(&c->label_sets);
	arena_deinit(&c->label_arena);
}

void capture_forget_rare(struct capture *c)
{
	map_deinit(&c->rare_index);
	vec_free(&c->rares);
	vec_free(&c->ancestors);
	vec_free(&c->ancestor_pcs);
}

void capture_deinit(struct capture *c)
{
	map_deinit(&c->newborn);
	vec_free(&c->chans);
	vec_free(&c->select_cases);
	vec_free(&c->semas);
	vec_free(&c->objects);
	vec_free(&c->holders);
	vec_free(&c->releasers);
	stacks_deinit(&c->stacks);
	store_unref(c->store);
	symbols_release(c->symbols);
	capture_forget_labels(c);
	capture_forget_rare(c);
	schedstate_deinit(&c->sched);
	tasks_deinit(&c->tasks);
	vec_free(&c->threads);
	vec_free(&c->natives);
	map_deinit(&c->native_index);
	arena_deinit(&c->native_arena);
	map_deinit(&c->start_entries);
	memset(c, 0, sizeof(*c));
}
