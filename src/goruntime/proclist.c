/* The Go processes of this machine. Files are recognised once, however many run them. */
#include <dirent.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/map.h"
#include "base/parallel.h"
#include "goruntime/agent_find.h"
#include "goruntime/buildinfo.h"

typedef VEC(struct gospy_process) process_vec;

struct gospy_process_list {
	process_vec processes;
	size_t unreadable;
	struct arena arenas[PARALLEL_WORKERS]; /* of the texts */
};

enum {
	COMM_CUT = 15, /* TASK_COMM_LEN of the kernel, less the NUL */
	/* Each worker gets to know the files by itself, which only pays from a thousand processes
	 * on: base/parallel.h counts in smaller things. */
	ITEMS_OF_A_PID = PARALLEL_FROM / 1024,
};

/* What is known of a file: of an executable, or of a library, whose numbers are those of the
 * mappings of processes, which need not be what stat() says. */
struct program {
	bool library;
	dev_t dev;
	ino_t ino;
	struct timespec mtime; /* the number of a removed file may come to name another */
	enum go_sign sign;
	const char *go_version; /* NULL: to be read from each process, or unknown */
	uint64_t next;          /* 1 + index of another one with the same hash, or 0 */
};

/* What one worker knows and finds. */
struct lister {
	struct arena *arena;
	process_vec processes;
	size_t unreadable;
	VEC(struct program) programs;
	struct map by_file; /* hash of the file -> 1 + index in programs */
	struct agent_finder agents;
};

static uint64_t hash_file(const struct program *file)
{
	uint64_t hash = (uint64_t)file->dev * 31 + file->ino;
	return (hash * 31 + (uint64_t)file->mtime.tv_sec) * 31 + (uint64_t)file->mtime.tv_nsec;
}

static bool is_file(const struct program *a, const struct program *b)
{
	return a->library == b->library && a->dev == b->dev && a->ino == b->ino &&
	       a->mtime.tv_sec == b->mtime.tv_sec && a->mtime.tv_nsec == b->mtime.tv_nsec;
}

/* Index of a file that was seen before, or SIZE_MAX. `head` is of its hash. */
static size_t find_known(const struct lister *lister, const struct program *file, uint64_t head)
{
	for (uint64_t i = head; i; i = lister->programs.at[i - 1].next) {
		if (is_file(&lister->programs.at[i - 1], file))
			return i - 1;
	}
	return SIZE_MAX;
}

/* Look into a file. Only GOSPY_E_NOMEM is returned: whatever else it is, it is not Go's. */
static enum gospy_code recognise(struct lister *lister, int fd, struct program *program,
				 struct gospy_error *err)
{
	CLEANUP(elf_file_close) struct elf_file elf = {0};
	struct build_info_text text;
	enum gospy_code code = elf_file_open_any(fd, "", &elf, err);
	if (!code)
		program->sign = build_info_sign(&elf);
	if (program->sign == GO_SIGN_YES)
		code = build_info_find(&elf, NULL, NULL, 0, lister->arena, &text, err);
	if (!code && program->sign == GO_SIGN_YES)
		program->go_version = text.go_version;
	return code == GOSPY_E_NOMEM ? code : GOSPY_OK;
}

/* Index of the file that `map` is of, or of the executable of `tid` if that is NULL. */
static enum gospy_code look_up(struct lister *lister, struct program *file, pid_t tid,
			       const struct proc_map *map, size_t *ret, struct gospy_error *err)
{
	int fd CLEANUP_CLOSE = -1;
	uint64_t *head = map_put(&lister->by_file, hash_file(file));
	if (!head)
		return err_nomem(err);
	*ret = find_known(lister, file, *head);
	if (*ret != SIZE_MAX)
		return GOSPY_OK;
	enum gospy_code code =
		map ? procfs_open_mapped(tid, map, &fd, err) : procfs_open_exe(tid, &fd, err);
	if (!code)
		code = recognise(lister, fd, file, err);
	// It may not be read, or is a library that is not there any more: its memory may tell.
	else if (map || code == GOSPY_E_PERM)
		file->sign = GO_SIGN_UNCLEAR;
	if (code == GOSPY_E_NOMEM || (code && file->sign != GO_SIGN_UNCLEAR))
		return code;
	file->next = *head;
	if (!vec_push(&lister->programs, *file))
		return err_nomem(err);
	*ret = lister->programs.len - 1;
	*head = lister->programs.len;
	return GOSPY_OK;
}

/* GOSPY_E_PERM: the file may not be read; GOSPY_E_GONE: there is none. */
static enum gospy_code find_program(struct lister *lister, pid_t tid, size_t *ret,
				    struct gospy_error *err)
{
	char path[32];
	struct stat st;
	snprintf(path, sizeof(path), "/proc/%d/exe", tid);
	if (stat(path, &st) != 0)
		return errno == EACCES || errno == EPERM ? GOSPY_E_PERM : GOSPY_E_GONE;
	struct program file = {.dev = st.st_dev, .ino = st.st_ino, .mtime = st.st_mtim};
	return look_up(lister, &file, tid, NULL, ret, err);
}

