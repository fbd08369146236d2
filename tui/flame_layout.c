#include "tui/flame_layout.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/hash.h"

void flame_layout_deinit(struct flame_layout *layout)
{
	vec_free(&layout->cells);
	vec_free(&layout->rows);
}

static double total_of(const struct flame_sight *sight, uint32_t node)
{
	int64_t total = flame_value(sight->flame, node, sight->column)->total;
	return total > 0 ? (double)total : 0;
}

static const struct flame_node *node_at(const struct flame_sight *sight, uint32_t node)
{
	return &sight->flame->nodes.at[node];
}

/* What the columns of a node are shared out by. A target may claim more of its callees. */
static double whole_of(const struct flame_sight *sight, uint32_t parent)
{
	double whole = total_of(sight, parent), sum = 0;
	for (uint32_t i = node_at(sight, parent)->child; i; i = node_at(sight, i)->next)
		sum += total_of(sight, i);
	return sum > whole ? sum : whole;
}

/* Has its share of `width` columns so many? */
static bool has_columns(const struct flame_sight *sight, uint32_t node, double whole, int width,
			int columns)
{
	return width * total_of(sight, node) >= columns * whole;
}

/* The largest first, then in the order of the alphabet. */
static int compare_totals(const void *a, const void *b, void *arg)
{
	const struct flame_sight *sight = arg;
	const uint32_t *x = a, *y = b;
	double left = total_of(sight, *x), right = total_of(sight, *y);
	if (left != right)
		return left > right ? -1 : 1;
	return strcmp(sight->flame->names.all.at[node_at(sight, *x)->name],
		      sight->flame->names.all.at[node_at(sight, *y)->name]);
}

static void sort_by_totals(const struct flame_sight *sight, uint32_t *nodes, size_t n)
{
	if (n)
		qsort_r(nodes, n, sizeof(*nodes), compare_totals, (void *)(uintptr_t)sight);
}

/* The cells of a node's callees, as they are put together. */
struct laying {
	const struct flame_sight *sight;
	struct flame_layout *layout;
	size_t first;        /* of them */
	uint32_t forced;     /* one that is selected, or leads to what is, without room; or 0 */
	double wide, narrow; /* sums of those with and those without room */
	uint32_t narrow_count;
	flame_nodes half; /* those that lack at most half of their room */
	int width;        /* that all may have */
};

static int used(const struct laying *l)
{
	int sum = 0;
	for (size_t i = l->first; i < l->layout->cells.len; i++)
		sum += l->layout->cells.at[i].width;
	return sum;
}

/* Take columns from the widest until all fit. */
static void shrink(struct laying *l, int room, int least)
{
	for (int over = used(l) - room; over > 0; over--) {
		struct flame_cell *widest = NULL;
		for (size_t i = l->first; i < l->layout->cells.len; i++) {
			struct flame_cell *cell = &l->layout->cells.at[i];
			if (cell->width > least && (!widest || cell->width > widest->width))
				widest = cell;
		}
		if (!widest)
			return;
		widest->width--;
	}
}

/* Those with room; it is noted what the others are. */
static bool add_wide(struct laying *l, uint32_t parent, double whole, uint32_t selected)
{
	double scale = l->width / whole;
	for (uint32_t i = node_at(l->sight, parent)->child; i; i = node_at(l->sight, i)->next) {
		double total = total_of(l->sight, i);
		if (!has_columns(l->sight, i, whole, l->width, FLAME_CELL_MIN)) {
			l->narrow += total;
			l->narrow_count += total > 0;
			l->forced = i == selected && total > 0 ? i : l->forced;
			if (has_columns(l->sight, i, whole, l->width, FLAME_CELL_MIN / 2) &&
			    !vec_push(&l->half, i))
				return false;
			continue;
		}
		// Ends are rounded rather than widths, which would add up to another sum.
		int from = (int)(l->wide * scale + 0.5), to;
		l->wide += total;
		to = (int)(l->wide * scale + 0.5);
		if (!vec_push(&l->layout->cells,
			      ((struct flame_cell){.width = to - from, .node = i})))
			return false;
	}
	return true;
}

