#include "tui/keys.h"

#include <string.h>

#define F(n) (KEY_FUNCTION + (n))

static const struct binding bindings[] = {
	{ACT_UP, "Moving", {KEY_ARROW_UP, 'k'}, NULL, "line up", NULL},
	{ACT_DOWN, NULL, {KEY_ARROW_DOWN, 'j'}, NULL, "line down", NULL},
	{ACT_PAGE_UP, NULL, {KEY_PAGE_UP}, NULL, "page up", NULL},
	{ACT_PAGE_DOWN, NULL, {KEY_PAGE_DOWN}, NULL, "page down", NULL},
	{ACT_HOME, NULL, {KEY_LINE_HOME}, NULL, "first line", NULL},
	{ACT_END, NULL, {KEY_LINE_END}, NULL, "last line", NULL},
	{ACT_OPEN,
	 NULL,
	 {KEY_RETURN},
	 NULL,
	 "open: a group's goroutines, a goroutine's stack",
	 "Open"},
	{ACT_BACK, NULL, {KEY_ESCAPE, KEY_ERASE}, NULL, "clear the filter, or go back", NULL},
	{ACT_VIEW_NEXT, NULL, {KEY_TAB, F(3)}, NULL, "next view: groups, scheduler, memory", NULL},
	{ACT_VIEW_BEFORE, NULL, {KEY_SHIFT_TAB, F(2)}, NULL, "view before it", NULL},
	{ACT_FILTER, "Table", {'/'}, NULL, "only lines that match a regular expression", "Filter"},
	{ACT_MATCH_NEXT, NULL, {'n'}, NULL, "next line that matches what was typed last", NULL},
	{ACT_MATCH_BEFORE, NULL, {'N'}, NULL, "the one before", NULL},
	{ACT_KEY_NEXT,
	 NULL,
	 {'t', KEY_FUNCTION_5},
	 NULL,
	 "group by the next: start, creator, user frame, ...",
	 "Group"},
	{ACT_KEY_BEFORE,
	 NULL,
	 {'T', KEY_SHIFT_FUNCTION + 5},
	 NULL,
	 "group by the one before",
	 NULL},
	{ACT_SORT_LEFT, NULL, {'<'}, NULL, "sort by the column to the left", NULL},
	{ACT_SORT_RIGHT, NULL, {'>'}, NULL, "sort by the column to the right", NULL},
	{ACT_SORT_MENU, NULL, {F(6)}, NULL, "choose the column to sort by", "Sort"},
	{ACT_INVERT, NULL, {'I'}, NULL, "sort the other way round", NULL},
	{ACT_MARK,
	 "Hunting leaks",
	 {'m'},
	 NULL,
	 "mark: changes and growth count from now on",
	 "Mark"},
	{ACT_GROWING, NULL, {'g'}, NULL, "groups that grow steadily first, or not", "Growing"},
	{ACT_OBJECT, NULL, {'o'}, NULL, "all that wait for the same channel or lock", NULL},
	{ACT_WRITE, NULL, {'w'}, NULL, "write the screen to files, as text and JSON", "Write"},
	{ACT_FREEZE, "Target", {KEY_SPACE, 'p'}, NULL, "freeze, and go on", "Freeze"},
	{ACT_REFRESH, NULL, {'r', KEY_CTRL_L}, NULL, "look again now", NULL},
	{ACT_SLOWER, NULL, {'+'}, NULL, "look less often", NULL},
	{ACT_FASTER, NULL, {'-'}, NULL, "look more often", NULL},
	{ACT_STOPPING, NULL, {'b'}, NULL, "stop the target for an instant, or never", NULL},
	{ACT_NONE, "Mouse", {0}, "Click", "select a line; on a title: sort by it", NULL},
	{ACT_NONE, NULL, {0}, "Double-click", "look into it", NULL},
	{ACT_NONE, NULL, {0}, "Wheel", "move the lines", NULL},
	{ACT_HELP, "gospy", {F(1), '?', 'h'}, NULL, "this page", "Help"},
	{ACT_QUIT, NULL, {'q', F(10), KEY_CTRL_C}, NULL, "quit", "Quit"},
};

const struct binding *keys_all(size_t *n_ret)
{
	*n_ret = sizeof(bindings) / sizeof(bindings[0]);
	return bindings;
}

enum action keys_action(int code)
{
	for (size_t i = 0; code && i < sizeof(bindings) / sizeof(bindings[0]); i++) {
		for (size_t k = 0; k < BINDING_CODES; k++) {
			if (bindings[i].codes[k] == code)
				return bindings[i].action;
		}
	}
	return ACT_NONE;
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
	if (binding->names)
		strbuf_puts(text, binding->names);
	for (size_t i = 0; i < BINDING_CODES && binding->codes[i]; i++) {
		if (i)
			strbuf_putc(text, ' ');
		keys_name(binding->codes[i], text);
	}
}
