#include "cli/look.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "cli/progress.h"
#include "render/units.h"

const struct opt_choice look_states[] = {
	{"idle", GOSPY_STATUS_IDLE},
	{"runnable", GOSPY_STATUS_RUNNABLE},
	{"running", GOSPY_STATUS_RUNNING},
	{"syscall", GOSPY_STATUS_SYSCALL},
	{"waiting", GOSPY_STATUS_WAITING},
	{"dead", GOSPY_STATUS_DEAD},
	{"copystack", GOSPY_STATUS_COPYSTACK},
	{"preempted", GOSPY_STATUS_PREEMPTED},
	{"leaked", GOSPY_STATUS_LEAKED},
	{"deadextra", GOSPY_STATUS_DEADEXTRA},
	{0},
};

void look_target_close(struct gospy_target **target)
{
	gospy_target_close(*target);
}

void look_snapshot_destroy(struct gospy_snapshot **snapshot)
{
	gospy_snapshot_destroy(*snapshot);
}

void look_strings_free(opt_strings *strings)
{
	vec_free(strings);
}

void look_filters_free(struct look_filters *filters)
{
	if (filters->func)
		regfree(filters->func);
	if (filters->created_by)
		regfree(filters->created_by);
	vec_free(&filters->labels);
}

enum gospy_code look_check(const struct snapshot_options *snapshot, struct gospy_error *err)
{
	if (snapshot->non_blocking && snapshot->exact)
		return err_set(err, GOSPY_E_USAGE,
			       "--exact needs a stop: it does not go with --non-blocking");
	if (snapshot->max_pause_ns == 0)
		return err_set(err, GOSPY_E_USAGE,
			       "--max-pause 0 leaves no time; --non-blocking never stops");
	return GOSPY_OK;
}

enum gospy_code look_compile(const char *option, const char *pattern, regex_t *ret,
			     struct gospy_error *err)
{
	// The C library's compiler calls itself for each parenthesis.
	enum { PATTERN_MAX = 1000 };
	if (strlen(pattern) > PATTERN_MAX)
		return err_set(err, GOSPY_E_USAGE, "--%s takes at most %d characters", option,
			       PATTERN_MAX);
	int failed = regcomp(ret, pattern, REG_EXTENDED | REG_NOSUB);
	if (!failed)
		return GOSPY_OK;
	char text[128];
	regerror(failed, ret, text, sizeof(text));
	return err_set(err, GOSPY_E_USAGE, "--%s '%s': %s", option, pattern, text);
}

/* The argument of `option`; a NULL pattern leaves `*compiled_ret` as it is. */
static enum gospy_code compile(const char *option, const char *pattern, regex_t *regex,
			       regex_t **compiled_ret, struct gospy_error *err)
{
	enum gospy_code code = pattern ? look_compile(option, pattern, regex, err) : GOSPY_OK;
	if (!code && pattern)
		*compiled_ret = regex;
	return code;
}

static enum gospy_code split_labels(const opt_strings *texts, struct look_filters *ret,
				    struct gospy_error *err)
{
	for (size_t i = 0; i < texts->len; i++) {
		const char *text = texts->at[i];
		size_t len = strcspn(text, "=");
		struct label_filter filter = {
			.key = text,
			.key_len = len,
			.value = text[len] ? text + len + 1 : NULL,
		};
		if (!len)
			return err_set(err, GOSPY_E_USAGE,
				       "--label takes a key, or key=value, not '%s'", text);
		if (!vec_push(&ret->labels, filter))
			return err_nomem(err);
	}
	return GOSPY_OK;
}

enum gospy_code look_filters(const char *func, const char *created_by, const opt_strings *labels,
			     struct look_filters *filters, struct select *select,
			     struct gospy_error *err)
{
	enum gospy_code code = split_labels(labels, filters, err);
	if (!code)
		code = compile("func", func, &filters->func_regex, &filters->func, err);
	if (!code)
		code = compile("created-by", created_by, &filters->created_by_regex,
			       &filters->created_by, err);
	select->func = filters->func;
	select->created_by = filters->created_by;
	select->labels = filters->labels.at;
	select->label_count = filters->labels.len;
	return code;
}

