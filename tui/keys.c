#include "tui/keys.h"

#include <string.h>

#define F(n) (KEY_FUNCTION + (n))

/* The help has room for 15 characters of names and 21 of what they do: two columns in 80. */
static const struct binding bindings[] = {
	{ACT_UP, "Moving", {KEY_ARROW_UP, 'k'}, "Up Down k j", "line up, line down"},
	{ACT_DOWN, NULL, {KEY_ARROW_DOWN, 'j'}, NULL, NULL},
	{ACT_PAGE_UP, NULL, {KEY_PAGE_UP}, "PgUp PgDn", "page up, page down"},
	{ACT_PAGE_DOWN, NULL, {KEY_PAGE_DOWN}, NULL, NULL},
	{ACT_HOME, NULL, {KEY_LINE_HOME}, "Home End", "first line, last line"},
	{ACT_END, NULL, {KEY_LINE_END}, NULL, NULL},
	{ACT_OPEN, NULL, {KEY_RETURN}, NULL, "look into the line"},
	{ACT_BACK, NULL, {KEY_ESCAPE, KEY_ERASE}, NULL, "back, up to processes"},
	{ACT_VIEW_NEXT, NULL, {KEY_TAB}, "Tab Shift-Tab", "next view, one before"},
	{ACT_VIEW_BEFORE, NULL, {KEY_SHIFT_TAB}, NULL, NULL},
	{ACT_VIEW_NUMBER, NULL, {0}, "1-9", "view of that number"},
	{ACT_NONE, "Mouse", {0}, "Click", "select; title: sort"},
	{ACT_NONE, NULL, {0}, "Double-click", "look into the line"},
	{ACT_NONE, NULL, {0}, "Wheel", "move the lines"},
	{ACT_FILTER, "Table", {'/', F(4)}, NULL, "only lines that match"},
	{ACT_SEARCH, NULL, {F(3)}, NULL, "go to a line's text"},
	{ACT_MATCH_NEXT, NULL, {'n'}, "n N", "next match, or before"},
	{ACT_MATCH_BEFORE, NULL, {'N'}, NULL, NULL},
	{ACT_KEY_NEXT, NULL, {'t', F(5)}, "t F5 T Shift-F5", "group by next, before"},
	{ACT_KEY_BEFORE, NULL, {'T', KEY_SHIFT_FUNCTION + 5}, NULL, NULL},
	{ACT_SORT_MENU, NULL, {'s', F(6)}, NULL, "choose what sorts"},
	{ACT_SORT_LEFT, NULL, {'<'}, "< >", "sort by column beside"},
	{ACT_SORT_RIGHT, NULL, {'>'}, NULL, NULL},
	{ACT_INVERT, NULL, {'I'}, NULL, "sort the other way"},
	{ACT_MARK, "Hunting leaks", {'m'}, NULL, "changes from now on"},
	{ACT_GROWING, NULL, {'g'}, NULL, "growing first, or not"},
	{ACT_OBJECT, NULL, {'o'}, NULL, "others on same object"},
	{ACT_WRITE, NULL, {'w'}, NULL, "write screen to files"},
	{ACT_FLAME, "Flame graph", {'f'}, NULL, "of group, all, heap"},
	{ACT_LEFT, NULL, {KEY_ARROW_LEFT}, "Left Right", "call beside (Up Down)"},
	{ACT_RIGHT, NULL, {KEY_ARROW_RIGHT}, NULL, NULL},
	{ACT_CALLERS, NULL, {'i'}, NULL, "its callers, or back"},
	{ACT_FREEZE, "Target", {KEY_SPACE, 'p'}, NULL, "freeze, go on"},
	{ACT_REFRESH, NULL, {'r', KEY_CTRL_L}, NULL, "look again now"},
	{ACT_SLOWER, NULL, {'+'}, "+ -", "fewer, more samples"},
	{ACT_FASTER, NULL, {'-'}, NULL, NULL},
	{ACT_STOPPING, NULL, {'b'}, NULL, "stop to read, or not"},
	{ACT_FOLLOW, NULL, {'F'}, NULL, "on to its successor"},
	{ACT_HELP, "gospy", {'?', F(1), 'h'}, NULL, "this page"},
	{ACT_QUIT, NULL, {'q', F(10), KEY_CTRL_C}, NULL, "quit"},
};

const struct binding *keys_all(size_t *n_ret)
{
	*n_ret = sizeof(bindings) / sizeof(bindings[0]);
	return bindings;
}

enum action keys_action(int code)
{
	if (code >= '1' && code <= '9')
		return ACT_VIEW_NUMBER;
	for (size_t i = 0; code && i < sizeof(bindings) / sizeof(bindings[0]); i++) {
		for (size_t k = 0; k < BINDING_CODES; k++) {
			if (bindings[i].codes[k] == code)
				return bindings[i].action;
		}
	}
	return ACT_NONE;
}

int keys_code(enum action action)
{
	for (size_t i = 0; i < sizeof(bindings) / sizeof(bindings[0]); i++) {
		if (bindings[i].action == action)
			return bindings[i].codes[0];
	}
	return 0;
}

static const struct {
	int code;
	const char *name;
} names[] = {
	{KEY_CTRL_C, "Ctrl-C"},       {KEY_TAB, "Tab"},
	{KEY_CTRL_L, "Ctrl-L"},       {KEY_RETURN, "Enter"},
	{KEY_ESCAPE, "Esc"},          {KEY_SPACE, "Space"},
	{KEY_ARROW_UP, "Up"},         {KEY_ARROW_DOWN, "Down"},
	{KEY_ARROW_LEFT, "Left"},     {KEY_ARROW_RIGHT, "Right"},
	{KEY_PAGE_UP, "PgUp"},        {KEY_PAGE_DOWN, "PgDn"},
	{KEY_LINE_HOME, "Home"},      {KEY_LINE_END, "End"},
	{KEY_ERASE, "Backspace"},     {KEY_REMOVE, "Del"},
	{KEY_SHIFT_TAB, "Shift-Tab"},
};

void keys_name(int code, struct strbuf *name)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (names[i].code == code) {
			strbuf_puts(name, names[i].name);
			return;
		}
	}
	if (code >= KEY_SHIFT_FUNCTION)
		strbuf_printf(name, "Shift-F%d", code - KEY_SHIFT_FUNCTION);
	else if (code >= KEY_FUNCTION)
		strbuf_printf(name, "F%d", code - KEY_FUNCTION);
	else
		strbuf_putc(name, (char)code);
}

void binding_names(const struct binding *binding, struct strbuf *text)
{
	if (binding->names) {
		strbuf_puts(text, binding->names);
		return;
	}
	for (size_t i = 0; i < BINDING_CODES && binding->codes[i]; i++) {
		if (i)
			strbuf_putc(text, ' ');
		keys_name(binding->codes[i], text);
	}
}
