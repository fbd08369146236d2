#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "cli/cli.h"
#include "cli/shared.h"
#include "cli/which.h"
#include "render/report_doctor.h"

static void diagnosis_destroy(struct gospy_diagnosis **diagnosis)
{
	gospy_diagnosis_destroy(*diagnosis);
}

static bool has_problem(const struct gospy_diagnosis *diagnosis)
{
	for (size_t i = 0; i < diagnosis->finding_count; i++) {
		if (diagnosis->findings[i].verdict == GOSPY_VERDICT_PROBLEM)
			return true;
	}
	return false;
}

static enum gospy_code diagnose(const struct target_options *options, const struct which_one *one,
				struct gospy_diagnosis **ret, struct gospy_error *err)
{
	const struct gospy_open_options open = {
		.size = sizeof(open),
		.bin = options->bin,
		.root = options->root,
		.max_unpacked = options->max_unpacked,
	};
	return one->core ? gospy_diagnosis_create_core(one->core, &open, ret, err)
			 : gospy_diagnosis_create(one->pid, &open, ret, err);
}

/* It opens the target twice: for what can be said of it, and to look into it. */
static enum gospy_code check(const struct which_one *one, struct gospy_error *err)
{
	return one->core && strcmp(one->core, "-") == 0
		       ? err_set(err, GOSPY_E_USAGE,
				 "doctor opens a core file twice, so it cannot be standard input")
		       : GOSPY_OK;
}

static bool names_a_target(const struct target_options *options, size_t count)
{
	return count || options->pid || options->core;
}

static int report(struct cli *cli, const struct which_one *one,
		  const struct gospy_diagnosis *diagnosis)
{
	report_doctor(cli->out, one->pid, one->core, diagnosis, cli->verbose, cli->format);
	if (diagnosis->code)
		return cli_status_of(diagnosis->code);
	return has_problem(diagnosis) ? EXIT_STATUS_PARTIAL : EXIT_STATUS_OK;
}

static int doctor_run(struct cli *cli, char **args)
{
	struct target_options options = {0};
	struct gospy_error err;
	size_t count;
	int status = cli_parse(cli, &cmd_doctor, args, &options, &count);
	if (status != CLI_GO_ON)
		return status;
	CLEANUP(diagnosis_destroy) struct gospy_diagnosis *diagnosis = NULL;
	struct which_one one = {0};
	if (!names_a_target(&options, count))
		return gospy_diagnosis_create_host(&diagnosis, &err) ? cli_fail(cli, &err)
								     : report(cli, &one, diagnosis);
	if (which_runtime(cli, &options, &args, &count, &one, &err) ||
	    cli_no_more(args, count, &err) || check(&one, &err) ||
	    diagnose(&options, &one, &diagnosis, &err))
		return cli_fail(cli, &err);
	shared_note_left_out(cli, diagnosis->left_out);
	return report(cli, &one, diagnosis);
}

const struct cmd cmd_doctor = {
	.name = "doctor",
	.synopsis = "[OPTIONS] [PROCESS]",
	.summary = "show what can be done here, or read of a process, and the remedy for the rest",
	.description =
		"Without a process: what this machine, its kernel, the container and the user "
		"permit, feature by feature.\n\n"
		"With one: says whether memory can be read and the process be stopped, about how "
		"long that "
		"would take, and where each global and layout of the Go runtime was found. The "
		"process is not stopped. With -v, each of them has a line with its address.",
	.groups = {&core_group, &target_group, &common_group},
	.examples = "gospy doctor\n"
		    "gospy doctor 4711\n"
		    "gospy doctor 4711 --json | jq '.findings[] | select(.verdict != \"ok\")'",
	.pages = true,
	.run = doctor_run,
};
