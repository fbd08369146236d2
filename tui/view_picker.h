/* Which process? The Go processes of this machine. */
#ifndef GOSPY_TUI_VIEW_PICKER_H
#define GOSPY_TUI_VIEW_PICKER_H

#include "tui/view.h"

/** A thread of its own looks at the processes: at these alone, or at all if `n` is 0. GOSPY_E_OS.
 */
enum gospy_code view_picker_open(const pid_t *only, size_t n, struct view **ret,
				 struct gospy_error *err);
/** Readable when the list has changed. */
int view_picker_fd(const struct view *view);

#endif
