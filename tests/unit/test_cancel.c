/* Calling off: each public function that may take long gives up when its descriptor is readable,
 * and leaves nothing behind. test_cancel_points.c does it at each point where one looks. */
#include "base/cancel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/timerfd.h>

#include "base/clock.h"
#include "go_program.h"
#include "left_behind.h"
#include "live/turn.h"

static const uint64_t hour_ns = UINT64_C(3600) * 1000000000;

static int readable(void)
{
	int fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	assert_true(fd > 0);
	return fd;
}

/* The descriptor of a timer becomes readable in a moment. */
static void arm(int timer)
{
	const struct itimerspec soon = {.it_value = {.tv_nsec = 20 * 1000 * 1000}};
	assert_int_equal(timerfd_settime(timer, 0, &soon, NULL), 0);
}

static int timer_not_armed(void)
{
	int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	assert_true(fd > 0);
	return fd;
}

static int readable_soon(void)
{
	int fd = timer_not_armed();
	arm(fd);
	return fd;
}

/* ---- base/cancel.h */

static void nothing_is_called_off_without_a_descriptor(void **state)
{
	(void)state;
	struct cancel cancel;
	assert_false(cancel_asked());
	cancel_begin(&cancel, 0);
	assert_null(cancel_current());
	assert_int_equal(cancel_check(NULL), GOSPY_OK);
	assert_int_equal(cancel_verdict(GOSPY_E_FAULT, NULL), GOSPY_E_FAULT);
	assert_int_equal(cancel_sleep(1, NULL), GOSPY_OK);
	assert_int_equal(cancel_poll(-1, 0, clock_mono_ns(), NULL), GOSPY_E_LIMIT);
	cancel_end(&cancel);
	cancel_begin(&cancel, -1);
	assert_false(cancel_asked());
	cancel_end(&cancel);
}

static void what_was_called_off_stays_so(void **state)
{
	(void)state;
	struct cancel cancel;
	struct gospy_error err;
	eventfd_t value;
	int fd CLEANUP_CLOSE = readable();
	cancel_begin(&cancel, fd);
	assert_int_equal(eventfd_read(fd, &value), 0);
	assert_true(cancel_asked());
	assert_int_equal(cancel_check(&err), GOSPY_E_CANCELLED);
	assert_int_equal(err.code, GOSPY_E_CANCELLED);
	assert_int_equal(cancel_verdict(GOSPY_OK, NULL), GOSPY_E_CANCELLED);
	assert_int_equal(cancel_sleep(hour_ns, NULL), GOSPY_E_CANCELLED);
	cancel_end(&cancel);
	assert_false(cancel_asked());
}

static void a_closed_descriptor_calls_off(void **state)
{
	(void)state;
	struct cancel cancel;
	int fd = readable();
	close(fd);
	cancel_begin(&cancel, fd);
	assert_true(cancel_asked());
	cancel_end(&cancel);
	cancel_begin(&cancel, INT64_MAX);
	assert_true(cancel_asked());
	cancel_end(&cancel);
}

static void a_wait_ends_when_it_is_called_off(void **state)
{
	(void)state;
	struct cancel cancel;
	int fd CLEANUP_CLOSE = readable_soon(), never CLEANUP_CLOSE = eventfd(0, EFD_CLOEXEC);
	cancel_begin(&cancel, fd);
	assert_int_equal(cancel_poll(never, POLLIN, UINT64_MAX, NULL), GOSPY_E_CANCELLED);
	cancel_end(&cancel);
	int ready CLEANUP_CLOSE = readable();
	cancel_begin(&cancel, never);
	assert_int_equal(cancel_poll(ready, POLLIN, UINT64_MAX, NULL), GOSPY_OK);
	assert_int_equal(cancel_poll(-1, 0, clock_mono_ns() + 1, NULL), GOSPY_E_LIMIT);
	cancel_end(&cancel);
}

static void a_part_is_called_off_with_the_whole(void **state)
{
	(void)state;
	struct cancel whole, part;
	int fd CLEANUP_CLOSE = readable(), never CLEANUP_CLOSE = eventfd(0, EFD_CLOEXEC);
	cancel_begin(&whole, fd);
	cancel_begin(&part, 0);
	assert_true(cancel_asked());
	cancel_end(&part);
	cancel_begin(&part, never);
	assert_false(cancel_asked());
	cancel_end(&part);
	assert_true(cancel_asked());
	cancel_end(&whole);
}

