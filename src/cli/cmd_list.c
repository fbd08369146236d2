#include "cli/cmd_list.h"

#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "cli/count.h"
#include "cli/which.h"
#include "render/report_list_people.h"

void list_destroy(struct gospy_process_list **list)
{
	gospy_process_list_destroy(*list);
}

static void target_close(struct gospy_target **target)
{
	gospy_target_close(*target);
}

static bool is_unknown(const struct gospy_process *process)
{
	return process->problem && !process->is_go;
}

/* Why one may not be looked into: opening it tells cause and remedy. */
static const char *explain(const struct gospy_process *process, struct gospy_error *err)
{
	CLEANUP(target_close) struct gospy_target *target = NULL;
	return gospy_target_open_pid(process->pid, NULL, &target, err) == GOSPY_E_PERM
		       ? err->msg
		       : process->problem;
}

/* Tell which processes may be missing from the list, or what is missing of one; why, only if the
 * user asks. */
void list_note_problems(struct cli *cli, const struct gospy_process_list *list)
{
	struct gospy_error err;
	size_t n, unknown = 0;
	const struct gospy_process *processes = gospy_process_list_get(list, &n);
	for (size_t i = 0; i < n && !cli->quiet; i++) {
		const struct gospy_process *p = &processes[i];
		unknown += is_unknown(p);
		if (p->problem && cli->verbose)
			cli_note(cli, "process %d (%s)%s: %s", (int)p->pid, p->comm,
				 is_unknown(p) ? " is left out" : "",
				 is_unknown(p) ? explain(p, &err) : p->problem);
	}
	if (unknown && !cli->verbose)
		cli_note(cli, "%zu process%s left out that may not be looked into%s; -v says which",
			 unknown, unknown == 1 ? " is" : "es are",
			 geteuid() ? " (as root they may)" : "");
}

struct list_options {
	struct common_options common;
	bool gops, goroutines;
};

#define AT(member) .offset = offsetof(struct list_options, member)

static const struct opt list_opts[] = {
	{"gops", .type = OPT_FLAG, AT(gops),
	 .help = "the lines of gops, on a terminal too; elsewhere they are always written"},
	{"goroutines", .type = OPT_FLAG, AT(goroutines),
	 .help = "in JSON, too, count the goroutines of each, as on a terminal"},
	{0},
};

static const struct opt_group list_group = {"How", list_opts};

static void note_listeners(struct cli *cli, const struct list_row *rows, size_t n)
{
	size_t cut = 0;
	for (size_t i = 0; i < n; i++)
		cut += rows[i].details && rows[i].details->listeners_cut;
	if (cut)
		cli_note(
			cli,
			"where %zu process%s listen%s was not looked for, for want of time: `gospy "
			"PID` tells it of one",
			cut, cut == 1 ? "" : "es", cut == 1 ? "s" : "");
}

static void note_counts(struct cli *cli, const struct count_result *counts)
{
	if (counts->late)
		cli_note(cli,
			 "goroutines of %zu process%s were not counted, for want of time: `gospy "
			 "stats %d` counts them",
			 counts->late, counts->late == 1 ? "" : "es", (int)counts->first_late);
	if (counts->failed)
		cli_note(cli, "goroutines of %zu process%s cannot be counted: %s", counts->failed,
			 counts->failed == 1 ? "" : "es", counts->error.msg);
}

/* A process of which a PID was given need not be Go's. */
static enum gospy_code check_wanted(const struct gospy_process_list *list, const which_pids *wanted,
				    struct gospy_error *err)
{
	size_t n;
	const struct gospy_process *processes = gospy_process_list_get(list, &n);
	for (size_t i = 0; i < wanted->len; i++) {
		bool found = false;
		for (size_t j = 0; !found && j < n; j++)
			found = processes[j].pid == wanted->at[i] && processes[j].is_go;
		if (!found)
			return err_set(err, GOSPY_E_NOT_GO,
				       "pid %d is no Go process that may be read",
				       (int)wanted->at[i]);
	}
	return GOSPY_OK;
}

/* On a terminal what a person looks for. */
static enum gospy_code show(struct cli *cli, const struct list_options *options,
			    const which_pids *wanted, struct gospy_process_list **list_ret,
			    struct gospy_error *err)
{
	CLEANUP(list_rows_free) list_row_vec rows = {0};
	struct count_result counts = {0};
	const bool people = cli_for_people(cli) && !options->gops;
	const struct gospy_process_options how = {.size = sizeof(how),
						  .details = people || cli->format != REPORT_TEXT};
	enum gospy_code code = gospy_process_list_create_with(&how, list_ret, err);
	if (!code)
		code = check_wanted(*list_ret, wanted, err);
	if (!code && !list_rows_add(*list_ret, wanted->at, wanted->len, &rows))
		code = err_nomem(err);
	if (code)
		return code;
	if (people || options->goroutines)
		count_goroutines(rows.at, rows.len, &counts);
	if (people)
		report_list_people(cli->out, rows.at, rows.len);
	else
		report_list(cli->out, rows.at, rows.len, gospy_process_list_unreadable(*list_ret),
			    cli->format);
	note_listeners(cli, rows.at, rows.len);
	note_counts(cli, &counts);
	return GOSPY_OK;
}

static int list_run(struct cli *cli, char **args)
{
	struct list_options options = {0};
	struct gospy_error err;
	size_t count;
	int status = cli_parse(cli, &cmd_list, args, &options, &count);
	if (status != CLI_GO_ON)
		return status;
	CLEANUP(list_destroy) struct gospy_process_list *list = NULL;
	CLEANUP(which_pids_free) which_pids wanted = {0};
	enum gospy_code code = GOSPY_OK;
	if (options.goroutines && cli->format == REPORT_TEXT)
		code = err_set(
			&err, GOSPY_E_USAGE,
			"--goroutines goes with --json; a list on a terminal has them anyway");
	for (size_t i = 0; !code && i < count; i++)
		code = which_find(args[i], &wanted, &err);
	if (code || show(cli, &options, &wanted, &list, &err))
		return cli_fail(cli, &err);
	if (!count)
		list_note_problems(cli, list);
	return EXIT_STATUS_OK;
}

const struct cmd cmd_list = {
	.name = "list",
	.aliases = {"ls"},
	.synopsis = "[OPTIONS] [PROCESS...]",
	.summary = "list the Go processes of this machine",
	.description =
		"On a terminal: user, time since the start, goroutines, memory, ports that it "
		"listens "
		"on (those of loopback last), container, Go version and command; `?` stands for "
		"what "
		"could not be found out, `-` for what there is none of, or what there was no time "
		"to "
		"count. Elsewhere one line a process as gops has it: PID, parent PID, name, Go "
		"version, path; a `*` behind the name means that it runs the gops agent. A note on "
		"stderr counts the processes that may not be looked into; with -v it names them.",
	.groups = {&list_group, &common_group},
	.examples = "gospy\n"
		    "gospy list shop\n"
		    "gospy list --json",
	.pages = true,
	.run = list_run,
};
