#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "check/check.h"
#include "check/limits.h"

/* So many of so many descriptors, and nothing else that is known, but of memory. */
static struct fact_limits limits_of(uint64_t descriptors, uint64_t most, uint64_t memory)
{
	return (struct fact_limits){
		.is = {.descriptors = descriptors,
		       .descriptors_max = most,
		       .threads = 5,
		       .tasks = GOSPY_UNKNOWN,
		       .tasks_max = GOSPY_UNKNOWN,
		       .memory = memory,
		       .memory_max = memory == GOSPY_UNKNOWN ? memory : 100 * LIMIT_MIB,
		       .cpu_milli = GOSPY_UNKNOWN},
		.known = true,
		.periods = GOSPY_UNKNOWN,
		.throttled = GOSPY_UNKNOWN,
		.refused = GOSPY_UNKNOWN,
	};
}

/* What is well: 100 goroutines, watched for a second. */
static struct facts well(void)
{
	return (struct facts){
		.target = "4711",
		.is_process = true,
		.watched_ns = LIMIT_S,
		.goroutines = 100,
		.requests = {.wait_ns = GOSPY_UNKNOWN,
			     .silent_ns = GOSPY_UNKNOWN,
			     .unacked_ns = GOSPY_UNKNOWN,
			     .unread_ns = GOSPY_UNKNOWN},
		.limits = limits_of(10, 100, GOSPY_UNKNOWN),
		.longest_ns = GOSPY_UNKNOWN,
		.gc = {.limit = GOSPY_UNKNOWN, .used = GOSPY_UNKNOWN, .gogc = 100},
		.queued = 0,
		.processors = 2,
		.cpu_percent = -1,
		.heap_before = 100 * LIMIT_MIB,
		.heap_after = 100 * LIMIT_MIB,
		.rss_before = GOSPY_UNKNOWN,
		.rss_after = GOSPY_UNKNOWN,
	};
}

static struct check judge(struct facts *facts)
{
	struct check check;
	assert_int_equal(check_run(facts, &check, NULL), GOSPY_OK);
	return check;
}

/* Nothing is found, and all that there is to look at was looked at or is said not to have been. */
static void expect_fine(struct facts *facts)
{
	struct check check = judge(facts);
	if (check.findings.len)
		print_error("%s\n", check.findings.at[0].text);
	assert_int_equal(check.findings.len, 0);
	assert_int_equal(check.checked.len, FINDING_KINDS - 1);
	check_deinit(&check);
	facts_deinit(facts);
}

/* The first finding is this one, and its text and evidence have `said` in them. */
static void expect_first(struct facts *facts, enum finding_kind kind,
			 enum finding_severity severity, const char *said)
{
	struct check check = judge(facts);
	assert_true(check.findings.len);
	const struct finding *first = &check.findings.at[0];
	assert_string_equal(finding_kind_name(first->kind), finding_kind_name(kind));
	assert_int_equal(first->severity, severity);
	bool found = strstr(first->text, said);
	for (size_t i = 0; i < first->evidence.len; i++)
		found |= strstr(first->evidence.at[i], said) != NULL;
	if (!found)
		print_error("'%s' is not in '%s'\n", said, first->text);
	assert_true(found);
	assert_non_null(strstr(first->next, "gospy "));
	assert_int_equal(check.wrong != 0, severity == FINDING_WRONG);
	check_deinit(&check);
	facts_deinit(facts);
}

static void test_all_is_well(void **state)
{
	(void)state;
	struct facts facts = well();
	expect_fine(&facts);
	// A file is looked at once.
	facts = well();
	facts.watched_ns = 0;
	facts.is_process = false;
	facts.no_gc = facts.no_threads = "it is a file";
	expect_fine(&facts);
}

static void test_stopped(void **state)
{
	(void)state;
	struct facts facts = well();
	facts.stopped = true;
	expect_first(&facts, FINDING_STOPPED, FINDING_WRONG, "the process is stopped");
}

