#include "capture/span_set.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "base/error.h"

enum {
	SETS_SINCE = 15, /* Go 1.15 */
	/* Sizes by which these structures are known to be what is read here. */
	MCENTRAL_SIZE_15 = 216, /* with the lists that the sets replaced */
	MCENTRAL_SIZE = 168,
	PARTIAL_15 = 48,
	PARTIAL = 8,
	SET_SIZE = 40,
	BLOCK_SPANS = 512,
	SPINE_MIN = 256,
	/* runtime/tagptr.go, tagptr_64bit.go: the tag of an address takes what is always 0 of it,
	 * above and below. */
	ALIGNED_SINCE = 25,
	TAG_BITS = 15,
	TAG_BITS_24 = 16,
	NODE_ALIGN_BITS = 9,
	NODE_ALIGN_BITS_24 = 3,
	BLOCK_HEADER_24 = 24, /* lfnode, popped; from 1.25 on padded to the alignment */
};

/* mspanset.go:spanSet. Spans are taken from a queue, whose end is in the low half of the index. */
struct span_set {
	uint64_t lock, spine, len, cap, index;
};

/* The sets of swept spans of a span class: those with room, and those without. */
struct class_sets {
	struct span_set of[2];
};

typedef VEC(struct class_sets) class_sets_vec;

/* Offset of mcentral.partial, or 0: it is not what it is known to be. */
static uint64_t partial_offset(const struct image *image)
{
	int minor = image->version.minor;
	uint64_t size = image->layout.mcentral.size;
	if (minor == SETS_SINCE)
		return size == MCENTRAL_SIZE_15 ? PARTIAL_15 : 0;
	return minor > SETS_SINCE && size == MCENTRAL_SIZE ? PARTIAL : 0;
}

/* Two sets for each of `n` span classes: of each pair in an mcentral the set of swept spans
 * (mcentral.go:partialSwept). */
static enum gospy_code read_sets(const struct memcopy *copy, struct image *image, size_t n,
				 class_sets_vec *sets, struct gospy_error *err)
{
	CLEANUP_FREE struct mem_req *reqs = malloc(2 * n * sizeof(*reqs));
	if (!reqs || !vec_reserve(sets, n))
		return err_nomem(err);
	sets->len = n;
	struct field central = image->layout.mheap.central;
	uint64_t first = image->globals.mheap_.addr + central.off + partial_offset(image) +
			 copy->mheap.sweepgen / 2 % 2 * SET_SIZE;
	for (size_t i = 0; i < 2 * n; i++) {
		// The pair of the full ones is behind that of the partial ones.
		uint64_t addr = first + i / 2 * (central.size / n) + i % 2 * 2 * SET_SIZE;
		reqs[i] = (struct mem_req){addr, &sets->at[i / 2].of[i % 2], SET_SIZE, 0, MEM_DATA};
	}
	enum gospy_code code = mem_readv(image->mem, reqs, 2 * n, err);
	return code ? err_context(err, code, "mheap_.central") : GOSPY_OK;
}

struct growth {
	uint64_t blocks, spine_bytes;
};

/* mspanset.go:push, of `pushed` spans; false: that would not follow from what is there. */
static bool grow(const struct span_set *set, uint64_t pushed, struct growth *growth)
{
	uint64_t spans = (uint32_t)set->index, cap = set->cap;
	// A set that is just being pushed to has no block yet for the last one.
	if (spans > UINT64_C(1) * BLOCK_SPANS * (uint32_t)set->len || set->len > cap)
		return !pushed;
	uint64_t blocks = (spans + pushed + BLOCK_SPANS - 1) / BLOCK_SPANS;
	if (!pushed || blocks <= set->len)
		return true;
	growth->blocks += blocks - set->len;
	for (; cap < blocks; growth->spine_bytes += cap * sizeof(uint64_t))
		cap = cap ? 2 * cap : SPINE_MIN;
	return true;
}

/* Which sets the cached spans go to: mcentral.go:uncacheSpan. */
static bool add_up(const struct memcopy *copy, const struct layout *layout,
		   const class_sets_vec *sets, struct growth *growth)
{
	uint64_t pushed[2 * SIZE_CLASSES_MAX][2] = {0};
	for (size_t i = 0; i < copy->spans.len; i++) {
		const uint8_t *span = copy->mspans.at + i * layout->mspan.size;
		bool full = field_load(span, layout->mspan.allocCount) ==
			    field_load(span, layout->mspan.nelems);
		pushed[copy->spans.at[i].spanclass][full]++;
	}
	for (size_t i = 0; i < sets->len; i++) {
		for (size_t k = 0; k < 2; k++) {
			if (!grow(&sets->at[i].of[k], pushed[i][k], growth))
				return false;
		}
	}
	return true;
}

/* lfstack.go:lfstackUnpack. Processes have the lower half of the addresses. */
static uint64_t untagged(const struct image *image, uint64_t node)
{
	return image->version.minor >= ALIGNED_SINCE
		       ? node >> (TAG_BITS + NODE_ALIGN_BITS) << NODE_ALIGN_BITS
		       : node >> (TAG_BITS_24 + NODE_ALIGN_BITS_24) << NODE_ALIGN_BITS_24;
}

/* mspanset.go:spanSetBlockPool, a stack of blocks that are free: how many there are, up to `max`.
 * false: it cannot be followed. */
static bool count_free_blocks(struct image *image, uint64_t max, uint64_t *ret)
{
	uint64_t n = 0, addr = image->globals.spanSetBlockPool.addr;
	for (; n <= max; n++) {
		uint64_t node;
		if (mem_read_u64(image->mem, addr, &node, NULL))
			return false;
		addr = untagged(image, node);
		if (!addr)
			break;
	}
	*ret = n < max ? n : max;
	return true;
}

enum gospy_code span_set_growth(const struct memcopy *copy, struct image *image, uint64_t *ret,
				struct gospy_error *err)
{
	const struct layout *layout = &image->layout;
	size_t n = layout->mcache.alloc.size / 8;
	class_sets_vec sets = {0};
	struct growth growth = {0};
	uint64_t free_blocks = 0;
	*ret = 0;
	if (!partial_offset(image) || !image->globals.spanSetBlockPool.addr ||
	    !field_present(layout->mheap.central) || !field_present(layout->mheap.sweepgen) || !n ||
	    n > 2 * SIZE_CLASSES_MAX || layout->mheap.central.size / n < layout->mcentral.size)
		return GOSPY_OK;
	enum gospy_code code = read_sets(copy, image, n, &sets, err);
	bool known = !code && add_up(copy, layout, &sets, &growth) &&
		     count_free_blocks(image, growth.blocks, &free_blocks);
	vec_free(&sets);
	if (!known)
		return code;
	uint64_t header =
		image->version.minor >= ALIGNED_SINCE ? 1 << NODE_ALIGN_BITS : BLOCK_HEADER_24;
	*ret = growth.spine_bytes +
	       (growth.blocks - free_blocks) * (header + BLOCK_SPANS * sizeof(uint64_t));
	return GOSPY_OK;
}
