#include "capture/collect_rare.h"

#include <string.h>

enum {
	BATCH = 32,
	ANCESTORS_MAX = 128, /* of one goroutine: N of the setting, which people choose small */
	ANCESTOR_PCS = 128,  /* of one: 100, from Go 1.21 on 50 */
	PCS_MAX = 1 << 20,   /* for all together, and for each goroutine on top */
	PCS_EACH_MAX = 64,
};

/* What is to be read of a g. */
struct head {
	uint64_t goid, ancestors, bubble;
};

struct wanted {
	struct field ancestors, bubble; /* size 0: not this one */
};

static struct wanted find_wanted(const struct passes *p)
{
	const struct image *image = p->image;
	const struct layout *layout = &image->layout;
	struct wanted wanted = {0};
	uint32_t setting;
	uint64_t bubbles;
	if (p->options->stacks && image->traceback_ancestors &&
	    !mem_read_u32(image->mem, image->traceback_ancestors, &setting, NULL) && setting)
		wanted.ancestors = layout->g.ancestors;
	if (image->globals.bubbleGen.addr &&
	    !mem_read_u64(image->mem, image->globals.bubbleGen.addr, &bubbles, NULL) && bubbles &&
	    field_present(layout->synctestBubble.id))
		wanted.bubble = layout->g.bubble;
	// Go 1.24 has them only as an experiment, which the version tells.
	if (strstr(image->go_version, "synctest") && field_present(layout->synctestGroup.root))
		wanted.bubble = layout->g.syncGroup;
	return wanted;
}

/* src/runtime/traceback.go:goroutineheader: what stands for a bubble. */
static uint64_t bubble_id(const struct image *image, uint64_t bubble)
{
	const struct layout *layout = &image->layout;
	uint64_t id, root;
	if (field_present(layout->synctestBubble.id))
		return mem_read_u64(image->mem, bubble + layout->synctestBubble.id.off, &id, NULL)
			       ? 0
			       : id;
	if (mem_read_u64(image->mem, bubble + layout->synctestGroup.root.off, &root, NULL) ||
	    mem_read_u64(image->mem, root + layout->g.goid.off, &id, NULL))
		return 0;
	return id;
}

/* src/runtime/runtime2.go: ancestorInfo{pcs []uintptr; goid, gopc}. */
struct info {
	uint64_t pcs, pc_count, pc_cap, goid, gopc;
};

/* Room for the pcs of `n` ancestors, and for themselves. */
static bool make_room(struct passes *p, const struct info *infos, size_t n)
{
	struct capture *c = p->capture;
	size_t pcs = c->ancestor_pcs.len + 1, ancestors = c->ancestors.len + n;
	for (size_t i = 0; i < n; i++) {
		if (infos[i].pc_count > ANCESTOR_PCS)
			return false;
		pcs += (size_t)infos[i].pc_count;
	}
	const size_t bytes = budget_growth(c->ancestor_pcs.cap, pcs, sizeof(*c->ancestor_pcs.at)) +
			     budget_growth(c->ancestors.cap, ancestors, sizeof(*c->ancestors.at));
	if (pcs > PCS_MAX + c->count * PCS_EACH_MAX || !budget_take(&p->budget, bytes))
		return false;
	if (budget_read(&p->budget, n) && vec_reserve(&c->ancestor_pcs, pcs) &&
	    vec_reserve(&c->ancestors, ancestors))
		return true;
	budget_give(&p->budget, bytes);
	return false;
}

/* Read all ancestors of one goroutine. */
static bool read_infos(struct passes *p, const struct info *infos, size_t n)
{
	struct capture *c = p->capture;
	struct mem_req reqs[ANCESTORS_MAX];
	size_t len = c->ancestor_pcs.len;
	for (size_t i = 0; i < n; i++) {
		c->ancestors.at[c->ancestors.len++] = (struct ancestor_rec){
			.goid = infos[i].goid,
			.gopc = infos[i].gopc,
			.first = len,
			.count = (uint32_t)infos[i].pc_count,
		};
		reqs[i] =
			(struct mem_req){infos[i].pcs, c->ancestor_pcs.at + len,
					 (size_t)infos[i].pc_count * sizeof(uint64_t), 0, MEM_DATA};
		len += (size_t)infos[i].pc_count;
	}
	c->ancestor_pcs.len = len;
	return !n || !mem_readv(p->image->mem, reqs, n, NULL);
}

