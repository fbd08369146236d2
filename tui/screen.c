#include "tui/screen.h"

#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <langinfo.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <term.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "tui/answers.h"
#include "tui/restore.h"
#include "tui/terminfo.h"

enum {
	ESCAPE_DELAY_MS = 25, /* what follows Esc in that time belongs to it */
	/* The first picture waits so long for the colour of the background. */
	ANSWER_MS = 100,
	/* At the end, an answer that is still on its way is waited for, so that it is not taken for
	   what the user types to the shell. */
	LATE_ANSWER_MS = 300,
	KEYS_HELD = 64,
	WHEEL_DOWN = BUTTON5_PRESSED,
	WHEEL_UP = BUTTON4_PRESSED,
};

static const uint64_t DOUBLE_CLICK_NS = 400000000;
/* A terminal that has not answered by then never will. */
static const uint64_t ANSWER_NEVER_NS = 2000000000;

static struct {
	SCREEN *curses; /* NULL: not started */
	WINDOW *input;  /* a pad: reading from it does not refresh the screen */
	bool mouse;
	enum term_theme theme;
	int colors; /* that the terminal has; 0: none are wanted */
	struct answers answers;
	uint64_t asked_ns;
	struct {
		int code;
		struct pointer pointer;
	} held[KEYS_HELD]; /* keys that have been read and not taken: a ring */
	size_t held_first, held_count;
	struct {
		attr_t attributes;
		int pair;
	} styles[STYLES];
	struct cell *shown; /* what the terminal shows, to leave out lines that are the same */
	int rows, cols;
} screen;

/* Make it the terminal that terminfo is asked about, by gospy's own description if there is no
 * other. */
static bool setup(const char *term)
{
	int status;
	if (setupterm(NULL, STDOUT_FILENO, &status) == OK)
		return true;
	const struct terminfo_entry *found = terminfo_find(term);
	// They stay for newterm().
	return found && setenv("TERMINFO", found->entry, 1) == 0 &&
	       setenv("TERM", found->name, 1) == 0 && setupterm(NULL, STDOUT_FILENO, &status) == OK;
}

enum gospy_code screen_check(struct gospy_error *err)
{
	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
		return err_set(err, GOSPY_E_UNSUPPORTED, "this is no terminal");
	const char *term = getenv("TERM");
	if (!term || !*term || !setup(term))
		return err_set(err, GOSPY_E_UNSUPPORTED, "nothing is known of this terminal");
	const char *move = tigetstr("cup");
	bool able = move && move != (const char *)-1;
	del_curterm(cur_term);
	return able ? GOSPY_OK
		    : err_set(err, GOSPY_E_UNSUPPORTED, "this terminal cannot move its cursor");
}

/* ---- leaving */

static char sequence[RESTORE_MAX];
static size_t sequence_len;

static int sequence_putc(int c)
{
	if (sequence_len < sizeof(sequence))
		sequence[sequence_len++] = (char)c;
	return c;
}

static void sequence_add(const char *name)
{
	const char *s = tigetstr(name);
	if (s && s != (const char *)-1)
		tputs(s, 1, sequence_putc);
}

/* What a handler has to write that can call nothing of ncurses any more. */
static void sequence_make(bool mouse)
{
	static const char mouse_off[] = "\033[?1006l\033[?1000l"; // xterm's, as ncurses writes it
	static const char *const names[] = {"sgr0", "op", "rmkx", "cnorm", "rmcup"};
	sequence_len = 0;
	for (size_t i = 0; mouse && i < sizeof(mouse_off) - 1; i++)
		sequence_putc(mouse_off[i]);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		sequence_add(names[i]);
}

/* ---- colours */

static void colors_init(bool color)
{
	bool able = color && has_colors() && start_color() == OK && use_default_colors() == OK;
	screen.colors = able ? COLORS : 0;
}

