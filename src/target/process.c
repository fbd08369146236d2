#include "target/process.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

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

static bool thread_lives(pid_t pid, pid_t tid)
{
	struct proc_stat stat;
	return !procfs_stat(pid, tid, &stat, NULL) && !state_is_dead(stat.state) &&
	       has_memory(pid, tid);
}

enum gospy_code process_live_tid(pid_t pid, pid_t *ret, struct gospy_error *err)
{
	if (thread_lives(pid, pid)) {
		*ret = pid;
		return GOSPY_OK;
	}
	pid_vec tids = {0};
	enum gospy_code code = procfs_tids(pid, &tids, err);
	if (!code) {
		code = GOSPY_E_GONE;
		for (size_t i = 0; code && i < tids.len; i++) {
			if (thread_lives(pid, tids.at[i])) {
				*ret = tids.at[i];
				code = GOSPY_OK;
			}
		}
		if (code)
			err_set(err, code, "pid %d has ended", pid);
	}
	vec_free(&tids);
	return code;
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
		return process_diagnose_eperm(process->pid, PROCESS_READ_MEMORY, err);
	return err_os(err, errno, "cannot look at %s", path);
}

/** Fill live_tid and the identity of the executable. */
static enum gospy_code find_program(struct process *process, struct gospy_error *err)
{
	// A thread may end between being found alive and being looked at; the process may have
	// others.
	for (int tries = 0; tries < TRIES; tries++) {
		enum gospy_code code = process_live_tid(process->pid, &process->live_tid, err);
		if (!code)
			code = identify_exe(process, process->live_tid, err);
		if (code != GOSPY_E_NOT_FOUND)
			return code;
	}
	return err_set(err, GOSPY_E_GONE, "the threads of pid %d end faster than they can be read",
		       process->pid);
}

enum gospy_code process_explain_missing(pid_t pid, struct gospy_error *err)
{
	if (pid > 0 && (kill(pid, 0) == 0 || errno == EPERM))
		return err_set(err, GOSPY_E_PERM,
			       "pid %d is hidden from this user (/proc is mounted with hidepid); "
			       "try: sudo gospy ...",
			       pid);
	return err_set(err, GOSPY_E_GONE, "no process with pid %d", pid);
}

/** Fill all but the descriptor. */
static enum gospy_code identify(struct process *process, struct gospy_error *err)
{
	struct proc_stat stat;
	struct proc_status status;
	enum gospy_code code = procfs_stat(process->pid, 0, &stat, err);
	if (!code)
		code = procfs_status(process->pid, 0, &status, err);
	if (code == GOSPY_E_GONE)
		return process_explain_missing(process->pid, err);
	if (code)
		return code;
	if (status.tgid != process->pid)
		return err_set(err, GOSPY_E_GONE,
			       "there is no process %d; it is a thread of process %d", process->pid,
			       status.tgid);
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

enum gospy_code process_open(pid_t pid, struct process *ret, struct gospy_error *err)
{
	struct process process = {.pid = pid};
	// Before anything is read: if the descriptor is alive afterwards, it was all of one
	// process.
	process.pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	enum gospy_code code = identify(&process, err);
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
	process->pidfd = -1;
}

enum gospy_code process_check(struct process *process, struct gospy_error *err)
{
	struct process now = {.pid = process->pid};
	struct proc_stat stat;
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
	process->live_tid = now.live_tid;
	return GOSPY_OK;
}
