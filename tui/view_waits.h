/* What goroutines wait for, who holds it, and deadlocks. */
#ifndef GOSPY_TUI_VIEW_WAITS_H
#define GOSPY_TUI_VIEW_WAITS_H

#include "tui/view.h"

extern const struct view_ops view_waits;

#endif
