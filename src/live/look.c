#include "live/look.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "live/scan.h"

enum {
	NAME_LEN = 48,  /* "TID/schedstat" */
	TEXT_LEN = 256, /* nine words of at most 18 digits; three of at most 20 */
	/* The descriptors of this program are not ours to use up: we take a quarter of what it may
	 * have. */
	FDS_SHARE = 4,
	/* From so many threads on, each look opens a file anew, which takes twice as long. */
	FDS_MAX = 16384,
};

size_t look_fds_most(void)
{
	struct rlimit limit;
	size_t fds = getrlimit(RLIMIT_NOFILE, &limit) ? 0 : (size_t)limit.rlim_cur / FDS_SHARE;
	return fds < FDS_MAX ? fds : FDS_MAX;
}

enum gospy_code looker_open(struct looker *looker, pid_t pid, struct gospy_error *err)
{
	char path[NAME_LEN];
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	*looker = (struct looker){
		.pid = pid,
		.task_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
		.fds_left = look_fds_most(),
	};
	if (looker->task_fd >= 0)
		return GOSPY_OK;
	if (errno == ENOENT || errno == ESRCH)
		return err_set(err, GOSPY_E_GONE, "no process with pid %d", pid);
	return err_os(err, errno, "cannot open %s", path);
}

void looker_close(struct looker *looker)
{
	if (looker->task_fd >= 0)
		close(looker->task_fd);
	looker->task_fd = -1;
}

uint64_t looker_count(const struct looker *looker)
{
	struct stat stat;
	return fstat(looker->task_fd, &stat) || stat.st_nlink < 2 ? 0 : stat.st_nlink - 2;
}

void look_deinit(struct look *look)
{
	if (look->schedstat_fd >= 0)
		close(look->schedstat_fd);
	if (look->syscall_fd >= 0)
		close(look->syscall_fd);
	look->schedstat_fd = look->syscall_fd = -1;
	look->same = false;
}

static int open_of(const struct looker *looker, pid_t tid, const char *file)
{
	char name[NAME_LEN];
	snprintf(name, sizeof(name), "%d/%s", tid, file);
	return openat(looker->task_fd, name, O_RDONLY | O_CLOEXEC);
}

/* What a failed system call says of the thread whose file it was about. */
static enum look_result failure(int os_errno, bool opened)
{
	// ENOENT of a file alone may mean that the kernel does not have it.
	return os_errno == ESRCH || (os_errno == ENOENT && !opened) ? LOOK_GONE : LOOK_UNKNOWN;
}

/* LOOK_QUIET: the text was read. */
static enum look_result read_text(int fd, uint8_t text[TEXT_LEN], struct span *ret)
{
	ssize_t n = pread(fd, text, TEXT_LEN, 0);
	if (n < 0)
		return failure(errno, true);
	*ret = (struct span){text, (size_t)n};
	return LOOK_QUIET;
}

static enum look_result read_file(const struct looker *looker, pid_t tid, const char *file,
				  uint8_t text[TEXT_LEN], struct span *ret)
{
	int fd CLEANUP_CLOSE = open_of(looker, tid, file);
	if (fd >= 0)
		return read_text(fd, text, ret);
	enum look_result result = failure(errno, false);
	char name[NAME_LEN];
	snprintf(name, sizeof(name), "%d", tid);
	if (result == LOOK_GONE && faccessat(looker->task_fd, name, F_OK, 0) == 0)
		return LOOK_UNKNOWN;
	return result;
}

bool look_parse_schedstat(struct span text, uint64_t *arrivals_ret)
{
	struct scan s = scan_of(text);
	scan_u64(&s, 10);
	scan_char(&s, ' ');
	scan_u64(&s, 10);
	scan_char(&s, ' ');
	uint64_t arrivals = scan_u64(&s, 10);
	if (s.failed)
		return false;
	*arrivals_ret = arrivals;
	return true;
}

static uint64_t scan_hex(struct scan *s)
{
	scan_char(s, ' ');
	scan_char(s, '0');
	scan_char(s, 'x');
	return scan_u64(s, 16);
}

