#include "capture/collect_sema.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

enum {
	ROOTS = 251, /* semTabSize */
	ROOT_STRIDE = 64,
	ROOT_TREAP = 8, /* behind the mutex, whose lockRank is empty but in debug builds */
	/* A treap of a million is some 50 deep. Beyond that are waiters of the same semaphore, one
	 * step each; those that come later stay unknown. */
	STEPS_MAX = 1 << 16,
	STOPPED_STEPS_MAX = 300,
	STOPPED_GS_MAX = 1024,
	WORDS_STEPS_MAX = 64, /* others that wait at the same word come behind one another */
	WORDS_MAX = 4096,
};

struct sema_node {
	uint64_t addr;
	uint32_t root;
};

typedef VEC(struct sema_node) sema_nodes;

struct sema_walk {
	struct passes *passes;
	size_t window; /* bytes of a sudog that hold what is read */
	size_t wanted; /* goroutines left to be found */
	bool active;   /* those too that were read inside the stop */
	bool words;    /* only the words that they wait at are looked for */
	struct map seen;
	struct map known; /* of .words */
	sema_nodes todo, next;
	uint8_t *bytes;
	struct mem_req *reqs;
	size_t room; /* of these two, in sudogs */
};

static void walk_deinit(struct sema_walk *w)
{
	map_deinit(&w->seen);
	map_deinit(&w->known);
	vec_free(&w->todo);
	vec_free(&w->next);
	free(w->bytes);
	free(w->reqs);
}

static bool waits_for_semaphore(const struct passes *p, const struct g_rec *rec)
{
	return p->object_kinds[rec->waitreason] == GOSPY_OBJECT_SEMAPHORE && grec_waits(rec) &&
	       !rec->waiting && !rec->chan && rec->soundness <= GOSPY_SOUND_LATE;
}

static bool is_wanted(const struct sema_walk *w, const struct g_rec *rec)
{
	return (w->active || !(rec->flags & G_ACTIVE)) && waits_for_semaphore(w->passes, rec) &&
	       passes_wants_object(w->passes, rec);
}

static bool push(struct sema_walk *w, uint64_t addr, uint32_t root)
{
	if (!addr || addr % 8)
		return true;
	uint64_t *seen = map_put(&w->seen, addr);
	if (!seen)
		return false;
	if (*seen)
		return true;
	*seen = 1;
	return vec_push(&w->next, ((struct sema_node){addr, root}));
}

static bool push_roots(struct sema_walk *w)
{
	const struct image *image = w->passes->image;
	CLEANUP_FREE uint8_t *table = malloc(ROOTS * ROOT_STRIDE);
	if (!table)
		return false;
	if (mem_read(image->mem, image->globals.semtable.addr, table, ROOTS * ROOT_STRIDE, NULL))
		return true; // a sudog that is not there tells nothing
	bool ok = true;
	for (uint32_t i = 0; i < ROOTS && ok; i++) {
		uint64_t treap;
		memcpy(&treap, table + i * ROOT_STRIDE + ROOT_TREAP, sizeof(treap));
		ok = push(w, treap, i);
	}
	return ok;
}

static bool note_word(struct sema_walk *w, uint64_t elem)
{
	struct capture *c = w->passes->capture;
	uint64_t *known = map_put(&w->known, elem);
	if (!known)
		return false;
	if (*known || elem < SEMA_BEFORE)
		return true;
	*known = 1;
	w->wanted--;
	return vec_push(&c->semas, ((struct sema_words){.sema = elem}));
}

/* Note the waiter, if it is one that is looked for. */
static bool note(struct sema_walk *w, uint64_t addr, const uint8_t *sudog, uint64_t elem)
{
	struct capture *c = w->passes->capture;
	const struct layout *layout = &w->passes->image->layout;
	const struct g_rec *found = capture_g(c, field_load(sudog, layout->sudog.g));
	if (!found || !is_wanted(w, found))
		return true;
	struct g_rec *rec = &c->recs[found - c->recs];
	struct chan_rec object = {
		.addr = elem,
		.g = (uint32_t)(found - c->recs),
		.kind = GOSPY_OBJECT_SEMAPHORE,
		.known = true,
		.of.sudog = addr,
	};
	if (!vec_push(&c->chans, object))
		return false;
	rec->chan = (uint32_t)c->chans.len;
	w->wanted--;
	return true;
}

