#include "live/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "live/diagnose.h"

enum {
	/* Each try but the last found a live thread that had ended when it was used. */
	TRIES = 64,
};

static bool state_is_dead(char state)
{
	return state == 'Z' || state == 'X' || state == 'x';
}

/** A thread that is ending loses its memory, and with it this link, before its state tells so. */
static bool has_memory(pid_t pid, pid_t tid)
{
	char path[64], target[1];
	snprintf(path, sizeof(path), "/proc/%d/task/%d/exe", pid, tid);
	return readlink(path, target, sizeof(target)) >= 0 || (errno != ENOENT && errno != ESRCH);
}

/** GOSPY_E_GONE: the thread has ended. Anything else is a failure to find out. */
static enum gospy_code check_thread(pid_t pid, pid_t tid, struct gospy_error *err)
{
	struct proc_stat stat;
	enum gospy_code code = procfs_stat(pid, tid, &stat, err);
	if (!code && (state_is_dead(stat.state) || !has_memory(pid, tid)))
		code = err_set(err, GOSPY_E_GONE, "pid %d has ended", pid);
	return code;
}

enum gospy_code process_live_tid(pid_t pid, pid_t *ret, struct gospy_error *err)
{
	pid_t tid = pid;
	pid_vec tids = {0};
	enum gospy_code code = check_thread(pid, pid, err);
	if (code == GOSPY_E_GONE && !procfs_tids(pid, &tids, err)) {
		for (size_t i = 0; code == GOSPY_E_GONE && i < tids.len; i++) {
			tid = tids.at[i];
			code = check_thread(pid, tid, err);
		}
	}
	vec_free(&tids);
	if (!code)
		*ret = tid;
	return code == GOSPY_E_GONE ? err_set(err, code, "pid %d has ended", pid) : code;
}

/** The file behind /proc/TID/exe. GOSPY_E_NOT_FOUND: thread `tid` has ended. */
static enum gospy_code identify_exe(struct process *process, pid_t tid, struct gospy_error *err)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/%d/exe", tid);
	struct stat exe;
	if (stat(path, &exe) == 0) {
		process->exe_dev = exe.st_dev;
		process->exe_ino = exe.st_ino;
		return GOSPY_OK;
	}
	if (errno == ENOENT || errno == ESRCH)
		return GOSPY_E_NOT_FOUND;
	if (errno == EACCES || errno == EPERM)
		return diagnose_eperm(process->pid, PROCESS_READ_MEMORY, err);
	return err_os(err, errno, "cannot look at %s", path);
}

static enum gospy_code err_too_fast(pid_t pid, struct gospy_error *err)
{
	return err_set(err, GOSPY_E_GONE, "the threads of pid %d end faster than they can be read",
		       pid);
}

/** Fill live_tid and the identity of the executable. */
static enum gospy_code find_program(struct process *process, struct gospy_error *err)
{
	// A thread may end between being found alive and being looked at; the process may have
	// others.
	for (int tries = 0; tries < TRIES; tries++) {
		pid_t tid = 0;
		enum gospy_code code = process_live_tid(process->pid, &tid, err);
		if (!code)
			code = identify_exe(process, tid, err);
		if (!code)
			process->live_tid = tid;
		if (code != GOSPY_E_NOT_FOUND)
			return code;
	}
	return err_too_fast(process->pid, err);
}

enum gospy_code process_stat(pid_t pid, struct proc_stat *stat_ret, struct proc_status *status_ret,
			     struct gospy_error *err)
{
	enum gospy_code code = procfs_stat(pid, 0, stat_ret, err);
	if (!code)
		code = procfs_status(pid, 0, status_ret, err);
	if (code == GOSPY_E_GONE)
		return diagnose_missing(pid, err);
	if (!code && status_ret->tgid != pid)
		return err_set(err, GOSPY_E_GONE,
			       "there is no process %d; it is a thread of process %d", pid,
			       status_ret->tgid);
	return code;
}

/** Fill all but the descriptors. */
static enum gospy_code identify(struct process *process, struct gospy_error *err)
{
	struct proc_stat stat;
	struct proc_status status;
	enum gospy_code code = process_stat(process->pid, &stat, &status, err);
	if (code)
		return code;
	if (stat.kthread)
		return err_set(err, GOSPY_E_NOT_GO, "pid %d is a kernel thread", process->pid);
	process->start_ticks = stat.start_ticks;
	memcpy(process->comm, stat.comm, sizeof(process->comm));
	return find_program(process, err);
}

/** All threads of the process behind the descriptor have ended: pidfd_open(2). */
static bool pidfd_ended(int pidfd)
{
	struct pollfd fd = {.fd = pidfd, .events = POLLIN};
	return pidfd >= 0 && poll(&fd, 1, 0) == 1;
}

/** The descriptor leads to the memory that the process had when it was opened: nothing can be read
 * from it once no process has that memory. fs/proc/base.c, mem_rw(): 0 then; else an address that
 * is not mapped, as 0 is, is an error. */
static bool memory_is_gone(int mem_fd)
{
	char byte;
	return mem_fd >= 0 && pread(mem_fd, &byte, sizeof(byte), 0) == 0;
}

