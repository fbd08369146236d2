#include "dwarf/go/args.h"

enum {
	FUNCDATA_ARG_INFO = 5, // Go 1.17+: runtime/funcdata.h, from 1.21 internal/abi/symtab.go
	FUNCDATA_ARG_LIVE_INFO = 6, // Go 1.18+
	PCDATA_ARG_LIVE_INDEX = 3,  // Go 1.18+
};

/* internal/abi/symtab.go: TraceArgsEndSeq and so on; before Go 1.21 in runtime/traceback.go. */
enum { END = 0xff, START_AGG = 0xfe, END_AGG = 0xfd, DOTDOTDOT = 0xfc, OFFSET_TOO_LARGE = 0xfb };

static void add(struct args *args, struct args_item item)
{
	args->items[args->count++] = item;
	if (item.kind == ARGS_VALUE)
		args->values++;
}

/* Up to Go 1.16 a traceback prints at most ten words, results included. It takes an unknown size
 * (-0x80000000) for a very large one: runtime/traceback.go:getArgInfo. */
static void decode_words(const struct pcln_func *func, struct args *args)
{
	enum { WORD = 8, WORDS_MAX = 10 };
	uint64_t words = (uint32_t)func->args / WORD;
	for (unsigned i = 0; i < words && i < WORDS_MAX; i++)
		add(args, (struct args_item){ARGS_VALUE, (uint8_t)(i * WORD), WORD, false});
	if (words > WORDS_MAX)
		add(args, (struct args_item){.kind = ARGS_MORE});
}

/* Which values may be dead at a pc. */
struct liveness {
	struct paged *image;
	uint64_t info; /* ArgLiveInfo, or 0 */
	int32_t index; /* <= 0: all are live */
	uint8_t start; /* values at lower offsets are always live */
	unsigned slot; /* of the next value at or above it */
};

static struct liveness liveness_at(const struct pcln_func *func, uint64_t sym_pc)
{
	const struct pclntab *pcln = func->table;
	struct liveness live = {.image = pcln->image, .index = -1, .start = 0xff};
	if (pcln->minor < 18)
		return live;
	live.info = pcln_funcdata(func, FUNCDATA_ARG_LIVE_INFO);
	const uint8_t *start = live.info ? paged_at_addr(pcln->image, live.info, 1) : NULL;
	if (!start)
		return live;
	live.start = *start;
	live.index = pcln_pcdata(func, PCDATA_ARG_LIVE_INDEX, sym_pc);
	return live;
}

static bool next_is_dead(struct liveness *live, uint8_t off)
{
	if (off < live->start)
		return false;
	unsigned slot = live->slot++;
	if (live->index <= 0)
		return false;
	const uint8_t *bits =
		paged_at_addr(live->image, live->info + (uint32_t)live->index + slot / 8, 1);
	return bits && !(*bits >> slot % 8 & 1);
}

bool args_decode(const struct pcln_func *func, uint64_t sym_pc, struct args *ret)
{
	const struct pclntab *pcln = func->table;
	*ret = (struct args){0};
	if (pcln->minor < 17) {
		decode_words(func, ret);
		return true;
	}
	uint64_t info = pcln_funcdata(func, FUNCDATA_ARG_INFO);
	if (!info)
		return true;
	struct liveness live = liveness_at(func, sym_pc);
	for (unsigned i = 0; i < ARGS_INFO_MAX; i++) {
		const uint8_t *op = paged_at_addr(pcln->image, info + i, 1), *size;
		if (!op)
			return false;
		switch (*op) {
		case END:
			return true;
		case START_AGG:
			add(ret, (struct args_item){.kind = ARGS_OPEN});
			break;
		case END_AGG:
			add(ret, (struct args_item){.kind = ARGS_CLOSE});
			break;
		case DOTDOTDOT:
			add(ret, (struct args_item){.kind = ARGS_MORE});
			break;
		case OFFSET_TOO_LARGE:
			add(ret, (struct args_item){.kind = ARGS_TOO_FAR});
			break;
		default:
			size = paged_at_addr(pcln->image, info + ++i, 1);
			if (!size || !*size || *size > 8 || ret->values == ARGS_VALUES_MAX)
				return false;
			bool dead = next_is_dead(&live, *op);
			add(ret, (struct args_item){ARGS_VALUE, *op, *size, dead});
			break;
		}
	}
	return false;
}

/* It does without printf, because a large target has millions of values. */
static void add_hex(struct strbuf *text, uint64_t value)
{
	char buf[2 + 16];
	size_t at = sizeof(buf);
	do {
		buf[--at] = "0123456789abcdef"[value & 15];
		value >>= 4;
	} while (value);
	buf[--at] = 'x';
	buf[--at] = '0';
	strbuf_add(text, buf + at, sizeof(buf) - at);
}

void args_print(const struct args_item *items, size_t count, const uint64_t *values,
		struct strbuf *text)
{
	bool start = true; // of the list or of an aggregate: no comma
	for (size_t i = 0; i < count; i++) {
		const struct args_item *item = &items[i];
		if (!start && item->kind != ARGS_CLOSE)
			strbuf_puts(text, ", ");
		start = item->kind == ARGS_OPEN;
		switch (item->kind) {
		case ARGS_VALUE:
			add_hex(text, *values++);
			if (item->dead)
				strbuf_putc(text, '?');
			break;
		case ARGS_OPEN:
			strbuf_putc(text, '{');
			break;
		case ARGS_CLOSE:
			strbuf_putc(text, '}');
			break;
		case ARGS_MORE:
			strbuf_puts(text, "...");
			break;
		case ARGS_TOO_FAR:
			strbuf_putc(text, '_');
			break;
		}
	}
}
