#include "base/cancel.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>

#include "base/clock.h"

/* A call of poll() takes about half a microsecond. */
static const uint64_t LOOK_EVERY_NS = 1000000;

static _Thread_local struct cancel *current;

static enum gospy_code say_cancelled(struct gospy_error *err)
{
	return err_set(err, GOSPY_E_CANCELLED, "cancelled");
}

/* Several threads may look at the same time, which does no harm. A number that is no descriptor can
 * never become readable: the caller has closed it, and so wants nothing more of the call. */
static bool look(struct cancel *cancel)
{
	struct pollfd fd = {.fd = cancel->fd, .events = POLLIN};
	uint64_t now_ns = clock_mono_ns();
	if (now_ns < atomic_load_explicit(&cancel->look_ns, memory_order_relaxed))
		return false;
	atomic_store_explicit(&cancel->look_ns, now_ns + LOOK_EVERY_NS, memory_order_relaxed);
	if (poll(&fd, 1, 0) <= 0)
		return false;
	atomic_store(&cancel->came, true);
	return true;
}

void cancel_begin(struct cancel *cancel, int64_t fd)
{
	cancel->before = current;
	cancel->fd = fd < INT_MAX ? (int)fd : INT_MAX;
	atomic_init(&cancel->came, false);
	atomic_init(&cancel->look_ns, 0);
	// If this call is a part of another one and has no descriptor of its own, it takes that of
	// the other.
	if (fd <= 0)
		return;
	current = cancel;
	look(cancel);
}

void cancel_end(struct cancel *cancel)
{
	current = cancel->before;
}

struct cancel *cancel_current(void)
{
	return current;
}

void cancel_adopt(struct cancel *cancel)
{
	current = cancel;
}

bool cancel_asked(void)
{
	return current &&
	       (atomic_load_explicit(&current->came, memory_order_relaxed) || look(current));
}

void cancel_look_again(void)
{
	if (current)
		atomic_store_explicit(&current->look_ns, 0, memory_order_relaxed);
}

enum gospy_code cancel_check(struct gospy_error *err)
{
	return cancel_asked() ? say_cancelled(err) : GOSPY_OK;
}

enum gospy_code cancel_verdict(enum gospy_code code, struct gospy_error *err)
{
	return current && atomic_load(&current->came) ? say_cancelled(err) : code;
}

static struct timespec left_until(uint64_t deadline_ns)
{
	uint64_t now_ns = clock_mono_ns(), ns = deadline_ns > now_ns ? deadline_ns - now_ns : 0;
	return (struct timespec){.tv_sec = (time_t)(ns / 1000000000),
				 .tv_nsec = (long)(ns % 1000000000)};
}

enum gospy_code cancel_poll(int fd, short events, uint64_t deadline_ns, struct gospy_error *err)
{
	// poll() passes over a descriptor that is negative.
	struct pollfd fds[] = {
		{.fd = fd, .events = events},
		{.fd = current ? current->fd : -1, .events = POLLIN},
	};
	if (cancel_verdict(GOSPY_OK, err))
		return GOSPY_E_CANCELLED;
	for (;;) {
		struct timespec left = left_until(deadline_ns);
		int ready = ppoll(fds, 2, &left, NULL);
		if (ready < 0 && errno != EINTR)
			return err_os(err, errno, "poll");
		if (ready > 0 && fds[1].revents) {
			atomic_store(&current->came, true);
			return say_cancelled(err);
		}
		if (ready > 0)
			return GOSPY_OK;
		if (clock_mono_ns() >= deadline_ns)
			return err_set(err, GOSPY_E_LIMIT, "the time is up");
	}
}

enum gospy_code cancel_sleep(uint64_t ns, struct gospy_error *err)
{
	struct gospy_error own;
	enum gospy_code code = cancel_poll(-1, 0, clock_after(clock_mono_ns(), ns), &own);
	if (code == GOSPY_E_LIMIT)
		return GOSPY_OK;
	if (err)
		*err = own;
	return code;
}
