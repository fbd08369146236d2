#include "api/early_waits.h"

#include <stdlib.h>

#include "snapshot/snapshot.h"

static int by_address(const void *a, const void *b)
{
	const struct early_wait *x = a, *y = b;
	return (x->g > y->g) - (x->g < y->g);
}

enum gospy_code early_waits_note(struct gospy_target *target, struct early_waits *ret,
				 struct gospy_error *err)
{
	const struct gospy_snapshot_options options = {.size = sizeof(options),
						       .non_blocking = true};
	struct gospy_snapshot *snapshot = NULL;
	enum gospy_code code =
		snapshot_take(target->source, target->image, &options, NULL, &snapshot, err);
	if (code)
		return code;
	const struct capture *c = &snapshot->capture;
	for (size_t i = 0; i < c->count && !code; i++) {
		const struct g_rec *rec = &c->recs[i];
		const struct early_wait wait = {.g = rec->addr,
						.goid = rec->goid,
						.sp = rec->sp,
						.waiting = rec->waiting,
						.waitsince = rec->waitsince,
						.seq = rec->seq,
						.waitreason = rec->waitreason};
		bool sound = rec->soundness <= GOSPY_SOUND_RETRIED;
		if (sound && grec_is_parked(rec) && !vec_push(&ret->list, wait))
			code = err_nomem(err);
	}
	snapshot_destroy(snapshot);
	if (ret->list.len)
		qsort(ret->list.at, ret->list.len, sizeof(*ret->list.at), by_address);
	return code;
}

void early_waits_deinit(struct early_waits *waits)
{
	vec_free(&waits->list);
}

bool early_waits_has(const struct early_waits *waits, const struct g_rec *rec)
{
	const struct early_wait key = {.g = rec->addr};
	const struct early_wait *was = waits->list.len
					       ? bsearch(&key, waits->list.at, waits->list.len,
							 sizeof(*waits->list.at), by_address)
					       : NULL;
	// The garbage collector notes once for each wait since when it lasts: grec.h.
	return was && was->goid == rec->goid && was->sp == rec->sp &&
	       was->waiting == rec->waiting && was->seq == rec->seq &&
	       was->waitreason == rec->waitreason &&
	       (!was->waitsince || was->waitsince == rec->waitsince);
}
