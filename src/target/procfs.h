/*
 * One process as /proc tells it. The parsers of file contents are separate from the functions that
 * open the files, so that tests can feed them hostile text.
 *
 * Where a function takes a `pid` alone, the id of any thread will do; it must be that of a live one
 * for maps, auxv, exe and cmdline, which a dead leader no longer has (struct process, live_tid).
 */
#ifndef GOSPY_TARGET_PROCFS_H
#define GOSPY_TARGET_PROCFS_H

#include <limits.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/span.h"
#include "base/vec.h"

/** TASK_COMM_LEN of the kernel is 16; workqueue names may be longer in /proc. */
#define PROC_COMM_MAX 64

/** /proc/PID/stat or /proc/PID/task/TID/stat; proc_pid_stat(5). Times are clock ticks. */
struct proc_stat {
	pid_t pid;
	char comm[PROC_COMM_MAX]; /* may hold spaces, parentheses, newlines: escape to print */
	char state;               /* R S D T t Z X I ... */
	bool kthread;             /* a thread of the kernel */
	pid_t ppid;
	uint64_t utime_ticks, stime_ticks;
	uint64_t num_threads;
	uint64_t start_ticks; /* since boot, CLOCK_BOOTTIME; identifies the process with its pid */
	uint64_t rss_pages;
};

/** Parse the one line of a stat file: comm ends at the *last* ')'. GOSPY_E_BAD_DATA. */
enum gospy_code proc_stat_parse(struct span text, struct proc_stat *ret, struct gospy_error *err);
/** `tid` 0: the process (/proc/PID/stat). GOSPY_E_GONE if there is none. */
enum gospy_code procfs_stat(pid_t pid, pid_t tid, struct proc_stat *ret, struct gospy_error *err);

enum { PROC_NSPID_MAX = 32 /* MAX_PID_NS_LEVEL of the kernel */ };

/** /proc/PID/status: what stat does not say. */
struct proc_status {
	uid_t uid, euid;
	gid_t gid, egid;
	pid_t tgid;
	pid_t tracer_pid;            /* 0: not traced */
	pid_t nspid[PROC_NSPID_MAX]; /* id in each PID namespace, outermost first */
	size_t nspid_len;            /* 0 on kernels before 4.1 */
	uint64_t cap_permitted, cap_effective;
	int seccomp; /* 0 none, 1 strict, 2 filter */
};

/** GOSPY_E_BAD_DATA; GOSPY_E_GONE: the thread was reaped while the file was read. */
enum gospy_code proc_status_parse(struct span text, struct proc_status *ret,
				  struct gospy_error *err);
enum gospy_code procfs_status(pid_t pid, pid_t tid, struct proc_status *ret,
			      struct gospy_error *err);

/** One line of /proc/PID/maps. */
struct proc_map {
	uint64_t start, end;
	uint64_t offset;
	uint64_t dev, inode; /* of the file; dev is not always what stat() says (btrfs, overlays) */
	bool read, write, exec, shared;
	const char *path; /* "" for anonymous memory; " (deleted)" is part of it */
};

/** Sorted by address and disjoint. The kernel gives the file a page at a time and holds nothing in
 * between: a mapping that has become one with the last of the page before (a heap that grows, an
 * exec that moves its stack) is given whole, and only what follows that last one counts. */
struct proc_maps {
	VEC(struct proc_map) maps;
	struct arena arena; /* the paths */
};

enum gospy_code proc_maps_parse(struct span text, struct proc_maps *ret, struct gospy_error *err);
enum gospy_code procfs_maps(pid_t pid, struct proc_maps *ret, struct gospy_error *err);
void proc_maps_deinit(struct proc_maps *maps);
/** The mapping that holds `addr`, or NULL. */
const struct proc_map *proc_maps_find(const struct proc_maps *maps, uint64_t addr);

/** What gospy needs of the auxiliary vector; a missing entry is 0. elf.h: AT_*. */
struct proc_auxv {
	uint64_t entry, phdr, phent, phnum, base, sysinfo_ehdr;
};

/** GOSPY_E_BAD_DATA; GOSPY_E_GONE: empty, as that of a thread without memory is. */
enum gospy_code proc_auxv_parse(struct span bytes, struct proc_auxv *ret, struct gospy_error *err);
enum gospy_code procfs_auxv(pid_t pid, struct proc_auxv *ret, struct gospy_error *err);

struct proc_task {
	pid_t tid;
	pid_t nstid; /* in the target's own PID namespace: what gettid() says there, m.procid */
	char state;  /* see proc_stat.state */
	char comm[PROC_COMM_MAX];
};

/** All threads of a process with their states. A thread that ends meanwhile is left out. */
struct proc_tasks {
	VEC(struct proc_task) tasks;
};

/** `namespaced`: fill nstid from NSpid (one more file a thread); otherwise nstid = tid. */
enum gospy_code procfs_tasks(pid_t pid, bool namespaced, struct proc_tasks *ret,
			     struct gospy_error *err);
void proc_tasks_deinit(struct proc_tasks *tasks);

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
/** Open the executable itself through the magic link: right across mount namespaces and for
 * deleted files. */
enum gospy_code procfs_open_exe(pid_t pid, int *fd_ret, struct gospy_error *err);
/** Open the file behind a mapping: through map_files, which takes CAP_SYS_ADMIN or
 * CAP_CHECKPOINT_RESTORE, else by its path in the root of the process, where another file may be
 * by now: compare. */
enum gospy_code procfs_open_mapped(pid_t pid, const struct proc_map *map, int *fd_ret,
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
