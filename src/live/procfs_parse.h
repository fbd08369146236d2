/* What files of /proc/PID say. The parsers open nothing, so that tests can feed them hostile text.
 */
#ifndef GOSPY_LIVE_PROCFS_PARSE_H
#define GOSPY_LIVE_PROCFS_PARSE_H

#include "base/error.h"
#include "base/span.h"
#include "target/source.h"

/** /proc/PID/stat or /proc/PID/task/TID/stat; proc_pid_stat(5). Times are clock ticks. */
struct proc_stat {
	pid_t pid;
	char comm[COMM_MAX]; /* may hold spaces, parentheses, newlines: escape to print */
	char state;          /* R S D T t Z X I ... */
	bool kthread;        /* a thread of the kernel */
	bool io_worker;      /* of io_uring: a thread of the process that runs kernel code only */
	pid_t ppid;
	uint64_t utime_ticks, stime_ticks;
	uint64_t num_threads;
	uint64_t start_ticks; /* since boot, CLOCK_BOOTTIME; identifies the process with its pid */
	uint64_t rss_pages;
};

/** Parse the one line of a stat file: comm ends at the *last* ')'. GOSPY_E_BAD_DATA. */
enum gospy_code proc_stat_parse(struct span text, struct proc_stat *ret, struct gospy_error *err);
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
	/* Pages that are the process's own, which no file holds: in memory (Linux 4.5; before, all
	 * that is in memory) and swapped out. UINT64_MAX: not said, as of a thread that has ended.
	 */
	uint64_t anon_kb, swap_kb;
	uint64_t peak_kb; /* VmHWM: the most that was in memory so far; UINT64_MAX: not said */
	/* How often the thread was taken off a processor, by its will or not; UINT64_MAX: not said.
	 */
	uint64_t switches;
};

/** GOSPY_E_BAD_DATA; GOSPY_E_GONE: the thread was reaped while the file was read. */
enum gospy_code proc_status_parse(struct span text, struct proc_status *ret,
				  struct gospy_error *err);

/** /proc/PID/maps. The kernel gives the file a page at a time and holds nothing in between: a
 * mapping that has become one with the last of the page before (a heap that grows, an exec that
 * moves its stack) is given whole, and only what follows that last one counts. */
enum gospy_code proc_maps_parse(struct span text, struct mappings *ret, struct gospy_error *err);

/** GOSPY_E_BAD_DATA; GOSPY_E_GONE: empty, as that of a thread without memory is. */
enum gospy_code proc_auxv_parse(struct span bytes, struct auxv *ret, struct gospy_error *err);

#endif