/* Of the libraries of `tid`, the first that is Go's; else one of which only the memory can tell. */
static enum gospy_code find_library(struct lister *lister, pid_t tid, size_t *ret,
				    struct gospy_error *err)
{
	CLEANUP(proc_maps_deinit) struct proc_maps maps = {0};
	enum gospy_code code = procfs_maps(tid, &maps, err);
	for (size_t i = 0; !code && i < maps.maps.len; i++) {
		const struct proc_map *map = &maps.maps.at[i];
		struct program file = {.library = true, .dev = map->dev, .ino = map->inode};
		size_t at;
		if (!map->exec || *map->path != '/')
			continue;
		code = look_up(lister, &file, tid, map, &at, err);
		if (code || lister->programs.at[at].sign == GO_SIGN_NO)
			continue;
		*ret = at;
		if (lister->programs.at[at].sign == GO_SIGN_YES)
			break;
	}
	return code;
}

/* Headers did not tell: what does the memory hold? The answer, which is put into `program`, stands
 * for all that run the file. GOSPY_E_PERM: there is none. */
static enum gospy_code judge_by_memory(struct lister *lister, pid_t pid, struct program *program,
				       struct gospy_error *err)
{
	CLEANUP(process_close) struct process process = PROCESS_NONE;
	struct build_info_text text;
	enum gospy_code code = process_open(pid, &process, err);
	if (!code)
		code = buildinfo_read(&process, lister->arena, &text, err);
	if (code == GOSPY_E_PERM || code == GOSPY_E_GONE)
		return code;
	bool is_go = code == GOSPY_OK || code == GOSPY_E_NOT_FOUND;
	program->sign = is_go ? GO_SIGN_YES : GO_SIGN_NO;
	program->go_version = code ? NULL : text.go_version;
	return GOSPY_OK;
}

/* The file by which the process is Go's, as index, or SIZE_MAX: it is not. Mappings are looked at
 * only where there is more than one thread: each Go runtime has at least that of sysmon
 * (runtime/proc.go:main), and most of the processes of a machine have one in all. */
static enum gospy_code find_go(struct lister *lister, const struct proc_stat *stat, pid_t tid,
			       size_t *ret, struct gospy_error *err)
{
	size_t program, library = SIZE_MAX;
	enum gospy_code code = find_program(lister, tid, &program, err);
	*ret = SIZE_MAX;
	if (code)
		return code;
	if (lister->programs.at[program].sign != GO_SIGN_YES && stat->num_threads == 1)
		return GOSPY_OK;
	if (lister->programs.at[program].sign == GO_SIGN_NO) {
		code = find_library(lister, tid, &library, err);
		if (code || library == SIZE_MAX)
			return code == GOSPY_E_NOMEM || code == GOSPY_E_PERM ? code : GOSPY_OK;
		program = library;
	}
	struct program *found = &lister->programs.at[program];
	if (found->sign == GO_SIGN_UNCLEAR)
		code = judge_by_memory(lister, stat->pid, found, err);
	if (!code && found->sign == GO_SIGN_YES)
		*ret = program;
	return code;
}

static const char *version_in_process(pid_t pid, struct arena *arena)
{
	CLEANUP(process_close) struct process process = PROCESS_NONE;
	struct build_info_text text;
	if (process_open(pid, &process, NULL) || buildinfo_or_version(&process, arena, &text, NULL))
		return NULL;
	return text.go_version;
}

/* The kernel cuts the name off; gops, by way of gopsutil (process_linux.go), takes what the command
 * line has instead, if that begins with it. */
static const char *whole_name(const char *comm, pid_t tid, struct arena *arena)
{
	char argv0[PATH_MAX];
	const size_t len = strlen(comm);
	if (len < COMM_CUT || !procfs_argv0(tid, argv0))
		return comm;
	const char *slash = strrchr(argv0, '/'), *name = slash ? slash + 1 : argv0;
	const char *whole = strncmp(name, comm, len) == 0 ? arena_strdup(arena, name) : NULL;
	return whole ? whole : comm;
}

static enum gospy_code describe_go(struct lister *lister, const struct program *program, pid_t tid,
				   struct gospy_process *process, struct gospy_error *err)
{
	struct arena *arena = lister->arena;
	struct proc_status status;
	struct agent_place place;
	enum gospy_code code = procfs_status(process->pid, 0, &status, err);
	if (!code)
		code = procfs_exe_path(tid, arena, &process->exe, &process->exe_deleted, err);
	if (code)
		return code;
	process->is_go = true;
	process->uid = status.uid;
	if (status.nspid_len)
		process->ns_pid = status.nspid[status.nspid_len - 1];
	process->name = whole_name(process->comm, tid, arena);
	process->go_version =
		program->go_version ? program->go_version : version_in_process(process->pid, arena);
	process->agent = !agent_find(&lister->agents, process->pid, tid, &place, NULL);
	return GOSPY_OK;
}

