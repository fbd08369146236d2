/*
 * What a terminal is asked, and its answers, which come among the keys: at once, later, or never.
 * They are taken out of the keys; whatever else is typed stays.
 */
#ifndef GOSPY_TUI_ANSWERS_H
#define GOSPY_TUI_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>

#include "render/term.h"

/** Ask for the colour of the background (xterm's OSC 11), and then for what every terminal answers
 * (DA1, primary device attributes): after that, no other answer will come. */
extern const char answers_question[];

enum {
	ANSWERS_KEYS = 4,  /* what one step gives at most */
	ANSWERS_TEXT = 64, /* longer than any colour */
};

/** All zero: nothing was asked. */
struct answers {
	bool asked;    /* from now on answers are taken out: they may come late */
	bool answered; /* the last one has come */
	enum {
		ANSWERS_NONE,
		ANSWERS_ESCAPE,  /* Esc, or the begin of an answer */
		ANSWERS_BRACKET, /* ESC [ */
		ANSWERS_COLOR,   /* in ESC ] ... */
		ANSWERS_COLOR_END,
		ANSWERS_ATTRIBUTES, /* in ESC [ ? ... */
	} state;
	char text[ANSWERS_TEXT];
	size_t len;
	enum term_theme theme; /* for the background, once it is known; else TERM_THEME_AUTO */
};

/** Take one code of keys.h, or KEY_NOTHING: no more has come so far. Returns how many `keys` were
 * typed. */
size_t answers_feed(struct answers *answers, int code, int keys[ANSWERS_KEYS]);
/** The theme for the colour in "11;rgb:ffff/ffff/ffff", as XParseColor writes it;
 * TERM_THEME_AUTO: it is none. */
enum term_theme answers_theme(const char *text);

#endif
