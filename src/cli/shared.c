#include "cli/shared.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/strbuf.h"
#include "cli/progress.h"
#include "render/state.h"
#include "render/units.h"

const struct opt_choice shared_states[] = {
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

const struct opt_choice shared_sorts[] = {
	{"goid", SELECT_SORT_GOID},
	{"wait", SELECT_SORT_WAIT},
	{"state", SELECT_SORT_STATE},
	{"location", SELECT_SORT_LOCATION},
	{0},
};

void shared_target_close(struct gospy_target **target)
{
	gospy_target_close(*target);
}

void shared_snapshot_destroy(struct gospy_snapshot **snapshot)
{
	gospy_snapshot_destroy(*snapshot);
}

void shared_strings_free(opt_strings *strings)
{
	vec_free(strings);
}

void shared_filters_free(struct shared_filters *filters)
{
	pattern_free(&filters->func);
	pattern_free(&filters->created_by);
	vec_free(&filters->labels);
	vec_free(&filters->reasons);
}

void shared_own_deinit(struct shared_own *own)
{
	vec_free(&own->paths);
	arena_deinit(&own->texts);
}

enum gospy_code shared_own(const opt_strings *texts, struct shared_own *ret,
			   struct gospy_error *err)
{
	for (size_t i = 0; i < texts->len; i++) {
		for (const char *s = texts->at[i];; s++) {
			size_t len = strcspn(s, ",");
			if (!len)
				return err_set(
					err, GOSPY_E_USAGE,
					"--own takes module paths separated by commas, not '%s'",
					texts->at[i]);
			const char *path = arena_strndup(&ret->texts, s, len);
			if (!path || !vec_push(&ret->paths, path))
				return err_nomem(err);
			s += len;
			if (!*s)
				break;
		}
	}
	return GOSPY_OK;
}

enum gospy_code shared_target_open(const struct target_options *options,
				   const struct shared_own *own, const struct which_one *one,
				   struct gospy_target **ret, struct gospy_error *err)
{
	const struct gospy_open_options open = {
		.size = sizeof(open),
		.bin = options->bin,
		.root = options->root,
		.max_unpacked = options->max_unpacked,
		.own = own ? own->paths.at : NULL,
		.own_count = own ? own->paths.len : 0,
	};
	return one->core ? gospy_target_open_core(one->core, &open, ret, err)
			 : gospy_target_open_pid(one->pid, &open, ret, err);
}

enum gospy_code shared_check(const struct snapshot_options *snapshot, struct gospy_error *err)
{
	if (snapshot->non_blocking && snapshot->exact)
		return err_set(err, GOSPY_E_USAGE,
			       "--exact needs a stop: it does not go with --non-blocking");
	if (snapshot->max_pause_ns == 0)
		return err_set(err, GOSPY_E_USAGE,
			       "--max-pause 0 leaves no time; --non-blocking never stops");
	return GOSPY_OK;
}

enum gospy_code shared_compile(const char *option, const char *text, struct pattern *ret,
			       struct gospy_error *err)
{
	char why[160];
	if (!text || pattern_compile(text, ret, why, sizeof(why)))
		return GOSPY_OK;
	return err_set(err, GOSPY_E_USAGE, "--%s '%.40s': %s", option, text, why);
}

static int note_pattern(struct cli *cli, const char *option, const struct pattern *pattern)
{
	if (!pattern->given_up)
		return EXIT_STATUS_OK;
	cli_note(cli,
		 "--%s takes too many steps on %" PRIu64
		 " name%s, which count as not matching: a simpler pattern may do",
		 option, pattern->given_up, units_plural(pattern->given_up));
	return EXIT_STATUS_PARTIAL;
}

int shared_note_filters(struct cli *cli, const struct shared_filters *filters)
{
	return shared_worst(note_pattern(cli, "func", &filters->func),
			    note_pattern(cli, "created-by", &filters->created_by));
}

int shared_worst(int a, int b)
{
	return a ? a : b;
}

static enum gospy_code split_labels(const opt_strings *texts, struct shared_filters *ret,
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

static enum gospy_code bad_state(const char *text, size_t len, struct gospy_error *err)
{
	CLEANUP(strbuf_deinit) struct strbuf names = {0};
	for (const struct opt_choice *c = shared_states; c->name; c++)
		strbuf_printf(&names, "%s, ", c->name);
	if (names.failed)
		return err_nomem(err);
	return err_set(err, GOSPY_E_USAGE,
		       "--state takes %sor a reason to wait such as 'IO wait' or 'chan recv nil', "
		       "not '%.*s'",
		       names.s, (int)len, text);
}

/* A state, or a reason to wait in either of its forms. */
static enum gospy_code add_state(const char *text, size_t len, struct shared_filters *filters,
				 struct select *select, struct gospy_error *err)
{
	for (const struct opt_choice *c = shared_states; c->name; c++) {
		if (strlen(c->name) == len && memcmp(c->name, text, len) == 0) {
			select->states |= UINT32_C(1) << c->value;
			return GOSPY_OK;
		}
	}
	const char *reason = state_reason(text, len);
	if (!reason)
		return bad_state(text, len, err);
	return vec_push(&filters->reasons, reason) ? GOSPY_OK : err_nomem(err);
}

enum gospy_code shared_state_filter(const opt_strings *texts, struct shared_filters *filters,
				    struct select *select, struct gospy_error *err)
{
	for (size_t i = 0; i < texts->len; i++) {
		const char *s = texts->at[i];
		for (bool more = true; more; s++) {
			size_t len = strcspn(s, ",");
			enum gospy_code code = add_state(s, len, filters, select, err);
			if (code)
				return code;
			s += len;
			more = *s;
		}
	}
	select->reasons = filters->reasons.at;
	select->reason_count = filters->reasons.len;
	return GOSPY_OK;
}

uint32_t shared_stack_states(const struct select *select)
{
	const uint32_t waiting = 1u << GOSPY_STATUS_WAITING | 1u << GOSPY_STATUS_LEAKED;
	return select->states | (select->reason_count ? waiting : 0);
}

enum gospy_code shared_filters(const char *func, const char *created_by, const opt_strings *labels,
			       struct shared_filters *filters, struct select *select,
			       struct gospy_error *err)
{
	enum gospy_code code = split_labels(labels, filters, err);
	if (!code)
		code = shared_compile("func", func, &filters->func, err);
	if (!code)
		code = shared_compile("created-by", created_by, &filters->created_by, err);
	select->func = func ? &filters->func : NULL;
	select->created_by = created_by ? &filters->created_by : NULL;
	select->labels = filters->labels.at;
	select->label_count = filters->labels.len;
	return code;
}

enum gospy_code shared_take(struct cli *cli, const struct snapshot_options *options,
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

/* Take a snapshot and look who has moved since the last one. */
static enum gospy_code look(struct cli *cli, const struct snapshot_options *options,
			    struct gospy_snapshot_options *how, struct gospy_target *target,
			    struct still *still, struct gospy_snapshot **ret,
			    struct gospy_error *err)
{
	uint64_t begin_ns = clock_mono_ns();
	enum gospy_code code = shared_take(cli, options, how, target, ret, err);
	if (!code && !still_look(still, *ret, begin_ns, clock_mono_ns()))
		return err_nomem(err);
	return code;
}

enum gospy_code shared_take_after(struct cli *cli, const struct snapshot_options *options,
				  uint64_t for_ns, struct gospy_snapshot_options *how,
				  struct gospy_target *target, struct still *still,
				  struct gospy_snapshot **ret, struct gospy_error *err)
{
	// At unequal distances: what moves at a steady pace may have been counted round to the same
	// number after one of them, but hardly after both.
	if (for_ns && gospy_target_info(target)->kind != GOSPY_TARGET_PROCESS)
		return err_set(err, GOSPY_E_USAGE,
			       "nothing moves in a core file: --for is for processes");
	const uint64_t pauses_ns[] = {for_ns / 8 * 3, for_ns - for_ns / 8 * 3};
	for (size_t i = 0; for_ns && i < sizeof(pauses_ns) / sizeof(pauses_ns[0]); i++) {
		CLEANUP(shared_snapshot_destroy) struct gospy_snapshot *snapshot = NULL;
		struct gospy_snapshot_options first = {0};
		enum gospy_code code = look(cli, options, &first, target, still, &snapshot, err);
		if (code)
			return code;
		clock_sleep(pauses_ns[i]);
	}
	return for_ns ? look(cli, options, how, target, still, ret, err)
		      : shared_take(cli, options, how, target, ret, err);
}

static void add_count(struct strbuf *b, uint64_t n, const char *what)
{
	if (n)
		strbuf_printf(b, "%s%" PRIu64 " %s", b->len ? ", " : "", n, what);
}

void shared_note_left_out(struct cli *cli, const char *left_out)
{
	if (left_out)
		cli_note(cli, "the bundle was made without %s", left_out);
}

int shared_note_target(struct cli *cli, const struct gospy_target_info *target)
{
	if (target->note)
		cli_note(cli, "%s", target->note);
	shared_note_left_out(cli, target->left_out);
	if (target->problem)
		cli_note(cli, "%s", target->problem);
	return target->problem ? EXIT_STATUS_PARTIAL : EXIT_STATUS_OK;
}

/* An entry that moved is whole, and exact for a moment just before the stop. Busy programs have
 * such entries, and they are no failure. */
int shared_note_problems(struct cli *cli, const struct gospy_snapshot_info *info)
{
	CLEANUP(strbuf_deinit) struct strbuf counts = {0};
	add_count(&counts, info->moved, "moved while they were read");
	add_count(&counts, info->torn, "torn");
	add_count(&counts, info->late, "read after the stop");
	add_count(&counts, info->unreadable, "unreadable");
	if (counts.len)
		cli_note(cli, "some goroutines are not exact, and marked: %s", counts.s);
	if (info->not_stopped)
		cli_note(cli, "it was read without a stop: %s", info->not_stopped);
	if (info->problem)
		cli_note(cli, "%s", info->problem);
	bool partial = info->torn || info->late || info->unreadable || info->problem;
	return partial ? EXIT_STATUS_PARTIAL : EXIT_STATUS_OK;
}

/* Where the facts about the program came from, as one line: addresses help nobody but who looks for
 * an error in gospy. */
static void note_provenance(struct cli *cli, const struct gospy_target *target)
{
	CLEANUP(strbuf_deinit) struct strbuf sources = {0};
	size_t n;
	const struct gospy_provenance *facts = gospy_target_provenance(target, &n);
	for (size_t i = 0; i < n; i++) {
		size_t first = 0, alike = 0;
		while (strcmp(facts[first].source, facts[i].source) != 0)
			first++;
		for (size_t j = i; first == i && j < n; j++)
			alike += strcmp(facts[j].source, facts[i].source) == 0;
		if (alike)
			strbuf_printf(&sources, "%s%zu from %s", sources.len ? ", " : "", alike,
				      facts[i].source);
	}
	if (sources.len)
		cli_note(cli, "globals and layouts: %s; `gospy doctor -v` lists them", sources.s);
}

void shared_note_details(struct cli *cli, const struct gospy_target *target,
			 const struct gospy_snapshot_info *info)
{
	note_provenance(cli, target);
	cli_note(cli, "captured in %s, %" PRIu64 " goroutine%s inside the stop",
		 units_ms(info->total_ns).s, info->active, units_plural(info->active));
}

enum gospy_code shared_open(const struct snapshot_options *options, const struct which_one *one,
			    struct gospy_target **target_ret, struct gospy_read_options *how_ret,
			    struct gospy_error *err)
{
	*how_ret = (struct gospy_read_options){
		.size = sizeof(*how_ret),
		.non_blocking = options->non_blocking,
		.max_pause_ns = options->max_pause_ns,
	};
	return shared_target_open(&options->target, NULL, one, target_ret, err);
}

int shared_note_reading(struct cli *cli, const struct gospy_target *target,
			const struct gospy_reading *reading)
{
	bool torn = reading->soundness == GOSPY_SOUND_TORN;
	int status = shared_note_target(cli, gospy_target_info(target));
	if (torn)
		cli_note(cli,
			 "the figures changed while they were read: they may not fit together");
	if (reading->problem)
		cli_note(cli, "%s", reading->problem);
	if (cli->verbose) {
		note_provenance(cli, target);
		cli_note(cli, "stopped for %s", units_ms(reading->paused_ns).s);
	}
	return torn || reading->problem ? EXIT_STATUS_PARTIAL : status;
}
