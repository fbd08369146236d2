#include "tui/procs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "tui/worker.h"

static const uint64_t LIST_AGAIN_NS = 2000000000;

struct procs {
	struct worker worker; /* first; its lock is for what follows, which both threads use */
	proc_list list;
	size_t unreadable;
	int event;
	bool refresh;
	bool known;      /* the list has been made */
	VEC(pid_t) only; /* no others are listed; empty: all are */
};

static char *copy(const char *s)
{
	char *text = s ? strdup(s) : NULL;
	if (s && !text)
		abort();
	return text;
}

static void proc_deinit(struct proc *proc)
{
	free(proc->user);
	free(proc->go_version);
	free(proc->command);
	free(proc->problem);
}

void proc_list_free(proc_list *list)
{
	for (size_t i = 0; i < list->len; i++)
		proc_deinit(&list->at[i]);
	vec_free(list);
}

static void push(proc_list *list, const struct proc *proc)
{
	if (!vec_push(list, *proc))
		abort();
}

static struct proc proc_copy(const struct proc *proc)
{
	struct proc result = *proc;
	result.user = copy(proc->user);
	result.go_version = copy(proc->go_version);
	result.command = copy(proc->command);
	result.problem = copy(proc->problem);
	return result;
}

static void destroy(struct worker *worker)
{
	struct procs *procs = (struct procs *)worker;
	proc_list_free(&procs->list);
	close(procs->event);
	vec_free(&procs->only);
	worker_deinit(worker);
	free(procs);
}

static void tell(const struct procs *procs)
{
	uint64_t one = 1;
	if (write(procs->event, &one, sizeof(one)) < 0)
		return; // it is readable already
}

/* Names differ at their ends, and there is little room. The directory may have been named by a
 * link, and have spaces in its name: it ends where the name of the executable follows. */
static const char *without_directory(const char *command, const char *exe)
{
	const char *slash = exe ? strrchr(exe, '/') : NULL;
	size_t len = slash ? strlen(slash) : 0;
	if (!len || !memchr(command, '/', strcspn(command, " ")))
		return command;
	for (const char *s = command; (s = strstr(s, slash)); s++) {
		if (!s[len] || s[len] == ' ')
			return s + 1;
	}
	return command;
}

static struct proc look_at(const struct gospy_process *process,
			   const struct gospy_process_options *how)
{
	struct proc proc = {.pid = process->pid,
			    .up_ns = GOSPY_UNKNOWN,
			    .rss = GOSPY_UNKNOWN,
			    .goroutines = GOSPY_UNKNOWN};
	struct gospy_process_info *info = NULL;
	struct gospy_process_usage usage;
	if (gospy_process_usage(process->pid, &usage, NULL) == GOSPY_OK)
		proc.rss = usage.rss;
	proc.go_version = copy(process->go_version);
	const char *command = process->exe ? process->exe : process->comm;
	if (gospy_process_info_create_with(process->pid, how, &info, NULL) == GOSPY_OK) {
		proc.user = copy(info->username);
		proc.up_ns = info->elapsed_ns;
		command = info->cmdline && info->cmdline[0] ? info->cmdline : command;
	}
	proc.command = copy(command ? without_directory(command, process->exe) : NULL);
	gospy_process_info_destroy(info);
	return proc;
}

/* A pid can come to another program. */
static bool is_same(const struct proc *a, const struct proc *b)
{
	return a->pid == b->pid && a->command && b->command && strcmp(a->command, b->command) == 0;
}

/* The counts that are known stay. */
static void inherit(struct proc *proc, const proc_list *before)
{
	for (size_t i = 0; i < before->len; i++) {
		if (!is_same(&before->at[i], proc))
			continue;
		proc->goroutines = before->at[i].goroutines;
		proc->counted = before->at[i].counted;
		proc->problem = copy(before->at[i].problem);
	}
}

static bool is_wanted(const struct procs *procs, const struct gospy_process *process)
{
	for (size_t i = 0; i < procs->only.len; i++) {
		if (procs->only.at[i] == process->pid)
			return true;
	}
	return !procs->only.len && process->is_go && process->pid != getpid();
}

static void list_processes(struct procs *procs, bool anew)
{
	struct gospy_process_list *found = NULL;
	proc_list list = {0};
	const struct gospy_process_options how = {.size = sizeof(how),
						  .cancel_fd = procs->worker.cancel_fd};
	size_t n;
	if (gospy_process_list_create_with(&how, &found, NULL) != GOSPY_OK)
		return;
	const struct gospy_process *processes = gospy_process_list_get(found, &n);
	for (size_t i = 0; i < n; i++) {
		if (!is_wanted(procs, &processes[i]))
			continue;
		struct proc proc = look_at(&processes[i], &how);
		push(&list, &proc);
	}
	size_t unreadable = gospy_process_list_unreadable(found);
	gospy_process_list_destroy(found);
	pthread_mutex_lock(&procs->worker.lock);
	procs->unreadable = unreadable;
	for (size_t i = 0; !anew && i < list.len; i++)
		inherit(&list.at[i], &procs->list);
	proc_list old = procs->list;
	procs->list = list;
	procs->known = true;
	pthread_mutex_unlock(&procs->worker.lock);
	proc_list_free(&old);
	tell(procs);
}