static void test_deadlock(void **state)
{
	(void)state;
	static const char *const steps[] = {"goroutine 1 wants a", "goroutine 2 wants b"};
	const struct fact_deadlock two = {
		.members = 2, .behind = 3, .steps = steps, .step_count = 2};
	struct fact_deadlock doubtful = two;
	doubtful.doubt = "it was not there at both looks";
	struct facts facts = well();
	vec_push(&facts.deadlocks, two);
	expect_first(&facts, FINDING_DEADLOCK, FINDING_WRONG,
		     "2 goroutines wait for each other, and 3 more for them");
	facts = well();
	vec_push(&facts.deadlocks, doubtful);
	expect_first(&facts, FINDING_DEADLOCK, FINDING_SUSPECT, "not certain: it was not there");
	struct fact_deadlock proved = two;
	proved.by_heap = true;
	facts = well();
	vec_push(&facts.deadlocks, proved);
	expect_first(&facts, FINDING_DEADLOCK, FINDING_WRONG, "proved: as long as nobody else");
	proved.no_locks = true;
	facts = well();
	vec_push(&facts.deadlocks, proved);
	expect_first(&facts, FINDING_DEADLOCK, FINDING_WRONG, "proved: nobody else");
}

static void test_leaks(void **state)
{
	(void)state;
	const struct fact_leak proved = {.proved = true,
					 .count = 3,
					 .wait_ns = 90 * LIMIT_S,
					 .reason = "chan send",
					 .at = "main.f main.go:1",
					 .why = "nothing that can run has it"};
	struct fact_leak likely = proved, select = proved;
	likely.proved = false;
	select.on_purpose = true;
	struct facts facts = well();
	vec_push(&facts.leaks, likely);
	vec_push(&facts.leaks, proved);
	expect_first(&facts, FINDING_LEAK, FINDING_WRONG, "3 goroutines can never run again");
	facts = well();
	vec_push(&facts.leaks, likely);
	facts.not_proved = "a stop would take longer";
	expect_first(&facts, FINDING_LEAK, FINDING_SUSPECT, "not proved: a stop would take longer");
	facts = well();
	vec_push(&facts.leaks, select);
	expect_fine(&facts);
}

static void test_growth(void **state)
{
	(void)state;
	struct fact_site site = {.before = 5, .after = 5 + LIMIT_GROWTH};
	struct facts facts = well();
	vec_push(&facts.sites, site);
	expect_first(&facts, FINDING_GROWTH, FINDING_SUSPECT, "none has gone");
	facts = well();
	vec_push(&facts.sites, site);
	facts.watched_ns = LIMIT_GROWTH_NS;
	expect_first(&facts, FINDING_GROWTH, FINDING_WRONG, "none has gone");
	// It may be meant so.
	site.may_be = "these may be clients";
	facts = well();
	vec_push(&facts.sites, site);
	facts.watched_ns = LIMIT_GROWTH_NS;
	expect_first(&facts, FINDING_GROWTH, FINDING_SUSPECT, "not certain: these may be clients");
	// Where some go, requests come and go.
	site.left = 1;
	facts = well();
	vec_push(&facts.sites, site);
	facts.watched_ns = LIMIT_GROWTH_NS;
	expect_first(&facts, FINDING_GROWTH, FINDING_SUSPECT, "1 of 5 has gone");
	facts = well();
	vec_push(&facts.sites, site);
	expect_fine(&facts);
	site = (struct fact_site){.before = 5, .after = 5 + LIMIT_GROWTH - 1};
	facts = well();
	vec_push(&facts.sites, site);
	expect_fine(&facts);
}

static struct fact_lock lock_of(uint64_t waiters, uint64_t before, uint64_t stayed)
{
	return (struct fact_lock){.object = "sync.Mutex 0x1",
				  .waiters = waiters,
				  .before = before,
				  .stayed = stayed,
				  .wait_ns = GOSPY_UNKNOWN};
}

static void expect_lock(struct fact_lock lock, enum finding_severity severity, const char *said)
{
	struct facts facts = well();
	facts.locks = 1;
	vec_push(&facts.locks_wanted, lock);
	if (said)
		expect_first(&facts, FINDING_LOCK, severity, said);
	else
		expect_fine(&facts);
}

