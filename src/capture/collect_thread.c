#include "capture/collect_thread.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

static bool add(struct capture *c, pid_t tid, const struct task *task)
{
	struct thread_rec thread = {.tid = tid, .state = task ? task->state : '?'};
	if (task) {
		memcpy(thread.comm, task->comm, sizeof(thread.comm));
		thread.io_worker = task->io_worker;
	}
	return vec_push(&c->threads, thread);
}

static bool add_paused(struct capture *c, const struct moment *moment)
{
	const struct tasks *tasks = &c->tasks;
	struct map by_tid = {0};
	bool ok = true;
	for (size_t i = 0; ok && i < tasks->tasks.len; i++) {
		uint64_t *at = map_put(&by_tid, (uint64_t)tasks->tasks.at[i].tid);
		if (at)
			*at = i;
		ok = at != NULL;
	}
	for (size_t i = 0; ok && i < moment->threads.len; i++) {
		const struct moment_thread *thread = &moment->threads.at[i];
		const uint64_t *at = map_get(&by_tid, (uint64_t)thread->tid);
		if (thread->state != MOMENT_ENDED)
			ok = add(c, thread->tid, at ? &tasks->tasks.at[*at] : NULL);
	}
	map_deinit(&by_tid);
	return ok;
}

enum gospy_code collect_threads(struct capture *c, const struct moment *moment,
				struct gospy_error *err)
{
	bool ok = !moment || add_paused(c, moment);
	for (size_t i = 0; ok && !moment && i < c->tasks.tasks.len; i++)
		ok = add(c, c->tasks.tasks.at[i].tid, &c->tasks.tasks.at[i]);
	return ok ? GOSPY_OK : err_nomem(err);
}

enum gospy_code collect_starts(struct capture *c, const struct image *image,
			       struct gospy_error *err)
{
	size_t n = 0, count = c->sched.ms.len;
	CLEANUP_FREE uint64_t *entries = calloc(count + 1, sizeof(*entries));
	CLEANUP_FREE struct mem_req *reqs = calloc(count + 1, sizeof(*reqs));
	if (!entries || !reqs)
		return err_nomem(err);
	for (size_t i = 0; i < count; i++) {
		uint64_t func = c->sched.ms.at[i].mstartfn;
		if (func)
			reqs[n++] =
				(struct mem_req){func, entries + i, sizeof(*entries), 0, MEM_DATA};
	}
	enum gospy_code code = n ? mem_readv(image->mem, reqs, n, err) : GOSPY_OK;
	if (code && code != GOSPY_E_FAULT)
		return code;
	for (size_t i = 0; i < n; i++) {
		uint64_t *entry = map_put(&c->start_entries, reqs[i].addr);
		if (!entry)
			return err_nomem(err);
		if (reqs[i].done == sizeof(*entry))
			memcpy(entry, reqs[i].dst, sizeof(*entry));
	}
	return GOSPY_OK;
}
