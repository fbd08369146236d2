/* gospy_process_info: what /proc says of one process, Go or not. */
#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "target/process.h"
#include "target/sockets.h"

struct process_info {
	struct gospy_process_info pub; /* first: the public handle points at it */
	socket_vec sockets;
	struct arena arena;
};

static const char *user_name(struct arena *arena, uid_t uid)
{
	struct passwd pwd, *found = NULL;
	char buffer[4096];
	if (getpwuid_r(uid, &pwd, buffer, sizeof(buffer), &found) == 0 && found)
		return arena_strdup(arena, found->pw_name);
	return arena_printf(arena, "%u", (unsigned)uid);
}

static const char *command_line(struct arena *arena, pid_t pid)
{
	struct span args;
	if (procfs_cmdline(pid, arena, &args, NULL) || !args.len)
		return NULL;
	char *text = arena_strndup(arena, args.ptr, args.len);
	size_t len = args.len;
	while (text && len && text[len - 1] == '\0')
		len--;
	for (size_t i = 0; text && i < len; i++) {
		if (text[i] == '\0')
			text[i] = ' ';
	}
	return text;
}

static double cpu_percent(uint64_t ticks, uint64_t elapsed_ns)
{
	return elapsed_ns ? 100.0 * (double)procfs_ticks_to_ns(ticks) / (double)elapsed_ns : -1;
}

/* A leader that has ended has no memory any more, its other threads do. False: it is not known. */
static bool resident_pages(const struct proc_stat *stat, uint64_t *ret)
{
	pid_t tid;
	struct proc_stat live;
	*ret = stat->rss_pages;
	if (stat->state != 'Z')
		return true;
	enum gospy_code code = process_live_tid(stat->pid, &tid, NULL);
	if (code == GOSPY_E_GONE) // no thread is left
		return true;
	if (code || procfs_stat(stat->pid, tid, &live, NULL))
		return false;
	*ret = live.rss_pages;
	return true;
}

/* Watch the process for a while; it may end meanwhile. */
static enum gospy_code sample_cpu(const struct proc_stat *first, uint64_t sample_ns, double *ret,
				  struct gospy_error *err)
{
	struct timespec rest = {.tv_sec = (time_t)(sample_ns / 1000000000),
				.tv_nsec = (long)(sample_ns % 1000000000)};
	uint64_t begin_ns = clock_mono_ns();
	while (nanosleep(&rest, &rest) && errno == EINTR)
		;
	struct proc_stat now;
	enum gospy_code code = procfs_stat(first->pid, 0, &now, err);
	if (code)
		return code;
	if (now.start_ticks != first->start_ticks)
		return err_set(err, GOSPY_E_GONE, "pid %d has ended", first->pid);
	*ret = cpu_percent(now.utime_ticks + now.stime_ticks - first->utime_ticks -
				   first->stime_ticks,
			   clock_mono_ns() - begin_ns);
	return GOSPY_OK;
}

/* All of this but the sockets is readable for everybody. */
static enum gospy_code describe(pid_t pid, uint64_t sample_ns, struct process_info *info,
				struct gospy_error *err)
{
	struct proc_stat stat;
	struct proc_status status;
	enum gospy_code code = procfs_stat(pid, 0, &stat, err);
	if (!code)
		code = procfs_status(pid, 0, &status, err);
	if (code == GOSPY_E_GONE)
		return process_explain_missing(pid, err);
	if (code)
		return code;
	// A dead leader has neither arguments nor descriptors, its other threads do.
	pid_t tid;
	if (process_live_tid(pid, &tid, NULL))
		tid = pid;
	uint64_t now_ns = clock_boot_ns(), start_ns = procfs_ticks_to_ns(stat.start_ticks);
	long all_pages = sysconf(_SC_PHYS_PAGES);
	uint64_t pages;
	bool known = all_pages > 0 && resident_pages(&stat, &pages);
	info->pub = (struct gospy_process_info){
		.pid = pid,
		.ppid = stat.ppid,
		.ns_pid = status.nspid_len ? status.nspid[status.nspid_len - 1] : pid,
		.threads = stat.num_threads,
		.memory_percent = known ? 100.0 * (double)pages / (double)all_pages : -1,
		.cpu_percent_sample = -1,
		.username = user_name(&info->arena, status.uid),
		.cmdline = command_line(&info->arena, tid),
		.elapsed_ns = now_ns > start_ns ? now_ns - start_ns : 0,
	};
	info->pub.cpu_percent =
		cpu_percent(stat.utime_ticks + stat.stime_ticks, info->pub.elapsed_ns);
	info->pub.sockets_known = sockets_of_process(tid, &info->sockets, NULL) == GOSPY_OK;
	info->pub.sockets = info->sockets.at;
	info->pub.socket_count = info->sockets.len;
	if (!info->pub.username)
		return err_nomem(err);
	if (sample_ns)
		return sample_cpu(&stat, sample_ns, &info->pub.cpu_percent_sample, err);
	return GOSPY_OK;
}

enum gospy_code gospy_process_info_create(pid_t pid, uint64_t sample_ns,
					  struct gospy_process_info **ret, struct gospy_error *err)
{
	if (pid <= 0 || !ret)
		return err_set(err, GOSPY_E_USAGE, "gospy_process_info_create: bad argument");
	struct process_info *info = calloc(1, sizeof(*info));
	if (!info)
		return err_nomem(err);
	enum gospy_code code = describe(pid, sample_ns, info, err);
	if (code) {
		gospy_process_info_destroy(&info->pub);
		return code;
	}
	*ret = &info->pub;
	return GOSPY_OK;
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

enum gospy_code gospy_process_usage(pid_t pid, struct gospy_process_usage *ret,
				    struct gospy_error *err)
{
	if (pid <= 0 || !ret)
		return err_set(err, GOSPY_E_USAGE, "gospy_process_usage: bad argument");
	struct proc_stat stat;
	enum gospy_code code = procfs_stat(pid, 0, &stat, err);
	if (code)
		return code;
	long page = sysconf(_SC_PAGESIZE);
	uint64_t pages;
	bool known = page > 0 && resident_pages(&stat, &pages);
	*ret = (struct gospy_process_usage){
		.mono_ns = clock_mono_ns(),
		.cpu_ns = procfs_ticks_to_ns(stat.utime_ticks + stat.stime_ticks),
		.rss = known ? pages * (uint64_t)page : GOSPY_UNKNOWN,
	};
	return GOSPY_OK;
}
