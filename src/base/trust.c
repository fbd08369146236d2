#include "base/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"

enum { LINKS_MAX = 8 /* in one path; links in a circle have no end */ };

struct trust_user trust_caller(void)
{
	const char *uid = getenv("SUDO_UID"), *gid = getenv("SUDO_GID");
	struct trust_user user = {geteuid(), getegid()};
	char *uid_end, *gid_end;
	if (user.uid != 0 || !uid || !gid || !*uid || !*gid)
		return user;
	unsigned long uid_value = strtoul(uid, &uid_end, 10),
		      gid_value = strtoul(gid, &gid_end, 10);
	if (*uid_end || *gid_end || uid_value >= UINT32_MAX || gid_value >= UINT32_MAX)
		return user;
	return (struct trust_user){(uid_t)uid_value, (gid_t)gid_value};
}

bool trust_owner(uid_t uid)
{
	return uid == 0 || uid == geteuid() || uid == trust_caller().uid;
}

bool trust_dir(const struct stat *dir)
{
	return trust_owner(dir->st_uid) && !(dir->st_mode & (S_IWGRP | S_IWOTH));
}

/* ---- the walk */

/* Go on in a directory; `fd` is taken over. */
static int enter(struct trust_walk *walk, int fd)
{
	if (fd < 0)
		return errno;
	if (walk->dir >= 0)
		close(walk->dir);
	walk->dir = fd;
	if (fstat(fd, &walk->dir_stat) != 0)
		return errno;
	return S_ISDIR(walk->dir_stat.st_mode) ? 0 : ENOTDIR;
}

static int enter_path(struct trust_walk *walk, const char *path)
{
	return enter(walk, open(path, O_PATH | O_DIRECTORY | O_CLOEXEC));
}

/* Move the next component from `rest` to `name`. Others follow if `rest` is not empty then. */
static int take_component(struct trust_walk *walk)
{
	const char *at = walk->rest + strspn(walk->rest, "/");
	size_t len = strcspn(at, "/");
	if (len >= sizeof(walk->name))
		return ENAMETOOLONG;
	memcpy(walk->name, at, len);
	walk->name[len] = '\0';
	memmove(walk->rest, at + len, strlen(at + len) + 1);
	return 0;
}

/* It is opened as a directory if it is to be one: only then is mounted what is mounted there on
 * demand. */
static int open_component(const struct trust_walk *walk)
{
	const int flags = O_PATH | O_NOFOLLOW | O_CLOEXEC;
	int fd = -1;
	if (*walk->rest)
		fd = openat(walk->dir, walk->name, flags | O_DIRECTORY);
	if (fd < 0 && (!*walk->rest || errno == ENOTDIR))
		fd = openat(walk->dir, walk->name, flags);
	return fd;
}

/* `fd` is taken over; -1: there is nothing. */
static int arrive(struct trust_walk *walk, int fd)
{
	walk->arrived = true;
	walk->found = fd;
	return fd >= 0 && fstat(fd, &walk->found_stat) != 0 ? errno : 0;
}

static bool is_in_proc(int fd)
{
	struct statfs fs;
	return fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

/* The text of a link of /proc says little: the kernel alone knows what it leads to. */
static int follow_proc(struct trust_walk *walk)
{
	int fd = openat(walk->dir, walk->name, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return errno;
	if (!is_in_proc(fd))
		walk->elsewhere = true;
	if (*walk->rest)
		return enter(walk, fd);
	walk->is_open_file = true;
	return arrive(walk, fd);
}

/* Put what the link says before the rest of the path. */
static int follow_text(struct trust_walk *walk, int link)
{
	char text[PATH_MAX];
	ssize_t n = readlinkat(link, "", text, sizeof(text));
	if (n < 0)
		return errno;
	size_t len = (size_t)n, rest = strlen(walk->rest);
	if (len + rest >= sizeof(walk->rest))
		return ENAMETOOLONG;
	memmove(walk->rest + len, walk->rest, rest + 1);
	memcpy(walk->rest, text, len);
	return *walk->rest == '/' ? enter_path(walk, "/") : 0;
}

static int follow(struct trust_walk *walk, int link)
{
	if (walk->elsewhere || !trust_dir(&walk->dir_stat))
		return TRUST_REFUSED;
	if (++walk->links > LINKS_MAX)
		return ELOOP;
	walk->linked |= !*walk->rest;
	return is_in_proc(walk->dir) ? follow_proc(walk) : follow_text(walk, link);
}

static int step(struct trust_walk *walk)
{
	struct stat st;
	int error = take_component(walk);
	if (error)
		return error;
	if (!*walk->name)
		return arrive(walk, -1);
	bool last = !*walk->rest;
	int fd CLEANUP_CLOSE = open_component(walk);
	if (fd < 0)
		return errno == ENOENT && last && !walk->linked ? arrive(walk, -1) : errno;
	if (fstat(fd, &st) != 0)
		return errno;
	if (S_ISLNK(st.st_mode))
		return follow(walk, fd);
	return last ? arrive(walk, take_fd(&fd)) : enter(walk, take_fd(&fd));
}

int trust_walk(struct trust_walk *walk, const char *path)
{
	if (strlen(path) >= sizeof(walk->rest))
		return ENAMETOOLONG;
	strcpy(walk->rest, path);
	int error = enter_path(walk, *path == '/' ? "/" : ".");
	while (!error && !walk->arrived)
		error = step(walk);
	return error;
}

void trust_walk_close(struct trust_walk *walk)
{
	if (walk->dir >= 0)
		close(walk->dir);
	if (walk->found >= 0)
		close(walk->found);
}