/* As many of those without room as have it together, the largest first; it is taken from what is
 * put together. */
static bool add_half(struct laying *l, int *share)
{
	sort_by_totals(l->sight, l->half.at, l->half.len);
	for (size_t i = 0; i < l->half.len; i++) {
		int others = l->narrow_count > 1 ? FLAME_MERGED_MIN : 0;
		if (*share < FLAME_CELL_MIN + others)
			return true;
		if (!vec_push(&l->layout->cells, ((struct flame_cell){.width = FLAME_CELL_MIN,
								      .node = l->half.at[i]})))
			return false;
		*share -= FLAME_CELL_MIN;
		l->narrow_count--;
		l->forced = l->half.at[i] == l->forced ? 0 : l->forced;
	}
	return true;
}

/* The one that has room because somebody looks at it, and one for all others. */
static bool add_narrow(struct laying *l, uint32_t parent, double whole)
{
	int share = (int)((l->wide + l->narrow) * l->width / whole + 0.5) - used(l);
	if (!add_half(l, &share))
		return false;
	uint32_t merged = l->narrow_count - (l->forced != 0);
	int forced_width = l->forced ? FLAME_CELL_MIN : 0;
	int merged_width = merged ? share - forced_width : 0;
	if (merged && merged_width < FLAME_MERGED_MIN)
		merged_width = FLAME_MERGED_MIN;
	if (l->forced && !merged && share > forced_width)
		forced_width = share;
	int room = l->width - forced_width - merged_width;
	if (room < 0) {
		merged_width = 0;
		forced_width = forced_width < l->width ? forced_width : l->width;
		room = l->width - forced_width;
	}
	shrink(l, room, FLAME_CELL_MIN);
	shrink(l, room, 1);
	shrink(l, room, 0);
	struct flame_cell cells[] = {
		{.width = forced_width, .node = l->forced},
		{.width = merged_width, .node = parent, .merged = merged},
	};
	return (!forced_width || vec_push(&l->layout->cells, cells[0])) &&
	       (!merged_width || vec_push(&l->layout->cells, cells[1]));
}

/* The cells below one. `selected`: the callee that is selected or leads to what is; 0: none. */
static bool lay_out(struct flame_layout *layout, const struct flame_sight *sight,
		    struct flame_cell cell, uint32_t selected)
{
	double whole = whole_of(sight, cell.node);
	struct laying l = {
		.sight = sight, .layout = layout, .first = layout->cells.len, .width = cell.width};
	if (!node_at(sight, cell.node)->child || !cell.width || !(whole > 0))
		return true;
	bool ok = add_wide(&l, cell.node, whole, selected) && add_narrow(&l, cell.node, whole);
	vec_free(&l.half);
	if (!ok)
		return false;
	int x = cell.x;
	size_t kept = l.first;
	for (size_t i = l.first; i < layout->cells.len; i++) {
		struct flame_cell *at = &layout->cells.at[i];
		at->x = x;
		x += at->width;
		if (at->width)
			layout->cells.at[kept++] = *at;
	}
	layout->cells.len = kept;
	return true;
}

/* The calls from the root to a node, the root first. */
static bool calls_to(const struct flame *flame, uint32_t node, flame_nodes *ret)
{
	size_t depth = flame_depth(flame, node);
	if (!vec_reserve(ret, depth + 1))
		return false;
	ret->len = depth + 1;
	for (size_t i = depth + 1; i-- > 0; node = flame->nodes.at[node].parent)
		ret->at[i] = node;
	return true;
}

