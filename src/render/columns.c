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

static int smaller(int a, int b)
{
	return a < b ? a : b;
}

/* Does the name of this kind say nothing at all when it is cut below its least? */
static bool has_core(enum name_kind kind)
{
	switch (kind) {
	case NAME_PLACE:
	case NAME_STATE:
	case NAME_STATES:
		return true;
	case NAME_TYPE:
	case NAME_TEXT:
	case NAME_LINE:
	case NAME_PATH:
	case NAME_OBJECT:
		break;
	}
	return false;
}

void columns_name(struct column_need *need, const struct name *name, int good, int cols, bool utf8)
{
	enum { NARROW = 80 };
	struct name_size size = name_size(name, utf8);
	// One long name does not take all: on a narrow terminal not even the states of all others.
	int most = cols < NARROW ? cols / 2 : cols * 5 / 6;
	if (!has_core(name->kind))
		most = smaller(good,
			       name->kind == NAME_TYPE && cols < NARROW ? most : cols * 3 / 8);
	columns_cell(need, smaller(size.core, most), smaller(size.good, good), size.full,
		     size.most);
	if (name->kind == NAME_PLACE || name->kind == NAME_LINE)
		need->lined = larger(need->lined, smaller(size.lined, smaller(good, most)));
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

/* Below this a column is not shown. */
static int entry_width(const struct column_need *need)
{
	int few = larger(need->lined, need->lined ? need->least : need->good);
	few = smaller(few, need->enough);
	if (!need->enough || (!need->rank && few < need->least))
		return need->least;
	return few;
}

static bool fits_beside(int more, size_t n, int gap, int width, const int *widths)
{
	int total = total_width(widths, n, gap);
	return total + (total ? gap : 0) + more <= width;
}

/* Of the columns that nobody has looked at yet, the one that is worth most; n: there is none. */
static size_t find_best(const struct column_need *needs, size_t n, const bool *seen)
{
	size_t found = n;
	for (size_t i = 0; i < n; i++) {
		if (!seen[i] && (found == n || needs[i].rank < needs[found].rank))
			found = i;
	}
	return found;
}

/* What nothing that is worth less may take from it: lines, and reasons of the usual length. */
static int held_width(const struct column_need *need)
{
	enum { USUAL = 16 /* "12 chan recv nil" */ };
	return larger(entry_width(need), need->rank ? smaller(need->least, USUAL) : need->lined);
}

/* Which columns are shown: each that there is room for beside what those that are worth more hold.
 */
static void choose(const struct column_need *needs, size_t n, int gap, int width, int *widths)
{
	bool seen[COLUMNS_MAX] = {0};
	int held[COLUMNS_MAX] = {0};
	for (size_t i; (i = find_best(needs, n, seen)) < n;) {
		int entry = entry_width(&needs[i]);
		seen[i] = true;
		if (needs[i].spare || (needs[i].rank && !fits_beside(entry, n, gap, width, held)))
			continue;
		widths[i] = entry;
		held[i] = held_width(&needs[i]);
	}
}

/* Columns that come only when the others are good, those that are worth more first. */
static void choose_spare(const struct column_need *needs, size_t n, int gap, int width, int *widths)
{
	bool seen[COLUMNS_MAX] = {0};
	int good[COLUMNS_MAX];
	for (size_t i = 0; i < n; i++)
		good[i] = widths[i] ? needs[i].good : 0;
	for (size_t i; (i = find_best(needs, n, seen)) < n;) {
		seen[i] = true;
		if (!needs[i].spare || !fits_beside(needs[i].good, n, gap, width, good))
			continue;
		good[i] = needs[i].good;
		widths[i] = entry_width(&needs[i]);
	}
}

/* Which columns are cut where there is too little room even for those that always stay, and to
 * how much. */
static const struct cut {
	bool fixed;
	int least;
} cuts[] = {{false, 1}, {true, 0}, {false, 0}};

/* The widest column that may be cut; n: none has anything left. */
static size_t find_widest(const struct column_need *needs, size_t n, const struct cut *cut,
			  const int *widths)
{
	size_t widest = n;
	for (size_t i = 0; i < n; i++) {
		if (needs[i].fixed == cut->fixed && widths[i] > cut->least &&
		    (widest == n || widths[i] > widths[widest]))
			widest = i;
	}
	return widest;
}

static void shrink(const struct column_need *needs, size_t n, int gap, int width, int *widths)
{
	for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		size_t widest;
		while (total_width(widths, n, gap) > width &&
		       (widest = find_widest(needs, n, &cuts[i], widths)) < n)
			widths[widest]--;
	}
}

/* Hand out what is left, one by one to the narrowest of those that want more. */
static void grow(size_t n, const int *wanted, int gap, int width, int *widths)
{
	int left = width - total_width(widths, n, gap);
	while (left-- > 0) {
		size_t next = n;
		for (size_t i = 0; i < n; i++) {
			if (widths[i] && widths[i] < wanted[i] &&
			    (next == n || widths[i] < widths[next]))
				next = i;
		}
		if (next == n)
			return;
		widths[next]++;
	}
}

/* What is left goes to the column that is worth most, as long as it wants more, then to the next:
 * parts of a path in all of them would say nothing. */
static void complete(const struct column_need *needs, size_t n, int gap, int width, int *widths)
{
	bool seen[COLUMNS_MAX] = {0};
	for (size_t i; (i = find_best(needs, n, seen)) < n;) {
		int left = width - total_width(widths, n, gap);
		seen[i] = true;
		if (widths[i] && widths[i] < needs[i].most && left > 0)
			widths[i] = smaller(needs[i].most, widths[i] + left);
	}
}

void columns_fit(const struct column_need *needs, size_t n, int gap, int width, int *widths)
{
	enum { STEPS = 4 };
	int wanted[STEPS][COLUMNS_MAX];
	for (size_t i = 0; i < n; i++) {
		widths[i] = 0;
		wanted[0][i] = needs[i].least;
		wanted[1][i] = needs[i].lined;
		wanted[2][i] = needs[i].good;
		wanted[3][i] = needs[i].full;
	}
	choose(needs, n, gap, width, widths);
	choose_spare(needs, n, gap, width, widths);
	shrink(needs, n, gap, width, widths);
	for (size_t i = 0; i < STEPS; i++)
		grow(n, wanted[i], gap, width, widths);
	complete(needs, n, gap, width, widths);
}