enum gospy_code look_take(struct cli *cli, const struct snapshot_options *options,
			  struct gospy_snapshot_options *how, struct gospy_target *target,
			  struct gospy_snapshot **ret, struct gospy_error *err)
{
	CLEANUP(progress_end) struct progress progress;
	progress_init(&progress, cli);
	how->size = sizeof(*how);
	how->non_blocking = options->non_blocking;
	how->exact = options->exact;
	how->max_pause_ns = options->max_pause_ns;
	how->progress = progress_update;
	how->progress_ctx = &progress;
	return gospy_snapshot_take(target, how, ret, err);
}

static void add_count(struct strbuf *b, uint64_t n, const char *what)
{
	if (n)
		strbuf_printf(b, "%s%" PRIu64 " %s", b->len ? ", " : "", n, what);
}

/* An entry that moved is whole, and exact for a moment just before the stop: it happens to busy
 * programs and is no failure. */
int look_note_problems(struct cli *cli, const struct gospy_snapshot_info *info)
{
	CLEANUP(strbuf_deinit) struct strbuf counts = {0};
	add_count(&counts, info->moved, "moved while they were read");
	add_count(&counts, info->torn, "torn");
	add_count(&counts, info->late, "read after the stop");
	add_count(&counts, info->unreadable, "unreadable");
	if (counts.len)
		cli_note(cli, "some goroutines are not exact, and marked: %s", counts.s);
	if (info->problem)
		cli_note(cli, "%s", info->problem);
	bool partial = info->torn || info->late || info->unreadable || info->problem;
	return partial ? EXIT_STATUS_PARTIAL : EXIT_STATUS_OK;
}

static void note_provenance(struct cli *cli, const struct gospy_target *target)
{
	size_t n;
	const struct gospy_provenance *facts = gospy_target_provenance(target, &n);
	for (size_t i = 0; i < n; i++) {
		if (facts[i].addr)
			cli_note(cli, "%s: %s, 0x%" PRIx64, facts[i].name, facts[i].source,
				 facts[i].addr);
		else
			cli_note(cli, "%s: %s", facts[i].name, facts[i].source);
	}
}

void look_note_details(struct cli *cli, const struct gospy_target *target,
		       const struct gospy_snapshot_info *info)
{
	note_provenance(cli, target);
	cli_note(cli, "captured in %s, %" PRIu64 " goroutines inside the stop",
		 units_ms(info->total_ns).s, info->active);
}

enum gospy_code look_open(const struct snapshot_options *options, pid_t pid,
			  struct gospy_target **target_ret, struct gospy_read_options *how_ret,
			  struct gospy_error *err)
{
	struct gospy_open_options open = {.size = sizeof(open), .bin = options->bin};
	*how_ret = (struct gospy_read_options){
		.size = sizeof(*how_ret),
		.non_blocking = options->non_blocking,
		.max_pause_ns = options->max_pause_ns,
	};
	return gospy_target_open_pid(pid, &open, target_ret, err);
}

int look_note_reading(struct cli *cli, const struct gospy_target *target,
		      const struct gospy_reading *reading)
{
	bool torn = reading->soundness == GOSPY_SOUND_TORN;
	const char *note = gospy_target_info(target)->note;
	if (note)
		cli_note(cli, "%s", note);
	if (torn)
		cli_note(cli,
			 "the figures changed while they were read: they may not fit together");
	if (reading->problem)
		cli_note(cli, "%s", reading->problem);
	if (cli->verbose) {
		note_provenance(cli, target);
		cli_note(cli, "stopped for %s", units_ms(reading->paused_ns).s);
	}
	return torn || reading->problem ? EXIT_STATUS_PARTIAL : EXIT_STATUS_OK;
}
