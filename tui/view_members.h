/* Goroutines: those of a group, or all that wait for the same object. */
#ifndef GOSPY_TUI_VIEW_MEMBERS_H
#define GOSPY_TUI_VIEW_MEMBERS_H

#include "tui/view.h"
#include "tui/waited.h"

/** Goroutines of a group. */
struct view *view_members_open_row(const struct ui *ui, const struct model_row *row);
/** All that wait for an object. */
struct view *view_members_open_object(const struct waited *waited);

#endif