static void *ask_in_thread(void *cancel)
{
	bool before = cancel_asked();
	cancel_adopt(cancel);
	return !before && cancel_asked() ? cancel : NULL;
}

static void a_thread_is_told(void **state)
{
	(void)state;
	struct cancel cancel;
	pthread_t thread;
	void *ret;
	int fd CLEANUP_CLOSE = readable();
	cancel_begin(&cancel, fd);
	assert_int_equal(pthread_create(&thread, NULL, ask_in_thread, cancel_current()), 0);
	pthread_join(thread, &ret);
	assert_ptr_equal(ret, &cancel);
	cancel_end(&cancel);
}

static void *wait_for_turn(void *pid)
{
	struct cancel cancel;
	struct turn turn;
	int fd CLEANUP_CLOSE = readable_soon();
	cancel_begin(&cancel, fd);
	bool ok = turn_begin(&turn, *(const pid_t *)pid, NULL) == GOSPY_E_CANCELLED;
	cancel_end(&cancel);
	return ok ? pid : NULL;
}

static void a_turn_is_not_waited_for(void **state)
{
	(void)state;
	struct turn turn;
	pthread_t thread;
	void *ret;
	pid_t pid = getpid();
	assert_int_equal(turn_begin(&turn, pid, NULL), GOSPY_OK);
	assert_int_equal(pthread_create(&thread, NULL, wait_for_turn, &pid), 0);
	pthread_join(thread, &ret);
	assert_ptr_equal(ret, &pid);
	turn_end(&turn);
	assert_int_equal(turn_begin(&turn, pid, NULL), GOSPY_OK);
	turn_end(&turn);
}

/* ---- gospy.h */

static const char *const args[] = {"parked", "-n", "20000", NULL};
static struct go_program program;
static struct gospy_target *target;

/* A call that was called off before it began does nothing. */
static void nothing_is_begun_any_more(void)
{
	void *none = NULL;
	int fd CLEANUP_CLOSE = readable();
	const struct gospy_open_options open = {.size = sizeof(open), .cancel_fd = fd};
	const struct gospy_snapshot_options take = {.size = sizeof(take), .cancel_fd = fd};
	const struct gospy_snapshot_options quiet = {
		.size = sizeof(take), .cancel_fd = fd, .non_blocking = true, .stacks = true};
	const struct gospy_read_options stop = {.size = sizeof(stop), .cancel_fd = fd};
	const struct gospy_read_options run = {
		.size = sizeof(run), .cancel_fd = fd, .non_blocking = true};
	const struct gospy_process_options look = {
		.size = sizeof(look), .cancel_fd = fd, .sample_ns = hour_ns};
	const struct gospy_agent_options ask = {.size = sizeof(ask), .cancel_fd = fd};
	struct gospy_memstats memstats;
	struct gospy_stats stats;
	struct left_behind before = left_behind(program.pid);
	const pid_t pid = program.pid;
	assert_int_equal(gospy_target_open_pid(pid, &open, (void *)&none, NULL), GOSPY_E_CANCELLED);
	assert_int_equal(gospy_diagnosis_create(pid, &open, (void *)&none, NULL),
			 GOSPY_E_CANCELLED);
	assert_int_equal(gospy_snapshot_take(target, &take, (void *)&none, NULL),
			 GOSPY_E_CANCELLED);
	assert_int_equal(gospy_snapshot_take(target, &quiet, (void *)&none, NULL),
			 GOSPY_E_CANCELLED);
	assert_int_equal(gospy_memstats_read(target, &stop, &memstats, NULL), GOSPY_E_CANCELLED);
	assert_int_equal(gospy_memstats_read(target, &run, &memstats, NULL), GOSPY_E_CANCELLED);
	assert_int_equal(gospy_stats_read(target, &stop, &stats, NULL), GOSPY_E_CANCELLED);
	assert_int_equal(gospy_stats_read(target, &run, &stats, NULL), GOSPY_E_CANCELLED);
	assert_int_equal(gospy_process_list_create_with(&look, (void *)&none, NULL),
			 GOSPY_E_CANCELLED);
	assert_int_equal(gospy_process_info_create_with(pid, &look, (void *)&none, NULL),
			 GOSPY_E_CANCELLED);
	assert_int_equal(gospy_build_info_create_with(pid, &look, (void *)&none, NULL),
			 GOSPY_E_CANCELLED);
	assert_int_equal(gospy_agent_open_pid(pid, &ask, (void *)&none, NULL), GOSPY_E_CANCELLED);
	assert_int_equal(gospy_agent_open_addr("127.0.0.1:1", &ask, (void *)&none, NULL),
			 GOSPY_E_CANCELLED);
	assert_null(none);
	check_left_behind(&before, program.pid);
}

