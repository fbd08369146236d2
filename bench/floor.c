/*
 * What the kernel charges for looking into a process, with nothing of gospy in it: the floors that
 * the benches hold gospy's figures against. Prints "name value" lines.
 *
 *   floor stop PID ROUNDS       stop every thread, read its registers, let it go
 *   floor copy SIZE PID ROUNDS < ADDRESSES
 *                               copy what is at these addresses, the runs of neighbouring pages
 *                               coalesced, into a small buffer, from one thread; a line may hold
 *                               another size behind the address
 *   floor run COMMAND ...       run a command; its wall and processor time, peak resident set
 *   floor hogs N                N processes that compute, until the input ends
 *   floor sleepers N            N processes that sleep, until the input ends
 */
#include <ctype.h>
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

enum {
	PAGE = 4096,
	GAP = PAGE,         /* a hole up to this size is cheaper to copy than to skip */
	RING = 128 << 10,   /* stays in the L2 cache */
	RUNS_PER_CALL = 512 /* UIO_MAXIOV is 1024; more than 256 makes no difference */
};

static void die(const char *what)
{
	fprintf(stderr, "floor: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static void *xrealloc(void *p, size_t size)
{
	p = realloc(p, size);
	if (!p)
		die("realloc");
	return p;
}

static int compare_u64(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

static void print_median(const char *name, uint64_t *values, size_t n)
{
	qsort(values, n, sizeof(*values), compare_u64);
	printf("%s %" PRIu64 "\n", name, values[n / 2]);
}

/* ------------------------------------------------------------------------------------- stop -- */

struct tids {
	pid_t *tid;
	size_t n, cap;
};

static bool known(const struct tids *tids, pid_t tid)
{
	for (size_t i = 0; i < tids->n; i++) {
		if (tids->tid[i] == tid)
			return true;
	}
	return false;
}

/** Seize the threads that are not seized yet; false: there was none. */
static bool seize_new(pid_t pid, struct tids *tids)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	DIR *dir = opendir(path);
	if (!dir)
		die(path);
	bool found = false;
	for (const struct dirent *e; (e = readdir(dir));) {
		pid_t tid = (pid_t)strtol(e->d_name, NULL, 10);
		if (!isdigit((unsigned char)e->d_name[0]) || known(tids, tid))
			continue;
		if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) != 0)
			continue;
		if (tids->n == tids->cap) {
			tids->cap = tids->cap ? 2 * tids->cap : 64;
			tids->tid = xrealloc(tids->tid, tids->cap * sizeof(*tids->tid));
		}
		tids->tid[tids->n++] = tid;
		found = true;
	}
	closedir(dir);
	return found;
}

static uint64_t stop_once(pid_t pid, size_t *n_ret)
{
	struct tids tids = {0};
	while (seize_new(pid, &tids))
		;
	if (tids.n == 0)
		die("PTRACE_SEIZE");
	uint64_t begin = clock_mono_ns();
	for (size_t i = 0; i < tids.n; i++)
		ptrace(PTRACE_INTERRUPT, tids.tid[i], NULL, NULL);
	for (size_t i = 0; i < tids.n; i++) {
		int status;
		waitpid(tids.tid[i], &status, __WALL);
	}
	for (size_t i = 0; i < tids.n; i++) {
		struct user_regs_struct regs;
		struct iovec iov = {&regs, sizeof(regs)};
		ptrace(PTRACE_GETREGSET, tids.tid[i], (void *)NT_PRSTATUS, &iov);
	}
	for (size_t i = 0; i < tids.n; i++)
		ptrace(PTRACE_DETACH, tids.tid[i], NULL, NULL);
	uint64_t end = clock_mono_ns();
	*n_ret = tids.n;
	free(tids.tid);
	return end - begin;
}

static void cmd_stop(pid_t pid, size_t rounds)
{
	uint64_t *ns = xrealloc(NULL, rounds * sizeof(*ns));
	size_t threads = 0;
	for (size_t i = 0; i < rounds; i++)
		ns[i] = stop_once(pid, &threads);
	print_median("stop_ns", ns, rounds);
	printf("threads %zu\n", threads);
	free(ns);
}

/* ------------------------------------------------------------------------------------- copy -- */

struct item {
	uint64_t addr;
	size_t size;
};

static int compare_items(const void *a, const void *b)
{
	return compare_u64(&((const struct item *)a)->addr, &((const struct item *)b)->addr);
}

/** Takes only those of a size that fits into the ring. */
static struct item *read_items(size_t size, size_t *n_ret)
{
	struct item *items = NULL;
	size_t n = 0, cap = 0;
	char line[64];
	while (fgets(line, sizeof(line), stdin)) {
		if (n == cap) {
			cap = cap ? 2 * cap : 4096;
			items = xrealloc(items, cap * sizeof(*items));
		}
		char *end;
		struct item item = {.addr = strtoull(line, &end, 0)};
		item.size = *end == ' ' ? strtoull(end, NULL, 0) : size;
		if (item.size <= RING)
			items[n++] = item;
	}
	qsort(items, n, sizeof(*items), compare_items);
	*n_ret = n;
	return items;
}

