/* A file that appears when it is complete, under its name; until then, and if it never is, there is
 * nothing but what was there before. */
#ifndef GOSPY_CLI_SAVE_H
#define GOSPY_CLI_SAVE_H

#include <limits.h>

#include "gospy.h"

/** All zero is not valid: begin with SAVE_NONE. */
struct save {
	int fd;
	uint64_t bytes;
	char path[PATH_MAX];
	char temp[PATH_MAX]; /* "": it is written as it comes, since `path` is no regular file */
};
#define SAVE_NONE ((struct save){.fd = -1})

/** Create the file; "-" is standard output. GOSPY_E_USAGE: that is a terminal. */
enum gospy_code save_begin(struct save *save, const char *path, struct gospy_error *err);
/** A gospy_agent_part. */
enum gospy_code save_part(void *save, const void *bytes, size_t len, struct gospy_error *err);
/** All is written: give it its name. */
enum gospy_code save_end(struct save *save, struct gospy_error *err);
/** The guard: drops what was not ended. */
void save_drop(struct save *save);

#endif
