#include "base/save.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/trust.h"
#include "base/user.h"

enum { TRIES = 100 /* for a name that nobody has taken */ };

/* ---- who may write where */

/* May the user create files there? Only the mode is asked, not what else may permit it. */
static bool may_create(struct trust_user user, const struct stat *dir)
{
	mode_t mode = dir->st_mode & 7;
	if (dir->st_uid == user.uid)
		mode = dir->st_mode >> 6 & 7;
	else if (user_is_in_group(user.uid, user.gid, dir->st_gid))
		mode = dir->st_mode >> 3 & 7;
	return (mode & 3) == 3;
}

/* ---- where to write */

static enum gospy_code cannot(const struct save *save, enum gospy_code code, const char *why,
			      struct gospy_error *err)
{
	return err_set(err, code, "cannot write %s: %s", save->path, why);
}

static enum gospy_code failed(const struct save *save, struct gospy_error *err)
{
	return err_os(err, errno, "cannot write %s", *save->path ? save->path : "the output");
}

static enum gospy_code begin_stdout(struct save *save, struct gospy_error *err)
{
	if (isatty(STDOUT_FILENO))
		return err_set(err, GOSPY_E_USAGE,
			       "this is not for a terminal: name a file, or redirect the output");
	save->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
	return save->fd < 0 ? err_os(err, errno, "cannot use the standard output") : GOSPY_OK;
}

/* Write to what `found` is, a descriptor of O_PATH. */
static enum gospy_code begin_special(struct save *save, int found, struct gospy_error *err)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", found);
	save->fd = open(path, O_WRONLY | O_NOCTTY | O_CLOEXEC);
	return save->fd < 0 ? failed(save, err) : GOSPY_OK;
}

/* A file without a name, else one with a name that nobody can guess. The kernel applies the umask
 * to the mode. gospy cannot ask for the umask without changing it for all of its threads. */
