#include "tui/flame_place.h"

#include "tui/alloc.h"

void flame_place_deinit(struct flame_place *place)
{
	vec_free(&place->selected.names);
	vec_free(&place->zoomed.names);
	vec_free(&place->zooms);
}

static size_t zoom_depth(const struct flame_place *place)
{
	return place->zooms.len ? place->zooms.at[place->zooms.len - 1] : 0;
}

void flame_place_find(const struct flame_place *place, struct flame_sight *sight)
{
	sight->selected = flame_path_find(sight->flame, sight->column, &place->selected,
					  place->selected.names.len);
	sight->zoom =
		flame_path_find(sight->flame, sight->column, &place->zoomed, zoom_depth(place));
}

static bool is_within(const struct flame *flame, uint32_t node, uint32_t caller)
{
	while (node != caller && node != FLAME_ROOT)
		node = flame->nodes.at[node].parent;
	return node == caller;
}

void flame_place_select(struct flame_place *place, struct flame_sight *sight, uint32_t node)
{
	alloc_check(flame_path_of(sight->flame, node, &place->selected));
	flame_place_find(place, sight);
	while (place->zooms.len && !is_within(sight->flame, node, sight->zoom) &&
	       !is_within(sight->flame, sight->zoom, node)) {
		place->zooms.len--;
		flame_place_find(place, sight);
	}
}

void flame_place_zoom(struct flame_place *place, struct flame_sight *sight)
{
	const struct flame *flame = sight->flame;
	size_t depth = flame_depth(flame, sight->selected);
	// A part of it may be gone, and the selected node elsewhere.
	size_t now = flame_depth(flame, sight->zoom);
	while (place->zooms.len && (zoom_depth(place) > now || zoom_depth(place) >= depth))
		place->zooms.len--;
	alloc_check(flame_path_of(flame, sight->selected, &place->zoomed));
	if (depth)
		alloc_check(vec_push(&place->zooms, depth));
	flame_place_find(place, sight);
}

bool flame_place_back(struct flame_place *place, struct flame_sight *sight)
{
	if (!place->zooms.len)
		return false;
	place->zooms.len--;
	flame_place_find(place, sight);
	return true;
}

/* ---- moving */

static int64_t total_of(const struct flame_sight *sight, uint32_t node)
{
	return flame_value(sight->flame, node, sight->column)->total;
}

/* The node itself if it has none. */
static uint32_t largest_callee(const struct flame_sight *sight, uint32_t node)
{
	uint32_t best = 0;
	for (uint32_t i = sight->flame->nodes.at[node].child; i;
	     i = sight->flame->nodes.at[i].next) {
		if (total_of(sight, i) > (best ? total_of(sight, best) : 0))
			best = i;
	}
	return best ? best : node;
}

/* The next cell of a call to the right or the left of one in its row; NULL: there is none. */
static const struct flame_cell *beside(const struct flame_layout *layout, size_t row,
				       const struct flame_cell *cell, bool right)
{
	size_t n;
	const struct flame_cell *cells = flame_layout_row(layout, row, &n);
	size_t at = (size_t)(cell - cells);
	while (right ? at + 1 < n : at > 0) {
		at += right ? 1 : (size_t)-1;
		if (!cells[at].merged)
			return &cells[at];
	}
	return NULL;
}

static uint32_t sibling(const struct flame_sight *sight, const struct flame_layout *layout,
			bool right)
{
	flame_nodes siblings = {0};
	uint32_t node = sight->selected, parent = sight->flame->nodes.at[node].parent;
	size_t row, at = 0;
	const struct flame_cell *above = flame_layout_find(layout, parent, &row);
	const struct flame_cell *own = flame_layout_find(layout, node, &row);
	// Callers of what is zoomed to have no siblings on the screen.
	if (node == FLAME_ROOT || !above || !own || own->width == sight->width)
		return node;
	alloc_check(flame_siblings(sight, parent, above->width, &siblings));
	while (at < siblings.len && siblings.at[at] != node)
		at++;
	if (right ? at + 1 < siblings.len : at > 0 && at < siblings.len) {
		node = siblings.at[right ? at + 1 : at - 1];
	} else {
		const struct flame_cell *other = beside(layout, row, own, right);
		if (other && sight->flame->nodes.at[other->node].parent != parent)
			node = other->node;
	}
	vec_free(&siblings);
	return node;
}

static uint32_t moved(const struct flame_sight *sight, const struct flame_layout *layout,
		      enum action action, int page)
{
	uint32_t node = sight->selected, next;
	switch ((int)action) {
	case ACT_UP:
		return sight->flame->nodes.at[node].parent;
	case ACT_DOWN:
		return largest_callee(sight, node);
	case ACT_LEFT:
	case ACT_RIGHT:
		return sibling(sight, layout, action == ACT_RIGHT);
	case ACT_PAGE_UP:
		for (int i = 1; i < page; i++)
			node = sight->flame->nodes.at[node].parent;
		return node;
	case ACT_PAGE_DOWN:
		for (int i = 1; i < page; i++)
			node = largest_callee(sight, node);
		return node;
	case ACT_HOME:
		return FLAME_ROOT;
	default:
		while ((next = largest_callee(sight, node)) != node)
			node = next;
		return node;
	}
}

bool flame_place_move(struct flame_place *place, struct flame_sight *sight,
		      const struct flame_layout *layout, enum action action, int page)
{
	switch ((int)action) {
	case ACT_UP:
	case ACT_DOWN:
	case ACT_LEFT:
	case ACT_RIGHT:
	case ACT_PAGE_UP:
	case ACT_PAGE_DOWN:
	case ACT_HOME:
	case ACT_END:
		flame_place_select(place, sight, moved(sight, layout, action, page));
		return true;
	default:
		return false;
	}
}
