/* The Go processes of this machine. Programs are recognised once a file, however many run it. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/map.h"
#include "goruntime/buildinfo.h"
#include "goruntime/gops_agent.h"

struct gospy_process_list {
	VEC(struct gospy_process) processes;
	size_t unreadable;
	struct arena arena;
};

/* What is known of an executable file. */
struct program {
	dev_t dev;
	ino_t ino;
	struct timespec mtime; /* the number of a removed file may come to name another */
	bool is_go;
	const char *go_version; /* NULL: to be read from each process, or unknown */
	uint64_t next;          /* 1 + index of another one with the same hash, or 0 */
};

struct lister {
	struct gospy_process_list *list;
	VEC(struct program) programs;
	struct map by_file; /* hash of device, inode, time -> 1 + index in programs */
};

static uint64_t hash_file(const struct stat *st)
{
	uint64_t hash = st->st_dev * 31 + st->st_ino;
	return (hash * 31 + (uint64_t)st->st_mtim.tv_sec) * 31 + (uint64_t)st->st_mtim.tv_nsec;
}

static bool is_file(const struct program *program, const struct stat *st)
{
	return program->dev == st->st_dev && program->ino == st->st_ino &&
	       program->mtime.tv_sec == st->st_mtim.tv_sec &&
	       program->mtime.tv_nsec == st->st_mtim.tv_nsec;
}

/* Look into the file that `tid` runs. Only errors that concern all files are returned, and
 * GOSPY_E_PERM. */
static enum gospy_code recognise(struct lister *lister, pid_t tid, struct program *program,
				 struct gospy_error *err)
{
	int fd CLEANUP_CLOSE = -1;
	CLEANUP(elf_file_close) struct elf_file elf = {0};
	struct build_info_text text;
	enum gospy_code code = procfs_open_exe(tid, &fd, err);
	if (!code)
		code = elf_file_open(fd, "", &elf, err);
	if (!code)
		code = build_info_find(&elf, NULL, NULL, 0, &lister->list->arena, &text, err);
	if (code == GOSPY_E_PERM || code == GOSPY_E_NOMEM)
		return code;
	program->is_go = code == GOSPY_OK ||
			 (code == GOSPY_E_NOT_FOUND && elf.bytes.len && build_info_is_go(&elf));
	program->go_version = code == GOSPY_OK ? text.go_version : NULL;
	return GOSPY_OK;
}

/* GOSPY_E_PERM: the file may not be read; GOSPY_E_GONE: there is none. */
static enum gospy_code find_program(struct lister *lister, pid_t tid, struct program *ret,
				    struct gospy_error *err)
{
	char path[32];
	struct stat st;
	snprintf(path, sizeof(path), "/proc/%d/exe", tid);
	if (stat(path, &st) != 0)
		return errno == EACCES || errno == EPERM ? GOSPY_E_PERM : GOSPY_E_GONE;
	uint64_t *head = map_put(&lister->by_file, hash_file(&st));
	if (!head)
		return err_nomem(err);
	for (uint64_t i = *head; i; i = lister->programs.at[i - 1].next) {
		if (is_file(&lister->programs.at[i - 1], &st)) {
			*ret = lister->programs.at[i - 1];
			return GOSPY_OK;
		}
	}
	struct program program = {
		.dev = st.st_dev, .ino = st.st_ino, .mtime = st.st_mtim, .next = *head};
	enum gospy_code code = recognise(lister, tid, &program, err);
	if (code)
		return code;
	if (!vec_push(&lister->programs, program))
		return err_nomem(err);
	*head = lister->programs.len;
	*ret = program;
	return GOSPY_OK;
}

static const char *version_in_process(pid_t pid, struct arena *arena)
{
	CLEANUP(process_close) struct process process = {.pidfd = -1};
	struct build_info_text text;
	if (process_open(pid, &process, NULL) || buildinfo_read(&process, arena, &text, NULL))
		return NULL;
	return text.go_version;
}

static enum gospy_code describe_go(struct lister *lister, const struct program *program, pid_t tid,
				   struct gospy_process *process, struct gospy_error *err)
{
	struct arena *arena = &lister->list->arena;
	struct proc_status status;
	enum gospy_code code = procfs_status(process->pid, 0, &status, err);
	if (!code)
		code = procfs_exe_path(tid, arena, &process->exe, &process->exe_deleted, err);
	if (code)
		return code;
	process->is_go = true;
	process->uid = status.uid;
	process->go_version =
		program->go_version ? program->go_version : version_in_process(process->pid, arena);
	process->agent = gops_agent_lives(process->pid, process->uid);
	return GOSPY_OK;
}

