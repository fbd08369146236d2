/* The library is a guest in the program that uses it: what belongs to the whole program (signal
 * handlers, masks, locale, umask, descriptors ...) is the same before, after and meanwhile, and the
 * signals of the program stay with its own threads. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <locale.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "base/strbuf.h"
#include "go_program.h"
#include "gospy.h"

enum { GOROUTINES = 20001 }; /* enough for the library's own second thread */

static const char *const args[] = {"parked", "-n", "20000", NULL};

extern char **environ;

/* ------------------------------------------------------------ what belongs to the whole program */

static void put_signals(struct strbuf *text)
{
	for (int number = 1; number < NSIG; number++) {
		struct sigaction action = {0};
		if (sigaction(number, NULL, &action))
			continue;
		strbuf_printf(text, "signal %d: %p flags %x", number,
			      (void *)(uintptr_t)action.sa_sigaction, (unsigned)action.sa_flags);
		for (int other = 1; other < NSIG; other++)
			strbuf_putc(text, sigismember(&action.sa_mask, other) == 1 ? 'x' : '.');
		strbuf_putc(text, '\n');
	}
}

/* The lines of a file of /proc that begin with one of these words, or all. */
static void put_file(struct strbuf *text, const char *path, const char *const *words)
{
	CLEANUP_FCLOSE FILE *file = fopen(path, "re");
	CLEANUP_FREE char *line = NULL;
	size_t cap = 0;
	assert_non_null(file);
	while (getline(&line, &cap, file) > 0) {
		bool wanted = !words;
		for (const char *const *word = words; word && *word; word++)
			wanted |= strncmp(line, *word, strlen(*word)) == 0;
		if (wanted)
			strbuf_printf(text, "%s: %s", path, line);
	}
}

static void put_link(struct strbuf *text, const char *path)
{
	char target[4096];
	ssize_t n = readlink(path, target, sizeof(target) - 1);
	strbuf_printf(text, "%s: %.*s\n", path, n < 0 ? 0 : (int)n, target);
}

/** All that no thread may see changed, at any time. */
static void put_program(struct strbuf *text)
{
	static const char *const status[] = {
		"Umask",  "Uid",    "Gid",        "Groups",  "SigIgn", "SigCgt",    "CapInh",
		"CapPrm", "CapEff", "NoNewPrivs", "Seccomp", "Name",   "TracerPid", NULL};
	static const char *const links[] = {"/proc/self/cwd",    "/proc/self/root",
					    "/proc/self/ns/net", "/proc/self/ns/mnt",
					    "/proc/self/ns/pid", "/proc/self/ns/user"};
	put_signals(text);
	put_file(text, "/proc/self/status", status);
	put_file(text, "/proc/self/limits", NULL);
	put_file(text, "/proc/self/personality", NULL);
	put_file(text, "/proc/self/oom_score_adj", NULL);
	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		put_link(text, links[i]);
	strbuf_printf(text, "locale: %s\n", setlocale(LC_ALL, NULL));
	for (char **env = environ; *env; env++)
		strbuf_printf(text, "environment: %s\n", *env);
	struct itimerval timer = {0};
	getitimer(ITIMER_REAL, &timer);
	strbuf_printf(text, "timer: %ld %ld\n", (long)timer.it_value.tv_sec,
		      (long)timer.it_value.tv_usec);
}

static void put_names(struct strbuf *text, const char *path)
{
	DIR *dir CLEANUP_CLOSEDIR = opendir(path);
	assert_non_null(dir);
	size_t n = 0;
	for (const struct dirent *entry; (entry = readdir(dir));)
		n++;
	strbuf_printf(text, "%s: %zu\n", path, n);
}

/** The same, and what belongs to this thread, between two calls. */
static void put_all(struct strbuf *text)
{
	static const char *const status[] = {"SigBlk", "SigPnd", "ShdPnd", "Cpus_allowed", NULL};
	put_program(text);
	put_file(text, "/proc/thread-self/status", status);
	put_file(text, "/proc/thread-self/comm", NULL);
	put_names(text, "/proc/self/fd");
	put_names(text, "/proc/self/task");
	errno = 0;
	strbuf_printf(text, "priority: %d %d\n", getpriority(PRIO_PROCESS, 0),
		      sched_getscheduler(0));
}

/* Fails the test with the first line that differs. */
static void assert_same(const char *before, const char *after)
{
	while (*before && *before == *after) {
		size_t len = strcspn(before, "\n") + 1;
		if (strncmp(before, after, len) != 0)
			break;
		before += len;
		after += len;
	}
	if (*before || *after)
		fail_msg("before: %.*s\nafter:  %.*s", (int)strcspn(before, "\n"), before,
			 (int)strcspn(after, "\n"), after);
}

/* ----------------------------------------------------------------------------- all that is done */

static char failure[512]; /* in a thread */

static bool ok(enum gospy_code code, const char *what, const struct gospy_error *err)
{
	if (code && !failure[0])
		snprintf(failure, sizeof(failure), "%s: %s", what, err->msg);
	return !code;
}

static void look(struct gospy_target *target, const struct gospy_snapshot_options *options)
{
	struct gospy_error err;
	struct gospy_snapshot *snapshot;
	if (!ok(gospy_snapshot_take(target, options, &snapshot, &err), "snapshot", &err))
		return;
	if (gospy_snapshot_info(snapshot)->goroutines.total != GOROUTINES)
		snprintf(failure, sizeof(failure), "not all goroutines");
	for (size_t i = 0; i < gospy_snapshot_goroutine_count(snapshot); i += 100) {
		struct gospy_goroutine g;
		struct gospy_stack stack;
		gospy_snapshot_goroutine(snapshot, i, &g);
		if (options->stacks && gospy_snapshot_stack(snapshot, i, &stack, &err))
			continue;
	}
	gospy_snapshot_destroy(snapshot);
}

