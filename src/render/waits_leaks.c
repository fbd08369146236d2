#include "render/waits_leaks.h"

#include "base/error.h"

void waits_leaks_deinit(struct waits_leaks *leaks)
{
	vec_free(&leaks->locks);
}

enum gospy_code waits_leaks_locks(void *ctx, struct gospy_snapshot *snapshot,
				  const struct gospy_leak_peer **ret, size_t *n_ret,
				  struct gospy_error *err)
{
	struct waits_leaks *leaks = ctx;
	struct waits *w = leaks->waits;
	waits_deinit(w);
	leaks->locks.len = 0;
	enum gospy_code code = waits_collect(w, snapshot, leaks->system, err);
	if (code)
		return code;
	// Where somebody releases what others have taken it is not known who ends a wait; and of
	// whom nobody has looked at, it is not known whether he does.
	bool known = !w->found.releaser_count && !w->found.cut;
	for (size_t i = 0; i < w->edges.len && known; i++) {
		const struct waits_edge *edge = &w->edges.at[i];
		const struct gospy_leak_peer pair = {edge->waiter, edge->holder};
		if (!edge->doubt && !vec_push(&leaks->locks, pair))
			return err_nomem(err);
	}
	*ret = leaks->locks.at;
	*n_ret = leaks->locks.len;
	return GOSPY_OK;
}
