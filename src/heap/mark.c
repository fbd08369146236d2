#include "heap/mark.h"

#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"

enum {
	/* Objects whose rows are being fetched: memory answers after some hundred nanoseconds. */
	AHEAD = 16,
	CANCEL_EACH = 4096, /* objects between two questions */
};

void mark_deinit(struct mark *mark)
{
	if (mark->budget)
		budget_give(mark->budget, mark->charged);
	free(mark->bits);
	free(mark->parents);
	vec_free(&mark->pending);
	map_deinit(&mark->origins);
	*mark = (struct mark){0};
}

static void mark_span(struct mark *mark, const struct heap_span *span)
{
	for (uint32_t i = span->first; i - span->first < span->count; i++)
		mark->bits[i / 64] |= UINT64_C(1) << i % 64;
}

enum gospy_code mark_init(struct mark *mark, const struct heap *heap, struct budget *budget,
			  bool paths, struct gospy_error *err)
{
	size_t words = (size_t)heap->spans.count / 64 + 1;
	size_t bytes = words * sizeof(uint64_t), each = sizeof(uint32_t);
	size_t all = bytes + (paths ? heap->spans.count * each : 0);
	*mark = (struct mark){.heap = heap};
	if (!budget_take(budget, all))
		return err_set(err, GOSPY_E_LIMIT, "no memory is left to mark %u objects",
			       heap->spans.count);
	mark->budget = budget;
	mark->charged = all;
	mark->bits = malloc(bytes);
	mark->parents = paths ? malloc(heap->spans.count * each + 1) : NULL;
	if (!mark->bits || (paths && !mark->parents)) {
		mark_deinit(mark);
		return err_nomem(err);
	}
	if (paths)
		memset(mark->parents, 0xff, heap->spans.count * each);
	for (size_t i = 0; i < words; i++)
		mark->bits[i] = ~heap->spans.allocated[i];
	for (size_t i = 0; i < heap->spans.scan_spans; i++) {
		if (heap->spans.all.at[i].unknown)
			mark_span(mark, &heap->spans.all.at[i]);
	}
	return GOSPY_OK;
}

/* Sets the bit; false: it was set. */
static inline bool set(struct mark *mark, uint32_t number)
{
	uint64_t *word = &mark->bits[number / 64], bit = UINT64_C(1) << number % 64;
	bool was = *word & bit;
	*word |= bit;
	return !was;
}

static inline void push(struct mark *mark, uint32_t number)
{
	if (number < mark->heap->spans.scan_count && !vec_push(&mark->pending, number))
		mark->no_memory = true;
}

static void set_origin(struct mark *mark, uint32_t number, uint64_t origin)
{
	uint64_t *slot = mark->parents ? map_put(&mark->origins, number) : NULL;
	if (slot)
		*slot = origin;
	mark->no_memory |= mark->parents && !slot;
}

static void mark_number(struct mark *mark, uint32_t number, uint64_t origin)
{
	if (!set(mark, number))
		return;
	set_origin(mark, number, origin);
	push(mark, number);
}

bool mark_root(struct mark *mark, uint64_t pointer, uint64_t origin)
{
	uint32_t number = heap_number(&mark->heap->spans, pointer);
	if (number == HEAP_NONE)
		return false;
	mark_number(mark, number, origin);
	return true;
}

void mark_referents(struct mark *mark, uint32_t number, uint64_t origin)
{
	size_t n;
	const uint32_t *edges = heap_edges(mark->heap, number, &n);
	for (size_t i = 0; i < n; i++)
		mark_number(mark, edges[i], origin);
}

void mark_alone(struct mark *mark, uint32_t number)
{
	if (number < mark->heap->spans.count)
		set(mark, number);
}

void mark_trace(struct mark *mark, uint32_t number)
{
	push(mark, number);
}

/* ----------------------------------------------------------------------------------------- run --
 */

/* An object whose edges are being fetched. */
struct row {
	uint64_t from, to;
	uint32_t number;
};

static inline void follow(struct mark *mark, const struct row *row)
{
	const uint32_t *edges = mark->heap->edges;
	for (uint64_t i = row->from; i < row->to; i++) {
		uint32_t to = edges[i];
		if (!set(mark, to))
			continue;
		if (mark->parents)
			mark->parents[to] = row->number;
		push(mark, to);
	}
}

static inline uint32_t take_pending(struct mark *mark)
{
	return mark->parents ? mark->pending.at[mark->head++]
			     : mark->pending.at[--mark->pending.len];
}

/* Of an object that is pending. */
static inline void fetch_row(const struct heap *heap, uint32_t number)
{
	if (heap->long_rows)
		__builtin_prefetch(&heap->long_rows[number]);
	else
		__builtin_prefetch(&heap->rows[number]);
}

static inline struct row begin_row(const struct heap *heap, uint32_t number)
{
	struct row row = {heap_row(heap, number), heap_row(heap, number + 1), number};
	__builtin_prefetch(&heap->edges[row.from]);
	return row;
}

/* Two rings of objects: of those whose rows are on their way, and of those whose edges are. */
enum gospy_code mark_run(struct mark *mark, struct gospy_error *err)
{
	uint32_t numbers[AHEAD];
	struct row rows[AHEAD];
	size_t number_count = 0, number_at = 0, row_count = 0, row_at = 0, steps = 0;
	const struct heap *heap = mark->heap;
	while (!mark->no_memory) {
		bool more = mark->head < mark->pending.len;
		if (more && number_count < AHEAD) {
			uint32_t number = take_pending(mark);
			fetch_row(heap, number);
			numbers[(number_at + number_count++) % AHEAD] = number;
		} else if (number_count && row_count < AHEAD) {
			rows[(row_at + row_count++) % AHEAD] = begin_row(heap, numbers[number_at]);
			number_at = (number_at + 1) % AHEAD;
			number_count--;
		} else if (row_count) {
			follow(mark, &rows[row_at]);
			row_at = (row_at + 1) % AHEAD;
			row_count--;
		} else {
			break;
		}
		if (++steps % CANCEL_EACH == 0 && cancel_check(err))
			return GOSPY_E_CANCELLED;
	}
	mark->pending.len = mark->head = 0;
	return mark->no_memory ? err_nomem(err) : GOSPY_OK;
}

uint32_t mark_parent(const struct mark *mark, uint32_t number, uint64_t *origin_ret)
{
	uint32_t parent = mark->parents ? mark->parents[number] : HEAP_NONE;
	const uint64_t *origin = parent == HEAP_NONE ? map_get(&mark->origins, number) : NULL;
	*origin_ret = origin ? *origin : 0;
	return parent;
}
