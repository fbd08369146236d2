/* The bottom line: keys that work where the user is. */
#ifndef GOSPY_TUI_BAR_H
#define GOSPY_TUI_BAR_H

#include "tui/app_state.h"

/** Draw the keys of the view that is shown in line `y`, as many as there is room for. */
void bar_draw(struct app *app, int y);
/** Draw the keys for what is being typed, at the right of what is left of the line from column `x`
 * on. */
void bar_draw_prompt(struct app *app, int y, int x);

#endif
