/* What is known of a terminal, whether to write colour, and for which background. */
#ifndef GOSPY_RENDER_TERM_H
#define GOSPY_RENDER_TERM_H

#include <stdbool.h>
#include <stddef.h>

enum term_color { TERM_COLOR_AUTO, TERM_COLOR_ALWAYS, TERM_COLOR_NEVER };

/** `auto`: NO_COLOR (no-color.org), then CLICOLOR_FORCE and CLICOLOR (bixense.com/clicolors), then
 * a terminal that is not TERM=dumb. */
bool term_use_color(enum term_color when, int fd);
/** Is it one that can only be written on, line after line? */
bool term_is_dumb(void);
/** The size of the terminal; 0 and 0: `fd` is none. */
void term_size(int fd, int *rows_ret, int *cols_ret);
/** Does it show UTF-8? Lets the C library know how wide characters are there. */
bool term_is_utf8(void);
/** How many lines of a terminal `text` takes; colour sequences take no place. */
size_t term_lines(const char *text, size_t len, size_t cols);

/** What text is legible on. */
enum term_theme {
	TERM_THEME_AUTO,  /* what a user may ask for: find out */
	TERM_THEME_ANY,   /* the background is not known: text keeps the terminal's own colour */
	TERM_THEME_DARK,  /* a dark background */
	TERM_THEME_LIGHT, /* a light one */
	TERM_THEME_PLAIN, /* no colours: bold, reverse and underlined text tell things apart */
	TERM_THEMES,
};

/** What `wanted` comes to by the environment alone: COLORFGBG, and TERM=linux, whose background is
 * black. Never TERM_THEME_AUTO. */
enum term_theme term_theme(enum term_theme wanted);
/** The theme for a background of that colour; its parts are 0 to 1. TERM_THEME_ANY: no theme of
 * colours is legible on it. */
enum term_theme term_theme_on(double red, double green, double blue);
/** By TERM and COLORTERM: does this terminal have the greys of xterm's 256 colours? */
bool term_has_greys(void);

enum {
	/* Of xterm's 256 colours, which users do not change: legible on backgrounds of the theme.
	 */
	TERM_GREY_DARK = 246,
	TERM_GREY_LIGHT = 240,
};

#endif
