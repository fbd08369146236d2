/* gospy_process_info: what /proc says of one process, Go or not. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/cancel.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "base/sized.h"
#include "live/look.h"
#include "live/process.h"
#include "machine/cgroup.h"
#include "machine/facts.h"
#include "machine/limits.h"
#include "machine/sockets.h"

struct process_info {
	struct gospy_process_info pub; /* first: the public handle points at it */
	VEC(struct gospy_socket) sockets;
	struct arena arena;
};

static double cpu_percent(uint64_t ticks, uint64_t elapsed_ns)
{
	return elapsed_ns ? 100.0 * (double)procfs_ticks_to_ns(ticks) / (double)elapsed_ns : -1;
}

/* Watch the process for a while; it may end meanwhile. */
static enum gospy_code sample_cpu(const struct proc_stat *first, uint64_t sample_ns, double *ret,
				  struct gospy_error *err)
{
	uint64_t begin_ns = clock_mono_ns();
	struct proc_stat now;
	enum gospy_code code = cancel_sleep(sample_ns, err);
	if (!code)
		code = procfs_stat(first->pid, 0, &now, err);
	if (code)
		return code;
	if (now.start_ticks != first->start_ticks)
		return err_set(err, GOSPY_E_GONE, "pid %d has ended", first->pid);
	*ret = cpu_percent(now.utime_ticks + now.stime_ticks - first->utime_ticks -
				   first->stime_ticks,
			   clock_mono_ns() - begin_ns);
	return GOSPY_OK;
}

static bool add_socket(struct process_info *info, const struct inet_socket *from)
{
	struct gospy_socket socket = {.state = inet_state(from)};
	sock_addr_text(&from->local, socket.local);
	sock_addr_text(&from->remote, socket.remote);
	return vec_push(&info->sockets, socket);
}

static enum gospy_code find_sockets(pid_t pid, pid_t tid, struct process_info *info,
				    struct gospy_error *err)
{
	/* A table with 300,000 sockets takes some 200 ms. */
	static const uint64_t budget_ns = 500000000;
	inet_vec found = {0};
	bool ok = true;
	enum gospy_code code =
		sockets_of_process(pid, tid, budget_ns, &found, &info->pub.other_sockets, NULL);
	info->pub.sockets_cut = code == GOSPY_E_LIMIT;
	info->pub.sockets_known = !code || code == GOSPY_E_LIMIT;
	for (size_t i = 0; ok && i < found.len; i++)
		ok = add_socket(info, &found.at[i]);
	vec_free(&found);
	info->pub.sockets = info->sockets.at;
	info->pub.socket_count = info->sockets.len;
	return ok ? GOSPY_OK : err_nomem(err);
}

/* All of this but the sockets is readable for everybody. */
static enum gospy_code describe(pid_t pid, uint64_t sample_ns, struct process_info *info,
				struct gospy_error *err)
{
	struct proc_stat stat;
	struct proc_status status;
	enum gospy_code code = process_stat(pid, &stat, &status, err);
	if (code)
		return code;
	// A dead leader has neither arguments nor descriptors, its other threads do.
	pid_t tid;
	if (process_live_tid(pid, &tid, NULL))
		tid = pid;
	uint64_t now_ns = clock_boot_ns(), start_ns = procfs_ticks_to_ns(stat.start_ticks);
	long all_pages = sysconf(_SC_PHYS_PAGES);
	uint64_t pages;
	bool known = all_pages > 0 && facts_resident_pages(&stat, &pages), deleted;
	info->pub = (struct gospy_process_info){
		.pid = pid,
		.ppid = stat.ppid,
		.ns_pid = status.nspid_len ? status.nspid[status.nspid_len - 1] : pid,
		.threads = stat.num_threads,
		.memory_percent = known ? 100.0 * (double)pages / (double)all_pages : -1,
		.cpu_percent_sample = -1,
		.username = facts_user_name(&info->arena, status.uid),
		.cmdline = facts_command_line(&info->arena, tid),
		.elapsed_ns = now_ns > start_ns ? now_ns - start_ns : 0,
		.start_ns = start_ns,
		.rss = facts_rss(&stat),
		.comm = arena_strdup(&info->arena, stat.comm),
		.cgroup = cgroup_of(tid, &info->arena),
		.net_ns = netns_of(tid).id,
	};
	if (info->pub.cgroup)
		info->pub.container = cgroup_container(info->pub.cgroup, &info->arena);
	// To others' processes it may not be read.
	if (procfs_exe_path(tid, &info->arena, &info->pub.exe, &deleted, NULL))
		info->pub.exe = NULL;
	info->pub.cpu_percent =
		cpu_percent(stat.utime_ticks + stat.stime_ticks, info->pub.elapsed_ns);
	if (!info->pub.username || !info->pub.comm)
		return err_nomem(err);
	code = find_sockets(pid, tid, info, err);
	if (!code && sample_ns)
		return sample_cpu(&stat, sample_ns, &info->pub.cpu_percent_sample, err);
	return code;
}

