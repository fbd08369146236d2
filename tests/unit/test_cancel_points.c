/* A call may be called off at any of the points at which it looks. Here each of these has its turn:
 * base/cancel.c is left out, and what stands for it counts, and calls off at the n-th point, for n
 * from 1 on until the call comes to its end. */
#include "base/cancel.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <poll.h>

#include "base/clock.h"
#include "go_program.h"
#include "image/programs.h"
#include "left_behind.h"

/* ---- base/cancel.c */

static atomic_ulong points; /* that were come to */
static unsigned long fatal; /* which of them calls off; 0: none */

void cancel_begin(struct cancel *cancel, int64_t fd)
{
	(void)cancel;
	(void)fd;
}

void cancel_end(struct cancel *cancel)
{
	(void)cancel;
}

struct cancel *cancel_current(void)
{
	return NULL;
}

void cancel_adopt(struct cancel *cancel)
{
	(void)cancel;
}

void cancel_look_again(void)
{
}

static bool came(void)
{
	return fatal && atomic_load(&points) >= fatal;
}

bool cancel_asked(void)
{
	atomic_fetch_add(&points, 1);
	return came();
}

enum gospy_code cancel_check(struct gospy_error *err)
{
	return cancel_asked() ? err_set(err, GOSPY_E_CANCELLED, "cancelled") : GOSPY_OK;
}

enum gospy_code cancel_verdict(enum gospy_code code, struct gospy_error *err)
{
	return came() ? err_set(err, GOSPY_E_CANCELLED, "cancelled") : code;
}

enum gospy_code cancel_poll(int fd, short events, uint64_t deadline_ns, struct gospy_error *err)
{
	uint64_t now_ns = clock_mono_ns();
	int ms = now_ns < deadline_ns ? (int)((deadline_ns - now_ns) / 1000000) : 0;
	if (cancel_check(err))
		return GOSPY_E_CANCELLED;
	if (poll(&(struct pollfd){.fd = fd, .events = events}, 1, ms) > 0)
		return GOSPY_OK;
	return err_set(err, GOSPY_E_LIMIT, "the time is up");
}

enum gospy_code cancel_sleep(uint64_t ns, struct gospy_error *err)
{
	if (cancel_check(err))
		return GOSPY_E_CANCELLED;
	poll(NULL, 0, (int)(ns / 1000000));
	return GOSPY_OK;
}

/* ---- */

static const char *const args[] = {"parked", "-n", "300", "-switching", "4", NULL};
static struct go_program program;
static struct gospy_target *target;

/* A call, which frees what it gets. `ret` is NULL unless something was got. */
struct call {
	enum gospy_code (*run)(void **ret, struct gospy_error *err);
	enum gospy_code ends_with;
};

/* Calls off at each point in turn. The more points there are, the more are left out between two. */
static void call_off_everywhere(const struct call *call)
{
	struct gospy_error err;
	unsigned long n = 1;
	for (;; n += 1 + n / 32) {
		void *ret = NULL;
		// Each call finds out for itself what other ones may know.
		programs_trim(0);
		struct left_behind before = left_behind(program.pid);
		atomic_store(&points, 0);
		fatal = n;
		enum gospy_code code = call->run(&ret, &err);
		bool is_over = !came();
		fatal = 0;
		assert_int_equal(code, is_over ? call->ends_with : GOSPY_E_CANCELLED);
		assert_true(is_over || !ret);
		check_left_behind(&before, program.pid);
		if (is_over)
			break;
	}
	print_message("%lu points\n", n);
}

static enum gospy_code open_target(void **ret, struct gospy_error *err)
{
	struct gospy_target *opened = NULL;
	enum gospy_code code = gospy_target_open_pid(program.pid, NULL, &opened, err);
	*ret = opened;
	gospy_target_close(opened);
	return code;
}

/* If a program has another build ID, all its code is compared. */
static enum gospy_code open_with_other(void **ret, struct gospy_error *err)
{
	struct gospy_target *opened = NULL;
	const struct gospy_open_options how = {.size = sizeof(how), .bin = "/proc/self/exe"};
	enum gospy_code code = gospy_target_open_pid(program.pid, &how, &opened, err);
	*ret = opened;
	gospy_target_close(opened);
	return code;
}

static enum gospy_code diagnose(void **ret, struct gospy_error *err)
{
	struct gospy_diagnosis *diagnosis = NULL;
	enum gospy_code code = gospy_diagnosis_create(program.pid, NULL, &diagnosis, err);
	*ret = diagnosis;
	gospy_diagnosis_destroy(diagnosis);
	return code;
}

static enum gospy_code take_snapshot(const struct gospy_snapshot_options *how, void **ret,
				     struct gospy_error *err)
{
	struct gospy_snapshot *snapshot = NULL;
	enum gospy_code code = gospy_snapshot_take(target, how, &snapshot, err);
	*ret = snapshot;
	gospy_snapshot_destroy(snapshot);
	return code;
}

static enum gospy_code take_little(void **ret, struct gospy_error *err)
{
	return take_snapshot(NULL, ret, err);
}

