#include "machine/socket_protocol.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include "base/cleanup.h"

/* The device of all sockets, the same as long as the kernel runs; 0: it cannot be found out now. */
static dev_t sockets_device(void)
{
	static _Atomic(dev_t) known;
	struct stat st;
	if (atomic_load(&known))
		return atomic_load(&known);
	int fd CLEANUP_CLOSE = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || fstat(fd, &st) != 0)
		return 0;
	atomic_store(&known, st.st_dev);
	return st.st_dev;
}

/* By what the kernel has in its memory. A file may be a socket by its type only: a name that a
 * server has bound its socket to. */
static bool is_socket(int fd, uint64_t inode)
{
	struct statx st;
	return statx(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, STATX_TYPE | STATX_INO, &st) ==
		       0 &&
	       S_ISSOCK(st.stx_mode) && st.stx_ino == inode &&
	       makedev(st.stx_dev_major, st.stx_dev_minor) == sockets_device();
}

bool socket_protocol(pid_t tid, uint64_t fd, uint64_t inode, char ret[SOCKET_PROTOCOL])
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/fd/%llu", (int)tid, (unsigned long long)fd);
	// With O_PATH the file itself is not opened, and this descriptor stays with it, whatever
	// the process does with its own.
	int file CLEANUP_CLOSE = open(path, O_PATH | O_CLOEXEC);
	if (file < 0 || !is_socket(file, inode))
		return false;
	// net/socket.c, sockfs_xattr_get(), and .name of struct proto.
	snprintf(path, sizeof(path), "/proc/self/fd/%d", file);
	ssize_t n = getxattr(path, "system.sockprotoname", ret, SOCKET_PROTOCOL - 1);
	if (n <= 0)
		return false;
	ret[n] = '\0';
	return true;
}
