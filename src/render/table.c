#include "render/table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "render/escape.h"
#include "render/table_below.h"
#include "render/table_layout.h"

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

static void pad(struct out *out, int n)
{
	while (n-- > 0)
		out_putc(out, ' ');
}

static void print_cell(const struct table *table, const struct table_layout *layout,
		       struct out *out, size_t i, int width, bool last)
{
	CLEANUP(strbuf_deinit) struct strbuf copy = {0};
	CLEANUP(strbuf_deinit) struct strbuf fitted = {0};
	const struct table_column *column = &table->columns[i % table->column_count];
	size_t len;
	const char *s = table_layout_text(table, i, &len);
	if (table_layout_width(out, s, len) > width) {
		struct name name = table_layout_name(table, layout, i, out, &copy);
		name_fit(&name, width, out->utf8, &fitted);
		s = fitted.s ? fitted.s : "";
		len = fitted.len;
	}
	int padding = width - table_layout_width(out, s, len);
	out_write(out, column->gap, (size_t)table_layout_gap(table, i % table->column_count, out));
	if (column->right)
		pad(out, padding);
	out_write(out, s, len);
	if (!last && !column->right)
		pad(out, padding);
}

static void print_row(const struct table *table, const struct table_layout *layout, struct out *out,
		      size_t row)
{
	size_t n = table->column_count, end = table_below_first(table, layout, out, row);
	size_t last = end - 1;
	while (layout->fit && last > 0 && !layout->widths[last])
		last--;
	for (size_t c = 0; c < end; c++) {
		size_t i = row * n + c;
		int width = layout->widths[c];
		if (layout->fit && !width)
			continue;
		if (c == last && layout->fit && table_layout_is_place(table, i))
			width = table_below_last_width(table, layout, out, i);
		print_cell(table, layout, out, i, width, c == last);
	}
	for (size_t c = end, first = true; c <= layout->last; c++) {
		if (!layout->widths[c] || table_layout_is_no_place(table, row * n + c))
			continue;
		table_below_print(table, layout, out, row * n + c, first);
		first = false;
	}
	out_putc(out, '\n');
}

void table_print(const struct table *table, struct out *out)
{
	CLEANUP(table_layout_deinit) struct table_layout layout = {0};
	if (table->text.failed || !table_layout_init(&layout, table, out)) {
		out->error = ENOMEM;
		return;
	}
	for (size_t row = 0; row < layout.rows && !out->error; row++)
		print_row(table, &layout, out, row);
}

void table_deinit(struct table *table)
{
	strbuf_deinit(&table->text);
	vec_free(&table->cells);
}
