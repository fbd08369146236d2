/* What stands in the cells of the table. */
#include <inttypes.h>
#include <string.h>

#include "render/escape.h"
#include "render/units.h"
#include "tui/model_state.h"

static const struct {
	const char *name, *title;
} columns[MODEL_COLUMNS] = {
	[COLUMN_COUNT] = {"count", "COUNT"},          [COLUMN_DELTA] = {"delta", "DELTA"},
	[COLUMN_RATE] = {"rate", "RATE/MIN"},         [COLUMN_OLDEST] = {"oldest", "OLDEST"},
	[COLUMN_STATE] = {"state", "STATE"},          [COLUMN_LOCATION] = {"location", "LOCATION"},
	[COLUMN_CREATOR] = {"creator", "CREATED BY"},
};

const char *model_column_title(enum model_column column)
{
	return columns[column].title;
}

const char *model_column_name(enum model_column column)
{
	return columns[column].name;
}

void model_location(const struct gospy_location *location, struct strbuf *text)
{
	if (!location->func) {
		strbuf_printf(text, "0x%" PRIx64, location->pc);
		return;
	}
	escape_add(text, location->func);
	if (!location->file)
		return;
	const char *slash = strrchr(location->file, '/');
	strbuf_putc(text, ' ');
	escape_add(text, slash ? slash + 1 : location->file);
	strbuf_printf(text, ":%" PRIu32, location->line);
}

static void add_rate(struct strbuf *text, const struct model_row *row)
{
	double rate = row->rate, size = rate < 0 ? -rate : rate;
	if (!row->rate_known)
		strbuf_putc(text, '?');
	else if (size < 0.05)
		strbuf_putc(text, '0');
	else
		strbuf_printf(text, size < 99.95 ? "%+.1f" : "%+.0f", rate);
}

void model_cell(const struct model_row *row, enum model_column column, bool utf8,
		struct strbuf *text)
{
	bool differ = false;
	switch (column) {
	case COLUMN_COUNT:
		strbuf_printf(text, "%" PRIu64, row->count);
		break;
	case COLUMN_DELTA:
		strbuf_printf(text, row->delta ? "%+" PRId64 : "%" PRId64, row->delta);
		break;
	case COLUMN_RATE:
		add_rate(text, row);
		break;
	case COLUMN_OLDEST:
		strbuf_puts(text,
			    row->oldest_ns == GOSPY_UNKNOWN ? "-" : units_span(row->oldest_ns).s);
		break;
	case COLUMN_STATE:
		escape_add(text, row->state);
		differ = row->states_differ;
		break;
	case COLUMN_LOCATION:
		if (row->title)
			escape_add(text, row->title);
		else if (row->location)
			model_location(row->location, text);
		else
			strbuf_putc(text, '-');
		differ = !row->title && row->locations_differ;
		break;
	case COLUMN_CREATOR:
		if (row->creator)
			model_location(row->creator, text);
		else
			strbuf_putc(text, '-');
		differ = row->creators_differ;
		break;
	case MODEL_COLUMNS:
		break;
	}
	if (differ)
		strbuf_puts(text, utf8 ? "\xe2\x80\xa6" : "...");
}
