/* Clocks in nanoseconds. */
#ifndef GOSPY_BASE_CLOCK_H
#define GOSPY_BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_ns(clockid_t id)
{
	struct timespec ts;
	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/** CLOCK_MONOTONIC: what Go's nanotime() reads, so g.waitsince compares with it. */
static inline uint64_t clock_mono_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

/** Wall clock since 1970. */
static inline uint64_t clock_real_ns(void)
{
	return clock_ns(CLOCK_REALTIME);
}

/** CLOCK_BOOTTIME: what the start times in /proc count from. */
static inline uint64_t clock_boot_ns(void)
{
	return clock_ns(CLOCK_BOOTTIME);
}

/** Processor time of the calling thread: a budget in it is the same on a busy machine. */
static inline uint64_t clock_thread_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/** Sleep for `ns`, or until a signal comes. */
static inline void clock_sleep(uint64_t ns)
{
	nanosleep(&(struct timespec){(time_t)(ns / 1000000000u), (long)(ns % 1000000000u)}, NULL);
}

/** `ns` after `from_ns`, at most the end of time. */
static inline uint64_t clock_after(uint64_t from_ns, uint64_t ns)
{
	uint64_t sum_ns;
	return __builtin_add_overflow(from_ns, ns, &sum_ns) ? UINT64_MAX : sum_ns;
}

#endif
