/*
 * One process as /proc tells it: these functions open the files; procfs_parse.h reads what they
 * hold.
 *
 * Where a function takes a `pid` alone, the id of any thread will do; it must be that of a live one
 * for maps, auxv, exe and cmdline, which a dead leader no longer has (struct process, live_tid).
 */
#ifndef GOSPY_LIVE_PROCFS_H
#define GOSPY_LIVE_PROCFS_H

#include <limits.h>

#include "base/arena.h"
#include "base/vec.h"
#include "live/procfs_parse.h"

/** `tid` 0: the process (/proc/PID/stat). GOSPY_E_GONE if there is none. */
enum gospy_code procfs_stat(pid_t pid, pid_t tid, struct proc_stat *ret, struct gospy_error *err);

/** GOSPY_E_GONE if the thread was reaped while the file was read. */
enum gospy_code procfs_status(pid_t pid, pid_t tid, struct proc_status *ret,
			      struct gospy_error *err);

enum gospy_code procfs_maps(pid_t pid, struct mappings *ret, struct gospy_error *err);

/** GOSPY_E_GONE: the process has no memory any more. */
enum gospy_code procfs_auxv(pid_t pid, struct auxv *ret, struct gospy_error *err);

/** All threads of a process with their states. A thread that ends meanwhile is left out.
 * `namespaced`: fill nstid from NSpid (one more file a thread); otherwise nstid = tid. */
enum gospy_code procfs_tasks(pid_t pid, bool namespaced, struct tasks *ret,
			     struct gospy_error *err);

/** The same of one thread: open its file `stat` below the directory /proc/PID/task, to be read by
 * procfs_task_read() as often as wanted. -1, with errno. */
int procfs_task_open(int task_dir_fd, pid_t tid);
/** Fill in all but the ids. GOSPY_E_GONE: the thread has ended, even if another one has its id. */
enum gospy_code procfs_task_read(int stat_fd, struct task *task, struct gospy_error *err);
/** Fill in .nstid. GOSPY_E_GONE. */
enum gospy_code procfs_task_nstid(pid_t pid, bool namespaced, struct task *task,
				  struct gospy_error *err);

/** Ids of the threads only: one directory listing. Appends to `*tids`. */
typedef VEC(pid_t) pid_vec;
enum gospy_code procfs_tids(pid_t pid, pid_vec *tids, struct gospy_error *err);

/** Whole content of a /proc file (sizes are not known beforehand); free() `*ret`. The limit is
 * 64 MiB: maps of a process with a million mappings. */
enum gospy_code procfs_read_file(const char *path, uint8_t **ret, size_t *len_ret,
				 struct gospy_error *err);

/** Text of a link such as /proc/PID/exe, " (deleted)" cut off and reported. */
enum gospy_code procfs_exe_path(pid_t pid, struct arena *arena, const char **ret, bool *deleted_ret,
				struct gospy_error *err);
/** Open the executable itself through the magic link, which is right across mount namespaces and
 * for deleted files. */
enum gospy_code procfs_open_exe(pid_t pid, int *fd_ret, struct gospy_error *err);
/** Open the file behind a mapping: through map_files, which takes CAP_SYS_ADMIN or
 * CAP_CHECKPOINT_RESTORE, else by its path in the root of the process, where another file may be
 * by now: compare. GOSPY_E_BAD_DATA: it is a device or the like, which was not opened. */
enum gospy_code procfs_open_mapped(pid_t pid, const struct mapping *map, int *fd_ret,
				   struct gospy_error *err);
/** Arguments as stored, NUL-separated; empty for kernel threads and zombies. */
enum gospy_code procfs_cmdline(pid_t pid, struct arena *arena, struct span *ret,
			       struct gospy_error *err);

/** The first argument alone: all of them may be megabytes. false: there is none, it is longer than
 * that, or it cannot be read. */
bool procfs_argv0(pid_t pid, char argv0[PATH_MAX]);

/** Is the process in another PID namespace than gospy, so that m.procid needs mapping? */
bool procfs_other_pid_namespace(pid_t pid);
/** Offset to add to gospy's CLOCK_MONOTONIC to get the target's (time namespaces), or 0. */
int64_t procfs_monotonic_offset_ns(pid_t pid);

/** Clock ticks (stat) to nanoseconds. */
uint64_t procfs_ticks_to_ns(uint64_t ticks);

#endif
