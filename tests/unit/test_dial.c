/* Lookups of names that nobody answers: the C library's functions for them are here. */
#include "machine/dial.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <netdb.h>
#include <pthread.h>
#include <sys/eventfd.h>

#include "base/cancel.h"
#include "base/clock.h"
#include "left_behind.h"

enum { IN_VAIN_MAX = 8 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t opened = PTHREAD_COND_INITIALIZER;
static bool open_to_all;

static void set_open(bool open)
{
	pthread_mutex_lock(&lock);
	open_to_all = open;
	pthread_cond_broadcast(&opened);
	pthread_mutex_unlock(&lock);
}

/* Says 192.0.2.1 to everybody, but to some late. */
int getaddrinfo(const char *name, const char *service, const struct addrinfo *hints,
		struct addrinfo **ret)
{
	static struct sockaddr_in addr = {.sin_family = AF_INET};
	static struct addrinfo info = {.ai_family = AF_INET, .ai_addr = (struct sockaddr *)&addr};
	(void)service;
	if (hints->ai_flags & AI_NUMERICHOST)
		return EAI_NONAME;
	pthread_mutex_lock(&lock);
	while (!open_to_all && strcmp(name, "silent.example") == 0)
		pthread_cond_wait(&opened, &lock);
	pthread_mutex_unlock(&lock);
	*ret = &info;
	return 0;
}

void freeaddrinfo(struct addrinfo *info)
{
	(void)info;
}

static enum gospy_code look_up(const char *host_port, uint64_t deadline_ns)
{
	struct dial_addrs addrs = {0};
	enum gospy_code code = dial_look_up(host_port, deadline_ns, &addrs, NULL);
	assert_int_equal(addrs.len, code ? 0 : 1);
	return code;
}

static void lookups_in_vain_are_few_and_end(void **state)
{
	(void)state;
	struct gospy_error err;
	struct dial_addrs addrs;
	const struct left_behind before = left_behind(getpid());
	for (unsigned i = 0; i < IN_VAIN_MAX; i++)
		assert_int_equal(look_up("silent.example:1", clock_mono_ns()), GOSPY_E_LIMIT);
	// None of them has ended, and so there is no other one.
	assert_int_equal(dial_look_up("other.example:1", UINT64_MAX, &addrs, &err), GOSPY_E_LIMIT);
	assert_non_null(strstr(err.msg, "8 names"));
	assert_int_equal(left_behind(getpid()).threads, before.threads + IN_VAIN_MAX);
	set_open(true);
	while (look_up("other.example:1", UINT64_MAX) == GOSPY_E_LIMIT)
		usleep(1000);
	// Whoever comes next finds them ended.
	while (left_behind(getpid()).threads != before.threads)
		assert_int_equal(look_up("other.example:1", UINT64_MAX), GOSPY_OK);
	check_left_behind(&before, getpid());
	set_open(false);
}

static void a_lookup_is_called_off(void **state)
{
	(void)state;
	struct cancel cancel;
	const struct left_behind before = left_behind(getpid());
	int fd = eventfd(1, EFD_CLOEXEC);
	cancel_begin(&cancel, fd);
	assert_int_equal(look_up("silent.example:1", UINT64_MAX), GOSPY_E_CANCELLED);
	cancel_end(&cancel);
	close(fd);
	set_open(true);
	while (left_behind(getpid()).threads != before.threads)
		assert_int_equal(look_up("other.example:1", UINT64_MAX), GOSPY_OK);
	check_left_behind(&before, getpid());
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lookups_in_vain_are_few_and_end),
		cmocka_unit_test(a_lookup_is_called_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