/** Runs of items that lie close together, none longer than the ring. */
static struct iovec *coalesce(const struct item *items, size_t n, size_t *n_ret)
{
	struct iovec *runs = xrealloc(NULL, (n + 1) * sizeof(*runs));
	size_t count = 0;
	uint64_t start = 0, end = 0;
	for (size_t i = 0; i < n; i++) {
		uint64_t item_end = items[i].addr + items[i].size;
		bool joins = count && items[i].addr <= end + GAP && item_end - start <= RING;
		if (!joins) {
			start = items[i].addr;
			runs[count++].iov_base = (void *)start;
		}
		end = item_end;
		runs[count - 1].iov_len = end - start;
	}
	*n_ret = count;
	return runs;
}

static uint64_t copy_once(pid_t pid, const struct iovec *runs, size_t n, char *ring)
{
	uint64_t begin = clock_mono_ns();
	for (size_t i = 0; i < n;) {
		size_t len = 0, k = 0;
		while (i + k < n && k < RUNS_PER_CALL && len + runs[i + k].iov_len <= RING)
			len += runs[i + k++].iov_len;
		struct iovec local = {ring, len};
		if (process_vm_readv(pid, &local, 1, runs + i, k, 0) != (ssize_t)len)
			die("process_vm_readv");
		i += k;
	}
	return clock_mono_ns() - begin;
}

static void cmd_copy(size_t size, pid_t pid, size_t rounds)
{
	size_t n, n_runs;
	struct item *items = read_items(size, &n);
	struct iovec *runs = coalesce(items, n, &n_runs);
	char *ring = xrealloc(NULL, RING);
	memset(ring, 1, RING);
	uint64_t *ns = xrealloc(NULL, rounds * sizeof(*ns));
	for (size_t i = 0; i < rounds; i++)
		ns[i] = copy_once(pid, runs, n_runs, ring);
	print_median("copy_ns", ns, rounds);
	printf("items %zu\nruns %zu\n", n, n_runs);
	free(ns);
	free(ring);
	free(runs);
	free(items);
}

/* -------------------------------------------------------------------------------------- run -- */

static uint64_t timeval_ns(struct timeval t)
{
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_usec * 1000;
}

static int cmd_run(char **argv)
{
	uint64_t begin = clock_mono_ns();
	pid_t pid = fork();
	if (pid < 0)
		die("fork");
	if (pid == 0) {
		// The figures go to this program's standard output, not the command's.
		int null = open("/dev/null", O_WRONLY);
		dup2(null, STDOUT_FILENO);
		execvp(argv[0], argv);
		die(argv[0]);
	}
	int status;
	struct rusage usage;
	if (wait4(pid, &status, 0, &usage) != pid)
		die("wait4");
	printf("wall_ns %" PRIu64 "\n", clock_mono_ns() - begin);
	printf("user_ns %" PRIu64 "\n", timeval_ns(usage.ru_utime));
	printf("system_ns %" PRIu64 "\n", timeval_ns(usage.ru_stime));
	printf("rss_bytes %ld\n", usage.ru_maxrss * 1024);
	return WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
}

/* -------------------------------------------------------------------------------- processes -- */

/** They are there until the input ends, and end with this process, however that ends. `work` does
 * not return. */
static void run_processes(const char *name, size_t n, void (*work)(void))
{
	pid_t parent = getpid();
	pid_t *pids = xrealloc(NULL, (n + 1) * sizeof(*pids));
	for (size_t i = 0; i < n; i++) {
		pids[i] = fork();
		if (pids[i] < 0)
			die("fork");
		if (pids[i] > 0)
			continue;
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent)
			die("prctl");
		work();
	}
	printf("%s %zu\n", name, n);
	fflush(stdout);
	char c;
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	for (size_t i = 0; i < n; i++)
		kill(pids[i], SIGKILL);
	for (size_t i = 0; i < n; i++)
		waitpid(pids[i], NULL, 0);
	free(pids);
}

static void compute(void)
{
	for (volatile uint64_t turns = 0;; turns++)
		;
}

static void sleep_on(void)
{
	for (;;)
		pause();
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";
	if (strcmp(what, "stop") == 0 && argc == 4)
		cmd_stop(atoi(argv[2]), strtoul(argv[3], NULL, 10));
	else if (strcmp(what, "copy") == 0 && argc == 5)
		cmd_copy(strtoul(argv[2], NULL, 10), atoi(argv[3]), strtoul(argv[4], NULL, 10));
	else if (strcmp(what, "hogs") == 0 && argc == 3)
		run_processes("hogs", strtoul(argv[2], NULL, 10), compute);
	else if (strcmp(what, "sleepers") == 0 && argc == 3)
		run_processes("sleepers", strtoul(argv[2], NULL, 10), sleep_on);
	else if (strcmp(what, "run") == 0 && argc >= 3)
		return cmd_run(argv + 2);
	else
		return 2;
	return EXIT_SUCCESS;
}
