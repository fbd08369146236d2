#include "heap/heap.h"

#include <stdlib.h>
#include <string.h>

#include "base/prefault.h"
#include "heap/late.h"
#include "heap/types.h"
#include "heap/words.h"
#include "image/image.h"

enum {
	EDGES_MIN = 4096, /* room that there is at first */
};

struct builder {
	struct heap *heap;
	const struct heap_options *options;
	struct words words;
	struct late *late; /* of .options */
	uint32_t next;     /* number whose row is the next to begin */
	size_t hidden;     /* the first hidden word that has not come yet */
	const struct piece *piece;
};

static bool charge(struct builder *b, size_t bytes)
{
	bool ok = budget_take(b->options->budget, bytes);
	b->heap->charged += ok ? bytes : 0;
	return ok;
}

void heap_free(struct heap *heap)
{
	if (heap->masks.budget) {
		budget_give(heap->masks.budget, heap->charged + heap->spans.charged);
		masks_deinit(&heap->masks);
	}
	spans_deinit(&heap->spans);
	free(heap->rows);
	free(heap->long_rows);
	free(heap->edges);
	*heap = (struct heap){0};
}

/* ---------------------------------------------------------------------------------------- rows --
 */

/* From now on rows need more than 32 bits. */
static bool lengthen_rows(struct builder *b)
{
	struct heap *heap = b->heap;
	size_t n = (size_t)heap->spans.scan_count + 1;
	if (!charge(b, n * sizeof(*heap->long_rows)))
		return false;
	heap->long_rows = malloc(n * sizeof(*heap->long_rows));
	if (!heap->long_rows)
		return false;
	for (size_t i = 0; i < b->next; i++)
		heap->long_rows[i] = heap->rows[i];
	free(heap->rows);
	heap->rows = NULL;
	return true;
}

/* Rows of all numbers up to this one, which have no edges but for those that are there. */
static inline void begin_rows(struct builder *b, uint32_t number)
{
	struct heap *heap = b->heap;
	while (b->next <= number) {
		if (heap->long_rows)
			heap->long_rows[b->next++] = heap->edge_count;
		else
			heap->rows[b->next++] = (uint32_t)heap->edge_count;
	}
}

/* Room for `n` edges more; false: there is no memory left. */
static bool make_room(struct builder *b, size_t n)
{
	struct heap *heap = b->heap;
	uint64_t need = heap->edge_count + n, cap = heap->edge_cap + heap->edge_cap / 2;
	if (!heap->long_rows && need > UINT32_MAX && !lengthen_rows(b))
		return false;
	if (need <= heap->edge_cap)
		return true;
	cap = cap < need ? need : cap;
	cap = cap < EDGES_MIN ? EDGES_MIN : cap;
	if (!charge(b, (cap - heap->edge_cap) * sizeof(*heap->edges)))
		return false;
	uint32_t *edges = realloc(heap->edges, cap * sizeof(*edges));
	if (!edges)
		return false;
	heap->edges = edges;
	heap->edge_cap = cap;
	return true;
}

/* ---------------------------------------------------------------------------------------- words --
 */

static inline void begin_object(void *ctx, uint32_t number, const struct mask *mask)
{
	(void)mask;
	begin_rows(ctx, number);
}

static inline void add_edge(void *ctx, const uint8_t *at)
{
	const struct builder *b = ctx;
	struct heap *heap = b->heap;
	uint64_t word = words_load(at);
	uint32_t to = heap_number(&heap->spans, word);
	if (b->late && to == HEAP_NONE && late_is_near(b->late, word))
		late_note_word(b->late, word);
	// The room is there. That which leads nowhere is overwritten.
	heap->edges[heap->edge_count] = to;
	heap->edge_count += to != HEAP_NONE;
}

static inline void begin_typed(void *ctx, uint32_t number, const struct mask *mask)
{
	struct builder *b = ctx;
	begin_rows(b, number);
	if (mask)
		types_header(b->options->types, b->piece->span, number, mask->type);
}