/** Without permission there is no descriptor. GOSPY_E_NOT_FOUND: the thread has ended. */
static enum gospy_code hold_memory(struct process *process)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/%d/mem", process->live_tid);
	int fd CLEANUP_CLOSE = open(path, O_RDONLY | O_CLOEXEC);
	if ((fd < 0 && (errno == ENOENT || errno == ESRCH)) || memory_is_gone(fd))
		return GOSPY_E_NOT_FOUND;
	process->mem_fd = fd < 0 ? -1 : take_fd(&fd);
	return GOSPY_OK;
}

enum gospy_code process_open(pid_t pid, struct process *ret, struct gospy_error *err)
{
	struct process process = {.pid = pid, .mem_fd = -1};
	// This comes before anything is read. If the descriptor is alive afterwards, all that was
	// read is of one process.
	process.pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	enum gospy_code code = GOSPY_E_NOT_FOUND;
	for (int tries = 0; code == GOSPY_E_NOT_FOUND && tries < TRIES; tries++) {
		code = identify(&process, err);
		if (!code)
			code = hold_memory(&process);
	}
	if (code == GOSPY_E_NOT_FOUND)
		code = err_too_fast(pid, err);
	if (!code && pidfd_ended(process.pidfd))
		code = err_set(err, GOSPY_E_GONE, "pid %d has ended", pid);
	if (code)
		process_close(&process);
	else
		*ret = process;
	return code;
}

void process_close(struct process *process)
{
	if (process->pidfd >= 0)
		close(process->pidfd);
	if (process->mem_fd >= 0)
		close(process->mem_fd);
	process->pidfd = process->mem_fd = -1;
}

/** The process lives. Does it still run the same program? */
static enum gospy_code check_memory(const struct process *process, struct gospy_error *err)
{
	pid_t tid;
	if (!memory_is_gone(process->mem_fd))
		return GOSPY_OK;
	// It may have ended just now.
	enum gospy_code code = process_live_tid(process->pid, &tid, err);
	return code ? code
		    : err_set(err, GOSPY_E_GONE, "pid %d (%s) has executed a new program meanwhile",
			      process->pid, process->comm);
}

/** The shortest proof that nothing has changed. The descriptor is asked last: if the process has
 * not ended by then, all that was asked before was asked of this one. */
static bool is_as_it_was(const struct process *process)
{
	struct process now = {.pid = process->pid};
	return process->pidfd >= 0 && process->live_tid == process->pid &&
	       !identify_exe(&now, process->pid, NULL) && now.exe_dev == process->exe_dev &&
	       now.exe_ino == process->exe_ino && !memory_is_gone(process->mem_fd) &&
	       !pidfd_ended(process->pidfd);
}

enum gospy_code process_check(struct process *process, struct gospy_error *err)
{
	struct process now = {.pid = process->pid};
	struct proc_stat stat;
	if (is_as_it_was(process))
		return GOSPY_OK;
	if (pidfd_ended(process->pidfd))
		return err_set(err, GOSPY_E_GONE, "pid %d has ended", process->pid);
	enum gospy_code code = procfs_stat(process->pid, 0, &stat, err);
	if (code)
		return code;
	if (stat.start_ticks != process->start_ticks)
		return err_set(err, GOSPY_E_GONE, "pid %d has ended; another process has that pid",
			       process->pid);
	code = find_program(&now, err);
	if (code)
		return code;
	if (now.exe_dev != process->exe_dev || now.exe_ino != process->exe_ino)
		return err_set(err, GOSPY_E_GONE, "pid %d runs another program now (exec)",
			       process->pid);
	code = check_memory(process, err);
	if (!code)
		process->live_tid = now.live_tid;
	return code;
}

/** Between two programs a process has no executable at all for a moment, or one of its threads has
 * it and another has not. */
static bool runs_nothing(const struct process *process)
{
	struct auxv auxv;
	enum gospy_code code = procfs_auxv(process->live_tid, &auxv, NULL);
	return code == GOSPY_E_GONE || (!code && !auxv.entry);
}

enum gospy_code process_explain(struct process *process, enum gospy_code code,
				struct gospy_error *err)
{
	struct gospy_error why;
	pid_t tid = process->live_tid;
	if (process_check(process, &why) == GOSPY_E_GONE) {
		if (err)
			*err = why;
		return GOSPY_E_GONE;
	}
	if (code == GOSPY_E_NOMEM || code == GOSPY_E_OS || code == GOSPY_E_PERM ||
	    code == GOSPY_E_UNSUPPORTED)
		return code;
	if (runs_nothing(process))
		return err_set(err, GOSPY_E_GONE,
			       "pid %d (%s) runs no program: it is ending, executing another one, "
			       "or a thread of the kernel",
			       process->pid, process->comm);
	if (code == GOSPY_E_GONE || process->live_tid != tid)
		return err_set(err, GOSPY_E_GONE,
			       "the thread of pid %d (%s) that was read through has ended",
			       process->pid, process->comm);
	return code;
}
