#include "capture/passes.h"

#include <stdlib.h>

#include "base/cancel.h"
#include "base/cleanup.h"

void passes_deinit(struct passes *p)
{
	for (size_t i = 0; i < BULK_WORKERS; i++)
		vec_free(&p->picked[i]);
	vec_free(&p->active);
	map_deinit(&p->sched_pcs);
	map_deinit(&p->frame_pointers);
	map_deinit(&p->r12s);
	map_deinit(&p->stack_goids);
	bulk_room_destroy(p->room);
}

bool passes_picks(const struct passes *p, const struct g_rec *rec)
{
	uint32_t states = p->options->stack_states, status = grec_status(rec);
	return (!states || (status < 32 && states >> status & 1)) &&
	       (!p->stack_goids.len || map_get(&p->stack_goids, rec->goid));
}

bool passes_wants_object(const struct passes *p, const struct g_rec *rec)
{
	return (!p->object_goid_max || rec->goid <= p->object_goid_max) &&
	       (!p->options->objects_picked || passes_picks(p, rec));
}

/* The lowest goids so far: a heap with the highest of them on top. */
struct lowest {
	uint64_t *goids;
	size_t len, room;
};

static void sift_down(struct lowest *lowest)
{
	uint64_t *goids = lowest->goids, goid = goids[0];
	size_t at = 0;
	for (size_t child; (child = 2 * at + 1) < lowest->len; at = child) {
		if (child + 1 < lowest->len && goids[child + 1] > goids[child])
			child++;
		if (goids[child] <= goid)
			break;
		goids[at] = goids[child];
	}
	goids[at] = goid;
}

static void sift_up(struct lowest *lowest, uint64_t goid)
{
	size_t at = lowest->len++;
	for (; at && lowest->goids[(at - 1) / 2] < goid; at = (at - 1) / 2)
		lowest->goids[at] = lowest->goids[(at - 1) / 2];
	lowest->goids[at] = goid;
}

static void add_goid(struct lowest *lowest, uint64_t goid)
{
	if (lowest->len < lowest->room) {
		sift_up(lowest, goid);
	} else if (goid < lowest->goids[0]) {
		lowest->goids[0] = goid;
		sift_down(lowest);
	}
}

enum gospy_code passes_limit_objects(struct passes *p, struct gospy_error *err)
{
	/* Goroutines of the runtime's own, which are not told from others yet: workers of the GC,
	 * timers up to Go 1.13, some twenty others. */
	enum { SYSTEM_EACH = 3, SYSTEM_MAX = 64, MOST = 1 << 16 };
	const struct capture *c = p->capture;
	const uint64_t limit = p->options->object_limit;
	const size_t system = SYSTEM_MAX + SYSTEM_EACH * c->sched.ps.len;
	p->object_goid_max = 0;
	// Of half of them it costs no less than of all.
	if (!limit || limit > MOST || system > MOST || (limit + system) * 2 > c->count)
		return GOSPY_OK;
	CLEANUP_FREE uint64_t *goids = malloc((limit + system) * sizeof(*goids));
	struct lowest lowest = {.goids = goids, .room = limit + system};
	if (!goids)
		return err_nomem(err);
	for (size_t i = 0; i < c->count; i++) {
		if (grec_status(&c->recs[i]) != GOSPY_STATUS_DEAD)
			add_goid(&lowest, c->recs[i].goid);
	}
	if (lowest.len)
		p->object_goid_max = goids[0];
	return GOSPY_OK;
}

void passes_report(const struct passes *p, enum gospy_progress_phase phase, size_t done,
		   size_t total)
{
	if (!p->options->progress)
		return;
	p->options->progress(p->options->progress_ctx, phase, done, total);
	cancel_look_again();
}
