/* What the commands that show goroutines have in common. */
#ifndef GOSPY_CLI_LOOK_H
#define GOSPY_CLI_LOOK_H

#include "cli/cmd.h"
#include "render/select.h"

/** The filters that have to be compiled; all zero is none. A struct select borrows them. */
struct look_filters {
	regex_t func_regex, created_by_regex;
	regex_t *func, *created_by; /* the above, once compiled */
	VEC(struct label_filter) labels;
};

/** Of --state, by enum gospy_status. */
extern const struct opt_choice look_states[];

/* Guards. */
void look_target_close(struct gospy_target **target);
void look_snapshot_destroy(struct gospy_snapshot **snapshot);
void look_strings_free(opt_strings *strings);
void look_filters_free(struct look_filters *filters);

/** Do the options fit together? */
enum gospy_code look_check(const struct snapshot_options *snapshot, struct gospy_error *err);
/** The pattern of `option`, an extended regular expression; regfree(). GOSPY_E_USAGE. */
enum gospy_code look_compile(const char *option, const char *pattern, regex_t *ret,
			     struct gospy_error *err);
/** --func and --created-by, which may be NULL, and --label: each "key" or "key=value". */
enum gospy_code look_filters(const char *func, const char *created_by, const opt_strings *labels,
			     struct look_filters *filters, struct select *select,
			     struct gospy_error *err);

/** Take a snapshot: `how` says what to read, the options how. */
enum gospy_code look_take(struct cli *cli, const struct snapshot_options *options,
			  struct gospy_snapshot_options *how, struct gospy_target *target,
			  struct gospy_snapshot **ret, struct gospy_error *err);

/** Open the process that gospy_memstats_read or gospy_stats_read is to read, and say how. */
enum gospy_code look_open(const struct snapshot_options *options, pid_t pid,
			  struct gospy_target **target_ret, struct gospy_read_options *how_ret,
			  struct gospy_error *err);
/** Say what is missing or inexact of figures, and with -v how they were had. Exit status of the
 * command. */
int look_note_reading(struct cli *cli, const struct gospy_target *target,
		      const struct gospy_reading *reading);

/** Say what is missing or inexact. Exit status of the command. */
int look_note_problems(struct cli *cli, const struct gospy_snapshot_info *info);
/** For -v: where the facts came from, and what the capture cost. */
void look_note_details(struct cli *cli, const struct gospy_target *target,
		       const struct gospy_snapshot_info *info);

#endif
