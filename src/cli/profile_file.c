#include "cli/profile_file.h"

#include <stdio.h>
#include <string.h>

#include "base/save.h"

void profile_path(const char *comm, pid_t pid, const char *type, const char *extension,
		  char path[PROFILE_PATH_SIZE])
{
	char name[64], stamp[SAVE_STAMP_SIZE];
	snprintf(name, sizeof(name), "%s", comm);
	for (char *c = name; *c; c++) {
		bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
			     (*c >= '0' && *c <= '9') || strchr("._-", *c);
		*c = plain ? *c : '_';
	}
	save_stamp(stamp);
	snprintf(path, PROFILE_PATH_SIZE, "gospy-%s-%d-%s-%s.%s", name, (int)pid, type, stamp,
		 extension);
}

void profile_path_of_several(size_t count, const char *type, const char *extension,
			     char path[PROFILE_PATH_SIZE])
{
	char stamp[SAVE_STAMP_SIZE];
	save_stamp(stamp);
	snprintf(path, PROFILE_PATH_SIZE, "gospy-%zu-processes-%s-%s.%s", count, type, stamp,
		 extension);
}

const char *profile_opener(enum profile_format format)
{
	switch (format) {
	case PROFILE_PPROF:
		return "; open it with: go tool pprof ";
	case PROFILE_FOLDED:
		return "; open it with: flamegraph.pl ";
	case PROFILE_SPEEDSCOPE:
		return "; open it with: speedscope ";
	case PROFILE_HTML:
	case PROFILE_SVG:
		return "; open it in a browser: xdg-open ";
	case PROFILE_TEXT:
	case PROFILE_TOP:
		return NULL;
	}
	return NULL;
}
