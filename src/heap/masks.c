#include "heap/masks.h"

#include <string.h>

#include "base/vec.h"

/* Offsets in abi.Type and what it begins: internal/abi/type.go, up to Go 1.20 runtime/type.go
 * (_type, arraytype, structtype). They are the same in Go 1.12 to 1.27. */
enum {
	TYPE_SIZE = 0,
	TYPE_PTR_BYTES = 8,
	TYPE_TFLAG = 20,
	TYPE_KIND = 23,
	TYPE_GCDATA = 32,
	TYPE_LEN = 48,
	ARRAY_ELEM = 48,
	ARRAY_COUNT = 64,
	STRUCT_FIELDS = 56,
	STRUCT_LEN = 80, /* an array is shorter */
	FIELD_LEN = 24,  /* name, type, offset */

	KIND_MASK = (1 << 5) - 1,
	KIND_ARRAY = 17,
	KIND_STRUCT = 25,

	KIND_GC_PROG = 1 << 6,         /* up to Go 1.23: .GCData is a program */
	TFLAG_MASK_ON_DEMAND = 1 << 4, /* Go 1.24+: .GCData leads to a word, which leads to bits */
	ON_DEMAND_SINCE = 24,
	PLAIN_OFFSETS_SINCE = 19, /* offsets of fields lost their lowest bit, "embedded" */
};

enum {
	/* Of one type: a type of 32 MiB. Larger ones are arrays that nobody writes down in a
	 * program. */
	MASK_WORDS_MAX = 4 << 20,
	/* Of all types of a target together, so that its types cannot fill our memory. */
	MASKS_BYTES_MAX = 64 << 20,
	FIELDS_MAX = 1 << 14,
	DEPTH_MAX = 32, /* of types within types */
	/* Of one type: fields of structures in structures. A type that contains itself ends here.
	 */
	STEPS_MAX = 1 << 16,
};

void masks_init(struct masks *masks, struct mem *mem, int minor, struct budget *budget)
{
	*masks = (struct masks){.mem = mem, .minor = minor, .budget = budget};
}

void masks_deinit(struct masks *masks)
{
	budget_give(masks->budget, masks->charged);
	map_deinit(&masks->by_type);
	arena_deinit(&masks->arena);
}

static uint64_t load_u64(const uint8_t *bytes)
{
	uint64_t v;
	memcpy(&v, bytes, sizeof(v));
	return v;
}

static bool fetch(const struct masks *masks, uint64_t addr, void *dst, size_t len)
{
	return addr && mem_read(masks->mem, addr, dst, len, NULL) == GOSPY_OK;
}

/* Room for the bits of so many words; NULL: there is none. */
static uint64_t *make_bits(struct masks *masks, uint64_t words)
{
	size_t bytes = (size_t)(words / 64 + 1) * sizeof(uint64_t);
	if (words > MASK_WORDS_MAX || masks->charged > MASKS_BYTES_MAX ||
	    !budget_take(masks->budget, bytes))
		return NULL;
	masks->charged += bytes;
	return arena_alloc(&masks->arena, bytes);
}

/* Copy `n` bits to `at`. */
static void copy_bits(uint64_t *to, uint64_t at, const uint64_t *from, uint64_t n)
{
	for (uint64_t i = 0; i < n; i++)
		to[(at + i) / 64] |= (from[i / 64] >> i % 64 & 1) << (at + i) % 64;
}

/* ----------------------------------------------------------------------------------- structure --
 */

/* Making the bits of a type of those of its parts. */
struct building {
	struct masks *masks;
	uint64_t *bits;
	uint64_t words;
	unsigned steps;
};

static bool build(struct building *b, uint64_t type, uint64_t at, unsigned depth);

static bool build_array(struct building *b, const uint8_t *array, uint64_t at, unsigned depth)
{
	uint64_t elem = load_u64(array + ARRAY_ELEM), count = load_u64(array + ARRAY_COUNT), size;
	uint64_t words = load_u64(array + TYPE_SIZE) / 8;
	if (!count || !words)
		return true;
	if (words > b->words - at || words % count || !build(b, elem, at, depth + 1))
		return false;
	// The first is there; the others are like it.
	size = words / count;
	for (uint64_t done = size; done < words; done++)
		b->bits[(at + done) / 64] |=
			(b->bits[(at + done - size) / 64] >> (at + done - size) % 64 & 1)
			<< (at + done) % 64;
	return true;
}

