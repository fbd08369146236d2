#include "child.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "live/mem_live.h"
#include "live/process.h"
#include "target/mem_bytes.h"

enum { PAGE = 4096, PAGES = 16 };

static void bytes_read(void **state)
{
	(void)state;
	static const uint8_t low[] = {1, 2, 3, 4, 5, 6, 7, 8}, high[] = {9, 10, 11, 12};
	const struct mem_bytes_range ranges[] = {
		{0x1008, {high, sizeof(high)}},
		{0x1000, {low, sizeof(low)}},
		{UINT64_MAX - 1, {low, 2}},
	};
	struct mem *mem;
	assert_int_equal(mem_bytes_create(ranges, 3, &mem, NULL), GOSPY_OK);
	uint64_t word;
	assert_int_equal(mem_read_u64(mem, 0x1004, &word, NULL), GOSPY_OK);
	assert_int_equal(word, 0x0c0b0a0908070605);
	uint32_t half = 77;
	assert_int_equal(mem_read_u32(mem, 0x1000, &half, NULL), GOSPY_OK);
	assert_int_equal(half, 0x04030201);

	struct gospy_error err;
	assert_int_equal(mem_read_u64(mem, 0x1008, &word, &err), GOSPY_E_FAULT);
	assert_int_equal(err.addr, 0x100c);
	assert_int_equal(mem_read_u32(mem, UINT64_MAX - 1, &half, &err), GOSPY_E_FAULT);
	assert_int_equal(half, 0x04030201);
	assert_int_equal(mem_read(mem, 0x5000, &word, 0, &err), GOSPY_OK);
	mem_destroy(mem);

	assert_int_equal(mem_bytes_create(NULL, 0, &mem, NULL), GOSPY_OK);
	assert_int_equal(mem_read_u64(mem, 0, &word, &err), GOSPY_E_FAULT);
	mem_destroy(mem);
	mem_destroy(NULL);
}

/** A target whose PAGES pages at `addr` hold their own byte addresses, but 5 and 6 are not there
 * and 15 is protected. */
static void run_holes(struct shared *shared)
{
	uint64_t *words = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE,
			       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (size_t i = 0; i < PAGES * PAGE / sizeof(*words); i++)
		words[i] = (uint64_t)&words[i];
	munmap((char *)words + 5 * PAGE, 2 * PAGE);
	mprotect((char *)words + 15 * PAGE, PAGE, PROT_NONE);
	shared->addr = words;
	atomic_store(&shared->ready, 1);
	sleep_forever();
}

static bool holds_addresses(const void *bytes, uint64_t addr, size_t len)
{
	for (size_t i = 0; i + 8 <= len; i += 8) {
		uint64_t word;
		memcpy(&word, (const char *)bytes + i, sizeof(word));
		if (word != addr + i)
			return false;
	}
	return true;
}

#define REQUIRE(condition)                                                                         \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "line %d: %s\n", __LINE__, #condition);                    \
			return 1;                                                                  \
		}                                                                                  \
	} while (0)

/** How a reader of the target of run_holes must behave. 0: so it does. */
static int check_holes(struct mem *mem, uint64_t base)
{
	static char buf[PAGES * PAGE];
	struct gospy_error err;
	REQUIRE(mem_read(mem, base, buf, 5 * PAGE, &err) == GOSPY_OK);
	REQUIRE(holds_addresses(buf, base, 5 * PAGE));
	REQUIRE(mem_read(mem, base + 7 * PAGE - 8, buf, 8, &err) == GOSPY_E_FAULT);
	REQUIRE(err.addr == base + 7 * PAGE - 8);

	// Partly, not at all, and across the hole; what comes after is read all the same.
	const struct mem_req list[] = {
		{.addr = base + 8, .len = 16},
		{.addr = base + 4 * PAGE + 16, .len = 2 * PAGE},
		{.addr = base + 5 * PAGE, .len = 400},
		{.addr = base + 6 * PAGE, .len = 0},
		{.addr = base + 6 * PAGE + 8, .len = 8},
		{.addr = 0, .len = 8},
		{.addr = UINT64_MAX - 7, .len = 64},
		{.addr = UINT64_C(1) << 63, .len = 8},
		{.addr = base + 7 * PAGE, .len = 8 * PAGE},
	};
	enum { N = sizeof(list) / sizeof(*list) };
	static const size_t done[N] = {16, PAGE - 16, 0, 0, 0, 0, 0, 0, 8 * PAGE};
	for (int apart = 0; apart < 2; apart++) {
		struct mem_req reqs[N];
		memset(buf, 0xee, sizeof(buf));
		char *dst = buf;
		for (size_t i = 0; i < N; i++) {
			reqs[i] = list[i];
			reqs[i].dst = dst;
			reqs[i].done = 12345;
			dst += list[i].len + (apart ? 8 : 0);
		}
		REQUIRE(mem_readv(mem, reqs, N, &err) == GOSPY_E_FAULT);
		REQUIRE(err.addr == base + 5 * PAGE);
		for (size_t i = 0; i < N; i++) {
			REQUIRE(reqs[i].done == done[i]);
			REQUIRE(holds_addresses(reqs[i].dst, reqs[i].addr, done[i]));
			if (done[i] < reqs[i].len)
				REQUIRE(((unsigned char *)reqs[i].dst)[done[i]] == 0xee);
		}
	}

	// More than one batch, every second element behind a fault, backwards.
	enum { MANY = 3000 };
	static struct mem_req many[MANY];
	static uint64_t words[MANY];
	for (size_t i = 0; i < MANY; i++) {
		uint64_t page = i % 2 ? 5 : 7;
		many[i] = (struct mem_req){.addr = base + page * PAGE + 8 * (i % 512),
					   .dst = &words[MANY - 1 - i],
					   .len = 8};
	}
	REQUIRE(mem_readv(mem, many, MANY, &err) == GOSPY_E_FAULT);
	for (size_t i = 0; i < MANY; i++) {
		REQUIRE(many[i].done == (i % 2 ? 0 : 8));
		REQUIRE(i % 2 || words[MANY - 1 - i] == many[i].addr);
	}
	return 0;
}

