#include "live/procfs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "live/scan.h"

enum {
	PATH_LEN = 64,         /* "/proc/PID/task/TID/timens_offsets" and the like */
	STAT_LEN = 2048,       /* 52 numbers of at most 20 digits and a name */
	READ_LIMIT = 64 << 20, /* see procfs.h */
};

static void proc_path(char path[PATH_LEN], pid_t pid, pid_t tid, const char *name)
{
	if (tid)
		snprintf(path, PATH_LEN, "/proc/%d/task/%d/%s", pid, tid, name);
	else
		snprintf(path, PATH_LEN, "/proc/%d/%s", pid, name);
}

static enum gospy_code proc_error(struct gospy_error *err, int os_errno, const char *path,
				  pid_t pid)
{
	// ENOENT when the file is opened, ESRCH when it is read after the process ended.
	if (os_errno == ENOENT || os_errno == ESRCH)
		return err_set(err, GOSPY_E_GONE, "no process with pid %d", pid);
	return err_os(err, os_errno, "cannot read %s", path);
}

/* What one reading of a file of /proc gives: of some all that there is, up to the room for it. */
enum reading { READS_PARTS, READS_ALL };

static enum gospy_code read_all(int fd, enum reading reading, uint8_t **ret, size_t *len_ret,
				int *os_errno)
{
	VEC(uint8_t) bytes = {0};
	for (;;) {
		if (bytes.len == READ_LIMIT) {
			vec_free(&bytes);
			return GOSPY_E_LIMIT;
		}
		if (bytes.len == bytes.cap &&
		    !vec_reserve(&bytes, bytes.len ? bytes.len * 2 : 4096)) {
			vec_free(&bytes);
			return GOSPY_E_NOMEM;
		}
		size_t room = (bytes.cap < READ_LIMIT ? bytes.cap : READ_LIMIT) - bytes.len;
		ssize_t n = read(fd, bytes.at + bytes.len, room);
		if (n == 0)
			break;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			*os_errno = errno;
			vec_free(&bytes);
			return GOSPY_E_OS;
		}
		bytes.len += (size_t)n;
		if (reading == READS_ALL && (size_t)n < room)
			break;
	}
	*ret = bytes.at;
	*len_ret = bytes.len;
	return GOSPY_OK;
}

/** *os_errno is 0 if the failure was not one of a system call. */
static enum gospy_code read_path(const char *path, enum reading reading, uint8_t **ret,
				 size_t *len_ret, int *os_errno, struct gospy_error *err)
{
	*os_errno = 0;
	int fd CLEANUP_CLOSE = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		*os_errno = errno;
		return err_os(err, *os_errno, "cannot open %s", path);
	}
	enum gospy_code code = read_all(fd, reading, ret, len_ret, os_errno);
	switch (code) {
	case GOSPY_E_LIMIT:
		return err_set(err, code, "%s is longer than %d MiB", path, READ_LIMIT >> 20);
	case GOSPY_E_NOMEM:
		return err_nomem(err);
	case GOSPY_E_OS:
		return err_os(err, *os_errno, "cannot read %s", path);
	default:
		return code;
	}
}

enum gospy_code procfs_read_file(const char *path, uint8_t **ret, size_t *len_ret,
				 struct gospy_error *err)
{
	int os_errno;
	enum gospy_code code = read_path(path, READS_PARTS, ret, len_ret, &os_errno, err);
	if (os_errno == ENOENT)
		return err_set(err, GOSPY_E_NOT_FOUND, "there is no %s", path);
	return code;
}

/** A file that every process has: its absence means that there is no such process. */
static enum gospy_code read_proc(pid_t pid, pid_t tid, const char *name, enum reading reading,
				 uint8_t **ret, size_t *len_ret, struct gospy_error *err)
{
	char path[PATH_LEN];
	proc_path(path, pid, tid, name);
	int os_errno;
	enum gospy_code code = read_path(path, reading, ret, len_ret, &os_errno, err);
	return os_errno ? proc_error(err, os_errno, path, pid) : code;
}

/** Stat files are short and read by the thousand, so nothing is allocated. Returns 0 or an errno.
 */
