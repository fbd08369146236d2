/* What the commands that show goroutines have in common. */
#ifndef GOSPY_CLI_SHARED_H
#define GOSPY_CLI_SHARED_H

#include "base/arena.h"
#include "cli/which.h"
#include "render/select.h"

/** The filters that have to be compiled; all zero is none. A struct select borrows them. */
struct shared_filters {
	struct pattern func, created_by;
	VEC(struct label_filter) labels;
	VEC(const char *) reasons;
};

/** Modules that --own names; all zero is none. */
struct shared_own {
	VEC(const char *) paths;
	struct arena texts;
};
void shared_own_deinit(struct shared_own *own);
/** Each text is a path, or some separated by commas. GOSPY_E_USAGE, GOSPY_E_NOMEM. */
enum gospy_code shared_own(const opt_strings *texts, struct shared_own *ret,
			   struct gospy_error *err);

/** The words of --state, by enum gospy_status. */
extern const struct opt_choice shared_states[];
/** Of --sort: enum select_sort. */
extern const struct opt_choice shared_sorts[];

/* Guards. */
void shared_target_close(struct gospy_target **target);
void shared_snapshot_destroy(struct gospy_snapshot **snapshot);
void shared_strings_free(opt_strings *strings);
void shared_filters_free(struct shared_filters *filters);

/** Open a process or a core file; `own` may be NULL. */
enum gospy_code shared_target_open(const struct target_options *options,
				   const struct shared_own *own, const struct which_one *one,
				   struct gospy_target **ret, struct gospy_error *err);

/** Do the options fit together? */
enum gospy_code shared_check(const struct snapshot_options *snapshot, struct gospy_error *err);
/** The pattern of `option`, or nothing if that is NULL. GOSPY_E_USAGE. */
enum gospy_code shared_compile(const char *option, const char *text, struct pattern *ret,
			       struct gospy_error *err);
/** --func and --created-by, which may be NULL, and --label: each "key" or "key=value". */
enum gospy_code shared_filters(const char *func, const char *created_by, const opt_strings *labels,
			       struct shared_filters *filters, struct select *select,
			       struct gospy_error *err);
/** --state: each text is a state or a reason to wait, or some separated by commas. GOSPY_E_USAGE,
 * GOSPY_E_NOMEM. */
enum gospy_code shared_state_filter(const opt_strings *texts, struct shared_filters *filters,
				    struct select *select, struct gospy_error *err);
/** The states of the goroutines that are wanted, for struct gospy_snapshot_options. */
uint32_t shared_stack_states(const struct select *select);
/** Say for how many names a pattern took too many steps. Exit status of the command. */
int shared_note_filters(struct cli *cli, const struct shared_filters *filters);
/** The exit status that says more. */
int shared_worst(int a, int b);

/** Take a snapshot: `how` says what to read, the options how. */
enum gospy_code shared_take(struct cli *cli, const struct snapshot_options *options,
			    struct gospy_snapshot_options *how, struct gospy_target *target,
			    struct gospy_snapshot **ret, struct gospy_error *err);

/** The same after looks at it for `for_ns`; `still` says who did not move meanwhile. With 0, as
 * shared_take. */
enum gospy_code shared_take_after(struct cli *cli, const struct snapshot_options *options,
				  uint64_t for_ns, struct gospy_snapshot_options *how,
				  struct gospy_target *target, struct still *still,
				  struct gospy_snapshot **ret, struct gospy_error *err);

/** Open what gospy_memstats_read or gospy_stats_read is to read, and say how. */
enum gospy_code shared_open(const struct snapshot_options *options, const struct which_one *one,
			    struct gospy_target **target_ret, struct gospy_read_options *how_ret,
			    struct gospy_error *err);
/** Say what is missing or inexact of figures, and with -v how they were had. Exit status of the
 * command. */
int shared_note_reading(struct cli *cli, const struct gospy_target *target,
			const struct gospy_reading *reading);

/** Say what a bundle was made without; NULL: it is none. */
void shared_note_left_out(struct cli *cli, const char *left_out);
/** Say what is to be known of a target, and what is missing of it. Exit status of the command. */
int shared_note_target(struct cli *cli, const struct gospy_target_info *target);
/** Say what is missing or inexact. Exit status of the command. */
int shared_note_problems(struct cli *cli, const struct gospy_snapshot_info *info);
/** For -v: where the facts came from, and what the capture cost. */
void shared_note_details(struct cli *cli, const struct gospy_target *target,
			 const struct gospy_snapshot_info *info);

#endif
