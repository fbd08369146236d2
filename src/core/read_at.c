#include "core/read_at.h"

#include <errno.h>
#include <unistd.h>

enum gospy_code read_at(int fd, uint64_t off, void *dst, size_t len, size_t *done_ret,
			struct gospy_error *err)
{
	size_t done = 0;
	while (done < len && off <= INT64_MAX - done) {
		ssize_t n = pread(fd, (char *)dst + done, len - done, (off_t)(off + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			*done_ret = done;
			return err_os(err, errno, "cannot read the file");
		}
		if (n == 0)
			break;
		done += (size_t)n;
	}
	*done_ret = done;
	return GOSPY_OK;
}
