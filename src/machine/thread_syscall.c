#include "machine/thread_syscall.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "live/look.h"

bool thread_syscall(pid_t pid, pid_t tid, struct place *ret)
{
	char path[64];
	uint8_t text[256];
	struct look look = LOOK_OF(tid);
	snprintf(path, sizeof(path), "/proc/%d/task/%d/syscall", (int)pid, (int)tid);
	int fd CLEANUP_CLOSE = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text));
	if (n <= 0 || look_parse_syscall((struct span){text, (size_t)n}, &look) != LOOK_QUIET ||
	    look.place.syscall < 0)
		return false;
	*ret = look.place;
	return true;
}
