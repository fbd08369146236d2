#include "render/locale.h"

#include <fcntl.h>
#include <limits.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "render/locale_ctype.h"

/* As setlocale(3) looks for it. */
static bool asks_for_utf8(void)
{
	static const char *const names[] = {"LC_ALL", "LC_CTYPE", "LANG"};
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		const char *value = getenv(names[i]);
		if (!value || !*value)
			continue;
		const char *codeset = strchr(value, '.');
		return codeset && (strncasecmp(codeset, ".utf-8", 6) == 0 ||
				   strncasecmp(codeset, ".utf8", 5) == 0);
	}
	return false;
}

static bool write_ctype(int dir)
{
	CLEANUP_CLOSE int fd =
		openat(dir, "LC_CTYPE", O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return fd >= 0 && write(fd, locale_ctype, locale_ctype_len) == (ssize_t)locale_ctype_len;
}

/* The C library takes a locale from a directory only; it maps the file, which may be gone then. */
static bool take_from(const char *parent)
{
	char place[PATH_MAX];
	if ((size_t)snprintf(place, sizeof(place), "%s/gospy-XXXXXX", parent) >= sizeof(place) ||
	    !mkdtemp(place))
		return false;
	bool taken = false;
	CLEANUP_CLOSE int top = open(place, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (top >= 0 && mkdirat(top, "C.utf8", 0700) == 0) {
		CLEANUP_CLOSE int dir =
			openat(top, "C.utf8", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (dir >= 0 && write_ctype(dir) && setenv("LOCPATH", place, 1) == 0) {
			taken = setlocale(LC_CTYPE, "C.UTF-8") != NULL;
			unsetenv("LOCPATH");
		}
		if (dir >= 0)
			unlinkat(dir, "LC_CTYPE", 0);
		unlinkat(top, "C.utf8", AT_REMOVEDIR);
	}
	rmdir(place);
	return taken;
}

void locale_take(void)
{
	if (setlocale(LC_CTYPE, "") || !locale_ctype_len || !asks_for_utf8())
		return;
	static const char *const places[] = {"/dev/shm", "/tmp", "/run", "/var/tmp", "/"};
	for (size_t i = 0; i < sizeof(places) / sizeof(*places); i++) {
		if (take_from(places[i]))
			return;
	}
}
