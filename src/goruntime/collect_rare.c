/* What few programs have of their goroutines: ancestors, with GODEBUG=tracebackancestors=N, and
 * bubbles of testing/synctest. Both are set when a goroutine is started, and stay. */
#include <string.h>

#include "goruntime/capture.h"

enum {
	BATCH = 64,
	ANCESTORS_MAX = 128,  /* of one goroutine: N of the setting, which people choose small */
	ANCESTOR_PCS = 128,   /* of one: 100, from Go 1.21 on 50 */
	ALL_PCS_MAX = 1 << 25 /* of all: 256 MiB */
};

/* What is asked of a g. */
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

static bool read_pcs(struct capture *c, struct mem *mem, uint64_t addr, uint64_t n)
{
	if (n > ANCESTOR_PCS || c->ancestor_pcs.len + n > ALL_PCS_MAX ||
	    !vec_reserve(&c->ancestor_pcs, c->ancestor_pcs.len + n + 1) ||
	    (n && mem_read(mem, addr, c->ancestor_pcs.at + c->ancestor_pcs.len, n * 8, NULL)))
		return false;
	c->ancestor_pcs.len += n;
	return true;
}

/* src/runtime/runtime2.go: g.ancestors is a *[]ancestorInfo{pcs []uintptr; goid, gopc}, the same in
 * Go 1.12 to 1.27. */
static bool read_ancestors(struct capture *c, struct mem *mem, uint64_t addr, struct rare *rare)
{
	uint64_t slice[3], info[ANCESTORS_MAX][5];
	if (mem_read(mem, addr, slice, sizeof(slice), NULL) || slice[1] > slice[2] ||
	    slice[1] > ANCESTORS_MAX ||
	    (slice[1] && mem_read(mem, slice[0], info, slice[1] * sizeof(info[0]), NULL)))
		return false;
	rare->ancestors = c->ancestors.len;
	for (size_t i = 0; i < slice[1]; i++) {
		struct ancestor_rec rec = {
			.goid = info[i][3],
			.gopc = info[i][4],
			.first = c->ancestor_pcs.len,
			.count = (uint32_t)info[i][1],
		};
		if (!read_pcs(c, mem, info[i][0], info[i][1]) || !vec_push(&c->ancestors, rec))
			return false;
	}
	rare->ancestor_count = (uint32_t)slice[1];
	return true;
}

/* A goid is never used again: as long as a g has it, what it refers to is its own. */
static bool is_still(const struct image *image, const struct g_rec *rec)
{
	uint64_t goid;
	return !mem_read_u64(image->mem, rec->addr + image->layout.g.goid.off, &goid, NULL) &&
	       goid == rec->goid;
}

static bool add_rare(struct passes *p, const struct g_rec *rec, const struct head *head)
{
	struct capture *c = p->capture;
	const struct image *image = p->image;
	struct rare rare = {0};
	if (head->bubble)
		rare.bubble = bubble_id(image, head->bubble);
	if (head->ancestors && !read_ancestors(c, image->mem, head->ancestors, &rare)) {
		rare.ancestors_unread = true;
		rare.ancestor_count = 0;
	}
	if (head->goid != rec->goid || !is_still(image, rec))
		rare = (struct rare){.ancestors_unread = head->ancestors != 0};
	uint64_t *slot = map_put(&c->rare_index, (uint64_t)(rec - c->recs));
	if (!slot || !vec_push(&c->rares, rare))
		return false;
	*slot = c->rares.len;
	return true;
}

static struct mem_req request(const struct g_rec *rec, struct field field, uint64_t *dst)
{
	bool wanted = field.size == sizeof(*dst) && rec->soundness != GOSPY_SOUND_UNREADABLE;
	return (struct mem_req){rec->addr + field.off, dst, wanted ? sizeof(*dst) : 0, 0};
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

const struct rare *capture_rare(const struct capture *c, const struct g_rec *rec)
{
	const uint64_t *at = map_get(&c->rare_index, (uint64_t)(rec - c->recs));
	return at ? &c->rares.at[*at - 1] : NULL;
}

void capture_forget_rare(struct capture *c)
{
	map_deinit(&c->rare_index);
	vec_free(&c->rares);
	vec_free(&c->ancestors);
	vec_free(&c->ancestor_pcs);
}
