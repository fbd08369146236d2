#include "cli/save.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/error.h"

static enum gospy_code begin_stdout(struct save *save, struct gospy_error *err)
{
	if (isatty(STDOUT_FILENO))
		return err_set(err, GOSPY_E_USAGE,
			       "this is not for a terminal: name a file, or redirect the output");
	save->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
	return save->fd < 0 ? err_os(err, errno, "cannot use the standard output") : GOSPY_OK;
}

/* What the umask leaves of 0666, as for any new file; mkostemp() makes it 0600. */
static void set_mode(int fd)
{
	mode_t mask = umask(0);
	umask(mask);
	if (fchmod(fd, 0666 & ~mask) != 0)
		return; // some file systems have no modes
}

enum gospy_code save_begin(struct save *save, const char *path, struct gospy_error *err)
{
	struct stat st;
	if (strcmp(path, "-") == 0)
		return begin_stdout(save, err);
	// A link stays one: what it leads to is replaced.
	char *real CLEANUP_FREE = realpath(path, NULL);
	path = real ? real : path;
	if (snprintf(save->path, sizeof(save->path), "%s", path) >= (int)sizeof(save->path) ||
	    snprintf(save->temp, sizeof(save->temp), "%s.XXXXXX", path) >= (int)sizeof(save->temp))
		return err_set(err, GOSPY_E_USAGE, "the name of the file is too long");
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		save->temp[0] = '\0';
		save->fd = open(path, O_WRONLY | O_CLOEXEC);
	} else {
		save->fd = mkostemp(save->temp, O_CLOEXEC);
		if (save->fd >= 0)
			set_mode(save->fd);
		else
			save->temp[0] = '\0';
	}
	return save->fd < 0 ? err_os(err, errno, "cannot write %s", path) : GOSPY_OK;
}

enum gospy_code save_part(void *ctx, const void *bytes, size_t len, struct gospy_error *err)
{
	struct save *save = ctx;
	for (const char *at = bytes; len;) {
		ssize_t n = write(save->fd, at, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_os(err, errno, "cannot write %s",
				      *save->path ? save->path : "the output");
		at += n;
		len -= (size_t)n;
		save->bytes += (uint64_t)n;
	}
	return GOSPY_OK;
}

enum gospy_code save_end(struct save *save, struct gospy_error *err)
{
	int fd = save->fd;
	save->fd = -1;
	if (close(fd) != 0 || (*save->temp && rename(save->temp, save->path) != 0)) {
		save->fd = -1;
		return err_os(err, errno, "cannot write %s", save->path);
	}
	save->temp[0] = '\0';
	return GOSPY_OK;
}

void save_drop(struct save *save)
{
	if (save->fd >= 0)
		close(save->fd);
	if (*save->temp)
		unlink(save->temp);
	*save = SAVE_NONE;
}