static void look_around(pid_t pid)
{
	struct gospy_error err;
	struct gospy_process_list *list;
	struct gospy_process_info *info;
	struct gospy_build_info *build;
	struct gospy_diagnosis *diagnosis;
	struct gospy_agent *agent;
	if (ok(gospy_process_list_create(&list, &err), "list", &err))
		gospy_process_list_destroy(list);
	if (ok(gospy_process_info_create(pid, 1, &info, &err), "process", &err))
		gospy_process_info_destroy(info);
	if (ok(gospy_build_info_create(pid, &build, &err), "build info", &err))
		gospy_build_info_destroy(build);
	if (ok(gospy_diagnosis_create(pid, NULL, &diagnosis, &err), "diagnosis", &err))
		gospy_diagnosis_destroy(diagnosis);
	if (gospy_agent_open_pid(pid, NULL, &agent, &err) == GOSPY_OK)
		gospy_agent_close(agent);
	// Nobody listens there.
	char *answer;
	if (gospy_agent_open_addr("127.0.0.1:1", NULL, &agent, &err) == GOSPY_OK) {
		if (!gospy_agent_text(agent, GOSPY_AGENT_VERSION, 0, &answer, NULL, &err))
			free(answer);
		gospy_agent_close(agent);
	}
}

static void do_all(pid_t pid)
{
	struct gospy_error err;
	struct gospy_target *target;
	struct gospy_memstats memstats;
	struct gospy_stats stats;
	if (!ok(gospy_target_open_pid(pid, NULL, &target, &err), "open", &err))
		return;
	struct gospy_snapshot_options options = {.size = sizeof(options),
						 .stacks = true,
						 .arguments = true,
						 .objects = true,
						 .labels = true,
						 .threads = true};
	look(target, &options);
	options.non_blocking = true;
	look(target, &options);
	options = (struct gospy_snapshot_options){.size = sizeof(options), .exact = true};
	look(target, &options);
	ok(gospy_memstats_read(target, NULL, &memstats, &err), "memstats", &err);
	ok(gospy_stats_read(target, NULL, &stats, &err), "stats", &err);
	look_around(pid);
	gospy_target_close(target);
	// Failures are no other.
	if (gospy_target_open_pid(getpid(), NULL, &target, &err) == GOSPY_OK)
		gospy_target_close(target);
}

/* ------------------------------------------------------------------------------------- the tests
 */

static atomic_bool over;

struct watcher {
	pthread_t thread;
	struct strbuf before, now;
};

static void *watch(void *arg)
{
	struct watcher *watcher = arg;
	while (!atomic_load(&over)) {
		strbuf_clear(&watcher->now);
		put_program(&watcher->now);
		if (strcmp(watcher->now.s, watcher->before.s) != 0)
			break;
	}
	return NULL;
}

static void nothing_changes(void **state)
{
	(void)state;
	struct go_program program;
	struct watcher watcher = {0};
	CLEANUP(strbuf_deinit) struct strbuf before = {0}, after = {0};
	go_program_start_newest(&program, "parked", args);
	// Every bit of it counts.
	umask(0123);
	signal(SIGUSR2, SIG_IGN);
	failure[0] = 0;
	// This test is not about what the C library loads and keeps at its first use.
	do_all(program.pid);
	put_program(&watcher.before);
	atomic_store(&over, false);
	put_all(&before);
	assert_int_equal(pthread_create(&watcher.thread, NULL, watch, &watcher), 0);
	do_all(program.pid);
	atomic_store(&over, true);
	pthread_join(watcher.thread, NULL);
	put_all(&after);
	assert_string_equal(failure, "");
	assert_same(before.s, after.s);
	assert_same(watcher.before.s, watcher.now.s);
	strbuf_deinit(&watcher.before);
	strbuf_deinit(&watcher.now);
	go_program_end(&program);
}

static pid_t caller;
static atomic_uint heard, strayed;

static void on_signal(int number)
{
	(void)number;
	atomic_fetch_add(&heard, 1);
	if (gettid() != caller)
		atomic_fetch_add(&strayed, 1);
}

static void set_blocked(int how)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	pthread_sigmask(how, &set, NULL);
}

static void *send_signals(void *arg)
{
	(void)arg;
	set_blocked(SIG_BLOCK);
	while (!atomic_load(&over)) {
		kill(getpid(), SIGUSR1);
		nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
	}
	return NULL;
}

static void *call(void *arg)
{
	const struct go_program *program = arg;
	caller = gettid();
	set_blocked(SIG_UNBLOCK);
	do_all(program->pid);
	set_blocked(SIG_BLOCK);
	return NULL;
}

/* One thread takes the signals of the program, calls the library, and is interrupted wherever it
 * is. */
static void signals_stay_with_the_program(void **state)
{
	(void)state;
	struct go_program program;
	pthread_t sender, thread;
	go_program_start_newest(&program, "parked", args);
	set_blocked(SIG_BLOCK);
	sigaction(SIGUSR1, &(struct sigaction){.sa_handler = on_signal}, NULL);
	failure[0] = 0;
	atomic_store(&over, false);
	assert_int_equal(pthread_create(&thread, NULL, call, &program), 0);
	assert_int_equal(pthread_create(&sender, NULL, send_signals, NULL), 0);
	pthread_join(thread, NULL);
	atomic_store(&over, true);
	pthread_join(sender, NULL);
	assert_string_equal(failure, "");
	assert_true(atomic_load(&heard) > 0);
	assert_int_equal(atomic_load(&strayed), 0);
	go_program_end(&program);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_changes),
		cmocka_unit_test(signals_stay_with_the_program),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
