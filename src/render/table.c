#include "render/table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "render/columns.h"
#include "render/escape.h"
#include "render/width.h"

static void end_cell(struct table *table, const struct name *name)
{
	struct table_cell cell = {.end = table->text.len, .named = name != NULL};
	if (name)
		cell.name = *name;
	if (!vec_push(&table->cells, cell))
		table->text.failed = true;
}

void table_titles(struct table *table)
{
	for (size_t i = 0; i < table->column_count; i++)
		table_cell(table, table->columns[i].title);
}

void table_cell(struct table *table, const char *s)
{
	escape_add(&table->text, s);
	end_cell(table, NULL);
}

void table_cell_buf(struct table *table, const struct strbuf *b)
{
	if (b->failed)
		table->text.failed = true;
	table_cell(table, b->s ? b->s : "");
}

void table_cell_u64(struct table *table, uint64_t n)
{
	strbuf_printf(&table->text, "%" PRIu64, n);
	end_cell(table, NULL);
}

void table_name(struct table *table, const struct name *name)
{
	name_full(name, &table->text);
	end_cell(table, name);
}

void table_name_buf(struct table *table, enum name_kind kind, const struct strbuf *b)
{
	const struct name name = {.kind = kind, .text = b->s ? b->s : ""};
	if (b->failed)
		table->text.failed = true;
	table_name(table, &name);
}

/* Columns on the screen. Where that is unknown a character counts as one: bytes that do not
 * continue another. */
static int cell_width(const struct out *out, const char *s, size_t len)
{
	int width = 0;
	if (out->cols)
		return width_text(s, len, out->utf8);
	for (size_t i = 0; i < len; i++)
		width += ((uint8_t)s[i] & 0xc0) != 0x80;
	return width;
}

static const char *cell_at(const struct table *table, size_t i, size_t *len_ret)
{
	size_t start = i ? table->cells.at[i - 1].end : 0;
	*len_ret = table->cells.at[i].end - start;
	return table->text.s + start;
}

/* The name of a cell. One that is no place is what stands in the cell; `copy` holds it. */
static struct name cell_name(const struct table *table, size_t i, struct strbuf *copy)
{
	size_t len;
	const char *s = cell_at(table, i, &len);
	struct name name = table->cells.at[i].name;
	if (name.kind == NAME_PLACE)
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
		const char *s = cell_at(table, i, &len);
		int width = cell_width(out, s, len);
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
		const char *s = cell_at(table, i, &len);
		int width = cell_width(out, s, len);
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
static int gap_width(const struct table *table, size_t column, const struct out *out)
{
	enum { NARROW = 60 };
	int width = (int)strlen(table->columns[column].gap);
	return width > 1 && out->cols && out->cols < NARROW ? 1 : width;
}

/* true: columns that there is no room for have none. */
static bool set_widths(const struct table *table, const struct out *out, int *widths)
{
	struct column_need needs[COLUMNS_MAX];
	size_t n = table->column_count;
	int gap = 0;
	bool fit = out->cols && has_names(table);
	for (size_t c = 0; c < n; c++) {
		int before = gap_width(table, c, out);
		gap = before > gap ? before : gap;
		if (fit)
			needs[c] = column_need(table, c, out);
		else
			widths[c] = full_width(table, c, out);
	}
	if (fit)
		columns_fit(needs, n, gap, out->cols, widths);
	return fit;
}

static void pad(struct out *out, int n)
{
	while (n-- > 0)
		out_putc(out, ' ');
}

static void print_cell(const struct table *table, struct out *out, size_t i, int width, bool last)
{
	CLEANUP(strbuf_deinit) struct strbuf copy = {0};
	CLEANUP(strbuf_deinit) struct strbuf fitted = {0};
	const struct table_column *column = &table->columns[i % table->column_count];
	size_t len;
	const char *s = cell_at(table, i, &len);
	if (cell_width(out, s, len) > width) {
		struct name name = cell_name(table, i, &copy);
		name_fit(&name, width, out->utf8, &fitted);
		s = fitted.s ? fitted.s : "";
		len = fitted.len;
	}
	int padding = width - cell_width(out, s, len);
	out_write(out, column->gap, (size_t)gap_width(table, i % table->column_count, out));
	if (column->right)
		pad(out, padding);
	out_write(out, s, len);
	if (!last && !column->right)
		pad(out, padding);
}

void table_print(const struct table *table, struct out *out)
{
	int widths[COLUMNS_MAX];
	size_t n = table->column_count, last = 0;
	if (table->text.failed) {
		out->error = ENOMEM;
		return;
	}
	bool fit = set_widths(table, out, widths);
	for (size_t c = 0; c < n; c++)
		last = widths[c] || !fit ? c : last;
	for (size_t i = 0; i < table->cells.len; i++) {
		size_t c = i % n;
		if (widths[c] || !fit)
			print_cell(table, out, i, widths[c], c == last);
		if (c + 1 == n)
			out_putc(out, '\n');
	}
}

void table_deinit(struct table *table)
{
	strbuf_deinit(&table->text);
	vec_free(&table->cells);
}
