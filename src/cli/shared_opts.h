/* The options that several commands take, and the structs that they are stored in. */
#ifndef GOSPY_CLI_SHARED_OPTS_H
#define GOSPY_CLI_SHARED_OPTS_H

#include "cli/opts.h"
#include "render/report.h"
#include "render/term.h"

/* The option structs of the commands begin with one of these; each begins with the one before. */

struct common_options {
	enum report_format format;
	enum term_color color;
	enum term_theme theme;
	bool quiet, verbose, help, version, no_pager;
};

struct target_options {
	struct common_options common;
	pid_t pid;        /* 0: not given */
	const char *core; /* with core_group, as the next three */
	const char *bin, *root;
	uint64_t max_unpacked;
	bool all;            /* with all_group */
	bool agent;          /* with agent_group */
	uint64_t timeout_ns; /* with agent_group, agent_wait_group; 0: not given */
};

struct snapshot_options {
	struct target_options target;
	bool non_blocking, exact;
	uint64_t max_pause_ns;
};

/* In the tables of commands that show whose code a goroutine is in. */
#define OWN_HELP "code of these modules, M[,M], is the user's own, too"

extern const struct opt_group common_group;    /* of struct common_options */
extern const struct opt_group target_group;    /* of struct target_options */
extern const struct opt_group core_group;      /* of struct target_options */
extern const struct opt_group core_rest_group; /* the same for a command with a --bin of its own */
extern const struct opt_group all_group;       /* of struct target_options */
extern const struct opt_group snapshot_group;  /* of struct snapshot_options */
extern const struct opt_group read_group;      /* snapshot_group without what is about goroutines */

#endif