/* What the process is, by its thread `tid`. GOSPY_E_GONE and the like: nothing any more. */
static enum gospy_code add_by(struct lister *lister, const struct proc_stat *stat, pid_t tid,
			      struct gospy_error *err)
{
	size_t program;
	enum gospy_code code = find_go(lister, stat, tid, &program, err);
	if (code && code != GOSPY_E_PERM)
		return code;
	struct gospy_process process = {
		.pid = stat->pid,
		.ns_pid = stat->pid,
		.ppid = stat->ppid,
		.comm = arena_strdup(lister->arena, stat->comm),
	};
	if (!process.comm)
		return err_nomem(err);
	process.name = process.comm;
	if (code == GOSPY_E_PERM)
		lister->unreadable++;
	else if (program != SIZE_MAX &&
		 (code = describe_go(lister, &lister->programs.at[program], tid, &process, err)))
		return code;
	return vec_push(&lister->processes, process) ? GOSPY_OK : err_nomem(err);
}

static enum gospy_code add_process(struct lister *lister, pid_t pid, struct gospy_error *err)
{
	struct proc_stat stat;
	pid_t tid;
	enum gospy_code code = procfs_stat(pid, 0, &stat, err);
	if (code || stat.kthread)
		return code;
	code = add_by(lister, &stat, pid, err);
	// A leader that has ended has no program any more, its other threads do.
	if (code == GOSPY_E_GONE && !process_live_tid(pid, &tid, err) && tid != pid)
		code = add_by(lister, &stat, tid, err);
	return code;
}

struct scan_all {
	pid_vec pids;
	atomic_size_t next;
	struct lister listers[PARALLEL_WORKERS];
	atomic_int code; /* first failure that is gospy's own */
	struct gospy_error err;
};

/* Out of memory, or of descriptors: all others would be missing, too. Whatever else goes wrong with
 * one process, it is no longer what it was. */
static bool is_fatal(enum gospy_code code, const struct gospy_error *err)
{
	return code == GOSPY_E_NOMEM ||
	       (code == GOSPY_E_OS &&
		(err->os_errno == ENOMEM || err->os_errno == EMFILE || err->os_errno == ENFILE));
}

static void scan_some(void *ctx, unsigned worker)
{
	struct scan_all *all = ctx;
	struct gospy_error err;
	size_t i;
	while ((i = atomic_fetch_add(&all->next, 1)) < all->pids.len && !atomic_load(&all->code)) {
		enum gospy_code code = add_process(&all->listers[worker], all->pids.at[i], &err);
		int expected = GOSPY_OK;
		if (is_fatal(code, &err) &&
		    atomic_compare_exchange_strong(&all->code, &expected, (int)code))
			all->err = err;
	}
}

static enum gospy_code list_pids(pid_vec *pids, struct gospy_error *err)
{
	DIR *dir CLEANUP_CLOSEDIR = opendir("/proc");
	if (!dir)
		return err_os(err, errno, "cannot list /proc");
	for (const struct dirent *entry; errno = 0, (entry = readdir(dir));) {
		char *end;
		long pid = strtol(entry->d_name, &end, 10);
		if (*end || pid <= 0)
			continue;
		if (!vec_push(pids, (pid_t)pid))
			return err_nomem(err);
	}
	return errno ? err_os(err, errno, "cannot list /proc") : GOSPY_OK;
}

static bool take_over(struct lister *lister, struct gospy_process_list *list)
{
	process_vec *to = &list->processes;
	if (!vec_reserve(to, to->len + lister->processes.len))
		return false;
	for (size_t i = 0; i < lister->processes.len; i++)
		to->at[to->len++] = lister->processes.at[i];
	list->unreadable += lister->unreadable;
	return true;
}

static void lister_deinit(struct lister *lister)
{
	vec_free(&lister->processes);
	vec_free(&lister->programs);
	map_deinit(&lister->by_file);
	agent_finder_deinit(&lister->agents);
}

static enum gospy_code scan_proc(struct gospy_process_list *list, struct gospy_error *err)
{
	struct scan_all all = {0};
	enum gospy_code code = list_pids(&all.pids, err);
	for (unsigned i = 0; i < PARALLEL_WORKERS; i++)
		all.listers[i].arena = &list->arenas[i];
	if (!code)
		parallel_run(all.pids.len * ITEMS_OF_A_PID, scan_some, &all);
	if (!code && (code = (enum gospy_code)atomic_load(&all.code)) && err)
		*err = all.err;
	for (unsigned i = 0; i < PARALLEL_WORKERS; i++) {
		if (!code && !take_over(&all.listers[i], list))
			code = err_nomem(err);
		lister_deinit(&all.listers[i]);
	}
	vec_free(&all.pids);
	return code;
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
	enum gospy_code code = scan_proc(list, err);
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
	for (unsigned i = 0; i < PARALLEL_WORKERS; i++)
		arena_deinit(&list->arenas[i]);
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
