#include "core/core_layout.h"

#include <elf.h>

#include "base/cancel.h"

/* Pages that follow one another, or a gap. */
struct piece {
	uint64_t addr, end;
	uint64_t at; /* in the pages of the file */
};

static uint64_t pages_in(uint64_t bytes)
{
	return bytes / PAGE_BYTES;
}

/* The mapping that holds all of [from, to], which may be the same address; or NULL. */
static const struct mapping *find_whole(const struct mappings *mappings, uint64_t from, uint64_t to)
{
	const struct mapping *map = mappings_find(mappings, from);
	return map && to < map->end ? map : NULL;
}

static uint32_t flags_of(const struct mapping *map)
{
	if (!map)
		return PF_R;
	return (map->read ? PF_R : 0u) | (map->write ? PF_W : 0u) | (map->exec ? PF_X : 0u);
}

/* Where the mapping at `addr`, or the gap between mappings, ends. */
static uint64_t end_of(const struct mappings *mappings, const struct mapping *map, uint64_t addr)
{
	if (map)
		return map->end;
	size_t from = 0, to = mappings->maps.len;
	while (from < to) {
		size_t middle = from + (to - from) / 2;
		if (mappings->maps.at[middle].start <= addr)
			from = middle + 1;
		else
			to = middle;
	}
	return from < mappings->maps.len ? mappings->maps.at[from].start : UINT64_MAX;
}

/* ---- segments */

/* Does the piece go on where the segment ends, but for a gap within one mapping? */
static bool joins(const struct layout_segment *last, const struct piece *piece, uint32_t flags,
		  const struct mappings *mappings)
{
	uint64_t end = last->addr + last->pages * PAGE_BYTES, gap = pages_in(piece->addr - end);
	if (gap > CHUNK_GAP || last->at + last->pages + gap != piece->at)
		return false;
	return gap ? find_whole(mappings, end - 1, piece->addr) != NULL : last->flags == flags;
}

static bool add_piece(struct core_layout *layout, const struct piece *piece, uint32_t flags,
		      const struct mappings *mappings)
{
	struct layout_segment *last =
		layout->segments.len ? &layout->segments.at[layout->segments.len - 1] : NULL;
	const uint64_t pages = pages_in(piece->end - piece->addr);
	if (last && joins(last, piece, flags, mappings)) {
		last->pages = piece->at + pages - last->at;
		return true;
	}
	const struct layout_segment segment = {piece->addr, piece->at, pages, flags};
	return vec_push(&layout->segments, segment);
}

/* Pages that are all there: cut where what they are mapped as changes. */
static bool add_pages(struct core_layout *layout, struct piece all, const struct mappings *mappings)
{
	while (all.addr < all.end) {
		const struct mapping *map = mappings_find(mappings, all.addr);
		uint64_t end = end_of(mappings, map, all.addr) & ~(uint64_t)(PAGE_BYTES - 1);
		if (end <= all.addr) // mappings are of whole pages; these are not
			end = all.addr + PAGE_BYTES;
		const struct piece piece = {all.addr, end < all.end ? end : all.end, all.at};
		if (!add_piece(layout, &piece, flags_of(map), mappings))
			return false;
		all.at += pages_in(piece.end - piece.addr);
		all.addr = piece.end;
	}
	return true;
}

/* ---- chunks */

static uint64_t page_addr(const struct page_block *block, unsigned page)
{
	return block->addr + (uint64_t)page * PAGE_BYTES;
}

/* Pages of zeros that go in front of the chunk, to which nothing but a small gap leads. */
static uint8_t gap_before(const struct core_layout *layout, uint64_t addr,
			  const struct mappings *mappings)
{
	if (!layout->runs.len)
		return 0;
	const struct layout_run *run = &layout->runs.at[layout->runs.len - 1];
	uint64_t end = run->addr + run->pages * PAGE_BYTES, gap = pages_in(addr - end);
	if (gap > CHUNK_GAP || !find_whole(mappings, end - 1, addr))
		return 0;
	return (uint8_t)gap;
}

static bool add_run(struct core_layout *layout, uint64_t addr, uint64_t pages)
{
	struct layout_run *last = layout->runs.len ? &layout->runs.at[layout->runs.len - 1] : NULL;
	layout->pages += pages;
	if (last && last->addr + last->pages * PAGE_BYTES == addr) {
		last->pages += pages;
		return true;
	}
	const struct layout_run run = {addr, pages};
	return vec_push(&layout->runs, run);
}

static bool add_block(struct core_layout *layout, const struct page_block *block,
		      const struct mappings *mappings)
{
	struct page_run runs[CHUNK_RUNS_MAX];
	const size_t n = page_set_runs(block->present, runs);
	uint64_t first = n ? page_addr(block, runs[0].from) : 0;
	uint8_t gap = n ? gap_before(layout, first, mappings) : 0;
	if (!vec_push(&layout->gaps, gap) ||
	    (gap && !add_run(layout, first - (uint64_t)gap * PAGE_BYTES, gap)))
		return false;
	layout->parts += block->parts->len;
	for (size_t i = 0; i < n; i++) {
		const uint64_t at = layout->pages;
		unsigned from = runs[i].from;
		if (!add_run(layout, page_addr(block, from), runs[i].to - from))
			return false;
		while (from < runs[i].to) {
			unsigned to = page_set_next(block->present, from, false);
			const struct piece piece = {page_addr(block, from), page_addr(block, to),
						    at + from - runs[i].from};
			if (!add_pages(layout, piece, mappings))
				return false;
			from = page_set_next(block->present, to, true);
		}
	}
	return true;
}

enum gospy_code core_layout_make(const struct page_store *store, const struct mappings *mappings,
				 struct core_layout *ret, struct gospy_error *err)
{
	struct core_layout layout = {0};
	enum gospy_code code = GOSPY_OK;
	for (size_t i = 0; i < page_store_count(store) && !code; i++) {
		const struct page_block block = page_store_block(store, i);
		if (!add_block(&layout, &block, mappings))
			code = err_nomem(err);
		else
			code = cancel_check(err);
	}
	if (code)
		core_layout_deinit(&layout);
	else
		*ret = layout;
	return code;
}

void core_layout_deinit(struct core_layout *layout)
{
	vec_free(&layout->segments);
	vec_free(&layout->runs);
	vec_free(&layout->gaps);
}
