/* Memory: the heap by state, and how heap and pauses went over the session. */
#ifndef GOSPY_TUI_VIEW_MEMORY_H
#define GOSPY_TUI_VIEW_MEMORY_H

#include "tui/view.h"

extern const struct view_ops view_memory;

#endif
