#include "tui/theme.h"

enum { COLORS_TRUE = 1 << 24 /* of a terminal description with "RGB" */ };

enum hue { NONE, BLACK, RED, GREEN, YELLOW, BLUE, MAGENTA, CYAN, WHITE, GREY, SLATE };

/* Numbers of ECMA-48, of xterm's 256, and 0xrrggbb. Eight colours have no grey: it is left to
 * .dim. */
static const struct {
	int basic, indexed, rgb;
} palette[] = {
	[NONE] = {-1, -1, -1},          [BLACK] = {0, 16, 0x0b0e14},   [RED] = {1, 203, 0xff6b6b},
	[GREEN] = {2, 114, 0x8fd694},   [YELLOW] = {3, 221, 0xf4ce62}, [BLUE] = {4, 75, 0x61afef},
	[MAGENTA] = {5, 176, 0xd38ad8}, [CYAN] = {6, 80, 0x5fd7d7},    [WHITE] = {7, 231, 0xffffff},
	[GREY] = {-1, 246, 0x969ba5},   [SLATE] = {4, 238, 0x3b4252},
};

struct paint {
	enum hue fg, bg;
	bool bold, dim, reverse, underline;
};

static const struct paint paints[LOOK_STYLES] = {
	[LOOK_NORMAL] = {0},
	[LOOK_STRONG] = {.bold = true},
	[LOOK_DIM] = {.fg = GREY, .dim = true},
	[LOOK_LABEL] = {.fg = CYAN},
	[LOOK_GOOD] = {.fg = GREEN},
	[LOOK_WARN] = {.fg = YELLOW},
	[LOOK_BAD] = {.fg = RED, .bold = true},
	[LOOK_NEW] = {.fg = MAGENTA, .bold = true},
	[LOOK_SYSCALL] = {.fg = BLUE},
	[LOOK_GC] = {.fg = MAGENTA},
	[LOOK_FUNC] = {.bold = true},
	[LOOK_FILE] = {.fg = GREY},
	[LOOK_TITLES] = {.fg = BLACK, .bg = GREEN, .reverse = true},
	[LOOK_SORTED] = {.fg = BLACK, .bg = CYAN, .bold = true, .reverse = true},
	[LOOK_SELECTED] = {.fg = BLACK, .bg = CYAN, .reverse = true},
	[LOOK_FOUND] = {.underline = true, .bold = true},
	[LOOK_KEY] = {.bold = true},
	[LOOK_KEY_LABEL] = {.fg = BLACK, .bg = CYAN, .reverse = true},
	[LOOK_TAB] = {.fg = GREY},
	[LOOK_TAB_OPEN] = {.fg = WHITE, .bg = SLATE, .bold = true, .reverse = true},
	[LOOK_BANNER] = {.fg = WHITE, .bg = RED, .bold = true, .reverse = true},
	[LOOK_PROMPT] = {.bold = true},
};

enum theme_depth theme_depth(bool color, int colors)
{
	if (!color || colors < 8)
		return THEME_MONO;
	return colors >= COLORS_TRUE ? THEME_TRUE : colors >= 256 ? THEME_256 : THEME_8;
}

static int hue_number(enum theme_depth depth, enum hue hue)
{
	switch (depth) {
	case THEME_MONO:
		break;
	case THEME_8:
		return palette[hue].basic;
	case THEME_256:
		return palette[hue].indexed;
	case THEME_TRUE:
		return palette[hue].rgb;
	}
	return -1;
}

struct look theme_look(enum theme_depth depth, enum style style)
{
	const struct paint *paint = &paints[style];
	struct look look = {
		.fg = hue_number(depth, paint->fg),
		.bg = hue_number(depth, paint->bg),
		.bold = paint->bold,
		.underline = paint->underline,
	};
	// Only what has no colour of its own needs the attribute.
	look.dim = paint->dim && look.fg < 0;
	look.reverse = paint->reverse && look.bg < 0;
	return look;
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
	.delta = "Δ",
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
	.delta = "D",
};

const struct glyphs *theme_glyphs(bool utf8)
{
	return utf8 ? &glyphs_utf8 : &glyphs_ascii;
}
