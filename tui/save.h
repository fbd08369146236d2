/* Writing what is on the screen to files: as text, and its rows, those out of sight too, as JSON.
 */
#ifndef GOSPY_TUI_SAVE_H
#define GOSPY_TUI_SAVE_H

#include "tui/app_state.h"

/** Write what is on the screen to two files, and say so. */
void save_screen(struct app *app);

#endif
