/* Views as tables: filtering, sorting, selecting and drawing rows. */
#ifndef GOSPY_TUI_TABLE_H
#define GOSPY_TUI_TABLE_H

#include "tui/view.h"

/** Filter and sort anew; the selection follows. */
void table_update(struct view *view, const struct ui *ui);
/** The columns that can be sorted by, in their order; their number, `max` at most. */
size_t table_sort_columns(const struct view *view, const struct column **ret, size_t max);
/** Row number of the selected line, or SIZE_MAX: there is none. */
size_t table_selected(const struct view *view);
size_t table_row(const struct view *view, size_t line);
void table_draw(struct view *view, struct ui *ui, int y, int height);
/** Moving, sorting; true: done. */
bool table_act(struct view *view, struct ui *ui, enum action action);
/** true: the line that is now selected is to be opened. */
bool table_click(struct view *view, struct ui *ui, const struct pointer *pointer);
/** Sort by the column that has this number. */
void table_sort(struct view *view, struct ui *ui, int sort, bool inverted);
/** false: `why` says what is wrong with the pattern, and nothing has changed. */
bool table_filter(struct view *view, struct ui *ui, const char *pattern, char *why,
		  size_t why_size);
/** Look for a pattern: go to the first line from the selected one on that matches. False as of
 * table_filter. */
bool table_find(struct view *view, struct ui *ui, const char *pattern, char *why, size_t why_size);
/** Select the next, or the one before, that matches what was looked for or filtered by last. */
void table_search(struct view *view, struct ui *ui, bool forward);

#endif