static bool visit(struct sema_walk *w, const struct sema_node *node, const uint8_t *sudog)
{
	const __typeof__(w->passes->image->layout.sudog) *L = &w->passes->image->layout.sudog;
	uint64_t elem = field_load(sudog, L->elem);
	// The sudog may have been released, and be used for something else, since a link led to it.
	if (!elem || elem % 4 || field_load(sudog, L->c) || (elem >> 3) % ROOTS != node->root)
		return true;
	return (w->words ? note_word(w, elem) : note(w, node->addr, sudog, elem)) &&
	       push(w, field_load(sudog, L->prev), node->root) &&
	       push(w, field_load(sudog, L->next), node->root) &&
	       push(w, field_load(sudog, L->waitlink), node->root);
}

static bool reserve(struct sema_walk *w, size_t n)
{
	if (n <= w->room)
		return true;
	free(w->bytes);
	free(w->reqs);
	w->bytes = malloc(n * w->window);
	w->reqs = malloc(n * sizeof(*w->reqs));
	w->room = w->bytes && w->reqs ? n : 0;
	return w->room;
}

/* Read all sudogs that the links of the last step led to. */
static bool step(struct sema_walk *w)
{
	enum { AT_ONCE = 1024 };
	for (size_t at = 0; at < w->todo.len; at += AT_ONCE) {
		const struct sema_node *nodes = w->todo.at + at;
		size_t n = w->todo.len - at < AT_ONCE ? w->todo.len - at : AT_ONCE;
		if (!reserve(w, n))
			return false;
		for (size_t i = 0; i < n; i++)
			w->reqs[i] = (struct mem_req){nodes[i].addr, w->bytes + i * w->window,
						      w->window, 0, MEM_DATA};
		// Each request says for itself how far it came.
		enum gospy_code code = mem_readv(w->passes->image->mem, w->reqs, n, NULL);
		if (code && code != GOSPY_E_FAULT)
			return true;
		for (size_t i = 0; i < n; i++) {
			if (w->reqs[i].done == w->window &&
			    !visit(w, &nodes[i], w->bytes + i * w->window))
				return false;
		}
	}
	return true;
}

static bool walk(struct sema_walk *w, size_t steps_max)
{
	// Each waiter has one sudog, and there cannot be more waiters than goroutines.
	size_t sudogs_max = w->passes->capture->count + ROOTS;
	bool ok = push_roots(w);
	for (size_t i = 0; ok && w->wanted && w->next.len && i < steps_max; i++) {
		sema_nodes done = w->todo;
		w->todo = w->next;
		w->next = done;
		w->next.len = 0;
		ok = w->seen.len > sudogs_max || step(w);
		if (w->seen.len > sudogs_max)
			break;
	}
	return ok;
}

static size_t window_of(const struct layout *layout)
{
	const __typeof__(layout->sudog) *L = &layout->sudog;
	size_t end = 0;
#define FIELD_END_(member, path, required)                                                         \
	if (L->member.off + L->member.size > end)                                                  \
		end = L->member.off + L->member.size;
	LAYOUT_SUDOG(FIELD_END_)
#undef FIELD_END_
	return end;
}

enum gospy_code collect_semaphores(struct passes *p, bool stopped, struct gospy_error *err)
{
	CLEANUP(walk_deinit) struct sema_walk w = {.passes = p, .active = stopped};
	const struct capture *c = p->capture;
	const struct layout *layout = &p->image->layout;
	if (!p->options->objects || !p->image->globals.semtable.addr ||
	    !field_present(layout->sudog.prev) || !field_present(layout->sudog.next) ||
	    (stopped && c->count > STOPPED_GS_MAX))
		return GOSPY_OK;
	for (size_t i = 0; i < c->count; i++)
		w.wanted += is_wanted(&w, &c->recs[i]);
	w.window = window_of(layout);
	if (w.wanted && !walk(&w, stopped ? STOPPED_STEPS_MAX : STEPS_MAX))
		return err_nomem(err);
	return GOSPY_OK;
}

static int compare_words(const void *a, const void *b)
{
	const struct sema_words *x = a, *y = b;
	return (x->sema > y->sema) - (x->sema < y->sema);
}

enum gospy_code collect_sema_words(struct passes *p, struct gospy_error *err)
{
	CLEANUP(walk_deinit) struct sema_walk w = {.passes = p, .words = true, .wanted = WORDS_MAX};
	struct capture *c = p->capture;
	const struct layout *layout = &p->image->layout;
	c->semas.len = 0;
	if (!p->image->globals.semtable.addr || !field_present(layout->sudog.prev) ||
	    !field_present(layout->sudog.next))
		return GOSPY_OK;
	w.window = window_of(layout);
	if (!walk(&w, WORDS_STEPS_MAX))
		return err_nomem(err);
	if (c->semas.len)
		qsort(c->semas.at, c->semas.len, sizeof(*c->semas.at), compare_words);
	return GOSPY_OK;
}
