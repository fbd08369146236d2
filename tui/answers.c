#include "tui/answers.h"

#include <stdlib.h>
#include <string.h>

#include "tui/keys.h"

enum { KEY_BELL = 7, KEY_STRING_TERMINATOR = 0x9c /* C1 */ };

const char answers_question[] = "\033]11;?\033\\\033[c";

/* One to four hexadecimal digits, 0 to 1; false: it is something else. */
static bool parse_part(const char **text, double *ret)
{
	static const double most[] = {0xf, 0xff, 0xfff, 0xffff};
	size_t digits = strspn(*text, "0123456789abcdefABCDEF");
	if (!digits || digits > 4)
		return false;
	*ret = (double)strtoul(*text, NULL, 16) / most[digits - 1];
	*text += digits;
	return true;
}

enum term_theme answers_theme(const char *text)
{
	double parts[3];
	if (strncmp(text, "11;", 3) != 0)
		return TERM_THEME_AUTO;
	text += 3;
	// With "rgba:" the part that says how opaque it is comes last.
	if (strncmp(text, "rgb:", 4) == 0)
		text += 4;
	else if (strncmp(text, "rgba:", 5) == 0)
		text += 5;
	else
		return TERM_THEME_AUTO;
	for (size_t i = 0; i < 3; i++) {
		if (i && *text++ != '/')
			return TERM_THEME_AUTO;
		if (!parse_part(&text, &parts[i]))
			return TERM_THEME_AUTO;
	}
	return term_theme_on(parts[0], parts[1], parts[2]);
}

static void color_done(struct answers *answers)
{
	answers->text[answers->len] = '\0';
	enum term_theme theme = answers_theme(answers->text);
	if (theme)
		answers->theme = theme;
	answers->state = ANSWERS_NONE;
}

/* Begin anew with a code that ended what it came in. */
static size_t begin(struct answers *answers, int code, int *keys)
{
	answers->state = ANSWERS_NONE;
	if (code == KEY_NOTHING)
		return 0;
	if (code == KEY_ESCAPE && answers->asked) {
		answers->state = ANSWERS_ESCAPE;
		return 0;
	}
	keys[0] = code;
	return 1;
}

/* The codes before were keys after all. */
static size_t give(struct answers *answers, const int *before, size_t n, int code, int *keys)
{
	memcpy(keys, before, n * sizeof(*keys));
	return n + begin(answers, code, keys + n);
}

static bool is_of_color(int code)
{
	return code > ' ' && code < 0x7f && strchr("0123456789abcdefABCDEF:;/rg", code);
}

static size_t in_color(struct answers *answers, int code, int *keys)
{
	switch (code) {
	case KEY_NOTHING: // the rest is on its way
		return 0;
	case KEY_BELL:
	case KEY_STRING_TERMINATOR:
		color_done(answers);
		return 0;
	case KEY_ESCAPE:
		answers->state = ANSWERS_COLOR_END;
		return 0;
	default:
		break;
	}
	if (!is_of_color(code) || answers->len + 1 == ANSWERS_TEXT)
		return begin(answers, code, keys);
	answers->text[answers->len++] = (char)code;
	return 0;
}

size_t answers_feed(struct answers *answers, int code, int keys[ANSWERS_KEYS])
{
	static const int typed[] = {KEY_ESCAPE, '['};
	switch (answers->state) {
	case ANSWERS_NONE:
		break;
	case ANSWERS_ESCAPE:
		if (code != ']' && code != '[')
			return give(answers, typed, 1, code, keys);
		answers->state = code == ']' ? ANSWERS_COLOR : ANSWERS_BRACKET;
		answers->len = 0;
		return 0;
	case ANSWERS_BRACKET:
		if (code != '?')
			return give(answers, typed, 2, code, keys);
		answers->state = ANSWERS_ATTRIBUTES;
		return 0;
	case ANSWERS_COLOR:
		return in_color(answers, code, keys);
	case ANSWERS_COLOR_END:
		if (code == KEY_NOTHING)
			return 0;
		color_done(answers);
		return code == '\\' ? 0 : begin(answers, code, keys);
	case ANSWERS_ATTRIBUTES:
		if (code == KEY_NOTHING || (code >= '0' && code <= '9') || code == ';')
			return 0;
		answers->state = ANSWERS_NONE;
		if (code != 'c')
			return begin(answers, code, keys);
		answers->answered = true;
		return 0;
	}
	return begin(answers, code, keys);
}
