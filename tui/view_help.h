/* All keys, from their table. */
#ifndef GOSPY_TUI_VIEW_HELP_H
#define GOSPY_TUI_VIEW_HELP_H

#include "tui/view.h"

extern const struct view_ops view_help;

#endif
