/* The screen as a whole: header, banner, names of the views, view, bottom line. */
#ifndef GOSPY_TUI_FRAME_H
#define GOSPY_TUI_FRAME_H

#include "tui/app_state.h"

/** Draw all of it. Where the cursor is to be, -1: nowhere. */
void frame_draw(struct app *app, int *cursor_y_ret, int *cursor_x_ret);

#endif
