#include "check/check.h"

#include <stdlib.h>

#include "base/error.h"
#include "check/goroutine_checks.h"
#include "check/limit_checks.h"
#include "check/runtime_checks.h"

const char *finding_kind_name(enum finding_kind kind)
{
	static const char *const names[FINDING_KINDS] = {
		[FINDING_STOPPED] = "process", [FINDING_DEADLOCK] = "deadlocks",
		[FINDING_LEAK] = "leaks",      [FINDING_GROWTH] = "growth",
		[FINDING_LOCK] = "locks",      [FINDING_CHANNEL] = "channels",
		[FINDING_NETWORK] = "network", [FINDING_LIMIT] = "limits",
		[FINDING_GC] = "gc",           [FINDING_QUEUE] = "scheduler",
		[FINDING_THREAD] = "threads",  [FINDING_HEAP] = "memory",
	};
	return names[kind];
}

/* All of them, in the order of their kinds. */
static void (*const checks[])(const struct facts *, struct check *) = {
	check_stopped, check_deadlocks, check_leaks, check_growth, check_locks,   check_channels,
	check_network, check_limits,    check_gc,    check_queue,  check_threads, check_heap,
};

/* Does it hold up the whole of the program, or most of it? */
static bool is_of_all(const struct finding *finding)
{
	return finding->kind == FINDING_STOPPED || finding->kind == FINDING_DEADLOCK;
}

static int compare_findings(const void *a, const void *b)
{
	const struct finding *x = a, *y = b;
	if (x->severity != y->severity)
		return x->severity < y->severity ? 1 : -1;
	if (is_of_all(x) != is_of_all(y))
		return is_of_all(x) ? -1 : 1;
	if (x->many != y->many)
		return x->many ? -1 : 1;
	if (x->kind != y->kind)
		return x->kind > y->kind ? 1 : -1;
	if (x->weight != y->weight)
		return x->weight < y->weight ? 1 : -1;
	return (x->number > y->number) - (x->number < y->number);
}

enum gospy_code check_run(const struct facts *facts, struct check *ret, struct gospy_error *err)
{
	*ret = (struct check){0};
	for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
		checks[i](facts, ret);
	if (ret->failed)
		return err_nomem(err);
	if (ret->findings.len)
		qsort(ret->findings.at, ret->findings.len, sizeof(*ret->findings.at),
		      compare_findings);
	for (size_t i = 0; i < ret->findings.len; i++)
		ret->wrong += ret->findings.at[i].severity == FINDING_WRONG;
	return GOSPY_OK;
}

void check_deinit(struct check *check)
{
	for (size_t i = 0; i < check->findings.len; i++)
		vec_free(&check->findings.at[i].evidence);
	vec_free(&check->findings);
	vec_free(&check->checked);
	arena_deinit(&check->arena);
	*check = (struct check){0};
}
