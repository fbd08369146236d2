/* Child processes as targets of tests. A child tells by shared memory how far it is, and dies with
 * the test. */
#ifndef GOSPY_TESTS_CHILD_H
#define GOSPY_TESTS_CHILD_H

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum {
	CHILD_THREADS = 64,
	CHILD_CANNOT = 77, /* exit status: what is to be tried cannot be had here */
};

struct shared {
	atomic_int ready;
	atomic_int go;
	atomic_int stop;
	atomic_int tid[CHILD_THREADS];
	atomic_ulong count[CHILD_THREADS];
	void *addr;
};

/* ctest's timeout ends a wait that is in vain. */
#define WAIT_FOR(condition)                                                                        \
	do {                                                                                       \
		while (!(condition))                                                               \
			usleep(200);                                                               \
	} while (0)

static inline struct shared *shared_create(void)
{
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	assert_ptr_not_equal(shared, MAP_FAILED);
	return shared;
}

static inline void shared_destroy(struct shared *shared)
{
	munmap(shared, sizeof(*shared));
}

/** Fork a child that runs `run`; returns when it has set `ready`. */
static inline pid_t child_start(void (*run)(struct shared *), struct shared *shared)
{
	atomic_store(&shared->ready, 0);
	pid_t parent = getpid();
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() == parent)
			run(shared);
		_exit(0);
	}
	WAIT_FOR(atomic_load(&shared->ready));
	return pid;
}

/** Fork a child that asserts nothing itself: its exit status is that of `run`. */
static inline int child_result(int (*run)(void *), void *arg)
{
	pid_t pid = fork();
	assert_true(pid >= 0);
	if (pid == 0)
		_exit(run(arg));
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/** From now on the kernel answers a system call of this process with `os_errno`. Where filters
 * cannot be had the process exits with CHILD_CANNOT. */
static inline void refuse_syscall(int number, int os_errno)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)os_errno),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = {.len = 4, .filter = filter};
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program))
		_exit(CHILD_CANNOT);
}

static inline void child_end(pid_t pid)
{
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

/** Threads of children need little. */
static inline pthread_t thread_start(void *(*run)(void *), void *arg)
{
	pthread_t thread;
	pthread_attr_t attr;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 128 << 10);
	if (pthread_create(&thread, &attr, run, arg))
		abort();
	pthread_attr_destroy(&attr);
	return thread;
}

static inline void sleep_forever(void)
{
	for (;;)
		pause();
}

static inline void *sleeping_thread(void *unused)
{
	(void)unused;
	sleep_forever();
	return NULL;
}

/** A child that only sleeps. */
static inline void run_sleeper(struct shared *shared)
{
	atomic_store(&shared->ready, 1);
	sleep_forever();
}

/** A child whose leader ends and leaves one thread behind. */
static inline void run_dead_leader(struct shared *shared)
{
	thread_start(sleeping_thread, NULL);
	atomic_store(&shared->ready, 1);
	pthread_exit(NULL);
}

#endif