struct calling_off {
	int fd;
	enum gospy_progress_phase phase;
	bool came_there;
};

static void call_off(void *ctx, enum gospy_progress_phase phase, uint64_t done, uint64_t total)
{
	struct calling_off *off = ctx;
	(void)done;
	(void)total;
	if (phase != off->phase)
		return;
	off->came_there = true;
	assert_int_equal(eventfd_write(off->fd, 1), 0);
}

/* Take a snapshot that is called off in this phase. False: the phase did not come, for a machine
 * that others crowd may not give the target a moment at which it stands still. */
static bool is_called_off_in(enum gospy_progress_phase phase)
{
	struct gospy_snapshot *snapshot = NULL;
	int fd CLEANUP_CLOSE = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	struct calling_off off = {.fd = fd, .phase = phase};
	const struct gospy_snapshot_options how = {
		.size = sizeof(how),
		.stacks = true,
		.progress = call_off,
		.progress_ctx = &off,
		.cancel_fd = fd,
	};
	struct left_behind before = left_behind(program.pid);
	enum gospy_code code = gospy_snapshot_take(target, &how, &snapshot, NULL);
	assert_int_equal(code, off.came_there ? GOSPY_E_CANCELLED : GOSPY_OK);
	assert_true(!snapshot == off.came_there);
	gospy_snapshot_destroy(snapshot);
	check_left_behind(&before, program.pid);
	return off.came_there;
}

/* Calls off at another place in a snapshot each time. Then the target is read as if nothing had
 * been. */
static void a_snapshot_is_called_off_in_each_phase(void)
{
	struct gospy_error err;
	struct gospy_snapshot *snapshot = NULL;
	for (enum gospy_progress_phase phase = GOSPY_PHASE_COPY; phase <= GOSPY_PHASE_VERIFY;
	     phase++) {
		while (!is_called_off_in(phase))
			;
	}
	if (gospy_snapshot_take(target, NULL, &snapshot, &err))
		fail_msg("%s", err.msg);
	assert_int_equal(gospy_snapshot_info(snapshot)->goroutines.total, 20001);
	gospy_snapshot_destroy(snapshot);
}

static bool seize_all(pid_t pid)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	DIR *dir CLEANUP_CLOSEDIR = opendir(path);
	bool ok = dir;
	for (const struct dirent *entry; ok && (entry = readdir(dir));) {
		if (entry->d_name[0] != '.')
			ok = ptrace(PTRACE_SEIZE, atoi(entry->d_name), NULL, NULL) == 0;
	}
	return ok;
}

/* Let each thread go on that stops for a signal. */
static void pass_on_signals(void)
{
	int status;
	for (pid_t tid; (tid = waitpid(-1, &status, __WALL)) > 0;) {
		if (WIFSTOPPED(status))
			ptrace(PTRACE_CONT, tid, NULL, (long)WSTOPSIG(status));
	}
}

/* A process that traces the program, as another gospy would, until it is killed. */
static pid_t start_tracer(void)
{
	int ready[2];
	char byte;
	assert_int_equal(pipe(ready), 0);
	pid_t tracer = fork();
	assert_true(tracer >= 0);
	if (tracer == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, "gospy");
		bool ok = seize_all(program.pid);
		if (write(ready[1], "", ok) != ok)
			_exit(1);
		close(ready[1]);
		pass_on_signals();
		_exit(0);
	}
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	return tracer;
}