struct live_test {
	pid_t pid;
	uint64_t base;
	int refused; /* errno that process_vm_readv gets, 0: it works */
};

static int read_live(void *arg)
{
	const struct live_test *test = arg;
	struct process process;
	struct mem *mem;
	if (test->refused)
		refuse_syscall(SYS_process_vm_readv, test->refused);
	REQUIRE(process_open(test->pid, &process, NULL) == GOSPY_OK);
	REQUIRE(mem_live_create(&process, &mem, NULL) == GOSPY_OK);
	// /proc/PID/mem reads what is protected as well.
	uint64_t word;
	enum gospy_code code = mem_read_u64(mem, test->base + 15 * PAGE, &word, NULL);
	REQUIRE(code == (test->refused ? GOSPY_OK : GOSPY_E_FAULT));
	int result = check_holes(mem, test->base);
	mem_destroy(mem);
	process_close(&process);
	return result;
}

static void live_with_holes(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	pid_t pid = child_start(run_holes, shared);
	static const int refused[] = {0, ENOSYS, EPERM};
	int result[3];
	for (size_t i = 0; i < 3; i++) {
		struct live_test test = {
			.pid = pid, .base = (uint64_t)shared->addr, .refused = refused[i]};
		result[i] = child_result(read_live, &test);
	}
	child_end(pid);
	shared_destroy(shared);
	assert_int_equal(result[0], 0);
	if (result[1] == CHILD_CANNOT)
		skip(); // no seccomp filters here
	assert_int_equal(result[1], 0);
	assert_int_equal(result[2], 0);
}

static void live_self(void **state)
{
	(void)state;
	struct process process;
	struct mem *mem;
	assert_int_equal(process_open(getpid(), &process, NULL), GOSPY_OK);
	assert_int_equal(mem_live_create(&process, &mem, NULL), GOSPY_OK);
	uint64_t word = 0x1122334455667788, copy = 0;
	assert_int_equal(mem_read_u64(mem, (uint64_t)&word, &copy, NULL), GOSPY_OK);
	assert_int_equal(copy, word);
	mem_destroy(mem);
	process_close(&process);
}

static int read_ended(void *arg)
{
	int refused = *(int *)arg;
	if (refused)
		refuse_syscall(SYS_process_vm_readv, refused);
	struct shared *shared = shared_create();
	pid_t pid = child_start(run_holes, shared);
	struct process process;
	struct mem *mem;
	uint64_t word;
	REQUIRE(process_open(pid, &process, NULL) == GOSPY_OK);
	REQUIRE(mem_live_create(&process, &mem, NULL) == GOSPY_OK);
	REQUIRE(mem_read_u64(mem, (uint64_t)shared->addr, &word, NULL) == GOSPY_OK);
	kill(pid, SIGKILL);
	siginfo_t info;
	// A zombie first, then nothing at all.
	waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT);
	REQUIRE(mem_read_u64(mem, (uint64_t)shared->addr, &word, NULL) == GOSPY_E_GONE);
	waitpid(pid, NULL, 0);
	REQUIRE(mem_read_u64(mem, (uint64_t)shared->addr, &word, NULL) == GOSPY_E_GONE);
	mem_destroy(mem);
	process_close(&process);
	return 0;
}

static void live_ended(void **state)
{
	(void)state;
	int refused = 0;
	assert_int_equal(child_result(read_ended, &refused), 0);
	refused = ENOSYS;
	int result = child_result(read_ended, &refused);
	if (result == CHILD_CANNOT)
		skip(); // no seccomp filters here
	assert_int_equal(result, 0);
}

static void *ending_thread(void *arg)
{
	struct shared *shared = arg;
	WAIT_FOR(atomic_load(&shared->go));
	return NULL;
}