static bool add_rows(struct flame_layout *layout, const struct flame_sight *sight,
		     const flame_nodes *zoom, const flame_nodes *selected)
{
	for (size_t i = 0; i < zoom->len; i++) {
		if (!vec_push(&layout->rows, layout->cells.len) ||
		    !vec_push(&layout->cells,
			      ((struct flame_cell){.width = sight->width, .node = zoom->at[i]})))
			return false;
	}
	for (;;) {
		size_t row = layout->rows.len, first = layout->rows.at[row - 1];
		size_t end = layout->cells.len;
		uint32_t towards = row < selected->len ? selected->at[row] : 0;
		for (size_t i = first; i < end; i++) {
			struct flame_cell cell = layout->cells.at[i];
			uint32_t parent = node_at(sight, towards)->parent;
			if (!cell.merged &&
			    !lay_out(layout, sight, cell, parent == cell.node ? towards : 0))
				return false;
		}
		if (layout->cells.len == end)
			return true;
		if (!vec_push(&layout->rows, end))
			return false;
	}
}

bool flame_layout(struct flame_layout *layout, const struct flame_sight *sight)
{
	flame_nodes zoom = {0}, selected = {0};
	layout->cells.len = layout->rows.len = 0;
	bool ok = calls_to(sight->flame, sight->zoom, &zoom) &&
		  calls_to(sight->flame, sight->selected, &selected) &&
		  add_rows(layout, sight, &zoom, &selected);
	vec_free(&zoom);
	vec_free(&selected);
	return ok;
}

const struct flame_cell *flame_layout_row(const struct flame_layout *layout, size_t row,
					  size_t *n_ret)
{
	size_t first = layout->rows.at[row];
	size_t end = row + 1 < layout->rows.len ? layout->rows.at[row + 1] : layout->cells.len;
	*n_ret = end - first;
	return &layout->cells.at[first];
}

const struct flame_cell *flame_layout_find(const struct flame_layout *layout, uint32_t node,
					   size_t *row_ret)
{
	for (size_t row = 0; row < layout->rows.len; row++) {
		size_t n;
		const struct flame_cell *cells = flame_layout_row(layout, row, &n);
		for (size_t i = 0; i < n; i++) {
			if (cells[i].node != node || cells[i].merged)
				continue;
			*row_ret = row;
			return &cells[i];
		}
	}
	return NULL;
}

bool flame_siblings(const struct flame_sight *sight, uint32_t parent, int width, flame_nodes *ret)
{
	double whole = whole_of(sight, parent);
	ret->len = 0;
	for (int narrow = 0; narrow < 2; narrow++) {
		size_t first = ret->len;
		for (uint32_t i = node_at(sight, parent)->child; i; i = node_at(sight, i)->next) {
			bool wide = has_columns(sight, i, whole, width, FLAME_CELL_MIN);
			if (total_of(sight, i) > 0 && wide != narrow && !vec_push(ret, i))
				return false;
		}
		if (narrow)
			sort_by_totals(sight, ret->at + first, ret->len - first);
	}
	return true;
}

/* ---- paths */

static uint64_t hash_of(const struct flame *flame, uint32_t node)
{
	const char *name = flame->names.all.at[flame->nodes.at[node].name];
	return hash_bytes(0, name, strlen(name));
}

size_t flame_depth(const struct flame *flame, uint32_t node)
{
	size_t depth = 0;
	for (; node != FLAME_ROOT; node = flame->nodes.at[node].parent)
		depth++;
	return depth;
}

bool flame_path_of(const struct flame *flame, uint32_t node, struct flame_path *ret)
{
	size_t depth = flame_depth(flame, node);
	if (!vec_reserve(&ret->names, depth + 1))
		return false;
	ret->names.len = depth;
	for (size_t i = depth; i-- > 0; node = flame->nodes.at[node].parent)
		ret->names.at[i] = hash_of(flame, node);
	return true;
}

uint32_t flame_path_find(const struct flame *flame, size_t column, const struct flame_path *path,
			 size_t depth)
{
	uint32_t node = FLAME_ROOT;
	for (size_t i = 0; i < depth && i < path->names.len; i++) {
		uint32_t child = flame->nodes.at[node].child;
		while (child && hash_of(flame, child) != path->names.at[i])
			child = flame->nodes.at[child].next;
		if (!child || flame_value(flame, child, column)->total <= 0)
			break;
		node = child;
	}
	return node;
}
