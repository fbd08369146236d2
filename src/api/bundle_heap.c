#include "api/bundle_heap.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/free_memory.h"
#include "capture/capture_take.h"
#include "heap/spans.h"

enum {
	/* How long a byte takes that is read in the moment, in thousandths of a nanosecond, with
	 * what is looked up of it. */
	BYTE_PS = 2000,
	/* What is packed takes about so much less memory. */
	PACKED = 3,
};

static const uint64_t PAUSE_LEAST_NS = 5 * 1000 * 1000, DEFAULT_PAUSE_NS = 1000 * 1000 * 1000;

void bundle_heap_deinit(struct bundle_heap *heap)
{
	if (heap->whole)
		whole_free(heap->whole);
	free(heap->whole);
	heap->whole = NULL;
}

/* Bytes of objects that may have pointers, of globals, and of the lists of spans. */
static enum gospy_code measure(struct bundle_heap *heap, struct image *image,
			       struct gospy_error *err)
{
	const struct moduledata *md = &image->program->md;
	struct heap_spans spans;
	enum gospy_code code = spans_read(image, &heap->budget, false, &spans, err);
	if (code)
		return code;
	for (size_t i = 0; i < spans.scan_spans; i++)
		heap->bytes += spans.all.at[i].pages * HEAP_PAGE;
	heap->bytes += spans.all.len * sizeof(struct heap_span);
	heap->bytes += md->edata > md->data ? md->edata - md->data : 0;
	heap->bytes += md->ebss > md->bss ? md->ebss - md->bss : 0;
	budget_give(&heap->budget, spans.charged);
	spans_deinit(&spans);
	return GOSPY_OK;
}

enum gospy_code bundle_heap_plan(struct bundle_heap *heap, struct image *image,
				 const struct gospy_capture_options *how,
				 struct recording *recording, bool frozen, struct gospy_error *err)
{
	uint64_t memory = how->max_memory ? how->max_memory : free_memory_share();
	uint64_t most_ns = how->max_pause_ns ? how->max_pause_ns : DEFAULT_PAUSE_NS;
	heap->how = how;
	heap->recording = recording;
	budget_init(&heap->budget, memory, SIZE_MAX);
	heap->options = (struct heap_options){.budget = &heap->budget};
	heap->whole = calloc(1, sizeof(*heap->whole));
	enum gospy_code code = heap->whole ? measure(heap, image, err) : err_nomem(err);
	if (code)
		return code;
	uint64_t pause_ns = heap->bytes / 1000 * BYTE_PS + PAUSE_LEAST_NS;
	if (heap->bytes / PACKED > memory)
		return err_set(err, GOSPY_E_LIMIT,
			       "%" PRIu64 " MiB of the heap take more memory than may be used: see "
			       "--max-memory",
			       heap->bytes >> 20);
	bool aside = heap->bytes + heap->bytes / PACKED <= memory;
	heap->in_moment = frozen || (!how->non_blocking && aside && pause_ns <= most_ns);
	recording_expect_heap(recording, heap->in_moment && !frozen ? heap->bytes : 0);
	if (how->heap_expected)
		how->heap_expected(how->heap_expected_ctx, heap->bytes,
				   heap->in_moment && !frozen ? pause_ns : 0);
	return GOSPY_OK;
}

/* The goroutines are recorded by themselves: here they are only needed to find what leads to
 * objects. */
static enum gospy_code read_now(struct bundle_heap *heap, struct source *source,
				struct image *image, const struct moment *moment,
				struct gospy_error *err)
{
	const struct gospy_snapshot_options how = {
		.size = sizeof(how), .non_blocking = true, .objects = true, .channels = true};
	CLEANUP_FREE struct capture *capture = calloc(1, sizeof(*capture)); // it is large
	if (!capture)
		return err_nomem(err);
	mem_record(image->mem, !moment);
	enum gospy_code code = capture_take(source, image, &how, NULL, capture, err);
	mem_record(image->mem, true);
	if (code)
		return code;
	code = whole_read(image, capture, moment, &heap->options, heap->whole, err);
	heap->bytes_read = heap->whole->heap.scanned;
	capture_deinit(capture);
	return code;
}

enum gospy_code bundle_heap_read(struct bundle_heap *heap, struct source *source,
				 struct image *image, struct gospy_error *err)
{
	enum { SLICE = 24 };
	enum gospy_code code = read_now(heap, source, image, NULL, err);
	const uint64_t mheap = image->globals.mheap_.addr;
	// The goroutines that were looked at for that are read anew. Figures are read later, too,
	// and the heap may have more spans then, which were not read.
	const struct mem_range spans = {mheap + image->layout.mheap.allspans.off, SLICE};
	recording_unfix(heap->recording);
	if (!code && mheap && field_present(image->layout.mheap.allspans))
		mem_fix(image->mem, &spans, 1);
	return code;
}

void bundle_heap_visit(struct bundle_heap *heap, struct source *source, struct image *image,
		       const struct moment *moment)
{
	struct gospy_error err = {0};
	// An attempt before this one was given up.
	whole_free(heap->whole);
	memset(heap->whole, 0, sizeof(*heap->whole));
	heap->options.deadline_ns = moment->deadline_ns;
	heap->failed = read_now(heap, source, image, moment, &err) != GOSPY_OK;
	memcpy(heap->why, err.msg, sizeof(heap->why));
}

enum gospy_code bundle_heap_follow(struct bundle_heap *heap, struct source *source,
				   struct gospy_error *err)
{
	return heap->failed ? GOSPY_OK : whole_follow(heap->whole, source, err);
}