static void a_target_is_called_off(void **state)
{
	(void)state;
	struct gospy_error err;
	go_program_start_newest(&program, "parked", args);
	if (gospy_target_open_pid(program.pid, NULL, &target, &err))
		fail_msg("%s", err.msg);
	nothing_is_begun_any_more();
	a_snapshot_is_called_off_in_each_phase();
	gospy_target_close(target);
	go_program_end(&program);
}

/* Another gospy is given some seconds to let go; then that it is there would be the error. */
static void another_gospy_is_not_waited_for(void **state)
{
	(void)state;
	struct gospy_error err;
	struct gospy_snapshot *snapshot = NULL;
	// Only what runs has to be stopped.
	go_program_start_newest(&program, "spin", NULL);
	if (gospy_target_open_pid(program.pid, NULL, &target, &err))
		fail_msg("%s", err.msg);
	pid_t tracer = start_tracer();
	struct left_behind before = left_behind(program.pid);
	int fd = readable_soon();
	const struct gospy_snapshot_options how = {.size = sizeof(how), .cancel_fd = fd};
	assert_int_equal(gospy_snapshot_take(target, &how, &snapshot, NULL), GOSPY_E_CANCELLED);
	close(fd);
	check_left_behind(&before, program.pid);
	kill(tracer, SIGKILL);
	waitpid(tracer, NULL, 0);
	gospy_target_close(target);
	go_program_end(&program);
}

static void a_sample_of_an_hour_is_called_off(void **state)
{
	(void)state;
	struct gospy_process_info *info;
	int fd CLEANUP_CLOSE = readable_soon();
	const struct gospy_process_options how = {
		.size = sizeof(how), .cancel_fd = fd, .sample_ns = hour_ns};
	assert_int_equal(gospy_process_info_create_with(getpid(), &how, &info, NULL),
			 GOSPY_E_CANCELLED);
}

static enum gospy_code no_part(void *ctx, const void *bytes, size_t len, struct gospy_error *err)
{
	(void)ctx;
	(void)bytes;
	(void)len;
	(void)err;
	fail_msg("nobody has answered");
	return GOSPY_OK;
}

/* An agent that takes the connection and says nothing. */
static void an_agent_that_is_silent_is_called_off(void **state)
{
	(void)state;
	int fd CLEANUP_CLOSE = timer_not_armed();
	int listener CLEANUP_CLOSE = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in addr = {.sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(addr);
	assert_true(bind(listener, (struct sockaddr *)&addr, len) == 0 &&
		    listen(listener, 1) == 0 &&
		    getsockname(listener, (struct sockaddr *)&addr, &len) == 0);
	char name[32];
	snprintf(name, sizeof(name), "127.0.0.1:%d", ntohs(addr.sin_port));
	const struct gospy_agent_options how = {
		.size = sizeof(how), .timeout_ns = hour_ns, .cancel_fd = fd};
	struct gospy_agent *agent;
	struct left_behind before = left_behind(getpid());
	assert_int_equal(gospy_agent_open_addr(name, &how, &agent, NULL), GOSPY_OK);
	arm(fd);
	assert_int_equal(gospy_agent_ask(agent, GOSPY_AGENT_STACK, 0, no_part, NULL, NULL),
			 GOSPY_E_CANCELLED);
	gospy_agent_close(agent);
	check_left_behind(&before, getpid());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_is_called_off_without_a_descriptor),
		cmocka_unit_test(what_was_called_off_stays_so),
		cmocka_unit_test(a_closed_descriptor_calls_off),
		cmocka_unit_test(a_wait_ends_when_it_is_called_off),
		cmocka_unit_test(a_part_is_called_off_with_the_whole),
		cmocka_unit_test(a_thread_is_told),
		cmocka_unit_test(a_turn_is_not_waited_for),
		cmocka_unit_test(a_target_is_called_off),
		cmocka_unit_test(another_gospy_is_not_waited_for),
		cmocka_unit_test(a_sample_of_an_hour_is_called_off),
		cmocka_unit_test(an_agent_that_is_silent_is_called_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