enum look_result look_parse_syscall(struct span text, struct look *ret)
{
	static const char running[] = "running";
	if (text.len >= sizeof(running) - 1 && !memcmp(text.ptr, running, sizeof(running) - 1))
		return LOOK_RUNS;
	struct scan s = scan_of(text);
	struct place place = ret->place;
	place.arg0 = place.arg1 = place.arg2 = place.arg3 = 0;
	if (text.len && *text.ptr == '-') {
		scan_char(&s, '-');
		place.syscall = -(int64_t)scan_u64(&s, 10);
	} else {
		uint64_t number = scan_u64(&s, 10);
		place.syscall = number > INT32_MAX ? INT32_MAX : (int64_t)number;
		place.arg0 = scan_hex(&s);
		place.arg1 = scan_hex(&s);
		place.arg2 = scan_hex(&s);
		place.arg3 = scan_hex(&s);
		scan_hex(&s);
		scan_hex(&s);
	}
	place.sp = scan_hex(&s);
	place.pc = scan_hex(&s);
	if (s.failed)
		return LOOK_UNKNOWN;
	ret->place = place;
	return LOOK_QUIET;
}

enum look_result look_arrivals(const struct looker *looker, const struct look *look, uint64_t *ret)
{
	uint8_t buffer[TEXT_LEN];
	struct span text;
	enum look_result result =
		look->schedstat_fd >= 0 ? read_text(look->schedstat_fd, buffer, &text)
					: read_file(looker, look->tid, "schedstat", buffer, &text);
	if (result == LOOK_QUIET && !look_parse_schedstat(text, ret))
		return LOOK_UNKNOWN;
	return result;
}

/* A thread that has ended, of which somebody has yet to take note, has no place. */
static bool is_dead(const struct looker *looker, pid_t tid)
{
	struct proc_stat stat;
	return !procfs_stat(looker->pid, tid, &stat, NULL) &&
	       (stat.state == 'Z' || stat.state == 'X' || stat.state == 'x');
}

/* Open what may stay open. What cannot be opened is tried again, and explained, when it is read. */
static void open_files(struct looker *looker, struct look *look)
{
	if (look->schedstat_fd < 0 && (look->keeps || looker->fds_left)) {
		look->schedstat_fd = open_of(looker, look->tid, "schedstat");
		looker->fds_left -= look->schedstat_fd >= 0 && !look->keeps;
	}
	if (look->syscall_fd < 0 && look->keeps && look->schedstat_fd >= 0)
		look->syscall_fd = open_of(looker, look->tid, "syscall");
}

static enum look_result look_once(struct looker *looker, struct look *look)
{
	open_files(looker, look);
	enum look_result result = look_arrivals(looker, look, &look->arrivals);
	// Every thread has arrived once. Linux before 5.14 says 0 where it does not count
	// (sched_info_on() of kernel/sched/stats.h: with the boot option nodelayacct).
	if (result == LOOK_QUIET && !look->arrivals)
		result = LOOK_UNKNOWN;
	uint8_t buffer[TEXT_LEN];
	struct span text;
	if (result == LOOK_QUIET)
		result = look->syscall_fd >= 0
				 ? read_text(look->syscall_fd, buffer, &text)
				 : read_file(looker, look->tid, "syscall", buffer, &text);
	if (result == LOOK_QUIET)
		result = look_parse_syscall(text, look);
	return result == LOOK_QUIET && !look->place.pc && is_dead(looker, look->tid) ? LOOK_GONE
										     : result;
}

enum look_result look_at(struct looker *looker, struct look *look)
{
	bool opened = look->schedstat_fd >= 0;
	enum look_result result = look_once(looker, look);
	if (result == LOOK_GONE && opened) {
		look_deinit(look);
		return look_at(looker, look);
	}
	if (result != LOOK_UNKNOWN || (errno != EMFILE && errno != ENFILE) ||
	    look->schedstat_fd < 0)
		return result;
	// Somebody else in this program needs descriptors, too.
	look_deinit(look);
	look->keeps = false;
	looker->fds_left = 0;
	return look_once(looker, look);
}

enum look_result look_again(const struct looker *looker, const struct look *look)
{
	uint64_t arrivals;
	enum look_result result = look_arrivals(looker, look, &arrivals);
	return result == LOOK_QUIET && arrivals != look->arrivals ? LOOK_RUNS : result;
}

bool look_departures(const struct looker *looker, pid_t tid, uint64_t *ret)
{
	struct proc_status status;
	if (procfs_status(looker->pid, tid, &status, NULL))
		return false;
	*ret = status.switches;
	return status.switches != UINT64_MAX;
}
