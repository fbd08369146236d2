/* What a recording waits for before it begins: so many goroutines, so much memory, so much use of
 * processors. */
#ifndef GOSPY_CLI_RECORD_AT_H
#define GOSPY_CLI_RECORD_AT_H

#include "cli/cli.h"
#include "gospy.h"

struct record_at {
	uint64_t goroutines; /* so many, or more; 0: any */
	const char *rss;     /* "2GB": so much memory, or more; NULL: any */
	uint64_t cpu;        /* percent of one processor over a second, or more; 0: any */
};

/** GOSPY_E_USAGE. */
enum gospy_code record_at_check(const struct record_at *at, struct gospy_error *err)
	__attribute__((warn_unused_result));
/** Wait until one of them is so, if there are any, and say which. Nothing is stopped. Errors as
 * gospy_snapshot_take. */
enum gospy_code record_at_wait(struct cli *cli, const struct record_at *at,
			       struct gospy_target *target, struct gospy_error *err)
	__attribute__((warn_unused_result));

#endif