static int read_stat(const char *path, uint8_t buf[STAT_LEN], size_t *len_ret)
{
	int fd CLEANUP_CLOSE = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno;
	// seq_file gives the whole of a short file to one read.
	ssize_t n = read(fd, buf, STAT_LEN);
	if (n < 0)
		return errno;
	*len_ret = (size_t)n;
	return 0;
}

enum gospy_code procfs_stat(pid_t pid, pid_t tid, struct proc_stat *ret, struct gospy_error *err)
{
	char path[PATH_LEN];
	proc_path(path, pid, tid, "stat");
	uint8_t buf[STAT_LEN];
	size_t len = 0;
	int os_errno = read_stat(path, buf, &len);
	if (os_errno)
		return proc_error(err, os_errno, path, pid);
	return proc_stat_parse((struct span){buf, len}, ret, err);
}

enum gospy_code procfs_status(pid_t pid, pid_t tid, struct proc_status *ret,
			      struct gospy_error *err)
{
	uint8_t *text CLEANUP_FREE = NULL;
	size_t len;
	// It is one record of a seq_file (fs/seq_file.c, seq_read_iter()).
	enum gospy_code code = read_proc(pid, tid, "status", READS_ALL, &text, &len, err);
	return code ? code : proc_status_parse((struct span){text, len}, ret, err);
}

enum gospy_code procfs_maps(pid_t pid, struct mappings *ret, struct gospy_error *err)
{
	uint8_t *text CLEANUP_FREE = NULL;
	size_t len;
	enum gospy_code code = read_proc(pid, 0, "maps", READS_PARTS, &text, &len, err);
	return code ? code : proc_maps_parse((struct span){text, len}, ret, err);
}

enum gospy_code procfs_auxv(pid_t pid, struct auxv *ret, struct gospy_error *err)
{
	uint8_t *bytes CLEANUP_FREE = NULL;
	size_t len;
	// fs/proc/base.c, auxv_read()
	enum gospy_code code = read_proc(pid, 0, "auxv", READS_ALL, &bytes, &len, err);
	return code ? code : proc_auxv_parse((struct span){bytes, len}, ret, err);
}

enum gospy_code procfs_tids(pid_t pid, pid_vec *tids, struct gospy_error *err)
{
	char path[PATH_LEN];
	proc_path(path, pid, 0, "task");
	DIR *dir CLEANUP_CLOSEDIR = opendir(path);
	if (!dir)
		return proc_error(err, errno, path, pid);
	for (;;) {
		errno = 0;
		const struct dirent *entry = readdir(dir);
		if (!entry)
			break;
		const uint8_t *name = (const uint8_t *)entry->d_name;
		struct scan s = scan_of((struct span){name, strlen(entry->d_name)});
		pid_t tid = scan_pid(&s);
		if (!s.failed && !vec_push(tids, tid))
			return err_nomem(err);
	}
	// The listing of a process that ends meanwhile fails with ENOENT.
	return errno ? proc_error(err, errno, path, pid) : GOSPY_OK;
}

int procfs_task_open(int task_dir_fd, pid_t tid)
{
	char path[PATH_LEN];
	snprintf(path, sizeof(path), "%d/stat", tid);
	return openat(task_dir_fd, path, O_RDONLY | O_CLOEXEC);
}

enum gospy_code procfs_task_read(int stat_fd, struct task *task, struct gospy_error *err)
{
	uint8_t buf[STAT_LEN];
	struct proc_stat stat;
	ssize_t n = pread(stat_fd, buf, sizeof(buf), 0);
	if (n < 0 && errno == ESRCH)
		return err_set(err, GOSPY_E_GONE, "thread %d has ended", task->tid);
	if (n < 0)
		return err_os(err, errno, "cannot read the state of thread %d", task->tid);
	enum gospy_code code = proc_stat_parse((struct span){buf, (size_t)n}, &stat, err);
	if (code)
		return code;
	task->state = stat.state;
	task->io_worker = stat.io_worker;
	memcpy(task->comm, stat.comm, sizeof(task->comm));
	return GOSPY_OK;
}

enum gospy_code procfs_task_nstid(pid_t pid, bool namespaced, struct task *task,
				  struct gospy_error *err)
{
	task->nstid = task->tid;
	if (!namespaced)
		return GOSPY_OK;
	struct proc_status status;
	enum gospy_code code = procfs_status(pid, task->tid, &status, err);
	if (!code && status.nspid_len)
		task->nstid = status.nspid[status.nspid_len - 1];
	return code;
}

