#include "live/kept.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

enum {
	/* Of a process with more threads nothing is held on to. */
	THREADS_MAX = 64,
	FDS_EACH = 3, /* of a thread: stat, schedstat, syscall */
	/* Of the descriptors that may be used for looking, those that stay open: one in so many. */
	FDS_SHARE = 2,
};

/* How many descriptors all together have, or may open. */
static atomic_size_t fds_all;

static void give_back(size_t n)
{
	atomic_fetch_sub_explicit(&fds_all, n, memory_order_relaxed);
}

static bool ask_for(size_t n)
{
	size_t before = atomic_fetch_add_explicit(&fds_all, n, memory_order_relaxed);
	if (before + n <= look_fds_most() / FDS_SHARE)
		return true;
	give_back(n);
	return false;
}

static void let_go(struct kept_thread *thread)
{
	look_deinit(&thread->look);
	close(thread->stat_fd);
	give_back(FDS_EACH);
}

static void let_go_all(struct kept *kept)
{
	for (size_t i = 0; i < kept->threads.len; i++)
		let_go(&kept->threads.at[i]);
	kept->threads.len = 0;
}

static void destroy(struct source_kept *base)
{
	struct kept *kept = kept_of(base);
	let_go_all(kept);
	vec_free(&kept->threads);
	looker_close(&kept->looker);
	give_back(1);
	free(kept);
}

static struct kept *create(pid_t pid)
{
	struct kept *kept = ask_for(1) ? calloc(1, sizeof(*kept)) : NULL;
	if (!kept)
		return NULL;
	kept->base.destroy = destroy;
	if (looker_open(&kept->looker, pid, NULL)) {
		give_back(1);
		free(kept);
		return NULL;
	}
	return kept;
}

/* Read what may have changed. GOSPY_E_GONE: it has ended. */
static enum gospy_code reread(struct kept_thread *thread)
{
	enum gospy_code code = procfs_task_read(thread->stat_fd, &thread->task, NULL);
	thread->look.keeps = true;
	thread->look.same = thread->look.schedstat_fd >= 0 && thread->look.syscall_fd >= 0;
	return code;
}

/* Let go of those that have ended, and read the others. */
static void reread_all(struct kept *kept)
{
	size_t left = 0;
	for (size_t i = 0; i < kept->threads.len; i++) {
		struct kept_thread thread = kept->threads.at[i];
		if (reread(&thread))
			let_go(&thread);
		else
			kept->threads.at[left++] = thread;
	}
	kept->threads.len = left;
}

static bool holds(const struct kept *kept, pid_t tid)
{
	for (size_t i = 0; i < kept->threads.len; i++) {
		if (kept->threads.at[i].task.tid == tid)
			return true;
	}
	return false;
}

/* Open what is needed of a thread, and read it. GOSPY_E_GONE: it has ended. */
static enum gospy_code open_thread(const struct kept *kept, bool namespaced,
				   struct kept_thread *thread)
{
	thread->stat_fd = procfs_task_open(kept->looker.task_fd, thread->task.tid);
	if (thread->stat_fd < 0)
		return errno == ENOENT || errno == ESRCH ? GOSPY_E_GONE : GOSPY_E_OS;
	enum gospy_code code = procfs_task_nstid(kept->looker.pid, namespaced, &thread->task, NULL);
	return code ? code : reread(thread);
}

/* False: that is not possible. */
static bool take_hold(struct kept *kept, pid_t tid, bool namespaced)
{
	struct kept_thread thread = {.task = {.tid = tid}, .stat_fd = -1, .look = LOOK_OF(tid)};
	if (!ask_for(FDS_EACH))
		return false;
	enum gospy_code code = open_thread(kept, namespaced, &thread);
	if (!code && vec_push(&kept->threads, thread))
		return true;
	if (thread.stat_fd >= 0)
		close(thread.stat_fd);
	give_back(FDS_EACH);
	return code == GOSPY_E_GONE;
}

/* Take hold of all threads that there are. If that is not possible, none is held. */
static enum gospy_code take_hold_of_all(struct kept *kept, bool namespaced, struct gospy_error *err)
{
	pid_vec tids = {0};
	enum gospy_code code = procfs_tids(kept->looker.pid, &tids, err);
	bool ok = !code && tids.len <= THREADS_MAX;
	for (size_t i = 0; ok && i < tids.len; i++)
		ok = holds(kept, tids.at[i]) || take_hold(kept, tids.at[i], namespaced);
	if (!ok)
		let_go_all(kept);
	vec_free(&tids);
	return code;
}

enum gospy_code kept_tasks(struct source_kept **base, pid_t pid, bool namespaced, struct tasks *ret,
			   struct gospy_error *err)
{
	struct kept *kept = kept_of(*base);
	if (!kept && !(kept = create(pid)))
		return procfs_tasks(pid, namespaced, ret, err);
	*base = &kept->base;
	size_t before = kept->threads.len;
	reread_all(kept);
	// If there are as many as before, and none of those has ended, there are no others.
	if (!before || kept->threads.len != before || looker_count(&kept->looker) != before) {
		enum gospy_code code = take_hold_of_all(kept, namespaced, err);
		if (code)
			return code;
	}
	if (!kept->threads.len)
		return procfs_tasks(pid, namespaced, ret, err);
	struct tasks tasks = {0};
	if (!vec_reserve(&tasks.tasks, kept->threads.len))
		return err_nomem(err);
	for (size_t i = 0; i < kept->threads.len; i++)
		tasks.tasks.at[tasks.tasks.len++] = kept->threads.at[i].task;
	*ret = tasks;
	return GOSPY_OK;
}
