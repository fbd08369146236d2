/* Where text goes that has -o FILE: standard output or a file. */
#ifndef GOSPY_CLI_SINK_H
#define GOSPY_CLI_SINK_H

#include "base/save.h"
#include "cli/cli.h"

/** Begin with SINK_NONE. */
struct sink {
	struct out *out; /* write to it */
	bool is_file;    /* it is not that of the command: `save` tells of it */
	struct save save;
};
#define SINK_NONE ((struct sink){.save = SAVE_NONE})

/** The file; NULL and "-" are standard output. Errors as save_begin. */
enum gospy_code sink_open(struct sink *sink, struct cli *cli, const char *path,
			  struct gospy_error *err);
/** All is written. */
enum gospy_code sink_end(struct sink *sink, struct gospy_error *err);
/** The guard: drops a file that was not ended. */
void sink_drop(struct sink *sink);

#endif
