/* A line on stderr while a person waits for a snapshot; shown after half a second, on terminals. */
#ifndef GOSPY_CLI_PROGRESS_H
#define GOSPY_CLI_PROGRESS_H

#include "cli/cli.h"

struct progress {
	bool enabled;
	uint64_t next_ns; /* clock_mono_ns() of the next update */
	int width;        /* columns of the line that stands there */
};

void progress_init(struct progress *progress, const struct cli *cli);
/** For struct gospy_snapshot_options. */
void progress_update(void *progress, enum gospy_progress_phase phase, uint64_t done,
		     uint64_t total);
/** Erase the line. Also the guard: CLEANUP(progress_end). */
void progress_end(struct progress *progress);

#endif
