/* Files of profiles: their formats, their names, what opens them. */
#ifndef GOSPY_CLI_PROFILE_FILE_H
#define GOSPY_CLI_PROFILE_FILE_H

#include <stddef.h>
#include <sys/types.h>

enum profile_format {
	PROFILE_PPROF,
	PROFILE_TEXT,
	PROFILE_FOLDED,
	PROFILE_SPEEDSCOPE,
	PROFILE_TOP,
	PROFILE_HTML,
	PROFILE_SVG,
};

enum { PROFILE_PATH_SIZE = 192 };
/** gospy-NAME-PID-TYPE-TIME-RANDOM.EXTENSION in the working directory. */
void profile_path(const char *comm, pid_t pid, const char *type, const char *extension,
		  char path[PROFILE_PATH_SIZE]);
/** gospy-N-processes-TYPE-TIME-RANDOM.EXTENSION. */
void profile_path_of_several(size_t count, const char *type, const char *extension,
			     char path[PROFILE_PATH_SIZE]);

/** What opens a file, printed with its path behind it; NULL: it is read as it is. */
const char *profile_opener(enum profile_format format);

#endif
