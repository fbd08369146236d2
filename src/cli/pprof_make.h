/*
 * What `gospy pprof` writes: a profile of one process, or of several put together, as it is or of a
 * time (--seconds), tagged (--tag), and held against a base (--diff).
 *
 * A process of several that cannot be read, or ends meanwhile, is left out with a note.
 */
#ifndef GOSPY_CLI_PPROF_MAKE_H
#define GOSPY_CLI_PPROF_MAKE_H

#include "cli/which.h"
#include "render/pprof.h"

enum pprof_tag {
	PPROF_TAG_PID = 1,
	PPROF_TAG_HOST = 2,
	PPROF_TAG_CONTAINER = 4,
	PPROF_TAG_STATE = 8,
	PPROF_TAG_REASON = 16,
};

struct pprof_request {
	const struct snapshot_options *snapshot;
	enum gospy_profile_kind kind;
	bool frames;      /* for text */
	bool several;     /* what is wrong with one process does not end the others */
	uint64_t over_ns; /* what has come within this time; 0: all until now */
	uint32_t tags;    /* enum pprof_tag */
	const struct gospy_profile *base; /* or NULL */
};

/* One of the processes. */
struct pprof_subject {
	struct gospy_target *target; /* NULL: it is left out */
	struct gospy_profile *profile;
	int fd; /* readable when the process has ended; -1: none is to be had */
};

/** All zero is none. */
struct pprof_product {
	VEC(struct pprof_subject) subjects; /* as they were asked for */
	size_t count;                       /* of those that were not */
	which_pids pids;                    /* of these */
	struct gospy_profile *merged, *difference;
	const struct gospy_profile *now;   /* of the processes */
	const struct gospy_profile *shown; /* the same, or less the base */
	enum pprof_writer writer;
};
void pprof_product_deinit(struct pprof_product *product);

/** The first of the processes. */
const struct gospy_target_info *pprof_first(const struct pprof_product *product);

/** CLI_GO_ON, or the exit status, after the error was said. */
int pprof_make(struct cli *cli, const struct pprof_request *request, const which_ones *ones,
	       struct pprof_product *ret);

/** What to compare with: a file of a profile of this kind, or a core file or bundle to make one of.
 * Errors name it. The caller destroys it. */
enum gospy_code pprof_read_base(const char *path, const struct pprof_request *request,
				struct gospy_profile **ret, struct gospy_error *err)
	__attribute__((warn_unused_result));

#endif
