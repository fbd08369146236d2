/* What things look like: styles, which the screen turns into colours and attributes, and the
 * characters to draw with. Nothing is told by colour alone. */
#ifndef GOSPY_TUI_THEME_H
#define GOSPY_TUI_THEME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "render/term.h"

enum style {
	STYLE_NORMAL,
	STYLE_STRONG,    /* figures that matter */
	STYLE_DIM,       /* units, what is of no interest now */
	STYLE_LABEL,     /* names of figures */
	STYLE_GOOD,      /* runs, shrinks */
	STYLE_WARN,      /* grows, torn */
	STYLE_BAD,       /* grows steadily, failed */
	STYLE_NEW,       /* appeared since the mark */
	STYLE_SYSCALL,   /* in a system call */
	STYLE_GC,        /* stopped by, or for, the GC */
	STYLE_FUNC,      /* names of functions */
	STYLE_FILE,      /* files and lines */
	STYLE_TITLES,    /* titles of columns */
	STYLE_SORTED,    /* title of the column that sorts */
	STYLE_SELECTED,  /* the selected line */
	STYLE_FOUND,     /* a line that was searched for */
	STYLE_KEY,       /* bottom line: a key */
	STYLE_KEY_LABEL, /* bottom line: what it does */
	STYLE_TAB,       /* names of views */
	STYLE_TAB_OPEN,  /* name of the view that is shown */
	STYLE_BANNER,    /* the target is gone, frozen */
	STYLE_PROMPT,    /* where something is typed */
	STYLE_FLAME,     /* calls, by package: this and those behind it */
	STYLE_FLAME_LAST = STYLE_FLAME + 3,
	STYLE_FLAME_FOUND, /* calls that were searched for */
	STYLES,
};

enum { FLAME_STYLES = STYLE_FLAME_LAST - STYLE_FLAME + 1 };

/** How a style is shown. Colours are numbers of the terminal's own eight, or of a grey of xterm's
 * 256; -1: as the terminal has it. */
struct appearance {
	int fg, bg;
	bool bold, reverse, underline;
};

/** For a terminal that knows `colors` colours; with fewer than 8 it is that of TERM_THEME_PLAIN.
 * `theme` is not TERM_THEME_AUTO. */
struct appearance theme_appearance(enum term_theme theme, int colors, enum style style);

enum { GLYPH_LEVELS = 8 };

/** UTF-8 strings of one column each. */
struct glyphs {
	const char *levels[GLYPH_LEVELS]; /* sparkline, lowest first */
	const char *fill[GLYPH_LEVELS];   /* bar: an eighth full ... full */
	const char *empty;                /* bar */
	const char *p_idle, *p_running, *p_syscall, *p_gcstop;
	const char *descending, *ascending; /* behind the title of the column that sorts */
	const char *more;                   /* stands for what was cut off */
	const char *new, *growing, *gone, *marked;
	const char *separator;
};
const struct glyphs *theme_glyphs(bool utf8);

#endif