static uint64_t count_goroutines(pid_t pid, int cancel_fd, struct gospy_error *err)
{
	struct gospy_open_options open = {.size = sizeof(open), .cancel_fd = cancel_fd};
	struct gospy_snapshot_options how = {
		.size = sizeof(how), .non_blocking = true, .cancel_fd = cancel_fd};
	struct gospy_target *target = NULL;
	struct gospy_snapshot *snapshot = NULL;
	uint64_t total = GOSPY_UNKNOWN;
	if (gospy_target_open_pid(pid, &open, &target, err) == GOSPY_OK &&
	    gospy_snapshot_take(target, &how, &snapshot, err) == GOSPY_OK)
		total = gospy_snapshot_info(snapshot)->goroutines.total;
	gospy_snapshot_destroy(snapshot);
	gospy_target_close(target);
	return total;
}

/* Count in the first process that was not; false: there is none, or it is time to stop. */
static bool count_one(struct procs *procs)
{
	struct gospy_error err = {0};
	pid_t pid = 0;
	pthread_mutex_lock(&procs->worker.lock);
	for (size_t i = 0; !procs->worker.stopping && !pid && i < procs->list.len; i++)
		pid = procs->list.at[i].counted ? 0 : procs->list.at[i].pid;
	pthread_mutex_unlock(&procs->worker.lock);
	if (!pid)
		return false;
	uint64_t total = count_goroutines(pid, procs->worker.cancel_fd, &err);
	pthread_mutex_lock(&procs->worker.lock);
	for (size_t i = 0; i < procs->list.len; i++) {
		struct proc *proc = &procs->list.at[i];
		if (proc->pid != pid)
			continue;
		proc->counted = true;
		proc->goroutines = total;
		if (total == GOSPY_UNKNOWN && !proc->problem)
			proc->problem = copy(err.msg);
	}
	pthread_mutex_unlock(&procs->worker.lock);
	tell(procs);
	return true;
}

/* Wait until it is time to look again. `*anew_ret`: everything is to be counted again. */
static bool wait_for_next(struct procs *procs, bool *anew_ret)
{
	uint64_t until = clock_mono_ns() + LIST_AGAIN_NS;
	struct timespec at = {(time_t)(until / 1000000000), (long)(until % 1000000000)};
	pthread_mutex_lock(&procs->worker.lock);
	while (!procs->worker.stopping && !procs->refresh &&
	       pthread_cond_timedwait(&procs->worker.changed, &procs->worker.lock, &at) !=
		       ETIMEDOUT)
		;
	bool go_on = !procs->worker.stopping;
	*anew_ret = procs->refresh;
	procs->refresh = false;
	pthread_mutex_unlock(&procs->worker.lock);
	return go_on;
}

static void run(struct worker *worker)
{
	struct procs *procs = (struct procs *)worker;
	bool anew = true;
	do {
		list_processes(procs, anew);
		while (count_one(procs))
			;
	} while (wait_for_next(procs, &anew));
}

enum gospy_code procs_start(const pid_t *only, size_t n, struct procs **ret,
			    struct gospy_error *err)
{
	struct procs *procs = calloc(1, sizeof(*procs));
	if (!procs)
		abort();
	for (size_t i = 0; i < n; i++) {
		if (!vec_push(&procs->only, only[i]))
			abort();
	}
	procs->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	enum gospy_code code =
		procs->event < 0 ? err_os(err, errno, "eventfd") : worker_init(&procs->worker, err);
	if (code) {
		vec_free(&procs->only);
		close(procs->event);
		free(procs);
		return code;
	}
	code = worker_start(&procs->worker, run, destroy, err);
	if (code)
		destroy(&procs->worker);
	else
		*ret = procs;
	return code;
}

void procs_stop(struct procs *procs)
{
	worker_stop(&procs->worker);
}

int procs_fd(const struct procs *procs)
{
	return procs->event;
}

bool procs_take(struct procs *procs, proc_list *ret, size_t *unreadable_ret)
{
	uint64_t count;
	if (read(procs->event, &count, sizeof(count)) < 0 && errno != EAGAIN)
		return false;
	proc_list_free(ret);
	pthread_mutex_lock(&procs->worker.lock);
	*unreadable_ret = procs->unreadable;
	for (size_t i = 0; i < procs->list.len; i++) {
		struct proc proc = proc_copy(&procs->list.at[i]);
		push(ret, &proc);
	}
	bool known = procs->known;
	pthread_mutex_unlock(&procs->worker.lock);
	return known;
}

void procs_refresh(struct procs *procs)
{
	pthread_mutex_lock(&procs->worker.lock);
	procs->refresh = true;
	pthread_cond_signal(&procs->worker.changed);
	pthread_mutex_unlock(&procs->worker.lock);
}