static bool create(struct save *save, mode_t mode)
{
	// The errno says little: for a directory that was removed it is EPERM.
	save->fd = openat(save->dir, ".", O_TMPFILE | O_WRONLY | O_CLOEXEC, mode);
	for (int i = 0; save->fd < 0 && i < TRIES; i++) {
		char stamp[SAVE_STAMP_SIZE];
		save_stamp(stamp);
		snprintf(save->temp, sizeof(save->temp), ".gospy-%s", stamp);
		save->fd = openat(save->dir, save->temp,
				  O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
		if (save->fd < 0 && errno != EEXIST)
			break;
	}
	if (save->fd < 0)
		save->temp[0] = '\0';
	return save->fd >= 0;
}

static enum gospy_code begin_new(struct save *save, const struct stat *dir, struct gospy_error *err)
{
	const struct trust_user user = trust_caller();
	if (!create(save, 0666))
		return failed(save, err);
	if (user.uid != geteuid() && may_create(user, dir)) {
		int result = fchown(save->fd, user.uid, user.gid);
		(void)result; // some file systems have no owners
	}
	return GOSPY_OK;
}

static enum gospy_code begin_over(struct save *save, const struct stat *dir, const struct stat *st,
				  struct gospy_error *err)
{
	if (dir->st_mode & (S_IWGRP | S_IWOTH) && !trust_owner(st->st_uid))
		return cannot(save, GOSPY_E_USAGE,
			      "it belongs to another user, in a directory where others may write",
			      err);
	save->replaces = true;
	if (!create(save, 0600) ||
	    (geteuid() == 0 && fchown(save->fd, st->st_uid, st->st_gid) != 0))
		return failed(save, err);
	fchmod(save->fd, st->st_mode & 0777); // where it fails, the file is for its owner alone
	return GOSPY_OK;
}

/* A regular file, or none yet, in the directory that was found. */
static enum gospy_code begin_file(struct save *save, struct trust_walk *walk,
				  struct gospy_error *err)
{
	if (walk->is_open_file)
		return cannot(save, GOSPY_E_USAGE, "it is a file that is open: name the file", err);
	strcpy(save->name, walk->name);
	save->dir = openat(walk->dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (save->dir < 0 && errno == EACCES) // it may be written to, but not listed
		save->dir = take_fd(&walk->dir);
	if (save->dir < 0)
		return failed(save, err);
	return walk->found < 0 ? begin_new(save, &walk->dir_stat, err)
			       : begin_over(save, &walk->dir_stat, &walk->found_stat, err);
}

static enum gospy_code begin_at(struct save *save, struct trust_walk *walk, struct gospy_error *err)
{
	const mode_t mode = walk->found_stat.st_mode;
	if (!*walk->name)
		return cannot(save, GOSPY_E_USAGE, "it names no file", err);
	if (walk->found < 0 || S_ISREG(mode))
		return begin_file(save, walk, err);
	if (S_ISDIR(mode))
		return cannot(save, GOSPY_E_USAGE, "it is no file", err);
	if (!trust_dir(&walk->dir_stat) && !trust_owner(walk->found_stat.st_uid))
		return cannot(save, GOSPY_E_USAGE, "it is no file, and belongs to another user",
			      err);
	return begin_special(save, walk->found, err);
}

enum gospy_code save_begin(struct save *save, const char *path, struct gospy_error *err)
{
	CLEANUP(trust_walk_close) struct trust_walk walk = TRUST_WALK_NONE;
	if (strcmp(path, "-") == 0 || strcmp(path, "/dev/stdout") == 0)
		return begin_stdout(save, err);
	if (strlen(path) >= sizeof(save->path))
		return err_set(err, GOSPY_E_USAGE, "the name of the file is too long");
	strcpy(save->path, path);
	int error = trust_walk(&walk, path);
	if (error == TRUST_REFUSED)
		return cannot(save, GOSPY_E_USAGE, "a link on the way to it may be another user's",
			      err);
	if (error)
		return err_os(err, error, "cannot write %s", path);
	return begin_at(save, &walk, err);
}

enum gospy_code save_part(void *ctx, const void *bytes, size_t len, struct gospy_error *err)
{
	struct save *save = ctx;
	for (const char *at = bytes; len;) {
		ssize_t n = write(save->fd, at, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return failed(save, err);
		at += n;
		len -= (size_t)n;
		save->bytes += (uint64_t)n;
	}
	return GOSPY_OK;
}

/* ---- the name */

/* Give a name to a file that has none, unless there is something of that name. */
static bool link_as(const struct save *save, const char *name)
{
	char path[32];
	snprintf(path, sizeof(path), "/proc/self/fd/%d", save->fd);
	return linkat(AT_FDCWD, path, save->dir, name, AT_SYMLINK_FOLLOW) == 0;
}

static bool link_as_temp(struct save *save)
{
	char stamp[SAVE_STAMP_SIZE];
	for (int i = 0; i < TRIES; i++) {
		save_stamp(stamp);
		snprintf(save->temp, sizeof(save->temp), ".gospy-%s", stamp);
		if (link_as(save, save->temp))
			return true;
		if (errno != EEXIST)
			break;
	}
	save->temp[0] = '\0';
	return false;
}

/* If somebody has taken the name meanwhile, it is left to them. Where a file is to be replaced,
 * whatever is there now goes, but is not written to. */
static bool publish(struct save *save)
{
	if (!save->replaces && !*save->temp)
		return link_as(save, save->name);
	if (!*save->temp && !link_as_temp(save))
		return false;
	unsigned flags = save->replaces ? 0 : RENAME_NOREPLACE;
	if (renameat2(save->dir, save->temp, save->dir, save->name, flags) != 0 &&
	    (errno != EINVAL || !flags ||
	     renameat(save->dir, save->temp, save->dir, save->name) != 0))
		return false;
	save->temp[0] = '\0';
	return true;
}

/* A file with no disk behind it knows no fsync(). */
static bool sync_fd(int fd)
{
	return fsync(fd) == 0 || errno == EINVAL || errno == EROFS || errno == EBADF;
}

enum gospy_code save_end(struct save *save, struct gospy_error *err)
{
	if (save->dir >= 0 && (!sync_fd(save->fd) || !publish(save) || !sync_fd(save->dir)))
		return failed(save, err);
	int fd = save->fd;
	save->fd = -1;
	return close(fd) != 0 ? failed(save, err) : GOSPY_OK;
}

void save_drop(struct save *save)
{
	if (save->fd >= 0)
		close(save->fd);
	if (save->dir >= 0 && *save->temp)
		unlinkat(save->dir, save->temp, 0);
	if (save->dir >= 0)
		close(save->dir);
	*save = SAVE_NONE;
}

void save_stamp(char stamp[SAVE_STAMP_SIZE])
{
	uint32_t random = 0;
	struct tm tm = {0};
	time_t now = time(NULL);
	// The call fails only where the kernel does not have it; then the clock has to do.
	if (getrandom(&random, sizeof(random), 0) != sizeof(random)) {
		struct timespec t;
		clock_gettime(CLOCK_MONOTONIC, &t);
		random = (uint32_t)t.tv_nsec;
	}
	localtime_r(&now, &tm);
	size_t n = strftime(stamp, SAVE_STAMP_SIZE, "%Y%m%d-%H%M%S", &tm);
	snprintf(stamp + n, SAVE_STAMP_SIZE - n, "-%08x", random);
}
