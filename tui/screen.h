/* The terminal, by ncurses: shows a canvas, reads keys. A process has one; no other file knows of
 * ncurses. */
#ifndef GOSPY_TUI_SCREEN_H
#define GOSPY_TUI_SCREEN_H

#include "gospy.h"
#include "tui/canvas.h"
#include "tui/keys.h"

/** Can the terminal move its cursor, and is it one? GOSPY_E_UNSUPPORTED: no; nothing was done. Also
 * where gospy was built without ncurses. */
enum gospy_code screen_check(struct gospy_error *err);
/** Take the terminal; `*utf8_ret`: it shows more than ASCII. GOSPY_E_UNSUPPORTED. */
enum gospy_code screen_start(bool color, bool mouse, bool *utf8_ret, struct gospy_error *err);
/** Give it back, as it was. May be called at any time. */
void screen_stop(void);
/** Give it back for a while, as for Ctrl-Z, and take it again. */
void screen_leave(void);
void screen_enter(void);

/** Size of the terminal now; the screen takes it on. */
void screen_size(int *rows_ret, int *cols_ret);
/** Show all of it, with the cursor at a place, or nowhere: -1. */
void screen_show(const struct canvas *canvas, int cursor_y, int cursor_x);
/** Whatever was shown may have been overwritten: draw all of it anew. */
void screen_redraw(void);

/** Forget the keys that were typed and not taken. */
void screen_drop_keys(void);
/** Readable when there may be a key. */
int screen_fd(void);
/** The next key that was pressed, or KEY_NOTHING. With KEY_POINTER `*pointer` is filled. */
int screen_key(struct pointer *pointer);

#endif
