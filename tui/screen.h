/* The terminal, by ncurses: shows a canvas, reads keys. A process has one; no other file knows of
 * ncurses. */
#ifndef GOSPY_TUI_SCREEN_H
#define GOSPY_TUI_SCREEN_H

#include "gospy.h"
#include "tui/canvas.h"
#include "tui/keys.h"

/** Is this a terminal that can move its cursor? GOSPY_E_UNSUPPORTED: no, or gospy was built without
 * ncurses; nothing was done. */
enum gospy_code screen_check(struct gospy_error *err);
/** Take the terminal; `*utf8_ret`: it shows more than ASCII, by the locale that was set before.
 * TERM_THEME_AUTO asks the terminal for its background; if the answer comes late, the colours
 * change then. GOSPY_E_UNSUPPORTED. */
enum gospy_code screen_start(bool color, enum term_theme theme, bool mouse, bool *utf8_ret,
			     struct gospy_error *err);
/** Give it back, as it was. May be called at any time. */
void screen_stop(void);
/** Give it back for a while, as for Ctrl-Z, and take it again. */
void screen_leave(void);
void screen_enter(void);

/** Size of the terminal now; the screen takes it on. */
void screen_size(int *rows_ret, int *cols_ret);
/** Show all of the canvas. The cursor stands at (y, x), or nowhere: -1. */
void screen_show(const struct canvas *canvas, int cursor_y, int cursor_x);
/** Whatever was shown may have been overwritten: draw all of it anew. */
void screen_redraw(void);

/** Forget the keys that were typed and not taken. */
void screen_drop_keys(void);
/** Readable when there may be a key. Keys that were typed while the screen began are there already:
 * after screen_start take them first. */
int screen_fd(void);
/** The next key that was pressed, or KEY_NOTHING. With KEY_POINTER `*pointer` is filled. */
int screen_key(struct pointer *pointer);

#endif
