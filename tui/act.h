/* What keys and clicks do, beyond what tables and views do themselves. */
#ifndef GOSPY_TUI_ACT_H
#define GOSPY_TUI_ACT_H

#include "tui/app_state.h"

/** Do what a key does. KEY_POINTER: `pointer` says what the mouse did. */
void act_key(struct app *app, int code, const struct pointer *pointer);

#endif
