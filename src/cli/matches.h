/* What is said of goroutines that filters have left out: silence would be no answer. */
#ifndef GOSPY_CLI_MATCHES_H
#define GOSPY_CLI_MATCHES_H

#include "cli/cli.h"
#include "render/select.h"

struct matches {
	struct gospy_snapshot *snapshot;
	const struct select *select;
	const opt_numbers *goids; /* that were asked for; or NULL */
	bool in_file;             /* it is of a core file or a bundle: nothing can be watched */
	bool running;             /* the snapshot has only those that are on a thread */
	uint64_t for_ns;          /* --for; 0: not given */
	uint64_t matching;        /* goroutines that match */
	const char *func_hint;    /* what else could find the function; or NULL */
};

/** Say on stderr if nothing matches, which goroutines that were asked for there are not, and for
 * how many it is not known whether they match. */
void matches_note(struct cli *cli, const struct matches *matches);

#endif
