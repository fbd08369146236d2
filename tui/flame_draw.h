/* A call tree on the screen: its cells, and a line with what is selected. */
#ifndef GOSPY_TUI_FLAME_DRAW_H
#define GOSPY_TUI_FLAME_DRAW_H

#include "base/intern.h"
#include "tui/canvas.h"
#include "tui/flame_layout.h"

/** What is drawn. */
struct flame_picture {
	struct flame_sight sight;
	const struct flame_layout *layout; /* of it */
	size_t top;                        /* the first row that is drawn */
	int64_t all;                       /* what shares are of */
	const char *unit;                  /* "goroutines", or "bytes": of the values */
	bool inverted;                     /* callers are below */
	const bool *found;                 /* by number of a name: it is marked; NULL: none is */
	struct intern *packages;           /* those that have a colour, in the order in which */
	struct arena *arena;               /* for their names */
};

/** "402 goroutines", "12.3 MB"; `b` is appended to. */
void flame_amount(int64_t value, const char *unit, struct strbuf *b);
/** "24.9%", "<0.1%". */
void flame_share(int64_t value, int64_t of, struct strbuf *b);
/** Draw `height` rows from line `y` on. Out of memory ends the program. */
void flame_draw(struct canvas *canvas, int y, int height, const struct flame_picture *picture);
/** Draw what the selected call is, in one line. */
void flame_draw_details(struct canvas *canvas, int y, const struct flame_picture *picture);

#endif
