#include "heap/tally.h"

#include <stdlib.h>

#include "base/cancel.h"

void tally_deinit(struct tally *tally)
{
	free(tally->by_type);
	*tally = (struct tally){0};
}

static void count(struct tally_sum *sum, uint64_t bytes)
{
	sum->objects++;
	sum->bytes += bytes;
}

static void count_span(struct tally *tally, const struct heap_span *span, const struct mark *mark,
		       const struct types *types)
{
	for (uint32_t i = span->first; i - span->first < span->count; i++) {
		if (!mark_has(mark, i))
			continue;
		uint16_t type = types->of[i];
		count(&tally->reachable, span->elemsize);
		if (type) {
			count(&tally->typed, span->elemsize);
			count(&tally->by_type[type], span->elemsize);
		} else {
			count(&tally->by_class[span->spanclass], span->elemsize);
		}
	}
}

enum gospy_code tally_make(const struct heap *heap, const struct mark *mark,
			   const struct types *types, struct tally *ret, struct gospy_error *err)
{
	enum { SPANS_EACH = 4096 };
	struct tally tally = {.type_count = types->gotypes.all.len};
	tally.by_type = calloc(tally.type_count + 1, sizeof(*tally.by_type));
	enum gospy_code code = tally.by_type ? GOSPY_OK : err_nomem(err);
	for (size_t i = 0; i < heap->spans.all.len && !code; i++) {
		count_span(&tally, &heap->spans.all.at[i], mark, types);
		if (i % SPANS_EACH == 0)
			code = cancel_check(err);
	}
	if (code)
		tally_deinit(&tally);
	else
		*ret = tally;
	return code;
}
