/* Keys and what they do. The table is all there is: keys are looked up in it, and the help page is
 * made from it. What the bottom line shows is said by the views (struct hint). */
#ifndef GOSPY_TUI_KEYS_H
#define GOSPY_TUI_KEYS_H

#include <stddef.h>

#include "base/strbuf.h"

/** A key is a character, or one of these. */
enum key_code {
	KEY_NOTHING = 0,
	KEY_CTRL_C = 3,
	KEY_TAB = 9,
	KEY_CTRL_L = 12,
	KEY_RETURN = 13,
	KEY_ESCAPE = 27,
	KEY_SPACE = 32,
	KEY_SPECIAL = 0x110000, /* beyond Unicode */
	KEY_ARROW_UP = KEY_SPECIAL,
	KEY_ARROW_DOWN,
	KEY_ARROW_LEFT,
	KEY_ARROW_RIGHT,
	KEY_PAGE_UP,
	KEY_PAGE_DOWN,
	KEY_LINE_HOME,
	KEY_LINE_END,
	KEY_ERASE,  /* Backspace */
	KEY_REMOVE, /* Delete */
	KEY_SHIFT_TAB,
	KEY_FUNCTION,                           /* F0; + 1: F1 ... */
	KEY_SHIFT_FUNCTION = KEY_FUNCTION + 32, /* + 5: Shift-F5 */
	KEY_POINTER = KEY_SHIFT_FUNCTION + 32,  /* struct pointer says what */
	KEY_UNKNOWN,
};

/** What the mouse did. */
struct pointer {
	enum { POINTER_CLICK, POINTER_DOUBLE, POINTER_WHEEL_UP, POINTER_WHEEL_DOWN } what;
	int y, x;
};

enum action {
	ACT_NONE,
	ACT_UP,
	ACT_DOWN,
	ACT_PAGE_UP,
	ACT_PAGE_DOWN,
	ACT_HOME,
	ACT_END,
	ACT_OPEN,
	ACT_BACK,
	ACT_LEFT,
	ACT_RIGHT,
	ACT_OBJECT,
	ACT_FLAME,
	ACT_CALLERS,
	ACT_VIEW_NEXT,
	ACT_VIEW_BEFORE,
	ACT_VIEW_NUMBER, /* that of the key */
	ACT_FILTER,
	ACT_SEARCH,
	ACT_MATCH_NEXT,
	ACT_MATCH_BEFORE,
	ACT_SORT_RIGHT,
	ACT_SORT_LEFT,
	ACT_SORT_MENU,
	ACT_INVERT,
	ACT_KEY_NEXT,
	ACT_KEY_BEFORE,
	ACT_MARK,
	ACT_GROWING,
	ACT_FREEZE,
	ACT_REFRESH,
	ACT_SLOWER,
	ACT_FASTER,
	ACT_STOPPING,
	ACT_FOLLOW,
	ACT_WRITE,
	ACT_HELP,
	ACT_QUIT,
	/* No key does these: views are told of them. */
	ACT_SORTED,
	ACT_FILTERED,
};

enum { BINDING_CODES = 4 };

struct binding {
	enum action action;
	const char *section;      /* of the help; NULL: that of the one before */
	int codes[BINDING_CODES]; /* 0: no more; the first is the one that the bottom line shows */
	const char *names;        /* instead of those of the codes, or NULL */
	const char *help;         /* NULL: the binding before says it of both */
};

/** All of them, in the order of the help; `*n_ret` entries. */
const struct binding *keys_all(size_t *n_ret);
enum action keys_action(int code);
/** "q", "F10", "Ctrl-C". */
void keys_name(int code, struct strbuf *name);
/** The first key that does this; 0: there is none. */
int keys_code(enum action action);
/** All keys of a binding, separated by spaces. */
void binding_names(const struct binding *binding, struct strbuf *names);

#endif
