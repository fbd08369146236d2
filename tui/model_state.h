/* What the model is made of, for the files that it is made of. */
#ifndef GOSPY_TUI_MODEL_STATE_H
#define GOSPY_TUI_MODEL_STATE_H

#include "tui/growth.h"
#include "tui/model.h"

enum {
	/* Past samples that are kept at most: those of the last minute, and of the time before what
	 * is spread evenly over it. */
	HISTORY_SAMPLES = 256,
	/* Groups in all of them, which is what takes memory: 8 MiB; but always so many samples. */
	HISTORY_GROUPS = 1 << 19,
	HISTORY_SAMPLES_MIN = 16,
};

/** How far back rates look. */
static const uint64_t MODEL_RATE_NS = 60000000000;
/** What has grown for so long is growing, whatever it did before. */
static const uint64_t MODEL_LATELY_NS = 300000000000;

/** How many of a group there were. */
struct past_count {
	uint64_t id, count;
};

/** A sample that is over. */
struct past {
	uint64_t mono_ns;
	struct past_key {
		struct past_count *at;
		size_t len;
		bool known;
	} of[GROUP_KEYS];
};

/** What deltas count from, by one key: the mark, or the first sample since that tells. */
struct baseline {
	bool known;
	uint64_t mono_ns;
	VEC(struct model_row) rows; /* as they were; texts are copies */
	struct map by_id;           /* id -> 1 + position */
	struct arena arena;
};

/** What a thread has used. */
struct thread_cpu {
	pid_t tid;
	uint64_t cpu_ns;
	double percent; /* since the sample before; negative: unknown */
};

struct model {
	struct sample *sample;
	VEC(struct past) history; /* the oldest first; the last one is of `sample` */
	size_t history_groups;
	struct baseline baselines[GROUP_KEYS];
	uint64_t mark_mono_ns, mark_total;
	struct trend trend;
	struct gospy_process_usage usage; /* of the newest sample */
	bool usage_known;
	VEC(struct model_p) ps;
	VEC(struct thread_cpu) threads; /* by tid, rising; of the newest sample */
	uint64_t threads_mono_ns;       /* of the sample that they are of; 0: there was none */
	struct model_header header;
	/* The table. */
	enum group_key key;
	enum model_column sort;
	bool inverted, growing_first, short_states;
	struct pattern filter, func; /* .code is NULL: none */
	VEC(struct model_row) rows;  /* those of groups first, in their order; then the gone ones */
	struct map by_id;            /* id -> 1 + position in rows */
	VEC(const struct model_row *) shown;
	struct arena arena; /* titles of rows */
	bool stale;         /* the rows are to be made */
};

#endif
