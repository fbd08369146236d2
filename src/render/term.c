#include "render/term.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool env_is(const char *name, const char *value)
{
	const char *s = getenv(name);
	return s && strcmp(s, value) == 0;
}

static bool env_set(const char *name)
{
	const char *s = getenv(name);
	return s && *s;
}

bool term_use_color(enum term_color when, int fd)
{
	switch (when) {
	case TERM_COLOR_ALWAYS:
		return true;
	case TERM_COLOR_NEVER:
		return false;
	case TERM_COLOR_AUTO:
		break;
	}
	if (env_set("NO_COLOR"))
		return false;
	if (env_set("CLICOLOR_FORCE") && !env_is("CLICOLOR_FORCE", "0"))
		return true;
	if (env_is("CLICOLOR", "0") || !env_set("TERM") || env_is("TERM", "dumb"))
		return false;
	return isatty(fd);
}
