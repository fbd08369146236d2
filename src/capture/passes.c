#include "capture/passes.h"

#include "base/cancel.h"

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

void passes_report(const struct passes *p, enum gospy_progress_phase phase, size_t done,
		   size_t total)
{
	if (!p->options->progress)
		return;
	p->options->progress(p->options->progress_ctx, phase, done, total);
	cancel_look_again();
}
