#include "render/table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "render/escape.h"

static void end_cell(struct table *table)
{
	if (!vec_push(&table->ends, table->text.len))
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
	end_cell(table);
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
	end_cell(table);
}

/* Columns on the screen, counting a character as one: bytes that do not continue another. */
static size_t cell_width(const char *s, size_t len)
{
	size_t width = 0;
	for (size_t i = 0; i < len; i++)
		width += ((uint8_t)s[i] & 0xc0) != 0x80;
	return width;
}

static const char *cell_at(const struct table *table, size_t i, size_t *len_ret)
{
	size_t start = i ? table->ends.at[i - 1] : 0;
	*len_ret = table->ends.at[i] - start;
	return table->text.s + start;
}

static size_t column_width(const struct table *table, size_t column)
{
	size_t max = 0;
	for (size_t i = column; i < table->ends.len; i += table->column_count) {
		size_t len;
		const char *s = cell_at(table, i, &len);
		size_t width = cell_width(s, len);
		if (width > max)
			max = width;
	}
	return max;
}

static void pad(struct out *out, size_t n)
{
	while (n--)
		out_putc(out, ' ');
}

void table_print(const struct table *table, struct out *out)
{
	enum { COLUMNS_MAX = 16 };
	size_t widths[COLUMNS_MAX];
	size_t n = table->column_count;
	if (table->text.failed) {
		out->error = ENOMEM;
		return;
	}
	for (size_t c = 0; c < n; c++)
		widths[c] = column_width(table, c);
	for (size_t i = 0; i < table->ends.len; i++) {
		size_t len, c = i % n;
		const char *s = cell_at(table, i, &len);
		size_t padding = widths[c] - cell_width(s, len);
		out_puts(out, table->columns[c].gap);
		if (table->columns[c].right)
			pad(out, padding);
		out_write(out, s, len);
		if (c + 1 == n)
			out_putc(out, '\n');
		else if (!table->columns[c].right)
			pad(out, padding);
	}
}

void table_deinit(struct table *table)
{
	strbuf_deinit(&table->text);
	vec_free(&table->ends);
}