static enum gospy_code fill_task(pid_t pid, int dir_fd, bool namespaced, struct task *task,
				 struct gospy_error *err)
{
	char path[PATH_LEN];
	int fd CLEANUP_CLOSE = procfs_task_open(dir_fd, task->tid);
	proc_path(path, pid, task->tid, "stat");
	if (fd < 0)
		return proc_error(err, errno, path, pid);
	enum gospy_code code = procfs_task_read(fd, task, err);
	return code ? code : procfs_task_nstid(pid, namespaced, task, err);
}

static enum gospy_code fill_tasks(pid_t pid, bool namespaced, const pid_vec *tids,
				  struct tasks *tasks, struct gospy_error *err)
{
	char path[PATH_LEN];
	proc_path(path, pid, 0, "task");
	int dir_fd CLEANUP_CLOSE = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir_fd < 0)
		return proc_error(err, errno, path, pid);
	if (!vec_reserve(&tasks->tasks, tids->len))
		return err_nomem(err);
	for (size_t i = 0; i < tids->len; i++) {
		struct task task = {.tid = tids->at[i]};
		enum gospy_code code = fill_task(pid, dir_fd, namespaced, &task, err);
		if (!code)
			tasks->tasks.at[tasks->tasks.len++] = task;
		else if (code != GOSPY_E_GONE)
			return code;
	}
	return GOSPY_OK;
}

enum gospy_code procfs_tasks(pid_t pid, bool namespaced, struct tasks *ret, struct gospy_error *err)
{
	pid_vec tids = {0};
	struct tasks tasks = {0};
	enum gospy_code code = procfs_tids(pid, &tids, err);
	if (!code)
		code = fill_tasks(pid, namespaced, &tids, &tasks, err);
	vec_free(&tids);
	if (code)
		tasks_deinit(&tasks);
	else
		*ret = tasks;
	return code;
}

/** The links of a process without memory (a kernel thread, a dead leader) are ENOENT too. */
static enum gospy_code exe_error(struct gospy_error *err, int os_errno, const char *path, pid_t pid)
{
	char dir[PATH_LEN];
	snprintf(dir, sizeof(dir), "/proc/%d", pid);
	if (os_errno == ENOENT && access(dir, F_OK) == 0)
		return err_set(err, GOSPY_E_NOT_FOUND, "pid %d has no executable", pid);
	return proc_error(err, os_errno, path, pid);
}

