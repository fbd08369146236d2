#include "render/table_layout.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "render/width.h"

/* Columns on the screen. Where that is unknown a character counts as one: bytes that do not
 * continue another. */
int table_layout_width(const struct out *out, const char *s, size_t len)
{
	int width = 0;
	if (out->cols)
		return width_text(s, len, out->utf8);
	for (size_t i = 0; i < len; i++)
		width += ((uint8_t)s[i] & 0xc0) != 0x80;
	return width;
}

const char *table_layout_text(const struct table *table, size_t i, size_t *len_ret)
{
	size_t start = i ? table->cells.at[i - 1].end : 0;
	*len_ret = table->cells.at[i].end - start;
	return table->text.s + start;
}

/* May it go to a line of its own below the row? Types may, too. */
bool table_layout_is_place(const struct table *table, size_t i)
{
	enum name_kind kind = table->cells.at[i].name.kind;
	return table->cells.at[i].named && (kind == NAME_PLACE || kind == NAME_TYPE);
}

/* The name of a cell. One that is no place is what stands in the cell; `copy` holds it. */
static struct name cell_name(const struct table *table, size_t i, struct strbuf *copy)
{
	size_t len;
	const char *s = table_layout_text(table, i, &len);
	struct name name = table->cells.at[i].name;
	if (table_layout_is_place(table, i))
		return name;
	strbuf_clear(copy);
	strbuf_add(copy, s, len);
	strbuf_putc(copy, '\0');
	name.text = copy->failed ? "" : copy->s;
	return name;
}

static int full_width(const struct table *table, size_t column, const struct out *out)
{
	int max = 0;
	for (size_t i = column; i < table->cells.len; i += table->column_count) {
		size_t len;
		const char *s = table_layout_text(table, i, &len);
		int width = table_layout_width(out, s, len);
		if (width > max)
			max = width;
	}
	return max;
}

/* What the cells ask for. */
static struct column_need column_need(const struct table *table, size_t column,
				      const struct out *out)
{
	CLEANUP(strbuf_deinit) struct strbuf copy = {0};
	const struct table_column *how = &table->columns[column];
	struct column_need need = {.rank = how->rank, .enough = how->enough, .fixed = how->right};
	for (size_t i = column; i < table->cells.len; i += table->column_count) {
		size_t len;
		const char *s = table_layout_text(table, i, &len);
		int width = table_layout_width(out, s, len);
		if (!table->cells.at[i].named) {
			columns_cell(&need, width, 0, 0, 0);
			continue;
		}
		const struct name name = cell_name(table, i, &copy);
		columns_name(&need, &name, how->good, out->cols, out->utf8);
	}
	return need;
}

static bool has_names(const struct table *table)
{
	for (size_t i = 0; i < table->cells.len; i++) {
		if (table->cells.at[i].named)
			return true;
	}
	return false;
}

/* On a narrow terminal room for names is worth more than distance. */
int table_layout_gap(const struct table *table, size_t column, const struct out *out)
{
	enum { NARROW = 60 };
	int width = (int)strlen(table->columns[column].gap);
	return width > 1 && out->cols && out->cols < NARROW ? 1 : width;
}

static size_t count_place_columns(const struct table *table)
{
	size_t count = 0;
	for (size_t c = 0; c < table->column_count; c++) {
		bool any = false;
		for (size_t i = c; i < table->cells.len && !any; i += table->column_count)
			any = table_layout_is_place(table, i);
		count += any;
	}
	return count;
}

/* One long place does not take all rows another column of places: it may go below its row. */
static void share(struct column_need *need, const struct out *out)
{
	enum { OTHERS = 10 /* columns of numbers and gaps, at least */ };
	int half = (out->cols - OTHERS) / 2;
	if (need->least > half)
		need->least = half;
	if (need->lined > half)
		need->lined = half;
}

/* true: columns that there is no room for have none. */
static bool set_widths(const struct table *table, const struct out *out, int *widths)
{
	struct column_need needs[COLUMNS_MAX];
	size_t n = table->column_count;
	int gap = 0;
	bool fit = out->cols && has_names(table);
	bool shared = fit && count_place_columns(table) > 1;
	for (size_t c = 0; c < n; c++) {
		int before = table_layout_gap(table, c, out);
		gap = before > gap ? before : gap;
		if (fit)
			needs[c] = column_need(table, c, out);
		else
			widths[c] = full_width(table, c, out);
		if (shared && needs[c].lined)
			share(&needs[c], out);
	}
	if (fit)
		columns_fit(needs, n, gap, out->cols, widths);
	return fit;
}

void table_layout_deinit(struct table_layout *layout)
{
	free(layout->texts);
	free(layout->apart);
}

/* What is to be shown of a cell that does not fit; `copy` holds it. */
struct name table_layout_name(const struct table *table, const struct table_layout *layout,
			      size_t i, const struct out *out, struct strbuf *copy)
{
	struct name name = cell_name(table, i, copy);
	size_t c = i % table->column_count, row = i / table->column_count;
	if (!layout->texts || name.kind != NAME_TEXT || !table->cells.at[i].named)
		return name;
	strbuf_clear(copy);
	alike_show(&layout->texts[c * layout->rows + row], layout->widths[c], out->utf8, copy);
	strbuf_putc(copy, '\0');
	name.text = copy->failed ? "" : copy->s;
	return name;
}

