#include "tui/theme.h"

/* ECMA-48's colours, whose shades the user has chosen. Black is none of them on text: bold black is
 * grey on many terminals. */
enum hue { NONE, BLACK, RED, GREEN, YELLOW, BLUE, MAGENTA, CYAN, WHITE, GREY };

struct ink {
	enum hue fg, bg;
	bool bold, reverse, underline;
};

/* Of text without a background of its own the colours depend on the terminal's. On a dark one
 * xterm's red and blue, and VGA's brown for yellow, are too dark; on a light one xterm's green,
 * yellow and cyan are too light. Bold brings a lighter shade on some terminals: it goes with yellow
 * on dark ones, and with no colour on light ones. tests/unit/test_theme.c computes the contrasts.
 */
struct paint {
	struct ink plain; /* where there is no colour, and on an unknown background */
	struct ink dark, light;
};

#define BOTH(...) .dark = {__VA_ARGS__}, .light = {__VA_ARGS__}
#define SAME(...) .plain = {__VA_ARGS__}, BOTH(__VA_ARGS__)

static const struct paint texts[STYLES] = {
	[STYLE_STRONG] = {SAME(.bold = true)},
	[STYLE_DIM] = {BOTH(.fg = GREY)},
	[STYLE_LABEL] = {.dark = {.fg = CYAN}, .light = {.fg = BLUE}},
	[STYLE_GOOD] = {.dark = {.fg = GREEN}, .light = {.fg = BLUE}},
	[STYLE_WARN] = {.plain = {.bold = true},
			.dark = {.fg = YELLOW, .bold = true},
			.light = {.fg = RED}},
	[STYLE_NEW] = {.plain = {.bold = true},
		       .dark = {.fg = CYAN, .bold = true},
		       .light = {.fg = BLUE}},
	[STYLE_SYSCALL] = {.dark = {.fg = CYAN}, .light = {.fg = BLUE}},
	[STYLE_GC] = {.plain = {.bold = true},
		      .dark = {.fg = YELLOW, .bold = true},
		      .light = {.fg = BLUE}},
	[STYLE_FUNC] = {SAME(.bold = true)},
	[STYLE_FILE] = {BOTH(.fg = GREY)},
	[STYLE_FOUND] = {SAME(.underline = true, .bold = true)},
	[STYLE_KEY] = {.plain = {.bold = true},
		       .dark = {.fg = CYAN, .bold = true},
		       .light = {.bold = true}},
	[STYLE_TAB_OPEN] = {SAME(.bold = true, .reverse = true)},
	[STYLE_PROMPT] = {SAME(.bold = true)},
	[STYLE_BAD] = {.plain = {.bold = true}},
	[STYLE_TITLES] = {.plain = {.reverse = true}},
	[STYLE_SORTED] = {.plain = {.reverse = true, .bold = true}},
	[STYLE_SELECTED] = {.plain = {.reverse = true}},
	[STYLE_BANNER] = {.plain = {.reverse = true, .bold = true}},
	[STYLE_FLAME_FOUND] = {.plain = {.underline = true, .bold = true}},
};

/* What has a background of its own is the same on all of them. */
static const struct ink pairs[STYLES] = {
	[STYLE_BAD] = {.fg = WHITE, .bg = RED, .bold = true},
	[STYLE_TITLES] = {.fg = BLACK, .bg = GREEN},
	[STYLE_SORTED] = {.fg = BLACK, .bg = CYAN},
	[STYLE_SELECTED] = {.fg = BLACK, .bg = CYAN},
	[STYLE_BANNER] = {.fg = WHITE, .bg = RED, .bold = true},
	// With these text is legible in VGA's shades, too. Cyan is what is selected.
	[STYLE_FLAME] = {.fg = BLACK, .bg = GREEN},
	[STYLE_FLAME + 1] = {.fg = WHITE, .bg = BLUE},
	[STYLE_FLAME + 2] = {.fg = BLACK, .bg = WHITE},
	[STYLE_FLAME_LAST] = {.fg = GREEN, .bg = BLACK},
	[STYLE_FLAME_FOUND] = {.fg = WHITE, .bg = RED, .bold = true, .underline = true},
};

static const struct ink *ink_of(enum term_theme theme, enum style style)
{
	if (theme != TERM_THEME_PLAIN && pairs[style].bg != NONE)
		return &pairs[style];
	return theme == TERM_THEME_DARK    ? &texts[style].dark
	       : theme == TERM_THEME_LIGHT ? &texts[style].light
					   : &texts[style].plain;
}

static int hue_number(enum term_theme theme, int colors, enum hue hue)
{
	if (hue == NONE)
		return -1;
	if (hue != GREY)
		return (int)(hue - BLACK);
	if (colors < 256)
		return -1;
	return theme == TERM_THEME_DARK ? TERM_GREY_DARK : TERM_GREY_LIGHT;
}

struct appearance theme_appearance(enum term_theme theme, int colors, enum style style)
{
	if (colors < 8)
		theme = TERM_THEME_PLAIN;
	const struct ink *ink = ink_of(theme, style);
	return (struct appearance){
		.fg = hue_number(theme, colors, ink->fg),
		.bg = hue_number(theme, colors, ink->bg),
		.bold = ink->bold,
		.reverse = ink->reverse,
		.underline = ink->underline,
	};
}

static const struct glyphs glyphs_utf8 = {
	.levels = {"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"},
	.fill = {"▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"},
	.empty = "·",
	.p_idle = "·",
	.p_running = "█",
	.p_syscall = "S",
	.p_gcstop = "G",
	.descending = "▼",
	.ascending = "▲",
	.more = "…",
	.new = "+",
	.growing = "▲",
	.gone = "-",
	.marked = "⚑",
	.separator = "│",
};

static const struct glyphs glyphs_ascii = {
	.levels = {"_", ".", ",", "-", "=", "+", "*", "#"},
	.fill = {" ", " ", " ", ":", ":", "|", "|", "|"},
	.empty = " ",
	.p_idle = ".",
	.p_running = "R",
	.p_syscall = "S",
	.p_gcstop = "G",
	.descending = "v",
	.ascending = "^",
	.more = "~",
	.new = "+",
	.growing = "^",
	.gone = "-",
	.marked = "M",
	.separator = "|",
};

const struct glyphs *theme_glyphs(bool utf8)
{
	return utf8 ? &glyphs_utf8 : &glyphs_ascii;
}
