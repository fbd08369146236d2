#include "live/turn.h"

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "base/cancel.h"
#include "base/clock.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t ended = PTHREAD_COND_INITIALIZER;
static struct turn *turns; /* that are under way */

static bool is_taken(pid_t pid)
{
	const struct turn *turn = turns;
	while (turn && turn->pid != pid)
		turn = turn->next;
	return turn;
}

/* Nothing wakes it when the call is called off: it looks now and then. */
static void wait_a_moment(void)
{
	static const uint64_t moment_ns = 10 * 1000 * 1000;
	uint64_t ns = clock_mono_ns() + moment_ns;
	struct timespec until = {.tv_sec = (time_t)(ns / 1000000000),
				 .tv_nsec = (long)(ns % 1000000000)};
	pthread_cond_clockwait(&ended, &lock, CLOCK_MONOTONIC, &until);
}

enum gospy_code turn_begin(struct turn *turn, pid_t pid, struct gospy_error *err)
{
	enum gospy_code code = GOSPY_OK;
	pthread_mutex_lock(&lock);
	while (is_taken(pid) && !(code = cancel_check(err)))
		wait_a_moment();
	if (!code) {
		*turn = (struct turn){.pid = pid, .next = turns};
		turns = turn;
	}
	pthread_mutex_unlock(&lock);
	return code;
}

void turn_end(struct turn *turn)
{
	pthread_mutex_lock(&lock);
	struct turn **at = &turns;
	while (*at != turn)
		at = &(*at)->next;
	*at = turn->next;
	pthread_cond_broadcast(&ended);
	pthread_mutex_unlock(&lock);
}
