#include "snapshot/decode_thread.h"

#include <string.h>

/* The M's that are not for goroutines: newm in src/runtime/proc.go. */
static enum gospy_thread_role role_by_start(const struct capture *c, const struct m_rec *m)
{
	const uint64_t *entry = m->mstartfn ? map_get(&c->start_entries, m->mstartfn) : NULL;
	const struct location *loc =
		entry && *entry ? symbols_location(c->symbols, *entry, LOCATION_START) : NULL;
	const char *func = loc ? loc->pub.func : NULL;
	if (func && strcmp(func, "runtime.sysmon") == 0)
		return GOSPY_THREAD_SYSMON;
	if (func && strcmp(func, "runtime.templateThread") == 0)
		return GOSPY_THREAD_TEMPLATE;
	return GOSPY_THREAD_SCHEDULER;
}

static void describe(const struct capture *c, const struct m_rec *m, struct gospy_thread *ret)
{
	const struct g_rec *g = m->curg ? capture_g(c, m->curg) : NULL;
	ret->m_id = m->id;
	ret->role = m->curg ? GOSPY_THREAD_GOROUTINE : role_by_start(c, m);
	if (ret->role == GOSPY_THREAD_SCHEDULER && m->lockedg) {
		g = capture_g(c, m->lockedg);
		ret->role = GOSPY_THREAD_LOCKED;
	} else if (ret->role == GOSPY_THREAD_SCHEDULER && m->blocked) {
		ret->role = GOSPY_THREAD_IDLE;
	}
	if (g)
		ret->goroutine = g->index;
}

enum gospy_code decode_threads(const struct capture *c, struct arena *arena,
			       const struct gospy_thread **ret, struct gospy_error *err)
{
	struct gospy_thread *threads = arena_calloc(arena, c->threads.len, sizeof(*threads));
	struct map by_tid = {0};
	bool ok = threads && capture_index_ms(c, &by_tid);
	for (size_t i = 0; ok && i < c->threads.len; i++) {
		const struct thread_rec *rec = &c->threads.at[i];
		const uint64_t *m = map_get(&by_tid, (uint64_t)rec->tid);
		threads[i] = (struct gospy_thread){
			.tid = rec->tid,
			.comm = rec->comm,
			.state = rec->state,
			.role = rec->io_worker ? GOSPY_THREAD_IO_WORKER : GOSPY_THREAD_NO_M,
			.m_id = GOSPY_UNKNOWN,
			.goroutine = SIZE_MAX,
		};
		if (m)
			describe(c, &c->sched.ms.at[*m - 1], &threads[i]);
	}
	map_deinit(&by_tid);
	if (!ok)
		return err_nomem(err);
	*ret = threads;
	return GOSPY_OK;
}
