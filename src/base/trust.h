/*
 * Who owns a file, and where a path leads if others may have made a part of it. gospy often runs as
 * root, and a link that somebody else put in its way would lead it to any file. So trust_walk()
 * goes one component at a time, looks up each in the directory that is open, and follows a link
 * only if nobody else can have put it there.
 */
#ifndef GOSPY_BASE_TRUST_H
#define GOSPY_BASE_TRUST_H

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

struct trust_user {
	uid_t uid;
	gid_t gid;
};

/** The user who called sudo, or this one. */
struct trust_user trust_caller(void);
/** Is that root, this user or the caller? */
bool trust_owner(uid_t uid);
/** Can only they have put into the directory what is there? */
bool trust_dir(const struct stat *dir);

/** Begin with TRUST_WALK_NONE; when the walk was a success, these say where it ended. */
struct trust_walk {
	int dir;   /* O_PATH: the directory of the last component */
	int found; /* O_PATH: what is there, which is no link; -1: nothing */
	struct stat dir_stat;
	struct stat found_stat;
	char name[NAME_MAX + 1]; /* the last component; "": the path ends in a slash, or is empty */
	bool is_open_file;       /* a link of /proc led there (/dev/fd/3): `dir` does not hold it */

	/* on the way */
	char rest[PATH_MAX]; /* what is still to be walked */
	unsigned links;      /* so many were followed */
	bool linked;         /* a link was the last component */
	bool arrived;
	bool elsewhere; /* /proc led to the files of a process, where root may be another one */
};
#define TRUST_WALK_NONE ((struct trust_walk){.dir = -1, .found = -1})

enum { TRUST_REFUSED = -1 };
/**
 * Find what `path` names without opening it. Returns 0, an errno, or TRUST_REFUSED: on the way is a
 * link that another user may have put there. A link that leads to nothing is ENOENT.
 */
int trust_walk(struct trust_walk *walk, const char *path);
/** The guard. */
void trust_walk_close(struct trust_walk *walk);

#endif