static void styles_init(void)
{
	for (int i = 0; i < STYLES; i++) {
		struct appearance appearance =
			theme_appearance(screen.theme, screen.colors, (enum style)i);
		attr_t attributes = A_NORMAL;
		if (appearance.bold)
			attributes |= A_BOLD;
		if (appearance.reverse)
			attributes |= A_REVERSE;
		if (appearance.underline)
			attributes |= A_UNDERLINE;
		screen.styles[i].attributes = attributes;
		screen.styles[i].pair = 0;
		if ((appearance.fg >= 0 || appearance.bg >= 0) &&
		    init_extended_pair(i + 1, appearance.fg, appearance.bg) == OK)
			screen.styles[i].pair = i + 1;
	}
}

/* ---- keys */

void screen_drop_keys(void)
{
	screen.held_count = 0;
	if (screen.curses)
		flushinp();
}

int screen_fd(void)
{
	return STDIN_FILENO;
}

static int mouse_key(struct pointer *pointer)
{
	static struct pointer last;
	static uint64_t last_ns;
	MEVENT event;
	if (getmouse(&event) != OK)
		return KEY_UNKNOWN;
	pointer->y = event.y;
	pointer->x = event.x;
	if (event.bstate & WHEEL_UP) {
		pointer->what = POINTER_WHEEL_UP;
	} else if (event.bstate & WHEEL_DOWN) {
		pointer->what = POINTER_WHEEL_DOWN;
	} else if (event.bstate & BUTTON1_DOUBLE_CLICKED) {
		pointer->what = POINTER_DOUBLE;
	} else if (event.bstate & (BUTTON1_PRESSED | BUTTON1_CLICKED)) {
		uint64_t now = clock_mono_ns();
		bool again = last.y == event.y && now - last_ns < DOUBLE_CLICK_NS;
		pointer->what = again ? POINTER_DOUBLE : POINTER_CLICK;
		last_ns = again ? 0 : now;
		last = *pointer;
	} else {
		return KEY_UNKNOWN;
	}
	return KEY_POINTER;
}

static int translate(wint_t code)
{
	static const struct {
		wint_t curses;
		int ours;
	} keys[] = {
		{KEY_UP, KEY_ARROW_UP},     {KEY_DOWN, KEY_ARROW_DOWN},
		{KEY_LEFT, KEY_ARROW_LEFT}, {KEY_RIGHT, KEY_ARROW_RIGHT},
		{KEY_PPAGE, KEY_PAGE_UP},   {KEY_NPAGE, KEY_PAGE_DOWN},
		{KEY_HOME, KEY_LINE_HOME},  {KEY_END, KEY_LINE_END},
		{KEY_BACKSPACE, KEY_ERASE}, {KEY_DC, KEY_REMOVE},
		{KEY_BTAB, KEY_SHIFT_TAB},  {KEY_ENTER, KEY_RETURN},
		{KEY_A1, KEY_LINE_HOME},    {KEY_C1, KEY_LINE_END},
		{KEY_A3, KEY_PAGE_UP},      {KEY_C3, KEY_PAGE_DOWN},
		{KEY_FIND, KEY_LINE_HOME},  {KEY_SELECT, KEY_LINE_END},
	};
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (keys[i].curses == code)
			return keys[i].ours;
	}
	// terminfo calls Shift-F1 F13.
	if (code > KEY_F(0) && code <= KEY_F(12))
		return KEY_FUNCTION + (int)(code - KEY_F(0));
	if (code > KEY_F(12) && code <= KEY_F(24))
		return KEY_SHIFT_FUNCTION + (int)(code - KEY_F(12));
	return KEY_UNKNOWN;
}

static int translate_char(wint_t c)
{
	switch (c) {
	case '\n':
		return KEY_RETURN;
	case 0x7f:
	case '\b':
		return KEY_ERASE;
	default:
		return c && c < KEY_SPECIAL ? (int)c : KEY_UNKNOWN;
	}
}

static int read_code(struct pointer *pointer)
{
	wint_t code;
	switch (wget_wch(screen.input, &code)) {
	case OK:
		return translate_char(code);
	case KEY_CODE_YES:
		return code == KEY_MOUSE ? mouse_key(pointer) : translate(code);
	default:
		return KEY_NOTHING;
	}
}

