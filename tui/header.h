/* What is known of the target as a whole. */
#ifndef GOSPY_TUI_HEADER_H
#define GOSPY_TUI_HEADER_H

#include "tui/app_state.h"

/** Draw the header into the first lines of the screen; the lines it took. */
int header_draw(struct app *app);

#endif