static void test_locks(void **state)
{
	(void)state;
	expect_lock(lock_of(LIMIT_LOCK_CROWD, LIMIT_LOCK_CROWD, 0), FINDING_WRONG, "wait for");
	expect_lock(lock_of(LIMIT_LOCK_CROWD, LIMIT_LOCK_CROWD - 1, 0), FINDING_WRONG, NULL);
	expect_lock(lock_of(LIMIT_LOCK_STUCK, LIMIT_LOCK_STUCK, LIMIT_LOCK_STUCK), FINDING_SUSPECT,
		    "none moved within");
	expect_lock(lock_of(LIMIT_LOCK_STUCK, LIMIT_LOCK_STUCK, LIMIT_LOCK_STUCK - 1),
		    FINDING_SUSPECT, NULL);
	struct fact_lock lock = lock_of(1, 1, 1);
	lock.wait_ns = LIMIT_LOCK_NS;
	lock.holder = "goroutine 8";
	lock.holder_does = "runs";
	expect_lock(lock, FINDING_SUSPECT, "held by goroutine 8");
	lock.doubt = "several";
	expect_lock(lock, FINDING_SUSPECT, "perhaps held by goroutine 8 (several)");
	lock.doubt = NULL;
	lock.holder_leaked = true;
	expect_lock(lock, FINDING_WRONG, "can never run again: proved");
	// The deadlock tells of it.
	lock.in_deadlock = true;
	expect_lock(lock, FINDING_WRONG, NULL);
}

static void test_channels(void **state)
{
	(void)state;
	struct fact_senders senders = {.object = "channel 0x1",
				       .count = LIMIT_SENDERS,
				       .stayed = LIMIT_SENDERS,
				       .wait_ns = GOSPY_UNKNOWN};
	struct facts facts = well();
	vec_push(&facts.senders, senders);
	expect_first(&facts, FINDING_CHANNEL, FINDING_SUSPECT, "which nobody receives from");
	senders.stayed--;
	facts = well();
	vec_push(&facts.senders, senders);
	expect_fine(&facts);
}

static void test_network(void **state)
{
	(void)state;
	const uint64_t hung = LIMIT_REQUEST_HUNG_NS, none = GOSPY_UNKNOWN;
	const struct {
		uint64_t wait_ns, silent_ns, unacked_ns, unread_ns;
		const char *stopped, *said;
		enum finding_severity severity;
	} cases[] = {
		{hung, none, none, none, NULL, "3 HTTP requests have no answer", FINDING_SUSPECT},
		{hung, hung, 0, none, NULL, "a long poll", FINDING_SUSPECT},
		{hung, hung, hung, none, NULL, "was not acknowledged for 30s", FINDING_WRONG},
		{hung, hung, hung - 1, none, NULL, "was not acknowledged for 29s", FINDING_SUSPECT},
		{hung, hung, 0, hung, NULL, "nobody has read any of it", FINDING_WRONG},
		{hung, hung, 0, hung - 1, NULL, "nobody has read any of it", FINDING_SUSPECT},
		{LIMIT_REQUEST_NS, none, none, none, "process 7", "process 7 is stopped",
		 FINDING_WRONG},
		{LIMIT_REQUEST_NS, none, none, none, NULL, "wait to read: 2 with 10.0.0.9:80",
		 FINDING_SUSPECT},
		{LIMIT_REQUEST_NS - 1, none, none, none, "process 7", NULL, 0},
		{none, hung, none, none, NULL, "for up to 30s: 2 with 10.0.0.9:80",
		 FINDING_SUSPECT},
		{LIMIT_REQUEST_NS, LIMIT_REQUEST_NS - 1, none, none, NULL, "received nothing since",
		 FINDING_SUSPECT},
		{none, none, none, none, NULL, NULL, 0},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct facts facts = well();
		facts.requests = (struct fact_requests){.count = 3,
							.stayed = 3,
							.wait_ns = cases[i].wait_ns,
							.silent_ns = cases[i].silent_ns,
							.unacked_ns = cases[i].unacked_ns,
							.unread_ns = cases[i].unread_ns,
							.unacked_peer = "10.0.0.9:80",
							.unread_peer = "10.0.0.9:80",
							.stopped = cases[i].stopped,
							.peers = "2 with 10.0.0.9:80"};
		if (cases[i].said)
			expect_first(&facts, FINDING_NETWORK, cases[i].severity, cases[i].said);
		else
			expect_fine(&facts);
	}
	struct facts facts = well();
	vec_push(&facts.dials, ((struct fact_dial){"10.0.0.9:80", 2, 2, LIMIT_REQUEST_NS, NULL}));
	expect_first(&facts, FINDING_NETWORK, FINDING_SUSPECT, "2 connections to 10.0.0.9:80");
}

