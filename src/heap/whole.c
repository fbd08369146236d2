#include "heap/whole.h"

#include <stdlib.h>

#include "base/cancel.h"
#include "base/cleanup.h"
#include "heap/roots.h"
#include "heap/seeds.h"
#include "heap/stack_roots.h"
#include "heap/thread_words.h"
#include "image/image.h"

void whole_free(struct whole *whole)
{
	types_end(&whole->types);
	heap_free(&whole->heap);
}

static inline void begin_object(void *ctx, uint32_t number, const struct mask *mask)
{
	struct whole *w = ctx;
	if (mask)
		types_header(&w->types, w->piece->span, number, mask->type);
}

static inline void take_word(void *ctx, const uint8_t *at)
{
	struct whole *w = ctx;
	const struct piece *piece = w->piece;
	size_t off = (size_t)(at - piece->bytes);
	if (!off || (piece->span->spanclass >= 2 && off % piece->span->elemsize == 0))
		return;
	uint64_t before = words_load(at - 8);
	if (types_is_near(&w->types, before))
		types_pair(&w->types, before, words_load(at));
}

static enum gospy_code take_piece(void *ctx, const struct piece *piece, struct gospy_error *err)
{
	struct whole *w = ctx;
	const struct words_visit visit = {begin_object, take_word, w};
	w->unread |= !piece->bytes;
	piece->span->unknown |= !piece->bytes;
	if (!piece->bytes)
		return GOSPY_OK;
	w->piece = piece;
	w->heap.scanned += piece->len;
	words_of_piece(&w->words, visit, piece);
	return w->words.no_memory ? err_nomem(err) : GOSPY_OK;
}

static void take_root(void *ctx, const struct root *root)
{
	struct whole *w = ctx;
	if (root->kind == ROOT_GLOBAL && types_is_near(&w->types, root->before))
		types_pair(&w->types, root->before, root->pointer);
}

static int take_stack_word(void *ctx, uint64_t pointer)
{
	(void)ctx, (void)pointer;
	return 0;
}

/* All of them: which of them wait in vain is found out later. */
static enum gospy_code read_stacks(struct whole *w, struct image *image,
				   const struct capture *capture, struct gospy_error *err)
{
	CLEANUP_FREE uint32_t *which = malloc((capture->count + 1) * sizeof(*which));
	struct stack_roots *stacks = NULL;
	size_t n = 0;
	if (!which)
		return err_nomem(err);
	for (size_t i = 0; i < capture->count; i++) {
		if (!grec_is_dead(&capture->recs[i]))
			which[n++] = (uint32_t)i;
	}
	enum gospy_code code = stack_roots_create(image, capture->symbols, &stacks, err);
	if (!code)
		code = stack_roots_of(stacks, capture->recs, which, n, take_stack_word, w, err);
	w->unread |= !code && stack_roots_unread(stacks);
	stack_roots_destroy(stacks);
	return code;
}

static void pass_late(void *ctx, pid_t tid)
{
	(void)ctx, (void)tid;
}

static int pass_word(void *ctx, uint64_t word)
{
	(void)ctx, (void)word;
	return 0;
}

/* What is read of objects after the moment is not what they were. */
static enum gospy_code fix_spans(const struct whole *w, struct mem *mem, struct gospy_error *err)
{
	VEC(struct mem_range) ranges = {0};
	for (size_t i = 0; i < w->heap.spans.scan_spans; i++) {
		const struct heap_span *span = &w->heap.spans.all.at[i];
		const uint64_t len = span->pages * HEAP_PAGE;
		struct mem_range *last = ranges.len ? &ranges.at[ranges.len - 1] : NULL;
		if (last && last->addr + last->len == span->start) {
			last->len += len;
		} else if (!vec_push(&ranges, ((struct mem_range){span->start, len}))) {
			vec_free(&ranges);
			return err_nomem(err);
		}
	}
	mem_fix(mem, ranges.at, ranges.len);
	vec_free(&ranges);
	return GOSPY_OK;
}

enum gospy_code whole_read(struct image *image, const struct capture *capture,
			   const struct moment *moment, const struct heap_options *options,
			   struct whole *w, struct gospy_error *err)
{
	struct roots_count count = {0};
	const struct thread_words words = {pass_word, pass_word, pass_late, NULL};
	w->options = options;
	w->heap.image = image;
	w->heap.scheme = scheme_of(&image->version, image->go_version);
	w->words.heap = &w->heap;
	masks_init(&w->heap.masks, image->mem, image->version.minor, options->budget);
	enum gospy_code code = spans_read(image, options->budget, false, &w->heap.spans, err);
	if (!code)
		code = types_begin(&w->types, &w->heap, options->budget, err);
	// What cannot be read of threads cannot be read of the record either, which tells so then.
	if (!code && moment)
		w->unread |= thread_words_each(image, capture, moment, &words) != NULL;
	if (!code)
		code = roots_each(image, &w->heap, take_root, w, &count, err);
	if (!code)
		code = read_stacks(w, image, capture, err);
	if (!code)
		code = stream_each(&w->heap, options, take_piece, w, err);
	w->unread |= count.unread || w->heap.spans.bad || w->heap.spans.dropped;
	return !code && moment ? fix_spans(w, image->mem, err) : code;
}

enum gospy_code whole_follow(struct whole *w, struct source *source, struct gospy_error *err)
{
	struct heap_options options = *w->options;
	options.deadline_ns = 0;
	enum gospy_code code = seeds_take(w->heap.image, source, &w->types, err);
	if (!code)
		code = types_spread(&w->types, &options, err);
	for (size_t i = 1; i < w->types.gotypes.all.len && !code; i++) {
		CLEANUP_FREE char *name = gotypes_name(&w->types.gotypes, (uint16_t)i);
		code = name ? cancel_check(err) : err_nomem(err);
	}
	return code;
}
