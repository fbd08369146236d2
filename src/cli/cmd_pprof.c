#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/save.h"
#include "cli/shared.h"
#include "cli/which.h"
#include "render/json.h"
#include "render/pprof.h"

struct pprof_options {
	struct snapshot_options snapshot;
	const char *output;
};

#define AT(member) .offset = offsetof(struct pprof_options, member)

static const struct opt pprof_opts[] = {
	{"output", 'o', OPT_STRING, AT(output), .arg = "FILE",
	 .help = "write it there; -: to standard output. Default: gospy-NAME-PID-TYPE-TIME.pb.gz"},
	{0},
};

static const struct opt_group pprof_group = {"The file", pprof_opts};

static const struct {
	const char *name;
	enum gospy_profile_kind kind;
} kinds[] = {
	{"goroutine", GOSPY_PROFILE_GOROUTINE}, {"heap", GOSPY_PROFILE_HEAP},
	{"allocs", GOSPY_PROFILE_ALLOCS},       {"block", GOSPY_PROFILE_BLOCK},
	{"mutex", GOSPY_PROFILE_MUTEX},         {"threadcreate", GOSPY_PROFILE_THREADCREATE},
};

static enum gospy_code parse_kind(char ***words, size_t *count, enum gospy_profile_kind *ret,
				  struct gospy_error *err)
{
	for (size_t i = 0; *count && i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (strcmp(**words, kinds[i].name) == 0) {
			*ret = kinds[i].kind;
			(*words)++;
			(*count)--;
			return GOSPY_OK;
		}
	}
	return err_set(err, GOSPY_E_USAGE,
		       "%s%s%s: say which profile, goroutine, heap, allocs, block, mutex or "
		       "threadcreate, and then whose",
		       *count ? "there is no profile '" : "no profile is named",
		       *count ? **words : "", *count ? "'" : "");
}

static void profile_free(struct gospy_profile **profile)
{
	gospy_profile_destroy(*profile);
}

/* gospy-NAME-PID-TYPE-TIME-RANDOM.pb.gz in the working directory. */
static void default_path(const struct gospy_target_info *info, const char *kind,
			 char path[PATH_MAX])
{
	char name[64], stamp[SAVE_STAMP_SIZE];
	snprintf(name, sizeof(name), "%s", info->comm);
	for (char *c = name; *c; c++) {
		bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
			     (*c >= '0' && *c <= '9') || strchr("._-", *c);
		*c = plain ? *c : '_';
	}
	save_stamp(stamp);
	snprintf(path, PATH_MAX, "gospy-%s-%d-%s-%s.pb.gz", name, (int)info->pid, kind, stamp);
}

/* What was written where, and what opens it. */
static void say_written(struct cli *cli, const struct gospy_profile *profile,
			const struct save *save, const struct gospy_target_info *info)
{
	if (cli->format == REPORT_TEXT) {
		out_printf(cli->out,
			   "%s: %s profile of process %d, %zu samples; open it with: go tool "
			   "pprof %s\n",
			   save->path, profile->name, (int)info->pid, profile->sample_count,
			   save->path);
		return;
	}
	struct json json = {.out = cli->out};
	json_begin(&json, "pprof");
	json_u64(&json, "pid", (uint64_t)info->pid);
	json_str(&json, "profile", profile->name);
	json_str(&json, "file", save->path);
	json_u64(&json, "bytes", save->bytes);
	json_u64(&json, "samples", profile->sample_count);
	json_u64(&json, "locations", profile->location_count);
	json_u64(&json, "functions", profile->function_count);
	json_u64(&json, "time_unix_ns", profile->time_unix_ns);
	json_u64(&json, "paused_ns", profile->paused_ns);
	if (profile->note)
		json_str(&json, "note", profile->note);
	json_object_end(&json);
	json_newline(&json);
}

static int write_profile(struct cli *cli, const struct pprof_options *options,
			 const struct gospy_profile *profile, const struct gospy_target_info *info)
{
	char path[PATH_MAX];
	struct gospy_error err;
	CLEANUP(save_drop) struct save save = SAVE_NONE;
	CLEANUP(strbuf_deinit) struct strbuf bytes = {0};
	if (!options->output)
		default_path(info, profile->name, path);
	if (!pprof_encode_gzip(profile, &bytes)) {
		err_nomem(&err);
		return cli_fail(cli, &err);
	}
	if (save_begin(&save, options->output ? options->output : path, &err) ||
	    save_part(&save, bytes.s, bytes.len, &err) || save_end(&save, &err))
		return cli_fail(cli, &err);
	if (!options->output || strcmp(options->output, "-") != 0)
		say_written(cli, profile, &save, info);
	if (profile->note)
		cli_note(cli, "%s", profile->note);
	if (profile->soundness != GOSPY_SOUND) {
		cli_note(cli, "collections came so fast that no reading of it was of one moment: "
			      "some values may be off");
		return EXIT_STATUS_PARTIAL;
	}
	return EXIT_STATUS_OK;
}

static int pprof_run(struct cli *cli, char **args)
{
	struct pprof_options options = {.snapshot.max_pause_ns = 1000000000};
	struct gospy_error err;
	size_t count;
	int status = cli_parse(cli, &cmd_pprof, args, &options, &count);
	if (status != CLI_GO_ON)
		return status;
	CLEANUP(shared_target_close) struct gospy_target *target = NULL;
	CLEANUP(profile_free) struct gospy_profile *profile = NULL;
	enum gospy_profile_kind kind = GOSPY_PROFILE_GOROUTINE;
	struct gospy_read_options read;
	if (parse_kind(&args, &count, &kind, &err))
		return cli_fail(cli, &err);
	pid_t pid = which_target(cli, &options.snapshot.target, &args, &count, &err);
	if (!pid || cli_no_more(args, count, &err) || shared_check(&options.snapshot, &err) ||
	    shared_open(&options.snapshot, pid, &target, &read, &err))
		return cli_fail(cli, &err);
	const struct gospy_profile_options how = {
		.size = sizeof(how),
		.kind = kind,
		.non_blocking = read.non_blocking,
		.max_pause_ns = read.max_pause_ns,
		.cancel_fd = read.cancel_fd,
	};
	if (gospy_profile_create(target, &how, &profile, &err))
		return cli_fail(cli, &err);
	return write_profile(cli, &options, profile, gospy_target_info(target));
}

const struct cmd cmd_pprof = {
	.name = "pprof",
	.synopsis = "[OPTIONS] TYPE PROCESS",
	.summary =
		"write a profile as net/http/pprof would serve it, with no handler in the process",
	.description =
		"TYPE is goroutine, heap, allocs, block, mutex or threadcreate. The file is, "
		"uncompressed, byte for byte what the process itself would write. Only the "
		"goroutine "
		"profile stops the process, as `summary` does.",
	.groups = {&pprof_group, &read_group, &target_group, &common_group},
	.examples = "gospy pprof heap shop\n"
		    "gospy pprof goroutine 4711 -o - | go tool pprof -top -",
	.run = pprof_run,
};