static void test_limits(void **state)
{
	(void)state;
	struct facts facts = well();
	facts.limits = limits_of(80, 100, GOSPY_UNKNOWN);
	expect_first(&facts, FINDING_LIMIT, FINDING_SUSPECT, "80 of 100 descriptors");
	facts = well();
	facts.limits = limits_of(95, 100, GOSPY_UNKNOWN);
	expect_first(&facts, FINDING_LIMIT, FINDING_WRONG, "too many open files");
	facts = well();
	facts.limits = limits_of(79, 100, GOSPY_UNKNOWN);
	expect_fine(&facts);
	facts = well();
	facts.limits.is.tasks = 95;
	facts.limits.is.tasks_max = 100;
	expect_first(&facts, FINDING_LIMIT, FINDING_WRONG, "5 of them are of this process");
	// More may have been allowed.
	facts = well();
	facts.limits.is.threads = LIMIT_THREADS;
	expect_first(&facts, FINDING_LIMIT, FINDING_SUSPECT, "debug.SetMaxThreads");
	facts = well();
	facts.limits.is.threads = LIMIT_THREADS;
	facts.max_threads = 2 * LIMIT_THREADS;
	expect_fine(&facts);
	facts = well();
	facts.limits.is.threads = LIMIT_THREADS;
	facts.max_threads = LIMIT_THREADS + 1;
	expect_first(&facts, FINDING_LIMIT, FINDING_WRONG, "of 10001 threads that it may have");
	facts = well();
	facts.limits = limits_of(10, GOSPY_UNKNOWN, 96 * LIMIT_MIB);
	expect_first(&facts, FINDING_LIMIT, FINDING_SUSPECT, "96.0 MB of the 100.0 MB");
	facts = well();
	facts.limits = limits_of(10, GOSPY_UNKNOWN, 96 * LIMIT_MIB);
	facts.limits.refused = 2;
	expect_first(&facts, FINDING_LIMIT, FINDING_WRONG, "it wanted more 2 times");
	// What is used for files is no want.
	facts = well();
	facts.limits = limits_of(10, GOSPY_UNKNOWN, 50 * LIMIT_MIB);
	facts.limits.refused = 200;
	expect_fine(&facts);
	facts = well();
	facts.limits.is.cpu_milli = 500;
	facts.limits.periods = 10;
	facts.limits.throttled = LIMIT_THROTTLED;
	expect_first(&facts, FINDING_LIMIT, FINDING_SUSPECT, "may use 0.5 (cpu.max)");
	facts = well();
	facts.limits.periods = 20;
	facts.limits.throttled = LIMIT_THROTTLED;
	expect_fine(&facts);
	facts = well();
	facts.limits.known = false;
	expect_fine(&facts);
}

static void test_gc(void **state)
{
	(void)state;
	struct fact_gc busy = {.percent = LIMIT_GC_PERCENT,
			       .assist = 10,
			       .cycles = 20,
			       .used = 97 * LIMIT_MIB,
			       .limit = 100 * LIMIT_MIB,
			       .percent_known = true,
			       .gogc = 100};
	struct facts facts = well();
	facts.gc = busy;
	expect_first(&facts, FINDING_GC, FINDING_WRONG, "at the memory limit");
	busy.limit = GOSPY_UNKNOWN;
	facts = well();
	facts.gc = busy;
	expect_first(&facts, FINDING_GC, FINDING_SUSPECT, "25% of all processor time");
	busy.gogc = LIMIT_GOGC - 1;
	facts = well();
	facts.gc = busy;
	expect_first(&facts, FINDING_GC, FINDING_WRONG, "with a small GOGC");
	// Near its limit, and at peace with it.
	busy.percent = 3;
	busy.limit = 100 * LIMIT_MIB;
	busy.live = 60 * LIMIT_MIB;
	busy.goal = 80 * LIMIT_MIB;
	facts = well();
	facts.gc = busy;
	expect_fine(&facts);
	// None has ended, but one follows the other.
	busy.percent = 0;
	busy.cycles = 0;
	busy.live = 79 * LIMIT_MIB;
	facts = well();
	facts.gc = busy;
	expect_first(&facts, FINDING_GC, FINDING_SUSPECT, "leaves the GC no room");
}

