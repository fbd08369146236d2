/*
 * The room src/check/: what is wrong with a process, the worst first.
 *
 * Enters: looks at one target, which gospy.h gives (looks.h).
 * Leaves: facts of these looks (struct facts); what the checks find in them, and what was looked at
 *   in vain or not at all (struct check), as text and JSON.
 * Owner: struct facts owns its texts, and borrows nothing of the looks. struct check borrows texts
 *   and goids of the facts.
 *
 * A check is a function from facts to findings. It reads no process, so that tests can make up what
 * it is to judge. From when on something is called wrong stands in limits.h.
 */
#ifndef GOSPY_CHECK_CHECK_H
#define GOSPY_CHECK_CHECK_H

#include "base/arena.h"
#include "base/vec.h"
#include "check/facts.h"

/* In this order they are listed where nothing else decides. */
enum finding_kind {
	FINDING_STOPPED,  /* the process is stopped */
	FINDING_DEADLOCK, /* goroutines wait for each other */
	FINDING_LEAK,     /* goroutines that can never run again */
	FINDING_GROWTH,   /* there are more and more goroutines of one kind */
	FINDING_LOCK,     /* many wait for a lock, or somebody waits for long */
	FINDING_CHANNEL,  /* many send to a channel that nobody receives from */
	FINDING_NETWORK,  /* there is no answer */
	FINDING_LIMIT,    /* there is hardly any left of what it may use */
	FINDING_GC,       /* the garbage collector takes the processors */
	FINDING_QUEUE,    /* goroutines wait for a processor */
	FINDING_THREAD,   /* threads that the kernel does not let go */
	FINDING_HEAP,     /* more and more memory is in use */
	FINDING_KINDS,
};

enum finding_severity {
	FINDING_SUSPECT, /* worth a look: it may be meant so */
	FINDING_WRONG,
};

struct finding {
	enum finding_kind kind;
	enum finding_severity severity;
	uint64_t weight;  /* goroutines or threads that it holds up; more is worse */
	bool many;        /* these are many */
	size_t number;    /* of it before they were sorted */
	const char *text; /* what is the case, in one line */
	VEC(const char *) evidence;
	const char *next;      /* the command that shows more */
	const uint64_t *goids; /* some of the goroutines, or none */
	size_t goid_count;
};

enum checked_state {
	CHECKED_FINE,
	CHECKED_NOT, /* it was not looked at */
};

/* What a check says that finds nothing. */
struct checked {
	enum finding_kind kind;
	enum checked_state state;
	const char *text; /* what was looked at; or why it was not */
};

/** All texts are fit for a terminal. All zero is empty. */
struct check {
	struct arena arena;
	VEC(struct finding) findings; /* the worst first */
	VEC(struct checked) checked;  /* in the order of their kinds; of those without a finding */
	size_t wrong;                 /* findings that are */
	bool failed;                  /* out of memory */
};

/** "deadlock", "leak", ... */
const char *finding_kind_name(enum finding_kind kind);
/** Do all checks. GOSPY_E_NOMEM. */
enum gospy_code check_run(const struct facts *facts, struct check *ret, struct gospy_error *err);
void check_deinit(struct check *check);

#endif
