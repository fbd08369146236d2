/*
 * Stacks of arbitrary words over sound tables, walked whole and through a small window, which must
 * come to the same, and interned. The input: the Go version, then a struct start, then the stack, a
 * byte a word: one below RAW is that offset into the text, of another one the word follows.
 */
#include <stdlib.h>

#include "capture/stacks.h"
#include "go_image_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RAW = 0x90, WORDS_MAX = 4096, WINDOW = 40, BASE = 0xc000000 };

struct start {
	uint8_t flags, pc, gogo_pc;
	int8_t sp, hi;   /* words from the first one, from behind the last one */
	uint8_t missing; /* bytes at the end */
};

enum { INTERRUPTED = 1, ON_STACK = 2, NIL_PC = 4, GOGO = 8, FAR_SP = 16 };

static size_t fill(uint64_t *words, const struct go_image *im, const uint8_t *data, size_t size)
{
	size_t n = 0;
	for (size_t i = 0; i < size && n < WORDS_MAX; n++) {
		uint8_t b = data[i++];
		words[n] = im->text + b;
		if (b < RAW)
			continue;
		size_t len = size - i < 8 ? size - i : 8;
		words[n] = 0;
		memcpy(&words[n], data + i, len);
		i += len;
	}
	return n;
}

/* It does as walk_windows: the bytes that are asked for are at the beginning. */
static bool refill(struct unwind_bytes *bytes, uint64_t addr)
{
	const struct unwind_bytes *all = bytes->ctx;
	if (addr < all->addr || addr - all->addr >= all->len)
		return false;
	size_t left = all->len - (addr - all->addr);
	bytes->addr = addr;
	bytes->bytes = all->bytes + (addr - all->addr);
	bytes->len = left < WINDOW ? left : WINDOW;
	return true;
}

static void require(bool condition)
{
	if (!condition)
		abort();
}

static void walk(struct stacks *stacks, struct unwind_bytes *all, const struct unwind_start *start)
{
	struct unwind_bytes window = {.addr = all->addr,
				      .bytes = all->bytes,
				      .hi = all->hi,
				      .refill = refill,
				      .ctx = all};
	struct g_rec recs[2] = {0};
	require(stacks_walk(stacks, 0, all, start, &recs[0]));
	require(stacks_walk(stacks, 1, &window, start, &recs[1]));
	const struct unwinder *u = &stacks->workers[0].unwinder;
	const struct unwinder *v = &stacks->workers[1].unwinder;
	require(u->end == v->end && u->pcs.len == v->pcs.len && u->hash == v->hash);
	require(u->values.len == v->values.len);
	require(stacks_merge(stacks) && stacks_count(stacks) == 1);
	require(stacks_number(stacks, recs[0].stack) == 1);
	require(stacks_number(stacks, recs[1].stack) == 1);
	const uint64_t *pcs;
	const struct stack_rec *rec = stacks_get(stacks, 1, &pcs);
	require(rec->count == u->pcs.len);
	size_t count;
	(void)stacks_values(stacks, recs[1].values, &count);
	require(count == u->values.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct go_image im;
	static uint64_t words[WORDS_MAX];
	struct start in;
	if (size < 1 + sizeof(in))
		return 0;
	go_image_from_input(&im, data, 1);
	memcpy(&in, data + 1, sizeof(in));
	size_t n = fill(words, &im, data + 1 + sizeof(in), size - 1 - sizeof(in));
	struct paged p = go_image_paged(&im);
	struct moduledata md;
	struct pclntab pcln;
	require(!moduledata_read(&p, im.moduledata, &md, NULL) &&
		!pcln_init(&pcln, &p, &md, im.minor, NULL));
	struct unwind_bytes all = {
		.addr = BASE,
		.bytes = (const uint8_t *)words,
		.len = n * 8 > in.missing ? n * 8 - in.missing : 0,
		.hi = BASE + n * 8 + (uint64_t)(in.hi * 8),
	};
	struct unwind_start start = {
		.pc = in.flags & NIL_PC ? 0 : im.text + in.pc,
		.sp = (in.flags & FAR_SP ? UINT64_MAX : BASE) + (uint64_t)(in.sp * 8),
		.interrupted = in.flags & INTERRUPTED,
		.on_stack = in.flags & ON_STACK,
		.gogo_pc = in.flags & GOGO ? im.text + in.gogo_pc : 0,
	};
	pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER;
	static const struct origins no_origins;
	struct symbolizer symbolizer;
	static struct stacks stacks; // too large for the stack
	struct stack_table table = {0};
	struct budget budget;
	symbolizer_init(&symbolizer, &table_lock, &pcln, 0, 0, &no_origins);
	struct symbols *symbols = symbolizer_hold(&symbolizer);
	require(symbols);
	budget_init(&budget, 1 << 20, 0);
	stacks_init(&stacks, &table, symbols, true, &budget, 1);
	walk(&stacks, &all, &start);
	stacks_deinit(&stacks);
	stack_table_deinit(&table);
	symbols_release(symbols);
	symbolizer_deinit(&symbolizer);
	return 0;
}
