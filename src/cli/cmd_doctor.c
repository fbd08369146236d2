#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/which.h"
#include "render/report_doctor.h"

struct doctor_options {
	struct target_options target;
	const char *bin;
};

static const struct opt doctor_opts[] = {
	{"bin", .type = OPT_STRING, .offset = offsetof(struct doctor_options, bin), .arg = "FILE",
	 .help = "take symbols from this unstripped twin of the program"},
	{0},
};

static const struct opt_group doctor_group = {"What is looked at", doctor_opts};

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

static int doctor_run(struct cli *cli, char **args)
{
	struct doctor_options options = {0};
	struct gospy_error err;
	size_t count;
	int status = cli_parse(cli, &cmd_doctor, args, &options, &count);
	if (status != CLI_GO_ON)
		return status;
	CLEANUP(diagnosis_destroy) struct gospy_diagnosis *diagnosis = NULL;
	struct gospy_open_options open = {.size = sizeof(open), .bin = options.bin};
	pid_t pid = which_target(cli, &options.target, &args, &count, &err);
	if (!pid || cli_no_more(args, count, &err) ||
	    gospy_diagnosis_create(pid, &open, &diagnosis, &err))
		return cli_fail(cli, &err);
	report_doctor(cli->out, pid, diagnosis, cli->verbose, cli->format);
	if (diagnosis->code)
		return cli_status_of(diagnosis->code);
	return has_problem(diagnosis) ? EXIT_STATUS_PARTIAL : EXIT_STATUS_OK;
}

const struct cmd cmd_doctor = {
	.name = "doctor",
	.synopsis = "[OPTIONS] PROCESS",
	.summary = "show what can be read of a process, from where, and the remedy for the rest",
	.description =
		"Says whether memory can be read and the process be stopped, about how long that "
		"would take, and where each global and layout of the Go runtime was found. The "
		"process is not stopped. With -v, each of them has a line with its address.",
	.groups = {&doctor_group, &target_group, &common_group},
	.examples = "gospy doctor 4711\n"
		    "gospy doctor 4711 --json | jq '.findings[] | select(.verdict != \"ok\")'",
	.pages = true,
	.run = doctor_run,
};
