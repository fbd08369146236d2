/* The scheduler: what each P and each other thread does now. */
#ifndef GOSPY_TUI_VIEW_SCHED_H
#define GOSPY_TUI_VIEW_SCHED_H

#include "tui/view.h"

extern const struct view_ops view_sched;

#endif