static void hold(int code, const struct pointer *pointer)
{
	if (screen.held_count == KEYS_HELD)
		return;
	size_t at = (screen.held_first + screen.held_count++) % KEYS_HELD;
	screen.held[at].code = code;
	screen.held[at].pointer = *pointer;
}

static int take_held(struct pointer *pointer)
{
	int code = screen.held[screen.held_first].code;
	*pointer = screen.held[screen.held_first].pointer;
	screen.held_first = (screen.held_first + 1) % KEYS_HELD;
	screen.held_count--;
	return code;
}

/* Another colour of the background has become known. */
static void take_theme(void)
{
	if (!screen.answers.theme || screen.answers.theme == screen.theme)
		return;
	screen.theme = screen.answers.theme;
	styles_init();
	free(screen.shown);
	screen.shown = NULL;
}

/* Read one code, and hold the keys that it completes; false: there is none. */
static bool read_one(void)
{
	struct pointer pointer = {0};
	int keys[ANSWERS_KEYS];
	int code = read_code(&pointer);
	size_t n = answers_feed(&screen.answers, code, keys);
	for (size_t i = 0; i < n; i++)
		hold(keys[i], &pointer);
	take_theme();
	return code != KEY_NOTHING;
}

/* Hold what is typed until the terminal has answered, but wait no longer than so. What is there is
 * read in any case. */
static void hold_keys(int ms)
{
	uint64_t until = clock_mono_ns() + (uint64_t)ms * 1000000;
	while (!screen.answers.answered && screen.held_count + ANSWERS_KEYS <= KEYS_HELD) {
		struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};
		if (read_one())
			continue;
		uint64_t now = clock_mono_ns();
		if (now >= until || poll(&fd, 1, (int)((until - now) / 1000000) + 1) < 0 ||
		    (fd.revents & ~POLLIN))
			return;
	}
}

int screen_key(struct pointer *pointer)
{
	while (!screen.held_count) {
		if (!read_one() && !screen.held_count)
			return KEY_NOTHING;
	}
	return take_held(pointer);
}

/* ---- beginning and end */

static void input_init(bool mouse)
{
	set_escdelay(ESCAPE_DELAY_MS);
	cbreak();
	noecho();
	// Otherwise, at a Ctrl-C or Ctrl-Z, the terminal drops what is on its way to the screen,
	// and with it half of an escape sequence. (It also drops what was typed before:
	// screen_drop_keys.)
	noqiflush();
	nonl();
	screen.input = newpad(1, 1);
	if (!screen.input)
		abort();
	keypad(screen.input, TRUE);
	nodelay(screen.input, TRUE);
	screen.mouse = mouse;
	if (mouse) {
		mousemask(BUTTON1_PRESSED | BUTTON1_RELEASED | BUTTON1_CLICKED |
				  BUTTON1_DOUBLE_CLICKED | WHEEL_UP | WHEEL_DOWN,
			  NULL);
		// This file tells clicks from each other, because ncurses would wait. It makes one
		// of those that have come at once all the same.
		mouseinterval(0);
	}
}

/* Ask for the background, after the screen was taken: what a terminal that does not understand it
 * might write is overwritten by the first picture. The Linux console is not asked, because it takes
 * such text for something else (drivers/tty/vt/vt.c), and is black. */
static void ask(enum term_theme theme)
{
	const char *term = getenv("TERM");
	screen.theme = term_theme(theme);
	styles_init();
	if (theme != TERM_THEME_AUTO || screen.colors < 8 || !term || strcmp(term, "linux") == 0)
		return;
	refresh(); // what ncurses holds back comes first
	size_t len = strlen(answers_question);
	if (write(STDOUT_FILENO, answers_question, len) != (ssize_t)len)
		return;
	screen.answers.asked = true;
	screen.asked_ns = clock_mono_ns();
	hold_keys(ANSWER_MS);
	screen_redraw();
}

