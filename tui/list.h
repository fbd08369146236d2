/* A scrolled list with a selected line. The selection belongs to what is on the line, not to its
 * number: it follows its id when the lines change. */
#ifndef GOSPY_TUI_LIST_H
#define GOSPY_TUI_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** All zero: the first line is selected. */
struct list {
	size_t count;    /* lines there are */
	size_t selected; /* index; 0 if there are none */
	size_t top;      /* first line that is shown */
	size_t page;     /* lines that are shown */
	uint64_t id;     /* of the selected line */
	bool has_id;
	bool moved; /* somebody has moved the selection: before, it stays on the first line */
};

typedef uint64_t list_id(const void *ctx, size_t index);

/** The lines have changed: find the selected one among them. It stays at the same place of the
 * screen if it can; if it is gone the selection stays at its index. */
void list_sync(struct list *list, size_t count, list_id *id, const void *ctx);
/** The number of lines that there is room for has changed. */
void list_resize(struct list *list, size_t page);
/** Select line `index`, or the last one. */
void list_select(struct list *list, size_t index, list_id *id, const void *ctx);
/** Select `delta` lines below. */
void list_move(struct list *list, long delta, list_id *id, const void *ctx);
/** The page before or behind, of which one line was to be seen before; the selection moves as far.
 */
void list_turn(struct list *list, bool forward, list_id *id, const void *ctx);
/** Move the lines, and the selection as far as it must stay in sight. */
void list_scroll(struct list *list, long delta, list_id *id, const void *ctx);

#endif