enum gospy_code gospy_process_info_create_with(pid_t pid,
					       const struct gospy_process_options *options,
					       struct gospy_process_info **ret,
					       struct gospy_error *err)
{
	struct gospy_process_options how;
	if (pid <= 0 || !ret)
		return err_set(err, GOSPY_E_USAGE, "gospy_process_info_create: bad argument");
	if (SIZED_READ(&how, options, err))
		return GOSPY_E_USAGE;
	CLEANUP(cancel_end) struct cancel cancel;
	cancel_begin(&cancel, how.cancel_fd);
	struct process_info *info = calloc(1, sizeof(*info));
	if (!info)
		return err_nomem(err);
	enum gospy_code code = cancel_verdict(describe(pid, how.sample_ns, info, err), err);
	if (code)
		gospy_process_info_destroy(&info->pub);
	else
		*ret = &info->pub;
	return code;
}

enum gospy_code gospy_process_info_create(pid_t pid, uint64_t sample_ns,
					  struct gospy_process_info **ret, struct gospy_error *err)
{
	const struct gospy_process_options how = {.size = sizeof(how), .sample_ns = sample_ns};
	return gospy_process_info_create_with(pid, &how, ret, err);
}

void gospy_process_info_destroy(struct gospy_process_info *pub)
{
	struct process_info *info = (struct process_info *)pub;
	if (!info)
		return;
	vec_free(&info->sockets);
	arena_deinit(&info->arena);
	free(info);
}

enum gospy_code gospy_process_usage_sized(pid_t pid, struct gospy_process_usage *ret,
					  size_t ret_size, struct gospy_error *err)
{
	if (pid <= 0 || !ret)
		return err_set(err, GOSPY_E_USAGE, "gospy_process_usage: bad argument");
	struct proc_stat stat;
	struct proc_status status;
	enum gospy_code code = process_stat(pid, &stat, &status, err);
	if (code)
		return code;
	struct gospy_process_usage usage = {
		.mono_ns = clock_mono_ns(),
		.cpu_ns = procfs_ticks_to_ns(stat.utime_ticks + stat.stime_ticks),
		.rss = facts_rss(&stat),
		.rss_max =
			status.peak_kb > UINT64_MAX / 1024 ? GOSPY_UNKNOWN : status.peak_kb * 1024,
	};
	// The kernel keeps the two up to date at different times.
	if (usage.rss != GOSPY_UNKNOWN && usage.rss_max < usage.rss)
		usage.rss_max = usage.rss;
	sized_write(ret, ret_size, &usage, sizeof(usage));
	return GOSPY_OK;
}

enum gospy_code gospy_process_limits_sized(pid_t pid, struct gospy_process_limits *ret,
					   size_t ret_size, struct gospy_error *err)
{
	struct proc_stat stat;
	pid_t tid;
	if (pid <= 0 || !ret)
		return err_set(err, GOSPY_E_USAGE, "gospy_process_limits: bad argument");
	enum gospy_code code = procfs_stat(pid, 0, &stat, err);
	if (code)
		return code;
	// A dead leader has no descriptors, its other threads do.
	if (process_live_tid(pid, &tid, NULL))
		tid = pid;
	struct gospy_process_limits limits = {.mono_ns = clock_mono_ns(),
					      .threads = stat.num_threads};
	limits_of_descriptors(tid, &limits);
	limits_of_cgroups("", tid, &limits);
	sized_write(ret, ret_size, &limits, sizeof(limits));
	return GOSPY_OK;
}

enum gospy_code gospy_thread_usage_sized(pid_t pid, pid_t tid, struct gospy_thread_usage *ret,
					 size_t ret_size, struct gospy_error *err)
{
	struct proc_stat stat;
	if (pid <= 0 || tid <= 0 || !ret)
		return err_set(err, GOSPY_E_USAGE, "gospy_thread_usage: bad argument");
	enum gospy_code code = procfs_stat(pid, tid, &stat, err);
	if (code)
		return code;
	const struct gospy_thread_usage usage = {
		.mono_ns = clock_mono_ns(),
		.cpu_ns = procfs_ticks_to_ns(stat.utime_ticks + stat.stime_ticks),
	};
	sized_write(ret, ret_size, &usage, sizeof(usage));
	return GOSPY_OK;
}

/* In which system call does it sleep? The kernel says so to those that may trace it. */
static int64_t syscall_of(pid_t pid, pid_t tid)
{
	char path[64];
	uint8_t *text CLEANUP_FREE = NULL;
	size_t len;
	struct look look = LOOK_OF(tid);
	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", (int)pid, (int)tid);
	if (procfs_read_file(path, &text, &len, NULL) ||
	    look_parse_syscall((struct span){text, len}, &look) != LOOK_QUIET)
		return -1;
	return look.place.syscall;
}

enum gospy_code gospy_thread_state_sized(pid_t pid, pid_t tid, struct gospy_thread_state *ret,
					 size_t ret_size, struct gospy_error *err)
{
	struct proc_status status;
	struct proc_stat stat;
	if (pid <= 0 || tid <= 0 || !ret)
		return err_set(err, GOSPY_E_USAGE, "gospy_thread_state: bad argument");
	// In this order: if it wakes up in between, the count is too low, and it seems to have
	// moved.
	enum gospy_code code = procfs_status(pid, tid, &status, err);
	if (!code)
		code = procfs_stat(pid, tid, &stat, err);
	if (code)
		return code;
	const struct gospy_thread_state state = {
		.switches = status.switches == UINT64_MAX ? GOSPY_UNKNOWN : status.switches,
		.syscall = syscall_of(pid, tid),
		.state = stat.state,
	};
	sized_write(ret, ret_size, &state, sizeof(state));
	return GOSPY_OK;
}
