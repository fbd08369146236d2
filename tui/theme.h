/* What things look like: styles, which the screen turns into colours and attributes, and the
 * characters to draw with. Nothing is told by colour alone. */
#ifndef GOSPY_TUI_THEME_H
#define GOSPY_TUI_THEME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum style {
	LOOK_NORMAL,
	LOOK_STRONG,    /* figures that matter */
	LOOK_DIM,       /* units, what is of no interest now */
	LOOK_LABEL,     /* names of figures */
	LOOK_GOOD,      /* runs, shrinks */
	LOOK_WARN,      /* grows, torn */
	LOOK_BAD,       /* grows steadily, failed */
	LOOK_NEW,       /* appeared since the mark */
	LOOK_SYSCALL,   /* in a system call */
	LOOK_GC,        /* stopped by, or for, the collector */
	LOOK_FUNC,      /* names of functions */
	LOOK_FILE,      /* files and lines */
	LOOK_TITLES,    /* titles of columns */
	LOOK_SORTED,    /* title of the column that sorts */
	LOOK_SELECTED,  /* the selected line */
	LOOK_FOUND,     /* a line that was searched for */
	LOOK_KEY,       /* bottom line: a key */
	LOOK_KEY_LABEL, /* bottom line: what it does */
	LOOK_TAB,       /* names of views */
	LOOK_TAB_OPEN,  /* name of the view that is shown */
	LOOK_BANNER,    /* the target is gone, frozen */
	LOOK_PROMPT,    /* where something is typed */
	LOOK_STYLES,
};

/** How a style is shown with so many colours; -1: as the terminal has it. */
struct look {
	int fg, bg;
	bool bold, dim, reverse, underline;
};

enum theme_depth {
	THEME_MONO,
	THEME_8,
	THEME_256,
	THEME_TRUE, /* colours are 0xrrggbb */
};
/** The best of them for a terminal that knows so many colours. */
enum theme_depth theme_depth(bool color, int colors);
struct look theme_look(enum theme_depth depth, enum style style);

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
	const char *delta; /* the Greek letter */
};
const struct glyphs *theme_glyphs(bool utf8);

#endif
