#include "tui/model_text.h"

#include <inttypes.h>
#include <string.h>

#include "render/escape.h"
#include "render/units.h"

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

void model_wait(uint64_t wait_ns, bool at_least, uint64_t still_ns, bool utf8, struct strbuf *text)
{
	const struct wait_known wait = wait_known(wait_ns, still_ns);
	if (wait.ns == GOSPY_UNKNOWN) {
		strbuf_putc(text, '-');
		return;
	}
	strbuf_puts(text, units_at_least(wait.at_least || at_least, utf8));
	strbuf_puts(text, units_span(wait.ns).s);
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

static void add_place(struct strbuf *text, const struct gospy_location *place)
{
	if (place)
		model_location(place, text);
	else
		strbuf_putc(text, '-');
}

static bool model_differs(const struct model_row *row, enum model_column column)
{
	switch (column) {
	case COLUMN_STATE:
		return row->states_differ;
	case COLUMN_LOCATION:
		return !row->title && row->locations_differ;
	case COLUMN_CREATOR:
		return row->creators_differ;
	case COLUMN_USER:
		return row->users_differ;
	case COLUMN_COUNT:
	case COLUMN_DELTA:
	case COLUMN_RATE:
	case COLUMN_OLDEST:
	case COLUMN_APART:
	case MODEL_COLUMNS:
		break;
	}
	return false;
}

/* Does the column LOCATION say in which function all of them are? By creator it may have no room.
 */
static bool shows_function(const struct model_row *row, enum group_key key)
{
	return !row->title && !row->locations_differ && key != GROUP_CREATOR;
}

bool model_name(const struct model_row *row, enum model_column column, enum group_key key,
		bool utf8, struct name *ret)
{
	if (column == COLUMN_STATE && row->state)
		*ret = (struct name){.kind = NAME_STATE, .text = row->state};
	else if (column == COLUMN_LOCATION && row->title)
		*ret = (struct name){.kind = key == GROUP_OBJECT ? NAME_OBJECT : NAME_TEXT,
				     .text = row->title};
	else if (column == COLUMN_LOCATION)
		*ret = name_place(row->location);
	else if (column == COLUMN_CREATOR)
		*ret = name_place(row->creator);
	else if (column == COLUMN_APART && row->apart)
		*ret = name_beside(row->apart, row->location);
	else if (column == COLUMN_USER && !row->users_known)
		*ret = (struct name){.kind = NAME_TEXT, .text = "?"};
	else if (column == COLUMN_USER)
		*ret = name_beside(row->user, shows_function(row, key) ? row->location : NULL);
	else
		return false;
	ret->after = model_differs(row, column) ? name_more(utf8) : NULL;
	return true;
}

struct name model_subject(const struct model_row *row, enum group_key key, bool utf8,
			  const char *before)
{
	struct name subject = {.text = "?"};
	model_name(row, key == GROUP_STATE ? COLUMN_STATE : COLUMN_LOCATION, key, utf8, &subject);
	subject.before = before;
	return subject;
}

void model_cell(const struct model_row *row, enum model_column column, bool utf8,
		struct strbuf *text)
{
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
		model_wait(row->oldest_ns, row->wait_at_least, row->still_ns, utf8, text);
		break;
	case COLUMN_STATE:
		escape_add(text, row->state);
		break;
	case COLUMN_LOCATION:
		if (row->title)
			escape_add(text, row->title);
		else
			add_place(text, row->location);
		break;
	case COLUMN_APART:
		if (row->apart)
			add_place(text, row->apart);
		break;
	case COLUMN_USER:
		if (row->users_known)
			add_place(text, row->user);
		else
			strbuf_putc(text, '?');
		break;
	case COLUMN_CREATOR:
		add_place(text, row->creator);
		break;
	case MODEL_COLUMNS:
		break;
	}
	if (model_differs(row, column))
		strbuf_puts(text, utf8 ? "\xe2\x80\xa6" : "...");
}
