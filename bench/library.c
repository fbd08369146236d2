/*
 * A program that embeds libgospy, as profilers and servers do. It measures what the `gospy`
 * program, which opens one target and ends, does not have: later snapshots, and many targets.
 *
 *   library samples PID N PERIOD_MS [stacks] [non-blocking] [running]
 *                          take N snapshots by a collector, one every PERIOD_MS; of each one line:
 *                          "sample WALL_NS CPU_NS PAUSED_NS"
 *   library open PID...    open all of them and keep them open; a line for each, "open WALL_NS
 *                          CPU_NS", then "name value" lines of this program's memory
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "gospy.h"

static void die(const char *what, const struct gospy_error *err)
{
	fprintf(stderr, "library: %s: %s\n", what, err ? err->msg : strerror(errno));
	exit(EXIT_FAILURE);
}

struct spent {
	uint64_t wall_ns, cpu_ns; /* processor time of all threads */
};

static struct spent spent_now(void)
{
	return (struct spent){clock_mono_ns(), clock_ns(CLOCK_PROCESS_CPUTIME_ID)};
}

static struct spent spent_since(struct spent begin)
{
	struct spent now = spent_now();
	return (struct spent){now.wall_ns - begin.wall_ns, now.cpu_ns - begin.cpu_ns};
}

static struct gospy_target *open_target(const char *pid)
{
	struct gospy_target *target;
	struct gospy_error err;
	if (gospy_target_open_pid(atoi(pid), NULL, &target, &err))
		die(pid, &err);
	return target;
}

/* ---------------------------------------------------------------------------------- samples -- */

static struct gospy_collector *collect(struct gospy_target *target)
{
	struct gospy_collector *collector;
	struct gospy_error err;
	if (gospy_collector_create(target, &collector, &err))
		die("collector", &err);
	return collector;
}

static struct gospy_snapshot *sample(struct gospy_collector *collector,
				     const struct gospy_snapshot_options *options)
{
	struct gospy_snapshot *snapshot;
	struct gospy_error err;
	if (gospy_collector_take(collector, options, &snapshot, &err))
		die("sample", &err);
	return snapshot;
}

static void wait_until(uint64_t mono_ns)
{
	struct timespec ts = {(time_t)(mono_ns / 1000000000), (long)(mono_ns % 1000000000)};
	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL) == EINTR)
		;
}

static void cmd_samples(char **argv)
{
	struct gospy_target *target = open_target(argv[0]);
	unsigned long n = strtoul(argv[1], NULL, 10);
	uint64_t period_ns = strtoull(argv[2], NULL, 10) * 1000000;
	struct gospy_snapshot_options options = {.size = sizeof(options)};
	for (char **arg = argv + 3; *arg; arg++) {
		options.stacks |= strcmp(*arg, "stacks") == 0;
		options.non_blocking |= strcmp(*arg, "non-blocking") == 0;
		if (strcmp(*arg, "running") == 0)
			options.scope = GOSPY_SCOPE_RUNNING;
	}
	struct gospy_collector *collector = collect(target);
	uint64_t due_ns = clock_mono_ns();
	for (unsigned long i = 0; i < n; i++, due_ns += period_ns) {
		wait_until(due_ns);
		struct spent begin = spent_now();
		struct gospy_snapshot *snapshot = sample(collector, &options);
		struct spent spent = spent_since(begin);
		printf("sample %" PRIu64 " %" PRIu64 " %" PRIu64 "\n", spent.wall_ns, spent.cpu_ns,
		       gospy_snapshot_info(snapshot)->paused_ns);
		gospy_snapshot_destroy(snapshot);
	}
	gospy_collector_destroy(collector);
	gospy_target_close(target);
}

/* ------------------------------------------------------------------------------------- open -- */

/** Prints a line of /proc/self/status, such as "VmRSS:", in bytes. */
static void print_memory(const char *name, const char *field)
{
	FILE *file = fopen("/proc/self/status", "re");
	if (!file)
		die("/proc/self/status", NULL);
	char line[128];
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, field, strlen(field)) == 0)
			printf("%s %lu\n", name, strtoul(line + strlen(field), NULL, 10) * 1024);
	}
	fclose(file);
}

/** Each target may keep several descriptors. */
static void allow_descriptors(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit))
		die("getrlimit", NULL);
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		die("setrlimit", NULL);
}

static struct gospy_snapshot *take(struct gospy_target *target)
{
	struct gospy_snapshot *snapshot;
	struct gospy_error err;
	if (gospy_snapshot_take(target, NULL, &snapshot, &err))
		die("snapshot", &err);
	return snapshot;
}

static void cmd_open(char **pids, size_t n)
{
	allow_descriptors();
	struct gospy_target **targets = calloc(n, sizeof(*targets));
	struct spent *spent = calloc(n, sizeof(*spent));
	if (!targets || !spent)
		die("calloc", NULL);
	print_memory("rss_before", "VmRSS:");
	for (size_t i = 0; i < n; i++) {
		struct spent begin = spent_now();
		targets[i] = open_target(pids[i]);
		spent[i] = spent_since(begin);
	}
	print_memory("rss", "VmRSS:");
	print_memory("anonymous", "RssAnon:");
	// An image keeps what it learns as it is used.
	for (size_t i = 0; i < n; i++)
		gospy_snapshot_destroy(take(targets[i]));
	print_memory("rss_used", "VmRSS:");
	for (size_t i = 0; i < n; i++) {
		printf("open %" PRIu64 " %" PRIu64 "\n", spent[i].wall_ns, spent[i].cpu_ns);
		gospy_target_close(targets[i]);
	}
	free(spent);
	free(targets);
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	if (strcmp(what, "samples") == 0 && argc >= 5)
		cmd_samples(argv + 2);
	else if (strcmp(what, "open") == 0 && argc >= 3)
		cmd_open(argv + 2, (size_t)argc - 2);
	else
		return 2;
	return EXIT_SUCCESS;
}