/* A file that the process names, in its own root. */
static enum gospy_code find_in_root(pid_t pid, const char *path, int *fd_ret,
				    struct gospy_error *err)
{
	char root_path[PATH_LEN];
	proc_path(root_path, pid, 0, "root");
	int root CLEANUP_CLOSE = open(root_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return root < 0 ? err_os(err, errno, "%s", path) : file_find_below(root, path, fd_ret, err);
}

/**
 * The kernel appends " (deleted)" to the path of a file that is no longer there, but a name may
 * also end so by itself: then that very file is still found under it.
 */
static bool is_deleted(pid_t pid, const char *exe_link, const char *path)
{
	struct stat exe, named;
	int found CLEANUP_CLOSE = -1;
	return stat(exe_link, &exe) || find_in_root(pid, path, &found, NULL) ||
	       fstat(found, &named) || exe.st_dev != named.st_dev || exe.st_ino != named.st_ino;
}

enum gospy_code procfs_exe_path(pid_t pid, struct arena *arena, const char **ret, bool *deleted_ret,
				struct gospy_error *err)
{
	static const char suffix[] = " (deleted)";
	const size_t suffix_len = sizeof(suffix) - 1;
	char exe_link[PATH_LEN], path[PATH_MAX];
	proc_path(exe_link, pid, 0, "exe");
	ssize_t n = readlink(exe_link, path, sizeof(path) - 1);
	if (n < 0)
		return exe_error(err, errno, exe_link, pid);
	size_t len = (size_t)n;
	path[len] = '\0';
	bool deleted = len > suffix_len && !strcmp(path + len - suffix_len, suffix) &&
		       is_deleted(pid, exe_link, path);
	const char *copy = arena_strndup(arena, path, deleted ? len - suffix_len : len);
	if (!copy)
		return err_nomem(err);
	*ret = copy;
	*deleted_ret = deleted;
	return GOSPY_OK;
}

enum gospy_code procfs_open_exe(pid_t pid, int *fd_ret, struct gospy_error *err)
{
	char path[PATH_LEN];
	struct gospy_error why;
	proc_path(path, pid, 0, "exe");
	enum gospy_code code = file_open(path, fd_ret, &why);
	if (code && why.os_errno)
		return exe_error(err, why.os_errno, path, pid);
	if (code && err)
		*err = why;
	return code;
}

enum gospy_code procfs_open_mapped(pid_t pid, const struct mapping *map, int *fd_ret,
				   struct gospy_error *err)
{
	char path[PATH_LEN];
	int found CLEANUP_CLOSE = -1;
	snprintf(path, sizeof(path), "/proc/%d/map_files/%" PRIx64 "-%" PRIx64, pid, map->start,
		 map->end);
	enum gospy_code code = file_find(path, &found, NULL);
	if (code)
		code = find_in_root(pid, map->path, &found, err);
	return code ? code : file_reopen(found, map->path, fd_ret, err);
}

enum gospy_code procfs_cmdline(pid_t pid, struct arena *arena, struct span *ret,
			       struct gospy_error *err)
{
	uint8_t *bytes CLEANUP_FREE = NULL;
	size_t len;
	enum gospy_code code = read_proc(pid, 0, "cmdline", READS_PARTS, &bytes, &len, err);
	if (code)
		return code;
	const char *copy = arena_strndup(arena, bytes, len);
	if (!copy)
		return err_nomem(err);
	*ret = (struct span){(const uint8_t *)copy, len};
	return GOSPY_OK;
}

bool procfs_argv0(pid_t pid, char argv0[PATH_MAX])
{
	char path[PATH_LEN];
	proc_path(path, pid, 0, "cmdline");
	int fd CLEANUP_CLOSE = open(path, O_RDONLY | O_CLOEXEC);
	// The kernel fills the buffer as far as there is something.
	ssize_t n = fd < 0 ? -1 : read(fd, argv0, PATH_MAX);
	return n > 0 && *argv0 && memchr(argv0, '\0', (size_t)n);
}

bool procfs_other_pid_namespace(pid_t pid)
{
	// NSpid begins at the namespace of the /proc that is read: fs/proc/array.c, task_state().
	struct proc_status status;
	return !procfs_status(pid, 0, &status, NULL) && status.nspid_len > 1;
}

/** Identity of a namespace; false if it may not be looked at. */
static bool namespace_stat(const char *process, const char *name, struct stat *ret)
{
	char path[PATH_LEN];
	snprintf(path, sizeof(path), "/proc/%s/ns/%s", process, name);
	return !stat(path, ret);
}

/** The monotonic line of timens_offsets: "monotonic SECONDS NANOSECONDS", time_namespaces(7). */
static int64_t monotonic_offset_ns(const char *process)
{
	char path[PATH_LEN];
	snprintf(path, sizeof(path), "/proc/%s/timens_offsets", process);
	FILE *file CLEANUP_FCLOSE = fopen(path, "re");
	long long seconds, nanoseconds;
	if (!file || fscanf(file, "monotonic %lld %lld", &seconds, &nanoseconds) != 2)
		return 0;
	int64_t ns;
	if (__builtin_mul_overflow(seconds, 1000000000, &ns) ||
	    __builtin_add_overflow(ns, nanoseconds, &ns))
		return 0;
	return ns;
}

int64_t procfs_monotonic_offset_ns(pid_t pid)
{
	char process[16];
	snprintf(process, sizeof(process), "%d", pid);
	struct stat own, target;
	if (!namespace_stat("self", "time", &own) || !namespace_stat(process, "time", &target) ||
	    (own.st_dev == target.st_dev && own.st_ino == target.st_ino))
		return 0;
	return monotonic_offset_ns(process) - monotonic_offset_ns("self");
}

uint64_t procfs_ticks_to_ns(uint64_t ticks)
{
	uint64_t hz = (uint64_t)sysconf(_SC_CLK_TCK);
	// Divided first: the product of both would overflow.
	return ticks / hz * 1000000000u + ticks % hz * 1000000000u / hz;
}
