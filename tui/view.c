#include "tui/view.h"

#include <stdlib.h>

#include "tui/model_text.h"
#include "tui/table.h"

void *view_open(const struct view_ops *ops)
{
	struct view *view = calloc(1, ops->size);
	if (!view)
		abort();
	view->ops = ops;
	view->sort = ops->sort;
	return view;
}

void view_close(struct view *view)
{
	if (!view)
		return;
	if (view->ops->close)
		view->ops->close(view);
	pattern_free(&view->filter_pattern);
	pattern_free(&view->pattern);
	vec_free(&view->order);
	free(view);
}

void view_update(struct view *view, struct ui *ui)
{
	if (view->ops->update)
		view->ops->update(view, ui);
	table_update(view, ui);
}

void cell_number(struct cell_value *value, uint64_t number)
{
	value->number = number;
	if (number == GOSPY_UNKNOWN)
		strbuf_putc(&value->text, '?');
	else
		strbuf_printf(&value->text, "%lu", number);
}

void cell_location(struct cell_value *value, const struct gospy_location *location)
{
	if (!location) {
		strbuf_putc(&value->text, '?');
		return;
	}
	model_location(location, &value->text);
	value->named = true;
	value->name = name_place(location);
}

void cell_name(struct cell_value *value, enum name_kind kind, const char *text)
{
	strbuf_puts(&value->text, text);
	value->named = true;
	value->name = (struct name){.kind = kind, .text = text};
}
