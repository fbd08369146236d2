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

enum gospy_code file_open(const char *path, int *fd_ret, struct gospy_error *err)
{
	int fd CLEANUP_CLOSE = -1;
	enum gospy_code code = file_find(path, &fd, err);
	return code ? code : file_reopen(fd, path, fd_ret, err);
}
