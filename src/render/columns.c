#include "render/columns.h"

static int larger(int a, int b)
{
	return a > b ? a : b;
}

void columns_cell(struct column_need *need, int least, int good, int full, int most)
{
	need->least = larger(need->least, least);
	need->good = larger(need->good, larger(least, good));
	need->full = larger(need->full, larger(need->good, full));
	need->most = larger(need->most, larger(need->full, most));
}

static int total_width(const int *widths, size_t n, int gap)
{
	int total = 0;
	for (size_t i = 0; i < n; i++) {
		if (widths[i])
			total += widths[i] + (total ? gap : 0);
	}
	return total;
}

/* Of the columns that are shown, the one that is worth least; n if only those of rank 0 are left.
 */
static size_t find_least(const struct column_need *needs, size_t n, const int *widths)
{
	size_t found = n;
	for (size_t i = 0; i < n; i++) {
		if (widths[i] && needs[i].rank &&
		    (found == n || needs[i].rank >= needs[found].rank))
			found = i;
	}
	return found;
}

/* There is too little room even for the columns that always stay: cut the widest. */
static void shrink(size_t n, int gap, int width, int *widths)
{
	while (total_width(widths, n, gap) > width) {
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

/* Hand out `left`, one by one to the narrowest of those that want more; what remains is returned.
 */
static int grow(size_t n, const int *wanted, int left, int *widths)
{
	while (left > 0) {
		size_t next = n;
		for (size_t i = 0; i < n; i++) {
			if (widths[i] && widths[i] < wanted[i] &&
			    (next == n || widths[i] < widths[next]))
				next = i;
		}
		if (next == n)
			return left;
		widths[next]++;
		left--;
	}
	return left;
}

void columns_fit(const struct column_need *needs, size_t n, int gap, int width, int *widths)
{
	int good[COLUMNS_MAX], full[COLUMNS_MAX], most[COLUMNS_MAX];
	for (size_t i = 0; i < n; i++)
		widths[i] = good[i] = needs[i].good;
	while (total_width(widths, n, gap) > width) {
		size_t out = find_least(needs, n, widths);
		if (out == n)
			break;
		widths[out] = 0;
	}
	for (size_t i = 0; i < n; i++) {
		widths[i] = widths[i] ? needs[i].least : 0;
		full[i] = needs[i].full;
		most[i] = needs[i].most;
	}
	shrink(n, gap, width, widths);
	int left = grow(n, good, width - total_width(widths, n, gap), widths);
	left = grow(n, full, left, widths);
	grow(n, most, left, widths);
}
