/* What is selected in a call tree, and what it is zoomed to. Both stay what they are when the tree
 * is another one: they are paths. What is gone from it for a moment comes back. Out of memory ends
 * the program. */
#ifndef GOSPY_TUI_FLAME_PLACE_H
#define GOSPY_TUI_FLAME_PLACE_H

#include "tui/flame_layout.h"
#include "tui/keys.h"

/** All zero: the root is selected. */
struct flame_place {
	struct flame_path selected, zoomed;
	VEC(size_t) zooms; /* calls of .zoomed: how deep each zoom that is open goes */
};
void flame_place_deinit(struct flame_place *place);

/** Put the nodes that are selected and zoomed to into `sight`, whose tree and column are set. */
void flame_place_find(const struct flame_place *place, struct flame_sight *sight);
/** Select a node; as much of the zoom is left as it is in. */
void flame_place_select(struct flame_place *place, struct flame_sight *sight, uint32_t node);
/** Zoom to the selected node. */
void flame_place_zoom(struct flame_place *place, struct flame_sight *sight);
/** Back to the zoom before; false: there is none. */
bool flame_place_back(struct flame_place *place, struct flame_sight *sight);
/** The action is one of moving: to the caller, to the largest callee, to the siblings, and at
 * their end to what is beside them in the row, to the root, to the end of the largest callees.
 * `page`: so many rows are seen. False: it is another one. */
bool flame_place_move(struct flame_place *place, struct flame_sight *sight,
		      const struct flame_layout *layout, enum action action, int page);

#endif
