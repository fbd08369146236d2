/*
 * The files that were mapped into a process of which there is a core, as far as they are at hand.
 *
 * The kernel leaves out of a core what it can be had for from a file: code and constants. A file
 * that has the same name now may be another one, above all on another machine. So a file is used
 * only if its first page is the one that the core holds: there are the headers, and in a program of
 * Go and in most others the build ID.
 */
#ifndef GOSPY_CORE_MAPPED_FILES_H
#define GOSPY_CORE_MAPPED_FILES_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/strbuf.h"
#include "core/core.h"
#include "core/notes.h"

/* What is known of the file that is at hand. */
enum file_state {
	FILE_UNTRIED,
	FILE_PROVED,   /* it is the one that was mapped */
	FILE_BELIEVED, /* the core does not hold its first page; the user named it by --bin */
	FILE_ABSENT,   /* there is none */
	FILE_OTHER,    /* there is one, but another one was mapped */
	FILE_UNKNOWN,  /* the core does not hold its first page: nothing proves it */
};

struct mapped_file {
	const char *path; /* as in the core, without " (deleted)" */
	uint64_t base;    /* the address of its first byte; GOSPY_UNKNOWN: that is not mapped */
	atomic_int state; /* enum file_state */
	int fd;           /* valid in FILE_PROVED and FILE_BELIEVED */
};

struct mapped_range {
	uint64_t start, end, offset;
	size_t file;      /* position in .files */
	const char *path; /* as in the core */
};

struct mapped_files {
	VEC(struct mapped_range) ranges; /* disjoint, sorted by address */
	struct mapped_file *files;
	size_t count;
	size_t program; /* position of the program; SIZE_MAX: the core does not tell */
	const struct segments *segments;
	struct input *input;
	const char *bin, *root;         /* as struct core_options */
	unsigned fetches;               /* files that servers were asked for; under the lock */
	struct gospy_error not_fetched; /* why the program did not come; .code 0: it was not asked
					   for, or it did */
	pthread_mutex_t lock;           /* of looking for a file */
};

/** `segments`, `input`, the paths in `notes` and those of `options` are borrowed. GOSPY_E_NOMEM. */
enum gospy_code mapped_files_init(struct mapped_files *files, const struct notes *notes,
				  const struct segments *segments, struct input *input,
				  const struct core_options *options, struct gospy_error *err);
void mapped_files_deinit(struct mapped_files *files);
/** How many ranges begin at `addr` or before. */
size_t mapped_files_before(const struct mapped_files *files, uint64_t addr);
/** The range that holds `addr`, or NULL. */
const struct mapped_range *mapped_files_find(const struct mapped_files *files, uint64_t addr);
/** A descriptor of that file, which stays the table's; -1: it cannot be used. */
int mapped_files_fd(struct mapped_files *files, size_t file);
/** Why the program's file is not used: a part of a sentence, with its build IDs. */
void mapped_files_explain(struct mapped_files *files, struct strbuf *text);

#endif