static enum gospy_code take_all(void **ret, struct gospy_error *err)
{
	return take_snapshot(
		&(struct gospy_snapshot_options){.size = sizeof(struct gospy_snapshot_options),
						 .stacks = true,
						 .arguments = true,
						 .objects = true,
						 .labels = true,
						 .threads = true,
						 .figures = true},
		ret, err);
}

static enum gospy_code take_exact(void **ret, struct gospy_error *err)
{
	return take_snapshot(
		&(struct gospy_snapshot_options){.size = sizeof(struct gospy_snapshot_options),
						 .stacks = true,
						 .exact = true},
		ret, err);
}

static enum gospy_code take_running(void **ret, struct gospy_error *err)
{
	return take_snapshot(
		&(struct gospy_snapshot_options){.size = sizeof(struct gospy_snapshot_options),
						 .stacks = true,
						 .objects = true,
						 .threads = true,
						 .non_blocking = true},
		ret, err);
}

/* Once more by what the snapshot before has left, whole or not. */
static enum gospy_code take_again(void **ret, struct gospy_error *err)
{
	struct gospy_collector *collector;
	struct gospy_snapshot *snapshot = NULL;
	const struct gospy_snapshot_options how = {.size = sizeof(how), .stacks = true};
	enum gospy_code code = gospy_collector_create(target, &collector, err);
	for (unsigned i = 0; !code && i < 3; i++) {
		gospy_snapshot_destroy(snapshot);
		snapshot = NULL;
		code = gospy_collector_take(collector, &how, &snapshot, err);
	}
	*ret = snapshot;
	gospy_snapshot_destroy(snapshot);
	gospy_collector_destroy(collector);
	return code;
}

static enum gospy_code read_memstats(void **ret, struct gospy_error *err)
{
	struct gospy_memstats memstats;
	(void)ret;
	return gospy_memstats_read(target, NULL, &memstats, err);
}

static enum gospy_code read_stats(void **ret, struct gospy_error *err)
{
	struct gospy_stats stats;
	const struct gospy_read_options how = {.size = sizeof(how), .non_blocking = true};
	(void)ret;
	return gospy_stats_read(target, &how, &stats, err);
}

static enum gospy_code list_processes(void **ret, struct gospy_error *err)
{
	struct gospy_process_list *list = NULL;
	enum gospy_code code = gospy_process_list_create(&list, err);
	*ret = list;
	gospy_process_list_destroy(list);
	return code;
}

static enum gospy_code look_at_process(void **ret, struct gospy_error *err)
{
	struct gospy_process_info *info = NULL;
	enum gospy_code code = gospy_process_info_create(program.pid, 1, &info, err);
	*ret = info;
	gospy_process_info_destroy(info);
	return code;
}

static enum gospy_code find_agent(void **ret, struct gospy_error *err)
{
	struct gospy_agent *agent = NULL;
	enum gospy_code code = gospy_agent_open_pid(program.pid, NULL, &agent, err);
	*ret = agent;
	gospy_agent_close(agent);
	return code;
}

static enum gospy_code connect_to_agent(void **ret, struct gospy_error *err)
{
	struct gospy_agent *agent = NULL;
	enum gospy_code code = gospy_agent_open_addr("127.0.0.1:1", NULL, &agent, err);
	char *text = NULL;
	size_t len;
	if (!code)
		code = gospy_agent_text(agent, GOSPY_AGENT_VERSION, 0, &text, &len, err);
	*ret = text;
	gospy_agent_close(agent);
	free(text);
	return code;
}

static void every_point_is_a_good_one(void **state)
{
	(void)state;
	static const struct call opening[] = {
		{open_target, GOSPY_OK},
		{open_with_other, GOSPY_E_BAD_DATA},
		{diagnose, GOSPY_OK},
	};
	static const struct call calls[] = {
		{take_little, GOSPY_OK},        {take_all, GOSPY_OK},
		{take_exact, GOSPY_OK},         {take_again, GOSPY_OK},
		{take_running, GOSPY_OK},       {read_memstats, GOSPY_OK},
		{read_stats, GOSPY_OK},         {list_processes, GOSPY_OK},
		{look_at_process, GOSPY_OK},    {find_agent, GOSPY_E_NOT_FOUND},
		{connect_to_agent, GOSPY_E_OS},
	};
	struct gospy_error err;
	go_program_start_newest(&program, "parked", args);
	for (size_t i = 0; i < sizeof(opening) / sizeof(opening[0]); i++)
		call_off_everywhere(&opening[i]);
	if (gospy_target_open_pid(program.pid, NULL, &target, &err))
		fail_msg("%s", err.msg);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		call_off_everywhere(&calls[i]);
	gospy_target_close(target);
	go_program_end(&program);
}

/* Without symbols and DWARF much has to be searched for. */
static void a_search_can_be_called_off(void **state)
{
	(void)state;
	static const struct call call = {open_target, GOSPY_OK};
	go_program_start_variant(&program, "stripped", "parked", args);
	call_off_everywhere(&call);
	go_program_end(&program);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_point_is_a_good_one),
		cmocka_unit_test(a_search_can_be_called_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
