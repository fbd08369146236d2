/*
 * What top shows: groups of goroutines, and how they came to be as many. The model takes samples,
 * keeps what is needed of the past ones, and knows no threads and no terminal. Its texts are raw
 * text of the target (escape them), and live until the model changes. Out of memory ends the
 * program.
 *
 * The past of a group is the sum of its classes' past (census.h), so that it is known at once for
 * another key, as far as the samples hold what that key needs.
 */
#ifndef GOSPY_TUI_MODEL_H
#define GOSPY_TUI_MODEL_H

#include "tui/sampler.h"
#include "tui/trend.h"

/** The table's columns, and what it can be sorted by. */
enum model_column {
	COLUMN_COUNT,
	COLUMN_DELTA,  /* since the mark */
	COLUMN_RATE,   /* a minute */
	COLUMN_OLDEST, /* wait */
	COLUMN_STATE,  /* state, or reason to wait */
	COLUMN_LOCATION,
	COLUMN_APART, /* by stack: where they differ that are at one place */
	COLUMN_USER,  /* frame: where they wait in the user's own code */
	COLUMN_CREATOR,
	MODEL_COLUMNS,
};

struct model_row {
	uint64_t id;    /* of the group: the same in all samples of a target, per key */
	uint64_t count; /* now */
	int64_t delta;  /* since the mark, or the first sample that could tell */
	bool rate_known;
	double rate;   /* a minute, over the last minute: the slope of a fitted line */
	double growth; /* .growing: a minute, for as long as it grows: the slope of a fitted line */
	uint64_t oldest_ns; /* longest wait, or GOSPY_UNKNOWN */
	bool wait_at_least; /* as of struct gospy_goroutine */
	uint64_t still_ns;  /* one was seen not to move for so long, or GOSPY_UNKNOWN */
	bool appeared;      /* there was none at the mark */
	bool gone;          /* there were some at the mark, there are none now */
	bool growing;       /* has grown steadily since the mark, or for five minutes */
	/* The most frequent one, and whether there are others; NULL: unknown. Of a group that is
	 * gone, as they were. */
	const char *state; /* "running", "chan receive" */
	const struct gospy_location *location;
	const struct gospy_location *creator;
	const struct gospy_location *user;
	/* By stack: the call in which it differs from others that are at the same place; NULL:
	 * there are none, or it is not known. */
	const struct gospy_location *apart;
	bool users_known; /* stacks were read */
	bool states_differ, locations_differ, creators_differ, users_differ;
	/* Of the object, label or stack that is the key, else NULL; shown as the location. */
	const char *title;
};

/** What stands above the table. GOSPY_UNKNOWN and negative: not known. */
struct model_header {
	uint64_t samples;
	uint64_t time_unix_ns, mono_ns; /* of the sample that is shown */
	uint64_t mark_mono_ns;          /* of the mark */
	bool marked;                    /* somebody has set the mark; else it is the first sample */
	double cpu_percent;             /* of the target, of one CPU, since the last sample */
	uint64_t rss;
	uint64_t total; /* goroutines */
	int64_t delta_last, delta_mark;
	double change;     /* of them, a second, since the last sample */
	double schedticks; /* a second, of all P's */
	double gc_rate;    /* cycles a minute */
	/** The GC's part of the CPU time that all P's had, 0 to 100, as GCCPUFraction counts it: in
	 * the last five minutes; until there was a cycle or a minute to look at, since the start.
	 */
	double gc_cpu_percent;
	uint64_t pause_max_ns; /* the longest that a sample has cost the target so far */
};

/** One cell of the strip of P's. */
struct model_p {
	struct gospy_p p;
	double schedticks;  /* a second since the last sample; negative: not known */
	uint64_t curg_goid; /* that its M runs, or GOSPY_UNKNOWN */
};

struct model;
struct model *model_create(void);
void model_destroy(struct model *model);

/** Take in a sample. It belongs to the model from now on, and is the one that is shown. */
void model_add(struct model *model, struct sample *sample);
/** The one that is shown, or NULL: none yet. Valid until the next model_add. */
const struct sample *model_sample(const struct model *model);
struct model_header model_header(const struct model *model);
/** Indexed like gospy_snapshot_ps of the sample. */
const struct model_p *model_ps(const struct model *model, size_t *n_ret);
/** CPU of a thread since the last sample, in percent of one processor; negative: unknown. */
double model_thread_cpu(const struct model *model, pid_t tid);
/** Figures of the last minutes, oldest first. */
const struct trend *model_trend(const struct model *model);

/** Changes, deltas and growth count from the sample that is shown. */
void model_mark(struct model *model);

#endif