enum gospy_code screen_start(bool color, enum term_theme theme, bool mouse, bool *utf8_ret,
			     struct gospy_error *err)
{
	enum gospy_code code = screen_check(err);
	if (code)
		return code;
	*utf8_ret = strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
	int status;
	if (setupterm(NULL, STDOUT_FILENO, &status) == OK) {
		sequence_make(mouse);
		del_curterm(cur_term);
	}
	restore_arm(STDOUT_FILENO, sequence, sequence_len);
	screen.curses = newterm(NULL, stdout, stdin);
	if (!screen.curses) {
		restore_now();
		restore_disarm();
		return err_set(err, GOSPY_E_UNSUPPORTED, "ncurses cannot use this terminal");
	}
	set_term(screen.curses);
	colors_init(color);
	input_init(mouse);
	curs_set(0);
	ask(theme);
	return GOSPY_OK;
}

/* An answer that is on its way must not come to whoever has the terminal next. */
static void await_answer(void)
{
	if (screen.answers.asked && !screen.answers.answered)
		hold_keys(clock_mono_ns() - screen.asked_ns < ANSWER_NEVER_NS ? LATE_ANSWER_MS : 0);
}

void screen_stop(void)
{
	if (!screen.curses)
		return;
	await_answer();
	endwin();
	delwin(screen.input);
	delscreen(screen.curses);
	free(screen.shown);
	memset(&screen, 0, sizeof(screen));
	restore_disarm();
}

void screen_leave(void)
{
	await_answer();
	endwin();
}

void screen_enter(void)
{
	screen_redraw();
	refresh();
}

void screen_redraw(void)
{
	clearok(curscr, TRUE);
	free(screen.shown);
	screen.shown = NULL;
}

void screen_size(int *rows_ret, int *cols_ret)
{
	struct winsize size = {0};
	int rows = LINES, cols = COLS;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_row && size.ws_col) {
		rows = size.ws_row;
		cols = size.ws_col;
	}
	rows = rows > CANVAS_ROWS_MAX ? CANVAS_ROWS_MAX : rows;
	cols = cols > CANVAS_COLS_MAX ? CANVAS_COLS_MAX : cols;
	if (rows != LINES || cols != COLS)
		resizeterm(rows, cols);
	*rows_ret = rows;
	*cols_ret = cols;
}

/* ---- showing */

static bool same_row(const struct canvas *canvas, int y)
{
	size_t at = (size_t)y * (size_t)canvas->cols;
	return screen.shown && memcmp(screen.shown + at, canvas->cells + at,
				      (size_t)canvas->cols * sizeof(struct cell)) == 0;
}

static void show_row(const struct canvas *canvas, int y, cchar_t *row)
{
	int n = 0;
	for (int x = 0; x < canvas->cols; x++) {
		const struct cell *cell = &canvas->cells[y * canvas->cols + x];
		if (!cell->chars[0])
			continue; // the wide one before it covers it
		wchar_t chars[CELL_CHARS + 1] = {0};
		memcpy(chars, cell->chars, sizeof(cell->chars));
		int pair = screen.styles[cell->style].pair;
		setcchar(&row[n++], chars, screen.styles[cell->style].attributes, (short)pair,
			 NULL);
	}
	mvadd_wchnstr(y, 0, row, n);
}

static void remember(const struct canvas *canvas)
{
	size_t n = (size_t)canvas->rows * (size_t)canvas->cols;
	if (!screen.shown || screen.rows != canvas->rows || screen.cols != canvas->cols) {
		free(screen.shown);
		screen.shown = calloc(n, sizeof(*screen.shown));
		screen.rows = canvas->rows;
		screen.cols = canvas->cols;
	}
	if (screen.shown)
		memcpy(screen.shown, canvas->cells, n * sizeof(*screen.shown));
}

void screen_show(const struct canvas *canvas, int cursor_y, int cursor_x)
{
	static cchar_t row[CANVAS_COLS_MAX];
	if (screen.rows != canvas->rows || screen.cols != canvas->cols) {
		free(screen.shown);
		screen.shown = NULL;
	}
	for (int y = 0; y < canvas->rows; y++) {
		if (!same_row(canvas, y))
			show_row(canvas, y, row);
	}
	remember(canvas);
	curs_set(cursor_y >= 0);
	move(cursor_y >= 0 ? cursor_y : canvas->rows - 1,
	     cursor_y >= 0 ? cursor_x : canvas->cols - 1);
	refresh();
}
