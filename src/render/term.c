#include "render/term.h"

#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "render/locale.h"

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

bool term_is_dumb(void)
{
	return !env_set("TERM") || env_is("TERM", "dumb");
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
	if (env_is("CLICOLOR", "0") || term_is_dumb())
		return false;
	return isatty(fd);
}

static enum term_theme theme_of_environment(void)
{
	// "15;0", or "15;default;0" of rxvt: numbers of the 16 colours, the background last.
	const char *pair = getenv("COLORFGBG");
	const char *last = pair ? strrchr(pair, ';') : NULL;
	if (last && last[1] >= '0' && last[1] <= '9') {
		long n = strtol(last + 1, NULL, 10);
		if (n <= 15)
			return n < 7 || n == 8 ? TERM_THEME_DARK : TERM_THEME_LIGHT;
	}
	return env_is("TERM", "linux") ? TERM_THEME_DARK : TERM_THEME_ANY;
}

enum term_theme term_theme(enum term_theme wanted)
{
	return wanted == TERM_THEME_AUTO ? theme_of_environment() : wanted;
}

/* For the relative luminance of sRGB, as WCAG 2.2 defines it: a polynomial that comes within 0.002
 * of ((part + 0.055) / 1.055) ^ 2.4, without the library of mathematics. */
static double linear(double part)
{
	return part * (part * (part * 0.305306011 + 0.682171111) + 0.012522878);
}

enum term_theme term_theme_on(double red, double green, double blue)
{
	// So dark or light that the colours of the theme have a contrast of 4.5: xterm's green and
	// red are the nearest to it.
	static const double darkest = 0.058, lightest = 0.759;
	double luminance = 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
	if (luminance <= darkest)
		return TERM_THEME_DARK;
	return luminance >= lightest ? TERM_THEME_LIGHT : TERM_THEME_ANY;
}

bool term_has_greys(void)
{
	const char *term = getenv("TERM");
	return (term && strstr(term, "256color")) || env_set("COLORTERM");
}

void term_size(int fd, int *rows_ret, int *cols_ret)
{
	enum { ROWS = 24, COLS = 80, MAX = 10000 };
	struct winsize size = {0};
	*rows_ret = *cols_ret = 0;
	if (!isatty(fd))
		return;
	if (ioctl(fd, TIOCGWINSZ, &size) != 0)
		size = (struct winsize){0};
	*rows_ret = size.ws_row && size.ws_row < MAX ? size.ws_row : ROWS;
	*cols_ret = size.ws_col && size.ws_col < MAX ? size.ws_col : COLS;
}

/* Bytes of the colour sequence at the beginning of the text, or 0. */
static size_t sequence(const char *text, size_t len)
{
	size_t n = 2;
	if (len < 2 || text[0] != '\033' || text[1] != '[')
		return 0;
	while (n < len && text[n] != 'm')
		n++;
	return n + (n < len);
}

bool term_is_utf8(void)
{
	locale_take();
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

size_t term_lines(const char *text, size_t len, size_t cols)
{
	size_t lines = 0, at = 0;
	for (size_t i = 0; i < len; i++) {
		size_t skip = sequence(text + i, len - i);
		if (skip) {
			i += skip - 1;
			continue;
		}
		if (text[i] == '\n') {
			lines += at ? (at + cols - 1) / cols : 1;
			at = 0;
		} else if (text[i] == '\t') {
			at = (at / 8 + 1) * 8;
		} else {
			at += ((unsigned char)text[i] & 0xc0) != 0x80;
		}
	}
	return lines + (at ? (at + cols - 1) / cols : 0);
}
