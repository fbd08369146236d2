#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

static enum gospy_code found(int fd, const char *path, int *fd_ret, struct gospy_error *err)
{
	if (fd < 0)
		return err_os(err, errno, "cannot open %s", path);
	*fd_ret = fd;
	return GOSPY_OK;
}

enum gospy_code file_find(const char *path, int *fd_ret, struct gospy_error *err)
{
	return found(open(path, O_PATH | O_CLOEXEC), path, fd_ret, err);
}

static int find_below(int root, const char *path)
{
	struct open_how how = {.flags = O_PATH | O_NOFOLLOW | O_CLOEXEC};
	if (root == AT_FDCWD)
		return open(path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
	int fd = (int)syscall(SYS_openat2, root, path, &how, sizeof(how));
	if (fd >= 0 || (errno != ENOSYS && errno != EPERM))
		return fd;
	// Linux before 5.6: absolute links would lead into gospy's own root, which does no harm.
	path += strspn(path, "/");
	return openat(root, path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

enum gospy_code file_find_below(int root, const char *path, int *fd_ret, struct gospy_error *err)
{
	return found(find_below(root, path), path, fd_ret, err);
}

enum gospy_code file_reopen(int found_fd, const char *name, int *fd_ret, struct gospy_error *err)
{
	struct stat st;
	char path[32];
	if (fstat(found_fd, &st) != 0)
		return err_os(err, errno, "cannot open %s", name);
	if (!S_ISREG(st.st_mode))
		return err_set(err, GOSPY_E_BAD_DATA, "%s is not a regular file", name);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", found_fd);
	// O_NONBLOCK, so as not to wait: the file's owner may hold a lease on it, which the kernel
	// lets last for 45 s.
	return found(open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC), name, fd_ret, err);
}

/* Where there is no /proc, what was found can only be opened by its name once more. */
static enum gospy_code open_the_same(int found_fd, const char *path, int *fd_ret,
				     struct gospy_error *err)
{
	struct stat found_st, st;
	int fd CLEANUP_CLOSE = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(found_fd, &found_st) != 0 || fstat(fd, &st) != 0)
		return err_os(err, errno, "cannot open %s", path);
	if (st.st_dev != found_st.st_dev || st.st_ino != found_st.st_ino)
		return err_set(err, GOSPY_E_BAD_DATA, "%s became another file meanwhile", path);
	*fd_ret = take_fd(&fd);
	return GOSPY_OK;
}

enum gospy_code file_open_found(int found_fd, const char *path, int *fd_ret,
				struct gospy_error *err)
{
	struct gospy_error why = {0};
	enum gospy_code code = file_reopen(found_fd, path, fd_ret, &why);
	if (code && why.os_errno == ENOENT && access("/proc/self/fd", F_OK) != 0)
		return open_the_same(found_fd, path, fd_ret, err);
	if (code && err)
		*err = why;
	return code;
}

enum gospy_code file_open(const char *path, int *fd_ret, struct gospy_error *err)
{
	int fd CLEANUP_CLOSE = -1;
	enum gospy_code code = file_find(path, &fd, err);
	return code ? code : file_open_found(fd, path, fd_ret, err);
}
