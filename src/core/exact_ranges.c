#include "core/exact_ranges.h"

#include <string.h>

#include "base/cursor.h"

enum { PAGE_BYTES = 4096, WORD = 8 };

static uint64_t load_u64(const uint8_t *at)
{
	uint64_t value;
	memcpy(&value, at, sizeof(value)); // gospy runs on x86-64 only
	return value;
}

/* ---- reading the note */

static enum gospy_code bad(const char *what, struct gospy_error *err)
{
	return err_set(err, GOSPY_E_BAD_DATA, "the note of what was read is damaged: %s", what);
}

static bool read_runs(struct cursor *c, uint64_t count, struct exact_ranges *ranges)
{
	uint64_t after = 0; // the first address that the next run may have
	for (uint64_t i = 0; i < count; i++) {
		uint64_t addr = cursor_u64(c), pages = cursor_u64(c);
		bool wraps = pages > (UINT64_MAX - addr) / PAGE_BYTES;
		if (addr % PAGE_BYTES || !pages || wraps || addr < after)
			return false;
		after = addr + pages * PAGE_BYTES;
		ranges->runs.at[ranges->runs.len++] =
			(struct exact_run){addr, pages * PAGE_BYTES, NULL};
	}
	return !c->failed;
}

/* Hand out the bits of the pages. */
static bool read_pages(struct cursor *c, uint64_t pages, struct exact_ranges *ranges)
{
	for (size_t i = 0; i < ranges->runs.len; i++) {
		struct exact_run *run = &ranges->runs.at[i];
		uint64_t n = run->len / PAGE_BYTES;
		if (n > pages)
			return false;
		run->known = cursor_bytes(c, n * EXACT_PAGE);
		pages -= n;
	}
	return !pages && !c->failed;
}

static int64_t part_addr(uint64_t part)
{
	return ((int64_t)part >> 8) * WORD;
}

static bool read_parts(struct cursor *c, uint64_t count, struct exact_ranges *ranges)
{
	ranges->parts = cursor_bytes(c, count * EXACT_PART);
	ranges->part_count = (size_t)count;
	for (uint64_t i = 1; !c->failed && i < count; i++) {
		const uint8_t *at = ranges->parts + i * EXACT_PART;
		if ((uint64_t)part_addr(load_u64(at)) <=
		    (uint64_t)part_addr(load_u64(at - EXACT_PART)))
			return false;
	}
	return !c->failed;
}

static enum gospy_code read_note(struct cursor *c, struct exact_ranges *ranges,
				 struct gospy_error *err)
{
	uint32_t version = cursor_u32(c);
	cursor_skip(c, 4);
	uint64_t runs = cursor_u64(c), pages = cursor_u64(c), parts = cursor_u64(c);
	if (c->failed)
		return bad("it is too short", err);
	if (version != EXACT_VERSION)
		return err_set(err, GOSPY_E_UNSUPPORTED,
			       "the note of what was read is of version %u, this gospy knows %d",
			       version, EXACT_VERSION);
	size_t left = cursor_left(c);
	if (runs > left / EXACT_RUN || pages > left / EXACT_PAGE || parts > left / EXACT_PART)
		return bad("it is too short", err);
	if (!vec_reserve(&ranges->runs, (size_t)runs))
		return err_nomem(err);
	if (!read_runs(c, runs, ranges) || !read_pages(c, pages, ranges) ||
	    !read_parts(c, parts, ranges))
		return bad("its runs contradict each other", err);
	return GOSPY_OK;
}

enum gospy_code exact_ranges_decode(struct span note, struct exact_ranges *ret,
				    struct gospy_error *err)
{
	struct exact_ranges ranges = {0};
	struct cursor c = cursor_at(note, 0);
	enum gospy_code code = read_note(&c, &ranges, err);
	if (code)
		exact_ranges_deinit(&ranges);
	else
		*ret = ranges;
	return code;
}

void exact_ranges_deinit(struct exact_ranges *ranges)
{
	vec_free(&ranges->runs);
	*ranges = (struct exact_ranges){0};
}

/* ---- looking up */

static const struct exact_run *find_run(const struct exact_ranges *ranges, uint64_t addr)
{
	size_t from = 0, to = ranges->runs.len;
	while (to - from > 1) {
		size_t middle = from + (to - from) / 2;
		if (ranges->runs.at[middle].addr <= addr)
			from = middle;
		else
			to = middle;
	}
	if (from == to)
		return NULL;
	const struct exact_run *run = &ranges->runs.at[from];
	return addr >= run->addr && addr - run->addr < run->len ? run : NULL;
}

/* A bit for each known byte of a word that is not known as a whole. */
static unsigned part_of(const struct exact_ranges *ranges, uint64_t addr)
{
	size_t from = 0, to = ranges->part_count;
	while (from < to) {
		size_t middle = from + (to - from) / 2;
		uint64_t part = load_u64(ranges->parts + middle * EXACT_PART);
		uint64_t at = (uint64_t)part_addr(part);
		if (at == addr)
			return part & 0xff;
		if (at < addr)
			from = middle + 1;
		else
			to = middle;
	}
	return 0;
}

/* How many bytes from offset `off` in the word at `addr` on are known by parts. */
static unsigned known_in_word(const struct exact_ranges *ranges, uint64_t addr, unsigned off)
{
	unsigned unknown = ~(part_of(ranges, addr) >> off);
	unsigned n = (unsigned)__builtin_ctz(unknown);
	return n < WORD - off ? n : WORD - off;
}

/* The same from offset `off` in the run on, at most up to its end, or a little beyond `most`. */
static uint64_t known_in_run(const struct exact_ranges *ranges, const struct exact_run *run,
			     uint64_t off, uint64_t most)
{
	uint64_t at = off;
	while (at < run->len && at - off < most) {
		uint64_t word = at / WORD;
		uint64_t bits = load_u64(run->known + word / 64 * 8) >> word % 64;
		if (bits & 1) {
			unsigned whole = ~bits ? (unsigned)__builtin_ctzll(~bits) : 64;
			at = (word + whole) * WORD;
			continue;
		}
		unsigned n = known_in_word(ranges, run->addr + word * WORD, at % WORD);
		at += n;
		if (!n || at % WORD)
			break;
	}
	return at - off;
}

size_t exact_ranges_known(const struct exact_ranges *ranges, uint64_t addr, size_t len)
{
	uint64_t done = 0;
	while (done < len) {
		const struct exact_run *run = find_run(ranges, addr + done);
		if (!run)
			break;
		uint64_t off = addr + done - run->addr;
		uint64_t n = known_in_run(ranges, run, off, len - done);
		done += n;
		if (off + n < run->len)
			break;
	}
	return done < len ? (size_t)done : len;
}

/* ---- writing */

static void store_u64(uint8_t *dst, uint64_t value)
{
	memcpy(dst, &value, sizeof(value));
}

void exact_put_header(uint8_t dst[EXACT_HEADER], uint64_t runs, uint64_t pages, uint64_t parts)
{
	store_u64(dst, EXACT_VERSION);
	store_u64(dst + 8, runs);
	store_u64(dst + 16, pages);
	store_u64(dst + 24, parts);
}

void exact_put_run(uint8_t dst[EXACT_RUN], uint64_t addr, uint64_t pages)
{
	store_u64(dst, addr);
	store_u64(dst + 8, pages);
}

void exact_put_part(uint8_t dst[EXACT_PART], uint64_t addr, uint8_t mask)
{
	store_u64(dst, addr / WORD << 8 | mask);
}