/* The word before is of the same object, unless this one is the first. */
static void look_before(struct builder *b, const uint8_t *at)
{
	const struct piece *piece = b->piece;
	size_t off = (size_t)(at - piece->bytes);
	if (off && (piece->span->spanclass < 2 || off % piece->span->elemsize))
		types_pair(b->options->types, words_load(at - 8), words_load(at));
}

static inline void add_typed(void *ctx, const uint8_t *at)
{
	struct builder *b = ctx;
	uint64_t before = at > b->piece->bytes ? words_load(at - 8) : 0;
	if (types_is_near(b->options->types, before))
		look_before(b, at);
	add_edge(ctx, at);
}

/* Hidden words are no pointers. Pieces come in the order of addresses. */
static void hide(struct builder *b, const struct piece *piece)
{
	const struct heap_options *o = b->options;
	uint64_t start = piece->span->start + piece->off;
	while (b->hidden < o->hidden_count && o->hidden[b->hidden] < start)
		b->hidden++;
	for (size_t i = b->hidden; i < o->hidden_count; i++) {
		uint64_t off = o->hidden[i] - start;
		if (off >= piece->len || off + 8 > piece->len)
			break;
		memset(piece->bytes + off, 0, 8);
	}
}

static void set_unknown(struct heap *heap, struct heap_span *span)
{
	heap->unknown_spans += !span->unknown;
	span->unknown = true;
}

static enum gospy_code take_piece(void *ctx, const struct piece *piece, struct gospy_error *err)
{
	struct builder *b = ctx;
	struct heap *heap = b->heap;
	const struct words_visit visit = {begin_object, add_edge, b};
	const struct words_visit typed = {begin_typed, add_typed, b};
	if (!heap->partial && !make_room(b, piece->len / 8 + 1))
		heap->partial = true;
	if (!piece->bytes || heap->partial || piece->span->unknown) {
		set_unknown(heap, piece->span);
		return GOSPY_OK;
	}
	if (b->options->hidden_count)
		hide(b, piece);
	heap->scanned += piece->len;
	b->piece = piece;
	if (b->options->types)
		words_of_piece(&b->words, typed, piece);
	else
		words_of_piece(&b->words, visit, piece);
	return b->words.no_memory ? err_nomem(err) : GOSPY_OK;
}

static enum gospy_code build(struct builder *b, struct gospy_error *err)
{
	struct heap *heap = b->heap;
	size_t n = (size_t)heap->spans.scan_count + 1;
	if (!charge(b, n * sizeof(*heap->rows)))
		return err_set(err, GOSPY_E_LIMIT, "no memory is left for %zu objects", n);
	heap->rows = malloc(n * sizeof(*heap->rows));
	if (!heap->rows)
		return err_nomem(err);
	prefault(heap->rows, n * sizeof(*heap->rows));
	enum gospy_code code = stream_each(heap, b->options, take_piece, b, err);
	if (!code)
		begin_rows(b, heap->spans.scan_count);
	return code;
}

enum gospy_code heap_build(struct image *image, const struct heap_options *options,
			   struct heap *ret, struct gospy_error *err)
{
	struct heap heap = {.image = image,
			    .scheme = scheme_of(&image->version, image->go_version)};
	masks_init(&heap.masks, image->mem, image->version.minor, options->budget);
	struct builder *b = calloc(1, sizeof(*b));
	enum gospy_code code = b ? GOSPY_OK : err_nomem(err);
	if (!code)
		code = spans_read(image, options->budget, options->runs, &heap.spans, err);
	if (!code && options->types)
		code = types_begin(options->types, &heap, options->budget, err);
	if (!code) {
		b->heap = &heap;
		b->options = options;
		b->late = options->late;
		if (b->late)
			late_begin(b->late, &heap.spans, options->budget);
		b->words.heap = &heap;
		code = build(b, err);
		heap.partial |= heap.spans.dropped > 0;
	}
	free(b);
	if (options->types)
		options->types->heap = ret;
	if (code)
		heap_free(&heap);
	else
		*ret = heap;
	return code;
}
