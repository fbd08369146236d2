#include "tui/columns.h"

static int total_width(const int *widths, size_t n)
{
	int total = 0;
	for (size_t i = 0; i < n; i++) {
		if (widths[i])
			total += widths[i] + (total ? COLUMN_GAP : 0);
	}
	return total;
}

/* Of those that are shown the one that is worth least, or n: only those of rank 0 are left. */
static size_t least(const struct column *columns, size_t n, const int *widths)
{
	size_t found = n;
	for (size_t i = 0; i < n; i++) {
		if (widths[i] && columns[i].rank &&
		    (found == n || columns[i].rank >= columns[found].rank))
			found = i;
	}
	return found;
}

/* Can it still grow? */
static bool has_room(const struct column *column, int width)
{
	return width && column->grows && (!column->most || width < column->most);
}

/* One round of handing out `left`; what remains of it is returned. */
static int grow(const struct column *columns, size_t n, int left, int *widths)
{
	int shares = 0;
	for (size_t i = 0; i < n; i++)
		shares += has_room(&columns[i], widths[i]) ? columns[i].grows : 0;
	if (!shares)
		return 0;
	int all = left;
	for (size_t i = 0; i < n && left; i++) {
		if (!has_room(&columns[i], widths[i]))
			continue;
		int more = all * columns[i].grows / shares;
		if (!more)
			more = 1;
		if (columns[i].most && more > columns[i].most - widths[i])
			more = columns[i].most - widths[i];
		if (more > left)
			more = left;
		widths[i] += more;
		left -= more;
	}
	return left;
}

/* Too narrow even for those that always stay: cut the widest. */
static void shrink(size_t n, int width, int *widths)
{
	while (total_width(widths, n) > width) {
		size_t widest = 0;
		for (size_t i = 1; i < n; i++) {
			if (widths[i] > widths[widest])
				widest = i;
		}
		if (!widths[widest])
			return;
		widths[widest]--;
	}
}

void columns_fit(const struct column *columns, size_t n, int width, int *widths)
{
	for (size_t i = 0; i < n; i++)
		widths[i] = columns[i].width;
	while (total_width(widths, n) > width) {
		size_t out = least(columns, n, widths);
		if (out == n)
			break;
		widths[out] = 0;
	}
	shrink(n, width, widths);
	for (int left = width - total_width(widths, n); left > 0;)
		left = grow(columns, n, left, widths);
}
