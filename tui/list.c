#include "tui/list.h"

static void keep_in_sight(struct list *list)
{
	if (list->selected < list->top)
		list->top = list->selected;
	if (list->page && list->selected >= list->top + list->page)
		list->top = list->selected - list->page + 1;
	// No empty lines below while there are lines above.
	if (list->top + list->page > list->count)
		list->top = list->count > list->page ? list->count - list->page : 0;
}

static void select_index(struct list *list, size_t index, list_id *id, const void *ctx)
{
	if (index >= list->count)
		index = list->count ? list->count - 1 : 0;
	list->selected = index;
	list->has_id = list->count > 0;
	if (list->has_id)
		list->id = id(ctx, index);
	keep_in_sight(list);
}

/* Where the selected id is now: near its old place, most likely. count: nowhere. */
static size_t find(const struct list *list, size_t count, list_id *id, const void *ctx)
{
	if (!list->has_id)
		return count;
	if (list->selected < count && id(ctx, list->selected) == list->id)
		return list->selected;
	for (size_t i = 0; i < count; i++) {
		if (id(ctx, i) == list->id)
			return i;
	}
	return count;
}

void list_sync(struct list *list, size_t count, list_id *id, const void *ctx)
{
	size_t index = list->moved ? find(list, count, id, ctx) : 0;
	size_t row = list->selected - list->top;
	list->count = count;
	if (index < count && list->moved)
		list->top = index > row ? index - row : 0;
	else if (list->moved)
		index = list->selected;
	select_index(list, index, id, ctx);
}

void list_resize(struct list *list, size_t page)
{
	list->page = page;
	keep_in_sight(list);
}

void list_select(struct list *list, size_t index, list_id *id, const void *ctx)
{
	list->moved = true;
	select_index(list, index, id, ctx);
}

static size_t moved(size_t from, long delta)
{
	if (delta < 0)
		return from > (size_t)-delta ? from - (size_t)-delta : 0;
	return from + (size_t)delta;
}

static void move_top(struct list *list, long delta)
{
	size_t last = list->count > list->page ? list->count - list->page : 0;
	size_t top = moved(list->top, delta);
	list->top = top < last ? top : last;
}

void list_move(struct list *list, long delta, list_id *id, const void *ctx)
{
	list_select(list, moved(list->selected, delta), id, ctx);
}

void list_turn(struct list *list, bool forward, list_id *id, const void *ctx)
{
	long page = list->page > 1 ? (long)list->page - 1 : 1;
	move_top(list, forward ? page : -page);
	list_move(list, forward ? page : -page, id, ctx);
}

void list_scroll(struct list *list, long delta, list_id *id, const void *ctx)
{
	move_top(list, delta);
	size_t to = list->selected;
	if (to < list->top)
		to = list->top;
	if (list->page && to >= list->top + list->page)
		to = list->top + list->page - 1;
	list_select(list, to, id, ctx);
}
