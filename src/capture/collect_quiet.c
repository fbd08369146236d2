#include "capture/collect_quiet.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "capture/collect_stack.h"
#include "capture/place.h"

/* Read the g again. Does it still run? It is recorded once it has proved right. */
static bool reread(struct passes *p, struct g_rec *rec, uint8_t *bytes)
{
	const struct layout *layout = &p->image->layout;
	mem_record(p->image->mem, false);
	enum gospy_code code = mem_read(p->image->mem, rec->addr, bytes, grec_window(layout), NULL);
	mem_record(p->image->mem, true);
	if (code)
		return false;
	grec_extract(layout, bytes, rec);
	return grec_status(rec) == GOSPY_STATUS_RUNNING;
}

/* Does the M still run this goroutine? */
static bool is_still_on(const struct passes *p, const struct m_rec *m)
{
	const struct field curg = p->image->layout.m.curg;
	uint64_t now;
	return !mem_read_u64(p->image->mem, m->addr + curg.off, &now, NULL) && now == m->curg;
}

/* A running goroutine, and the M that it is on. */
struct quiet {
	struct passes *p;
	struct m_rec *m;
	struct g_rec *rec;
	uint8_t *bytes; /* of its g */
};

/* Called while its thread does not run. */
static bool read_still(void *ctx, const struct place *place)
{
	const struct quiet *q = ctx;
	const struct moment_thread thread = {
		.tid = q->m->tid, .state = MOMENT_STILL, .place = *place};
	if (!is_still_on(q->p, q->m))
		return false;
	m_rec_place(q->m, &thread);
	q->rec->soundness = GOSPY_SOUND;
	if (!reread(q->p, q->rec, q->bytes))
		return false;
	place_running(q->p, q->rec, q->m);
	if (q->rec->flags & G_PC_STALE)
		return false;
	if (q->p->options->stacks)
		collect_stack_here(q->p, q->rec, false);
	return true;
}

enum gospy_code collect_quiet(struct passes *p, const struct map *tids, struct gospy_error *err)
{
	struct capture *c = p->capture;
	bool any = false;
	for (size_t i = 0; i < c->sorted && !any; i++)
		any = grec_status(&c->recs[i]) == GOSPY_STATUS_RUNNING;
	// These are the M's as they are now. A thread that has no goroutine now is not looked for.
	enum gospy_code code = any ? schedstate_read(&c->sched, p->image, tids, err) : GOSPY_OK;
	if (code || !any)
		return code;
	CLEANUP_FREE uint8_t *bytes = malloc(grec_window(&p->image->layout));
	if (!bytes)
		return err_nomem(err);
	for (size_t i = 0; i < c->sched.ms.len; i++) {
		struct m_rec *m = &c->sched.ms.at[i];
		const struct g_rec *g = m->curg && m->tid ? capture_g(c, m->curg) : NULL;
		if (!g || grec_status(g) != GOSPY_STATUS_RUNNING)
			continue;
		struct quiet quiet = {p, m, &c->recs[g - c->recs], bytes};
		const struct g_rec was = *g;
		if (source_watch_thread(p->source, m->tid, read_still, &quiet))
			mem_seen(p->image->mem, g->addr, bytes, grec_window(&p->image->layout),
				 MEM_DATA);
		else
			*quiet.rec = was;
	}
	return p->out_of_memory ? err_nomem(err) : GOSPY_OK;
}
