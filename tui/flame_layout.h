/*
 * Where the calls of a tree (render/flame.h) stand on a screen: rows of cells, the outermost call
 * on top, each as wide as its share of the row above. It knows no terminal.
 *
 * Callees whose share has no room for a few letters are put together, in one cell behind the
 * others, but for the largest, which get room from that cell. One that is selected, or leads to
 * what is, has room all the same.
 */
#ifndef GOSPY_TUI_FLAME_LAYOUT_H
#define GOSPY_TUI_FLAME_LAYOUT_H

#include "render/flame.h"

enum {
	FLAME_CELL_MIN = 4,   /* columns: a border, and three letters */
	FLAME_MERGED_MIN = 2, /* of the cell of those that are put together */
};

/** A call, or several. */
struct flame_cell {
	int x, width;
	uint32_t node;   /* of several: their caller */
	uint32_t merged; /* so many calls; 0: it is `node` */
};

/** All zero is an empty one. */
struct flame_layout {
	VEC(struct flame_cell) cells;
	VEC(size_t) rows; /* the first cell of each */
};

/** What is laid out. */
struct flame_sight {
	const struct flame *flame; /* after flame_end */
	size_t column;
	uint32_t zoom;     /* the node that is as wide as the screen, as are its callers */
	uint32_t selected; /* the node that has room */
	int width;
};

/** Lay out all rows. False: out of memory. */
bool flame_layout(struct flame_layout *layout, const struct flame_sight *sight);
void flame_layout_deinit(struct flame_layout *layout);
/** The cells of a row that is there; `*n_ret` of them, from the left. */
const struct flame_cell *flame_layout_row(const struct flame_layout *layout, size_t row,
					  size_t *n_ret);
/** Row and cell of a node, which is selected or leads to what is; NULL: it has none. */
const struct flame_cell *flame_layout_find(const struct flame_layout *layout, uint32_t node,
					   size_t *row_ret);

typedef VEC(uint32_t) flame_nodes;
/** The callees of a node that has a cell of `width` columns, in the order in which they are gone
 * through: those that have room as they are shown, then the others, the largest first. False: out
 * of memory. */
bool flame_siblings(const struct flame_sight *sight, uint32_t parent, int width, flame_nodes *ret);

/** A node's calls from the root on, by which it is found in another tree. */
struct flame_path {
	VEC(uint64_t) names; /* hashed */
};
/** False: out of memory. */
bool flame_path_of(const struct flame *flame, uint32_t node, struct flame_path *ret);
/** The node that the first `depth` calls lead to, or the last on the way that is there and has any
 * of `column`. */
uint32_t flame_path_find(const struct flame *flame, size_t column, const struct flame_path *path,
			 size_t depth);
/** Number of calls from the root to a node. */
size_t flame_depth(const struct flame *flame, uint32_t node);

#endif
