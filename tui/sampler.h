/*
 * A thread that owns a target and takes samples of it: opening, capture and counting happen there,
 * so that the thread that draws never waits for them. All functions are called by that one thread.
 */
#ifndef GOSPY_TUI_SAMPLER_H
#define GOSPY_TUI_SAMPLER_H

#include "gospy.h"
#include "render/flame.h"
#include "render/group.h"
#include "render/group_apart.h"
#include "render/waits.h"

/** Of how many goroutines the user frames are read if nothing else takes their stacks. */
enum sampler_users {
	SAMPLER_USERS_NONE,
	SAMPLER_USERS_FEW /* CENSUS_STACKS_FEW */,
	SAMPLER_USERS_ALL
};

/** What to read, and how often. May change at any time. */
struct sampler_options {
	uint64_t refresh_ns;   /* from the begin of one sample to that of the next */
	uint64_t max_pause_ns; /* see struct gospy_snapshot_options */
	bool non_blocking;
	bool paused;        /* take none but those that sampler_refresh asks for */
	enum group_key key; /* what is needed for this is read in any case */
	/* Read these, too: for what is shown of single goroutines. */
	bool stacks, arguments, objects, labels, threads;
	bool sockets; /* see gospy_snapshot_options */
	bool heap;    /* the heap profile, for which nothing is stopped */
	bool waits; /* who waits for whom, and who holds it: .objects, .sockets and .stacks, too */
	enum sampler_users users;
};

/** The heap profile of a target. */
struct sample_heap {
	struct gospy_profile *profile; /* NULL: .error says why */
	struct flame tree;             /* of it; a column for each of its types */
	struct gospy_error error;
};

/** Goroutines that wait for each other, and one of them. */
struct sample_deadlock {
	size_t members; /* 0: there is none that is known */
	size_t behind;  /* others that wait for them */
	uint64_t goid;
};

/** One sample of the target. */
struct sample {
	struct gospy_snapshot *snapshot; /* owned by the sample */
	struct census census;            /* all goroutines but dead ones and the runtime's own */
	/** By each key that the census answers; .group_of is NULL where it does not. */
	struct groups groups[GROUP_KEYS];
	struct group_apart apart; /* of those by stack */
	uint64_t mono_ns;         /* CLOCK_MONOTONIC, instant of the snapshot */
	struct gospy_process_usage usage;
	bool usage_known;
	/** CPU time of the threads, in the order of gospy_snapshot_threads; GOSPY_UNKNOWN: of one
	 * that has ended. NULL: the sample has no threads, or more than are asked about each time.
	 */
	uint64_t *thread_cpu_ns;
	struct sample_heap *heap; /* NULL: it was not asked for */
	/* Of its snapshot. A deadlock is certain from the second sample on that has it. NULL: as
	   above. */
	struct waits *waits;
	/* What the last sample with .waits has found for certain. One is taken now and then if
	   goroutines wait for locks and do not move, whatever is wanted. */
	struct sample_deadlock deadlock;
	struct sampler_options options; /* that it was taken with */
};
void sample_destroy(struct sample *sample);
/** Were the stacks of all goroutines read? */
bool sample_has_stacks(const struct sample *sample);
/** Fill .groups from .census. GOSPY_E_NOMEM. */
enum gospy_code sample_group(struct sample *sample, struct gospy_error *err);

enum sampler_state {
	SAMPLER_OPENING, /* finds out about the target */
	SAMPLER_READING, /* takes a sample */
	SAMPLER_WAITING, /* for the next one to be due */
	SAMPLER_PAUSED,
	/* The target cannot be opened, has ended or executed another program. .error says which;
	 * this is final. What was sampled stays valid. */
	SAMPLER_ENDED,
};

struct sampler_status {
	enum sampler_state state;
	uint64_t since_mono_ns; /* CLOCK_MONOTONIC: when it came to that state */
	uint64_t samples;       /* taken so far */
	/** Samples in a row that failed; .error is that of the last. The next one is tried all the
	   same, unless the state is SAMPLER_ENDED. */
	uint64_t failures;
	struct gospy_error error;
	/** The process could not be made to stand still once: from then on it is read without a
	   stop. */
	bool not_stopped;
};

struct sampler;

/** Begin: the target is opened by the thread as `open` says, which may be NULL. Its .bin is copied,
 * its .own and .root are borrowed, and .cancel_fd not used. `core`: path of a core file, borrowed,
 * instead of the process; of that one sample is taken, and others only when they are asked for.
 * GOSPY_E_OS, GOSPY_E_NOMEM. */
enum gospy_code sampler_start(pid_t pid, const char *core, const struct gospy_open_options *open,
			      const struct sampler_options *options, struct sampler **ret,
			      struct gospy_error *err);
/** End. What is being read is called off (tui/worker.h). All samples that were taken have to be
 * destroyed before. */
void sampler_stop(struct sampler *sampler);

/** Readable when there is a new sample, or another state, since the last sampler_take. */
int sampler_fd(const struct sampler *sampler);
/** The newest sample, if it was not taken yet, else NULL; owned by the caller. Makes the descriptor
 * unreadable. A sample that is not taken in time gives way to the next. */
struct sample *sampler_take(struct sampler *sampler);
void sampler_status(struct sampler *sampler, struct sampler_status *ret);
/** NULL until it was opened; then as long as the sampler. */
const struct gospy_target_info *sampler_target(struct sampler *sampler);

/** Read with these options from the next sample on. If the new options ask for something that the
 * last sample was read without, the next one is due at once, even if paused. */
void sampler_configure(struct sampler *sampler, const struct sampler_options *options);
/** A sample is due at once. */
void sampler_refresh(struct sampler *sampler);

/** When the sample is due that follows one taken from `begin_ns` to `end_ns`, by CLOCK_MONOTONIC;
 * at most the end of time. A target that takes long to read is not read all the time. */
uint64_t sampler_due_ns(uint64_t begin_ns, uint64_t end_ns, uint64_t refresh_ns);

#endif