/** First the leader ends, then on `go` one of the two threads that are left. */
static void run_ending_threads(struct shared *shared)
{
	thread_start(ending_thread, shared);
	thread_start(sleeping_thread, NULL);
	shared->addr = shared;
	atomic_store(&shared->ready, 1);
	pthread_exit(NULL);
}

static size_t count_tasks(pid_t pid)
{
	pid_vec tids = {0};
	assert_int_equal(procfs_tids(pid, &tids, NULL), GOSPY_OK);
	size_t n = tids.len;
	vec_free(&tids);
	return n;
}

static char leader_state(pid_t pid)
{
	struct proc_stat stat;
	assert_int_equal(procfs_stat(pid, 0, &stat, NULL), GOSPY_OK);
	return stat.state;
}

static void live_threads_end(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	pid_t pid = child_start(run_ending_threads, shared);
	struct process process;
	struct mem *mem;
	uint64_t word;
	assert_int_equal(process_open(pid, &process, NULL), GOSPY_OK);
	assert_int_equal(mem_live_create(&process, &mem, NULL), GOSPY_OK);
	WAIT_FOR(leader_state(pid) == 'Z');
	assert_int_equal(mem_read_u64(mem, (uint64_t)shared->addr, &word, NULL), GOSPY_OK);
	atomic_store(&shared->go, 1);
	WAIT_FOR(count_tasks(pid) == 2);
	assert_int_equal(mem_read_u64(mem, (uint64_t)shared->addr, &word, NULL), GOSPY_OK);
	mem_destroy(mem);
	process_close(&process);
	child_end(pid);
	shared_destroy(shared);
}

struct parallel {
	struct mem *mem;
	uint64_t base;
	bool ok;
};

static void *read_often(void *arg)
{
	struct parallel *p = arg;
	p->ok = true;
	for (int i = 0; i < 2000; i++) {
		char buf[2 * PAGE];
		uint64_t addr = p->base + (uint64_t)(i % 3) * PAGE;
		p->ok &= mem_read(p->mem, addr, buf, sizeof(buf), NULL) == GOSPY_OK &&
			 holds_addresses(buf, addr, sizeof(buf));
	}
	return NULL;
}

/** Several threads meet the refusal at the same time. */
static int read_in_parallel(void *arg)
{
	const struct live_test *test = arg;
	struct process process;
	struct mem *mem;
	refuse_syscall(SYS_process_vm_readv, EPERM);
	REQUIRE(process_open(test->pid, &process, NULL) == GOSPY_OK);
	REQUIRE(mem_live_create(&process, &mem, NULL) == GOSPY_OK);
	struct parallel parallel[4];
	pthread_t threads[4];
	for (size_t i = 0; i < 4; i++) {
		parallel[i] = (struct parallel){.mem = mem, .base = test->base};
		threads[i] = thread_start(read_often, &parallel[i]);
	}
	for (size_t i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		REQUIRE(parallel[i].ok);
	}
	mem_destroy(mem);
	process_close(&process);
	return 0;
}

static void live_parallel(void **state)
{
	(void)state;
	struct shared *shared = shared_create();
	pid_t pid = child_start(run_holes, shared);
	struct live_test test = {.pid = pid, .base = (uint64_t)shared->addr};
	int result = child_result(read_in_parallel, &test);
	child_end(pid);
	shared_destroy(shared);
	if (result == CHILD_CANNOT)
		skip(); // no seccomp filters here
	assert_int_equal(result, 0);
}

/** The memory of root, for another user. */
static int read_as_nobody(void *arg)
{
	const struct live_test *test = arg;
	struct process process;
	struct mem *mem;
	struct gospy_error err;
	uint64_t word;
	REQUIRE(process_open(test->pid, &process, NULL) == GOSPY_OK);
	REQUIRE(mem_live_create(&process, &mem, NULL) == GOSPY_OK);
	if (setresgid(65534, 65534, 65534) || setresuid(65534, 65534, 65534))
		_exit(CHILD_CANNOT);
	REQUIRE(mem_read_u64(mem, test->base, &word, &err) == GOSPY_E_PERM);
	REQUIRE(strstr(err.msg, "cannot read the memory of pid"));
	REQUIRE(strstr(err.msg, "it belongs to user root; try: sudo gospy"));
	mem_destroy(mem);
	process_close(&process);
	return 0;
}

static void live_refused(void **state)
{
	(void)state;
	if (geteuid() != 0)
		skip(); // nobody else to be
	struct shared *shared = shared_create();
	pid_t pid = child_start(run_holes, shared);
	struct live_test test = {.pid = pid, .base = (uint64_t)shared->addr};
	int result = child_result(read_as_nobody, &test);
	child_end(pid);
	shared_destroy(shared);
	if (result == CHILD_CANNOT)
		skip(); // a user namespace without other users
	assert_int_equal(result, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_read),       cmocka_unit_test(live_self),
		cmocka_unit_test(live_with_holes),  cmocka_unit_test(live_ended),
		cmocka_unit_test(live_threads_end), cmocka_unit_test(live_parallel),
		cmocka_unit_test(live_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