static bool build_struct(struct building *b, const uint8_t *type, uint64_t at, unsigned depth)
{
	uint64_t fields = load_u64(type + STRUCT_FIELDS), n = load_u64(type + STRUCT_FIELDS + 8);
	if (n > FIELDS_MAX)
		return false;
	for (uint64_t i = 0; i < n; i++) {
		uint8_t field[FIELD_LEN];
		if (!fetch(b->masks, fields + i * FIELD_LEN, field, sizeof(field)))
			return false;
		uint64_t off = load_u64(field + 16);
		if (b->masks->minor < PLAIN_OFFSETS_SINCE)
			off >>= 1;
		if (off / 8 > b->words - at ||
		    !build(b, load_u64(field + 8), at + off / 8, depth + 1))
			return false;
	}
	return true;
}

/* Add the bits of a type whose first word is `at`. Fields without pointers may lie between words.
 */
static bool build(struct building *b, uint64_t type, uint64_t at, unsigned depth)
{
	uint8_t bytes[STRUCT_LEN];
	if (depth > DEPTH_MAX || b->steps++ > STEPS_MAX || at > b->words ||
	    !fetch(b->masks, type, bytes, sizeof(bytes)))
		return false;
	uint64_t words = load_u64(bytes + TYPE_PTR_BYTES) / 8;
	unsigned kind = bytes[TYPE_KIND] & KIND_MASK;
	if (!words)
		return true;
	if (words > b->words - at)
		return false;
	if (kind == KIND_ARRAY)
		return build_array(b, bytes, at, depth);
	if (kind == KIND_STRUCT)
		return build_struct(b, bytes, at, depth);
	const struct mask *mask = words <= 2 ? masks_of(b->masks, type) : NULL;
	if (!mask || !mask->bits)
		return false;
	copy_bits(b->bits, at, mask->bits, words);
	return true;
}

static const uint64_t *bits_by_structure(struct masks *masks, uint64_t type, uint64_t size)
{
	// An array may end in words that are no pointers: its elements are whole here.
	struct building b = {.masks = masks, .words = size / 8};
	if (size / 8 > MASK_WORDS_MAX)
		return NULL;
	b.bits = make_bits(masks, size / 8);
	return b.bits && build(&b, type, 0, 0) ? b.bits : NULL;
}

/* ----------------------------------------------------------------------------------------- one --
 */

static const uint64_t *bits_as_stored(struct masks *masks, uint64_t gcdata, uint64_t words)
{
	uint64_t *bits = make_bits(masks, words);
	if (!bits || !fetch(masks, gcdata, bits, (words + 7) / 8))
		return NULL;
	if (words % 64)
		bits[words / 64] &= (UINT64_C(1) << words % 64) - 1;
	return bits;
}

/* src/runtime/type.go:getGCMask. */
static const uint64_t *bits_of(struct masks *masks, const struct mask *mask, const uint8_t *bytes)
{
	uint64_t words = mask->ptr_bytes / 8;
	bool by_structure = masks->minor >= ON_DEMAND_SINCE
				    ? bytes[TYPE_TFLAG] & TFLAG_MASK_ON_DEMAND
				    : bytes[TYPE_KIND] & KIND_GC_PROG;
	return by_structure ? bits_by_structure(masks, mask->type, mask->size)
			    : bits_as_stored(masks, load_u64(bytes + TYPE_GCDATA), words);
}

const struct mask *masks_of(struct masks *masks, uint64_t type)
{
	uint8_t bytes[TYPE_LEN];
	const uint64_t *known = map_get(&masks->by_type, type);
	if (known)
		return (const struct mask *)(uintptr_t)*known;
	struct mask *mask = arena_alloc(&masks->arena, sizeof(*mask));
	uint64_t *slot = mask ? map_put(&masks->by_type, type) : NULL;
	if (!slot)
		return NULL;
	*slot = (uintptr_t)mask;
	mask->type = type;
	if (type % 8 || !fetch(masks, type, bytes, sizeof(bytes)))
		return mask;
	uint64_t size = load_u64(bytes + TYPE_SIZE), ptr_bytes = load_u64(bytes + TYPE_PTR_BYTES);
	if (!size || ptr_bytes > size || ptr_bytes % 8 || !ptr_bytes || size % 8)
		return mask;
	mask->size = size;
	mask->ptr_bytes = ptr_bytes;
	mask->kind = bytes[TYPE_KIND] & KIND_MASK;
	mask->bits = bits_of(masks, mask, bytes);
	return mask;
}
