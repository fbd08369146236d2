/* A call tree as a flame graph: where goroutines are, or what is in the heap, by the calls that
 * lead there, the outermost on top. */
#ifndef GOSPY_TUI_VIEW_FLAME_H
#define GOSPY_TUI_VIEW_FLAME_H

#include "tui/members.h"
#include "tui/view.h"

/** Of the goroutines that `members` looks for; NULL: of all. `subject` says what they are. Both are
 * copied. */
struct view *view_flame_open(const struct members *members, const struct name *subject);
/** Of the heap profile. */
struct view *view_flame_open_heap(void);

#endif
