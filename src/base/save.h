/*
 * A file that appears under its name when it is complete. Until then the name means what it meant
 * before, even if gospy dies. If gospy is killed, a file .gospy-*
 * can be left beside it: where the file system knows no files without names at any time, else in
 * the moment between the two system calls that put the new file in the place of an old one.
 *
 * gospy often runs as root, and in directories where others may write. So gospy looks at what is at
 * the name, and never writes to it: a new file takes its place. A link that somebody else may have
 * put on the way there is not followed (trust.h), and a file that somebody else put there is not
 * replaced by one that would be theirs.
 */
#ifndef GOSPY_BASE_SAVE_H
#define GOSPY_BASE_SAVE_H

#include <limits.h>

#include "gospy.h"

/** All zero is not valid: begin with SAVE_NONE. */
struct save {
	int fd;
	int dir; /* -1: it is written as it comes: standard output, a pipe, a device */
	bool replaces;
	uint64_t bytes;
	char path[PATH_MAX];     /* for messages; "" is standard output */
	char name[NAME_MAX + 1]; /* in `dir`: the last component, or that of what a link leads to */
	char temp[NAME_MAX + 1]; /* in `dir`; "": the file has no name yet */
};
#define SAVE_NONE ((struct save){.fd = -1, .dir = -1})

/**
 * Create the file; "-" and /dev/stdout are standard output. If there is a file already, the new one
 * keeps its mode and, for root, its owner. A new file of root's under sudo belongs to the user who
 * called sudo, if that user may write there. Something that is no regular file (a pipe, /dev/null)
 * is written to if nobody else can have put it there. GOSPY_E_USAGE: a terminal as standard output,
 * a directory, a regular file by a link of /proc (/dev/fd/3), a link on the way or a file there
 * that may be somebody else's.
 */
enum gospy_code save_begin(struct save *save, const char *path, struct gospy_error *err);
/** A gospy_agent_part. */
enum gospy_code save_part(void *save, const void *bytes, size_t len, struct gospy_error *err);
/** All is written: sync it to the disk, and give it its name. */
enum gospy_code save_end(struct save *save, struct gospy_error *err);
/** The guard: drops what was not ended. */
void save_drop(struct save *save);

enum { SAVE_STAMP_SIZE = 32 };
/** "20260102-150405-9f3b02c1", for the name of a file that nobody can guess beforehand. */
void save_stamp(char stamp[SAVE_STAMP_SIZE]);

#endif
