/*
 * What top shows: groups of goroutines, and how they came to be as many. Takes samples, keeps what
 * is needed of the past ones, and knows no threads and no terminal. Text is raw text of the target
 * (escape it), and lives until the model changes. Out of memory ends the program.
 *
 * The past of a group is the sum of its classes' past (census.h), so that it is known at once for
 * another key, as far as the samples hold what that key needs.
 */
#ifndef GOSPY_TUI_MODEL_H
#define GOSPY_TUI_MODEL_H

#include "base/strbuf.h"
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
	bool appeared;      /* there was none at the mark */
	bool gone;          /* there were some at the mark, there are none now */
	bool growing;       /* has grown steadily since the mark, or for five minutes */
	/* The most frequent one, and whether there are others; NULL: unknown. Of a group that is
	 * gone, as they were. */
	const char *state; /* "running", "chan receive" */
	const struct gospy_location *location;
	const struct gospy_location *creator;
	bool states_differ, locations_differ, creators_differ;
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
	double schedticks; /* a second, of all P's */
	double gc_rate;    /* cycles a minute */
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

/** Take in a sample, which belongs to the model from now on and is the one that is shown. */
void model_add(struct model *model, struct sample *sample);
/** The one that is shown, or NULL: none yet. Valid until the next model_add. */
const struct sample *model_sample(const struct model *model);
struct model_header model_header(const struct model *model);
/** Indexed like gospy_snapshot_ps of the sample. */
const struct model_p *model_ps(const struct model *model, size_t *n_ret);
/** Figures of the last minutes, oldest first. */
const struct trend *model_trend(const struct model *model);

/** Changes, deltas and growth count from the sample that is shown. */
void model_mark(struct model *model);
void model_set_key(struct model *model, enum group_key key);
enum group_key model_key(const struct model *model);
/** Does the sample that is shown hold what the key needs? If not there are no rows until one does
 * (sampler_configure). */
bool model_key_known(const struct model *model);
/** Largest, or first in the alphabet, first; the other way round if inverted. */
void model_set_sort(struct model *model, enum model_column column, bool inverted);
enum model_column model_sort(const struct model *model, bool *inverted_ret);
/** Growing groups before all others. Set at the beginning. */
void model_set_growing_first(struct model *model, bool growing_first);
bool model_growing_first(const struct model *model);
/** Only rows one of whose texts matches (extended regular expression; lower case matches upper case
 * too, unless there is an upper case letter in it). NULL or "": all. False: it is not well-formed;
 * `why` says why and the filter stays as it was. */
bool model_set_filter(struct model *model, const char *pattern, char *why, size_t why_size);
/** The same for the function of the location alone, with case: --func. */
bool model_set_func(struct model *model, const char *pattern, char *why, size_t why_size);

/** The rows as they are to be shown. Valid until the model changes. */
const struct model_row *const *model_rows(struct model *model, size_t *n_ret);
/** Rows before filtering. */
size_t model_row_total(struct model *model);
/** By id, filtered out or not; NULL: none. `*place_ret` is its index among the rows shown, or
 * SIZE_MAX; may be NULL. */
const struct model_row *model_find(struct model *model, uint64_t id, size_t *place_ret);
/** Compile a pattern as that of a filter, for searching; false: `why` says why not. The caller
 * gives it to regfree. */
bool model_compile(const char *pattern, regex_t *ret, char *why, size_t why_size);
/** Does one of a row's texts match? */
bool model_row_matches(const struct model_row *row, const regex_t *regex);

/** "main.worker main.go:12", escaped; of the file without its directory. */
void model_location(const struct gospy_location *location, struct strbuf *text);
/** Text of a cell, not padded, escaped: "12034", "+120", "+60.1", "4h12m", "chan receive…",
 * "main.worker x.go:12". `utf8`: else "..." stands for "…". */
void model_cell(const struct model_row *row, enum model_column column, bool utf8,
		struct strbuf *text);
/** "COUNT", "DELTA", ... */
const char *model_column_title(enum model_column column);
/** What --sort calls it: "count", "delta", "rate", "oldest", "state", "location", "creator". */
const char *model_column_name(enum model_column column);

/** Goroutines that are looked for in the sample that is shown, a slice at a time. All zero but for
 * what is looked for; begin anew after model_add. */
struct members {
	enum { MEMBERS_OF_ROW, MEMBERS_OF_OBJECT } what;
	uint64_t id;           /* of the row; or address of the object */
	VEC(uint32_t) indexes; /* found so far, in the order of allgs */
	size_t scanned;        /* of the snapshot's goroutines */
	bool done;
};
/** Go on for at most about `budget_ns`. */
void members_step(struct members *members, const struct model *model, uint64_t budget_ns);
void members_deinit(struct members *members);

#endif
