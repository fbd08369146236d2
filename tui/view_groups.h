/* The main view: groups of goroutines. */
#ifndef GOSPY_TUI_VIEW_GROUPS_H
#define GOSPY_TUI_VIEW_GROUPS_H

#include "tui/view.h"

extern const struct view_ops view_groups;

#endif