/* g.ancestors is a *[]ancestorInfo, the same in Go 1.12 to 1.27. */
static bool read_ancestors(struct passes *p, uint64_t addr, struct rare *rare)
{
	struct mem *mem = p->image->mem;
	uint64_t slice[3];
	struct info infos[ANCESTORS_MAX];
	rare->ancestors = p->capture->ancestors.len;
	if (!budget_read(&p->budget, 2) || mem_read(mem, addr, slice, sizeof(slice), NULL) ||
	    slice[1] > slice[2] || slice[1] > ANCESTORS_MAX ||
	    (slice[1] && mem_read(mem, slice[0], infos, slice[1] * sizeof(infos[0]), NULL)) ||
	    !make_room(p, infos, (size_t)slice[1]) || !read_infos(p, infos, (size_t)slice[1]))
		return false;
	rare->ancestor_count = (uint32_t)slice[1];
	return true;
}

/* A goid is never used again: as long as a g has it, what it refers to is its own. */
static bool is_still(const struct image *image, const struct g_rec *rec)
{
	uint64_t goid = 0;
	mem_record(image->mem, false);
	enum gospy_code code =
		mem_read_u64(image->mem, rec->addr + image->layout.g.goid.off, &goid, NULL);
	mem_record(image->mem, true);
	return !code && goid == rec->goid;
}

static bool add_rare(struct passes *p, const struct g_rec *rec, const struct head *head)
{
	struct capture *c = p->capture;
	const struct image *image = p->image;
	struct rare rare = {0};
	if (head->bubble)
		rare.bubble = bubble_id(image, head->bubble);
	size_t ancestors = c->ancestors.len, pcs = c->ancestor_pcs.len;
	bool read = !head->ancestors || read_ancestors(p, head->ancestors, &rare);
	bool still = head->goid == rec->goid && is_still(image, rec);
	// If the g is another goroutine's by now, nothing can be expected of it.
	c->missing.ancestors += !read && still;
	if (!read || !still) {
		c->ancestors.len = ancestors;
		c->ancestor_pcs.len = pcs;
		rare.ancestor_count = 0;
		rare.ancestors_unread = head->ancestors != 0;
		rare.bubble = still ? rare.bubble : 0;
	}
	uint64_t *slot = map_put(&c->rare_index, (uint64_t)(rec - c->recs));
	if (!slot || !vec_push(&c->rares, rare))
		return false;
	*slot = c->rares.len;
	return true;
}

static struct mem_req request(const struct g_rec *rec, struct field field, uint64_t *dst)
{
	bool wanted = field.size == sizeof(*dst) && rec->soundness != GOSPY_SOUND_UNREADABLE;
	return (struct mem_req){rec->addr + field.off, dst, wanted ? sizeof(*dst) : 0, 0, MEM_DATA};
}

enum gospy_code collect_rare(struct passes *p, struct gospy_error *err)
{
	struct capture *c = p->capture;
	struct wanted wanted = find_wanted(p);
	if (!field_present(wanted.ancestors) && !field_present(wanted.bubble))
		return GOSPY_OK;
	for (size_t first = 0; first < c->count; first += BATCH) {
		struct head heads[BATCH] = {0};
		struct mem_req reqs[3 * BATCH];
		size_t n = c->count - first < BATCH ? c->count - first : BATCH;
		for (size_t i = 0; i < n; i++) {
			const struct g_rec *rec = &c->recs[first + i];
			reqs[3 * i] = request(rec, p->image->layout.g.goid, &heads[i].goid);
			reqs[3 * i + 1] = request(rec, wanted.ancestors, &heads[i].ancestors);
			reqs[3 * i + 2] = request(rec, wanted.bubble, &heads[i].bubble);
		}
		enum gospy_code code = mem_readv(p->image->mem, reqs, 3 * n, err);
		if (code && code != GOSPY_E_FAULT)
			return code;
		for (size_t i = 0; i < n; i++) {
			if ((heads[i].ancestors || heads[i].bubble) &&
			    !add_rare(p, &c->recs[first + i], &heads[i]))
				return err_nomem(err);
		}
	}
	return GOSPY_OK;
}
