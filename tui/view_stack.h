/* One goroutine: what is known of it, and its stack. */
#ifndef GOSPY_TUI_VIEW_STACK_H
#define GOSPY_TUI_VIEW_STACK_H

#include "tui/view.h"

/** `index`: of the goroutine in every snapshot, as long as it lives: allgs only grows, and a
 * goroutine stays with its g. */
struct view *view_stack_open(size_t index, uint64_t goid);

#endif