static void test_queue(void **state)
{
	(void)state;
	struct facts facts = well();
	facts.queued = 2 * LIMIT_QUEUE;
	expect_first(&facts, FINDING_QUEUE, FINDING_SUSPECT, "wait for 2 processors");
	facts = well();
	facts.queued = 2 * LIMIT_QUEUE - 1;
	expect_fine(&facts);
	facts = well();
	facts.processors = 0;
	expect_fine(&facts);
}

static void test_threads(void **state)
{
	(void)state;
	struct fact_thread thread = {
		.tid = 12, .stayed = true, .syscall = "system call 74", .goid = 7};
	struct facts facts = well();
	vec_push(&facts.threads, thread);
	expect_first(&facts, FINDING_THREAD, FINDING_WRONG,
		     "thread 12 in system call 74, goroutine 7");
	// One that sleeps again and again works.
	thread.stayed = false;
	facts = well();
	vec_push(&facts.threads, thread);
	expect_fine(&facts);
	thread.stayed = true;
	facts = well();
	vec_push(&facts.threads, thread);
	facts.watched_ns = LIMIT_UNINTERRUPTIBLE_NS - 1;
	expect_fine(&facts);
}

static void test_heap(void **state)
{
	(void)state;
	struct facts facts = well();
	facts.watched_ns = LIMIT_HEAP_NS;
	facts.gc.cycles = 5;
	facts.heap_after = 120 * LIMIT_MIB;
	expect_first(&facts, FINDING_HEAP, FINDING_SUSPECT, "the heap grows");
	facts = well();
	facts.watched_ns = LIMIT_HEAP_NS;
	facts.gc.cycles = 5;
	facts.heap_after = 119 * LIMIT_MIB;
	expect_fine(&facts);
}

/* What holds up more comes first, unless something is worse. */
static void test_order(void **state)
{
	(void)state;
	const struct fact_leak leak = {.proved = true, .count = 3, .why = "it is"};
	static const enum finding_kind order[] = {FINDING_LOCK, FINDING_LEAK, FINDING_THREAD,
						  FINDING_CHANNEL};
	struct facts facts = well();
	vec_push(&facts.leaks, leak);
	vec_push(&facts.locks_wanted, lock_of(500, 500, 0));
	vec_push(&facts.threads,
		 ((struct fact_thread){.tid = 1, .stayed = true, .goid = GOSPY_UNKNOWN}));
	vec_push(&facts.senders, ((struct fact_senders){.object = "channel 0x1",
							.count = 900,
							.stayed = 900,
							.wait_ns = GOSPY_UNKNOWN}));
	struct check check = judge(&facts);
	assert_int_equal(check.findings.len, 4);
	assert_int_equal(check.wrong, 3);
	for (size_t i = 0; i < 4; i++)
		assert_string_equal(finding_kind_name(check.findings.at[i].kind),
				    finding_kind_name(order[i]));
	check_deinit(&check);
	facts_deinit(&facts);
}

/* Of many some are shown, and the others counted. */
static void test_many(void **state)
{
	(void)state;
	struct facts facts = well();
	for (int i = 0; i < 8; i++)
		vec_push(&facts.locks_wanted, lock_of(500, 500, 0));
	struct check check = judge(&facts);
	assert_int_equal(check.findings.len, LIMIT_FINDINGS);
	const struct finding *last = &check.findings.at[LIMIT_FINDINGS - 1];
	assert_string_equal(last->evidence.at[last->evidence.len - 1],
			    "and 3 more like it: gospy waits 4711");
	check_deinit(&check);
	facts_deinit(&facts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_all_is_well), cmocka_unit_test(test_stopped),
		cmocka_unit_test(test_deadlock),    cmocka_unit_test(test_leaks),
		cmocka_unit_test(test_growth),      cmocka_unit_test(test_locks),
		cmocka_unit_test(test_channels),    cmocka_unit_test(test_network),
		cmocka_unit_test(test_limits),      cmocka_unit_test(test_gc),
		cmocka_unit_test(test_queue),       cmocka_unit_test(test_threads),
		cmocka_unit_test(test_heap),        cmocka_unit_test(test_order),
		cmocka_unit_test(test_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
