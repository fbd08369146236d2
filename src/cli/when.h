/* What a person wants to be told of a process, or have a bundle of: "goroutines>10000", "rss>2GB",
 * "wait>10m". */
#ifndef GOSPY_CLI_WHEN_H
#define GOSPY_CLI_WHEN_H

#include "gospy.h"

enum when_what {
	WHEN_GOROUTINES, /* how many there are: runtime.NumGoroutine */
	WHEN_RSS,        /* memory of the process, bytes */
	WHEN_WAIT,       /* how long a goroutine of the program has waited, nanoseconds */
};

struct when {
	enum when_what what;
	uint64_t limit; /* more than this */
};

/** GOSPY_E_USAGE. */
enum gospy_code when_parse(const char *text, struct when *ret, struct gospy_error *err)
	__attribute__((warn_unused_result));
/** Is it so now? `*value_ret`: what was seen; GOSPY_UNKNOWN: it cannot be told. Nothing is stopped.
 * Errors as gospy_snapshot_take. */
enum gospy_code when_look(const struct when *when, struct gospy_target *target, bool *ret,
			  uint64_t *value_ret, struct gospy_error *err)
	__attribute__((warn_unused_result));

#endif