/* Does the column have names that are plain text? */
static bool is_text_column(const struct table *table, size_t column)
{
	bool any = false;
	for (size_t i = column; i < table->cells.len; i += table->column_count) {
		const struct table_cell *cell = &table->cells.at[i];
		any |= cell->named && cell->name.kind == NAME_TEXT;
		if (table_layout_is_place(table, i))
			return false;
	}
	return any;
}

static bool find_alike_texts(const struct table *table, const struct out *out,
			     struct table_layout *layout)
{
	size_t n = table->column_count;
	for (size_t c = 0; c < n; c++) {
		if (!layout->widths[c] || !is_text_column(table, c))
			continue;
		if (!layout->texts)
			layout->texts = calloc(n * layout->rows, sizeof(*layout->texts));
		if (!layout->texts)
			return false;
		struct alike_text *texts = &layout->texts[c * layout->rows];
		for (size_t row = 0; row < layout->rows; row++)
			texts[row].s = table_layout_text(table, row * n + c, &texts[row].len);
		if (!alike_find(texts, layout->rows, layout->widths[c], out->utf8))
			return false;
	}
	return true;
}

/* What a row looks like, and what it is. */
struct looks {
	struct strbuf text;
	struct look {
		size_t shown, full, end; /* where in .text */
	} * rows;
	size_t *sorted;
};

static void looks_deinit(struct looks *looks)
{
	strbuf_deinit(&looks->text);
	free(looks->rows);
	free(looks->sorted);
}

static int compare_parts(const struct strbuf *text, size_t a, size_t a_end, size_t b, size_t b_end)
{
	size_t len_a = a_end - a, len_b = b_end - b;
	int order = memcmp(text->s + a, text->s + b, len_a < len_b ? len_a : len_b);
	return order ? order : (len_a > len_b) - (len_a < len_b);
}

static int compare_shown(const void *a, const void *b, void *ctx)
{
	const struct looks *looks = ctx;
	const struct look *x = &looks->rows[*(const size_t *)a];
	const struct look *y = &looks->rows[*(const size_t *)b];
	return compare_parts(&looks->text, x->shown, x->full, y->shown, y->full);
}

static bool same_full(const struct looks *looks, size_t a, size_t b)
{
	const struct look *x = &looks->rows[a], *y = &looks->rows[b];
	return compare_parts(&looks->text, x->full, x->end, y->full, y->end) == 0;
}

/* All places of a row, as they are shown and as they are. */
static void look_at(const struct table *table, const struct out *out,
		    const struct table_layout *layout, size_t row, struct looks *looks)
{
	struct look *look = &looks->rows[row];
	look->shown = looks->text.len;
	for (int full = 0; full < 2; full++) {
		if (full)
			look->full = looks->text.len;
		for (size_t c = 0; c < table->column_count; c++) {
			size_t i = row * table->column_count + c;
			if (!layout->widths[c] || !table_layout_is_place(table, i))
				continue;
			int width = full ? INT_MAX : layout->widths[c];
			name_fit(&table->cells.at[i].name, width, out->utf8, &looks->text);
			strbuf_putc(&looks->text, '\n');
		}
	}
	look->end = looks->text.len;
}

/* Which rows have places that look like those of others, and are not the same? */
static bool find_alike_rows(const struct table *table, const struct out *out,
			    struct table_layout *layout)
{
	size_t n = layout->rows;
	CLEANUP(looks_deinit)
	struct looks looks = {.rows = calloc(n + 1, sizeof(*looks.rows)),
			      .sorted = calloc(n + 1, sizeof(*looks.sorted))};
	layout->apart = calloc(n + 1, sizeof(*layout->apart));
	if (!looks.rows || !looks.sorted || !layout->apart)
		return false;
	for (size_t row = 0; row < n; row++) {
		looks.sorted[row] = row;
		look_at(table, out, layout, row, &looks);
	}
	if (looks.text.failed)
		return false;
	if (!looks.text.len)
		return true;
	qsort_r(looks.sorted, n, sizeof(*looks.sorted), compare_shown, &looks);
	for (size_t begin = 0, next; begin < n; begin = next) {
		bool differ = false;
		for (next = begin + 1; next < n; next++) {
			if (compare_shown(&looks.sorted[begin], &looks.sorted[next], &looks) != 0)
				break;
			differ |= !same_full(&looks, looks.sorted[begin], looks.sorted[next]);
		}
		for (size_t i = begin; i < next; i++)
			layout->apart[looks.sorted[i]] = differ;
	}
	return true;
}

bool table_layout_init(struct table_layout *layout, const struct table *table,
		       const struct out *out)
{
	*layout = (struct table_layout){.rows = table->cells.len / table->column_count};
	layout->fit = set_widths(table, out, layout->widths);
	for (size_t c = 0; c < table->column_count; c++)
		layout->last = layout->widths[c] || !layout->fit ? c : layout->last;
	return !layout->fit ||
	       (find_alike_texts(table, out, layout) && find_alike_rows(table, out, layout));
}

/* A place that is not known: name_place(). */
bool table_layout_is_no_place(const struct table *table, size_t i)
{
	size_t len;
	const char *s = table_layout_text(table, i, &len);
	return table->cells.at[i].named && len == 1 && *s == '-';
}

/* Where a column begins. */
int table_layout_offset(const struct table *table, const struct table_layout *layout,
			const struct out *out, size_t column)
{
	int offset = 0;
	for (size_t c = 0; c <= column; c++) {
		if (layout->widths[c])
			offset += table_layout_gap(table, c, out) +
				  (c < column ? layout->widths[c] : 0);
	}
	return offset;
}
