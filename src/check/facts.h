/*
 * What was seen of a target, as the checks judge it: plain numbers and texts. Unknown numbers are
 * GOSPY_UNKNOWN, unknown texts NULL. Texts are fit for a terminal.
 */
#ifndef GOSPY_CHECK_FACTS_H
#define GOSPY_CHECK_FACTS_H

#include "base/arena.h"
#include "base/vec.h"
#include "gospy.h"

/* Some goroutines by their goids. */
struct fact_goids {
	const uint64_t *at;
	size_t count;
};

/* Goroutines that wait for each other. */
struct fact_deadlock {
	uint64_t members;         /* that wait for each other */
	uint64_t behind;          /* others that wait for them */
	const char *doubt;        /* why it is not certain; NULL: it is */
	const char *const *steps; /* who waits for what, and who has it: a line for each */
	size_t step_count;
	bool by_heap;  /* nobody else who may run has what they wait for: that was proved */
	bool no_locks; /* and nobody of them waits for a lock, which somebody might unlock */
	struct fact_goids goids;
};

/* A lock, and those that wait for it. */
struct fact_lock {
	const char *object; /* "sync.Mutex 0xc000012348 (main.store+0x10)" */
	uint64_t waiters;
	uint64_t before; /* at the first look */
	uint64_t stayed; /* those of them that have not moved since the first look */
	uint64_t wait_ns;
	const char *at;     /* where one of them waits */
	const char *holder; /* "goroutine 8, taken at main.save store.go:58" */
	const char *holder_does;
	const char *doubt;  /* why it is not certain that it is the holder; NULL: it is */
	bool holder_stayed; /* it has not moved since the first look */
	bool holder_leaked; /* it can never run again: proved */
	bool in_deadlock;   /* it is a part of one */
	uint64_t leaked;    /* those that wait for it and can never run again: proved */
	struct fact_goids goids;
};

/* Goroutines with one stack that can never run again. */
struct fact_leak {
	bool proved;
	/* A select without cases is nothing that one writes by mistake. */
	bool on_purpose;
	uint64_t count;
	uint64_t wait_ns;
	const char *reason; /* "chan send" */
	const char *object; /* of one of them */
	bool is_nil;        /* a nil channel, which is the same for all */
	const char *at, *by;
	const char *why;
	struct fact_goids goids;
};

/* Goroutines of one stack and go statement, at the first look and at the last. */
struct fact_site {
	uint64_t before, after;
	uint64_t left; /* of those of the first look */
	const char *does, *at, *by;
	/* What they may be there for, if they are well: then it is not certain. */
	const char *may_be;
};

/* Goroutines that send to one channel which nobody receives from. */
struct fact_senders {
	const char *object;
	uint64_t count, stayed, wait_ns;
	uint64_t cap;
	const char *at;
	struct fact_goids goids;
};

/* Requests of HTTP that this process has sent and that have not been answered. */
struct fact_requests {
	uint64_t count, stayed;
	uint64_t wait_ns; /* of the one that waits longest */
	const char *at;
	/* Whom its connections are with: "2 with 10.0.0.9:80". If the kernel says when something
	 * was sent and received, these are those that have sent and received nothing since. */
	const char *peers;
	uint64_t silent_ns; /* for how long the longest of these have not; GOSPY_UNKNOWN */
	/* What says that it is the other end's fault, by the connection for which it has been so
	 * longest: nothing was acknowledged, nobody has read anything; GOSPY_UNKNOWN. With whom. */
	uint64_t unacked_ns, unread_ns;
	const char *unacked_peer, *unread_peer;
	const char *stopped; /* a process at the other end that is stopped, or NULL */
	struct fact_goids goids;
};

/* Connections that are to come about with one peer. */
struct fact_dial {
	const char *peer;
	uint64_t count, stayed;
	uint64_t wait_ns;
	const char *at;
};

/* A thread that was in uninterruptible sleep at the first and the last look. */
struct fact_thread {
	pid_t tid;
	bool stayed; /* it was the same sleep */
	const char *syscall;
	uint64_t goid;
	const char *at;
};

/* What the process may use, and how it fared with that while it was watched. */
struct fact_limits {
	struct gospy_process_limits is;
	bool known;
	/* Of the control group: periods in which it wanted processors, in which it had to wait;
	 * how often it wanted more memory. GOSPY_UNKNOWN. */
	uint64_t periods, throttled, refused;
};

/* How the GC has worked while it was watched. */
struct fact_gc {
	double percent;  /* of the time of all processors; negative: not known */
	double assist;   /* of that, goroutines that had to help */
	uint64_t cycles; /* that ended */
	uint64_t total;  /* since the start */
	uint64_t used;   /* what counts for the memory limit */
	uint64_t limit;  /* GOSPY_UNKNOWN: there is none */
	bool percent_known;
	int64_t gogc; /* negative: off */
	uint64_t live, goal;
};

struct facts {
	struct arena arena;
	const char *target; /* what a command is given for it: "4711", "core.4711" */
	const char *name;
	bool is_process;
	uint64_t watched_ns; /* from the first look to the last; 0: there was one alone */
	uint64_t paused_ns;  /* the longest stop */
	uint64_t goroutines;
	bool stopped; /* all its threads are stopped */

	VEC(struct fact_deadlock) deadlocks;
	uint64_t locks, locks_held; /* that somebody waits for; whose holder is known */
	VEC(struct fact_lock) locks_wanted;

	VEC(struct fact_leak) leaks;
	uint64_t candidates; /* goroutines that wait for others */
	/* Of these, those that a search has found, but that another one has not, or that have
	 * moved. */
	uint64_t unsure;
	const char *no_leaks;   /* why they were not looked for; NULL: they were */
	const char *not_proved; /* why nothing was proved; NULL */
	uint64_t proof_ns;      /* how long a proof would take */

	VEC(struct fact_site) sites; /* of which there are more than at first */
	VEC(struct fact_senders) senders;
	uint64_t channels; /* that somebody waits for */

	struct fact_requests requests;
	VEC(struct fact_dial) dials;
	uint64_t connections;     /* that somebody waits for */
	const char *longest_peer; /* of the connection that is waited for longest */
	uint64_t longest_ns;

	struct fact_gc gc;
	const char *no_gc; /* why it is not known; NULL */

	uint64_t queued; /* goroutines in run queues, the fewest of all looks */
	uint64_t looks_at_queue;
	uint64_t processors;
	uint64_t max_threads; /* debug.SetMaxThreads; 0: not known */
	double cpu_percent;   /* of one processor, while it was watched; negative: not known */

	VEC(struct fact_thread) threads;
	uint64_t thread_count;
	const char *no_threads; /* why they are not known; NULL */

	struct fact_limits limits;
	uint64_t heap_before, heap_after; /* left behind by collections */
	uint64_t rss_before, rss_after;
};
void facts_deinit(struct facts *facts);

/** Room for it in the arena, escaped text; NULL: out of memory, or `text` is. */
const char *facts_text(struct facts *facts, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

#endif
