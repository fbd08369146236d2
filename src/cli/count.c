#include "cli/count.h"

#include <sys/timerfd.h>

#include "base/cleanup.h"
#include "base/clock.h"

static const uint64_t SECOND_NS = 1000000000;
/* A process whose symbols have to be read takes a tenth of a second or so, one of a program that
 * was seen before some milliseconds. */
static const uint64_t ONE_NS = 500000000;
static const uint64_t ALL_NS = 1500000000;

static void target_close(struct gospy_target **target)
{
	gospy_target_close(*target);
}

static void set_timer(int fd, uint64_t ns)
{
	const struct itimerspec when = {
		.it_value = {(time_t)(ns / SECOND_NS), (long)(ns % SECOND_NS)}};
	timerfd_settime(fd, 0, &when, NULL);
}

static enum gospy_code count_one(pid_t pid, int cancel_fd, uint64_t *ret, struct gospy_error *err)
{
	CLEANUP(target_close) struct gospy_target *target = NULL;
	const struct gospy_open_options open = {.size = sizeof(open), .cancel_fd = cancel_fd};
	const struct gospy_read_options how = {
		.size = sizeof(how), .non_blocking = true, .cancel_fd = cancel_fd};
	struct gospy_stats stats;
	enum gospy_code code = gospy_target_open_pid(pid, &open, &target, err);
	if (!code)
		code = gospy_stats_read(target, &how, &stats, err);
	if (!code)
		*ret = stats.goroutines;
	return code;
}

static void note_failure(struct count_result *result, pid_t pid, enum gospy_code code,
			 const struct gospy_error *err)
{
	if (code == GOSPY_E_CANCELLED) {
		result->first_late = result->late++ ? result->first_late : pid;
	} else {
		result->error = result->failed++ ? result->error : *err;
	}
}

void count_goroutines(struct list_row *rows, size_t n, struct count_result *ret)
{
	const uint64_t end_ns = clock_mono_ns() + ALL_NS;
	int timer CLEANUP_CLOSE = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	*ret = (struct count_result){0};
	for (size_t i = 0; i < n; i++) {
		struct gospy_error err;
		const uint64_t now_ns = clock_mono_ns(),
			       left_ns = end_ns > now_ns ? end_ns - now_ns : 0;
		rows[i].goroutines = GOSPY_UNKNOWN;
		rows[i].counted = timer > 0 && left_ns;
		enum gospy_code code = GOSPY_E_CANCELLED;
		if (rows[i].counted) {
			set_timer(timer, left_ns < ONE_NS ? left_ns : ONE_NS);
			code = count_one(rows[i].process->pid, timer, &rows[i].goroutines, &err);
		}
		// One that has ended meanwhile is no failure.
		if (code && code != GOSPY_E_GONE)
			note_failure(ret, rows[i].process->pid, code, &err);
	}
}