/* GOSPY_E_GONE and the like: it ended meanwhile. */
static enum gospy_code add_process(struct lister *lister, pid_t pid, struct gospy_error *err)
{
	struct gospy_process_list *list = lister->list;
	struct proc_stat stat;
	struct program program = {0};
	pid_t tid;
	enum gospy_code code = procfs_stat(pid, 0, &stat, err);
	if (code || stat.kthread || (code = process_live_tid(pid, &tid, err)))
		return code;
	struct gospy_process process = {
		.pid = pid, .ppid = stat.ppid, .comm = arena_strdup(&list->arena, stat.comm)};
	if (!process.comm)
		return err_nomem(err);
	code = find_program(lister, tid, &program, err);
	if (code == GOSPY_E_PERM)
		list->unreadable++;
	else if (code)
		return code;
	else if (program.is_go && (code = describe_go(lister, &program, tid, &process, err)))
		return code;
	return vec_push(&list->processes, process) ? GOSPY_OK : err_nomem(err);
}

static enum gospy_code scan_proc(struct lister *lister, struct gospy_error *err)
{
	DIR *dir CLEANUP_CLOSEDIR = opendir("/proc");
	if (!dir)
		return err_os(err, errno, "cannot list /proc");
	for (const struct dirent *entry; (entry = readdir(dir));) {
		char *end;
		long pid = strtol(entry->d_name, &end, 10);
		if (*end || pid <= 0)
			continue;
		// Whatever else goes wrong with one process, it is no longer what it was.
		if (add_process(lister, (pid_t)pid, err) == GOSPY_E_NOMEM)
			return GOSPY_E_NOMEM;
	}
	return GOSPY_OK;
}

static int compare_pids(const void *a, const void *b)
{
	pid_t x = ((const struct gospy_process *)a)->pid,
	      y = ((const struct gospy_process *)b)->pid;
	return (x > y) - (x < y);
}

static struct gospy_process *find_pid(struct gospy_process_list *list, pid_t pid)
{
	struct gospy_process key = {.pid = pid};
	return bsearch(&key, list->processes.at, list->processes.len, sizeof(key), compare_pids);
}

/* Of those that are not Go, keep the ancestors of those that are. */
static bool drop_others(struct gospy_process_list *list)
{
	size_t n = list->processes.len, kept = 0;
	struct gospy_process *processes = list->processes.at;
	if (!n)
		return true;
	qsort(processes, n, sizeof(*processes), compare_pids);
	CLEANUP_FREE bool *keep = calloc(n, sizeof(*keep));
	if (!keep)
		return false;
	for (size_t i = 0; i < n; i++) {
		struct gospy_process *p = processes[i].is_go ? &processes[i] : NULL;
		for (; p && !keep[p - processes]; p = find_pid(list, p->ppid))
			keep[p - processes] = true;
	}
	for (size_t i = 0; i < n; i++) {
		if (keep[i])
			processes[kept++] = processes[i];
	}
	list->processes.len = kept;
	return true;
}

enum gospy_code gospy_process_list_create(struct gospy_process_list **ret, struct gospy_error *err)
{
	if (!ret)
		return err_set(err, GOSPY_E_USAGE, "gospy_process_list_create: bad argument");
	struct gospy_process_list *list = calloc(1, sizeof(*list));
	if (!list)
		return err_nomem(err);
	struct lister lister = {.list = list};
	enum gospy_code code = scan_proc(&lister, err);
	vec_free(&lister.programs);
	map_deinit(&lister.by_file);
	if (!code && !drop_others(list))
		code = err_nomem(err);
	if (code)
		gospy_process_list_destroy(list);
	else
		*ret = list;
	return code;
}

void gospy_process_list_destroy(struct gospy_process_list *list)
{
	if (!list)
		return;
	vec_free(&list->processes);
	arena_deinit(&list->arena);
	free(list);
}

const struct gospy_process *gospy_process_list_get(const struct gospy_process_list *list,
						   size_t *n_ret)
{
	*n_ret = list->processes.len;
	return list->processes.at;
}

size_t gospy_process_list_unreadable(const struct gospy_process_list *list)
{
	return list->unreadable;
}
