#include "heap/types.h"

#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"
#include "base/cleanup.h"

enum {
	WORD = 8,
	BUFFER = 256 << 10,
	SPANS_MAX = BUFFER / HEAP_PAGE, /* of which objects are read at a time */
	HEADER = 8,                     /* of objects with more than 512 bytes, Go 1.22+ */
	HEADER_FROM = 512,
	CLASS_24_SINCE = 15,
	/* Objects are read anew so many times on average, and a little. Lists whose elements lie
	 * in no order need it. */
	READ_TIMES = 4,
	READ_MORE = 256 << 20,
};

static bool charge(struct types *t, size_t bytes)
{
	bool ok = budget_take(t->budget, bytes);
	t->charged += ok ? bytes : 0;
	return ok;
}

static size_t words_for(uint32_t bits)
{
	return (size_t)bits / 64 + 1;
}

/* The next smaller size of a slot: src/runtime/sizeclasses.go, Go 1.12-1.27. */
static uint64_t smaller_size(const struct types *t, uint64_t size)
{
	static const uint16_t sizes[] = {
		8,     16,    24,    32,    48,    64,    80,    96,    112,   128,   144,   160,
		176,   192,   208,   224,   240,   256,   288,   320,   352,   384,   416,   448,
		480,   512,   576,   640,   704,   768,   896,   1024,  1152,  1280,  1408,  1536,
		1792,  2048,  2304,  2688,  3072,  3200,  3456,  4096,  4864,  5376,  6144,  6528,
		6784,  6912,  8192,  9472,  9728,  10240, 10880, 12288, 13568, 14336, 16384, 18432,
		19072, 20480, 21760, 24576, 27264, 28672, 32768};
	uint64_t smaller = 0;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]) && sizes[i] < size; i++)
		smaller = sizes[i] == 24 && t->heap->image->version.minor < CLASS_24_SINCE
				  ? smaller
				  : sizes[i];
	return smaller;
}

enum gospy_code types_begin(struct types *types, struct heap *heap, struct budget *budget,
			    struct gospy_error *err)
{
	const struct moduledata *md = &heap->image->program->md;
	uint64_t shift = image_shift(heap->image);
	size_t n = (size_t)heap->spans.count + 1, words = words_for(heap->spans.count);
	size_t scan_words = words_for(heap->spans.scan_count);
	types->heap = heap;
	types->budget = budget;
	enum gospy_code code = gotypes_init(&types->gotypes, heap->image, err);
	if (code)
		return code;
	if (!charge(types, n * sizeof(*types->of) + (words + 2 * scan_words) * sizeof(uint64_t)))
		return err_set(err, GOSPY_E_LIMIT, "no memory is left for the types of %u objects",
			       heap->spans.count);
	types->of = calloc(n, sizeof(*types->of));
	types->guessed = calloc(words, sizeof(uint64_t));
	types->pending[0] = calloc(scan_words, sizeof(uint64_t));
	types->pending[1] = calloc(scan_words, sizeof(uint64_t));
	if (!types->of || !types->guessed || !types->pending[0] || !types->pending[1])
		return err_nomem(err);
	for (size_t i = 0; i < SPAN_CLASSES; i++)
		types->smaller[i] = smaller_size(types, heap->spans.classes[i].elemsize);
	types->lo = md->types + shift;
	types->hi = (md->edata > md->enoptrdata ? md->edata : md->enoptrdata) + shift;
	if (types->hi < types->lo)
		types->hi = types->lo;
	return GOSPY_OK;
}

void types_end(struct types *types)
{
	if (types->budget)
		budget_give(types->budget, types->charged);
	gotypes_deinit(&types->gotypes);
	free(types->of);
	free(types->guessed);
	free(types->pending[0]);
	free(types->pending[1]);
	// What comes next may begin anew with it.
	types->of = NULL;
	types->guessed = types->pending[0] = types->pending[1] = NULL;
	types->pending_count[0] = types->pending_count[1] = 0;
	memset(types->cache, 0, sizeof(types->cache));
	types->read = types->charged = 0;
	types->budget = NULL;
}

/* -------------------------------------------------------------------------------------- assign --
 */

static bool has_bit(const uint64_t *bits, uint32_t i)
{
	return bits[i / 64] >> i % 64 & 1;
}

static void set_pending(struct types *t, uint32_t number, bool guess)
{
	uint64_t bit = UINT64_C(1) << number % 64;
	if (number >= t->heap->spans.scan_count || t->pending[guess][number / 64] & bit)
		return;
	t->pending[guess][number / 64] |= bit;
	t->pending_count[guess]++;
}

static void set_type(struct types *t, uint32_t number, uint16_t type, bool guess)
{
	uint64_t bit = UINT64_C(1) << number % 64;
	if (t->of[number] && (guess || !(t->guessed[number / 64] & bit)))
		return;
	t->of[number] = type;
	if (guess)
		t->guessed[number / 64] |= bit;
	else
		t->guessed[number / 64] &= ~bit;
	set_pending(t, number, guess);
}

/* What a pointer leads to. */
struct place_in {
	uint32_t number;
	uint8_t spanclass;
	uint64_t elemsize;
	uint64_t off; /* in the object */
};

/* Would the runtime have put so many bytes into such a slot? */
static bool fits(const struct types *t, const struct place_in *at, uint64_t bytes)
{
	uint64_t size = at->elemsize;
	if (bytes > size)
		return false;
	if (at->spanclass < 2)
		return bytes > size - HEAP_PAGE;
	bool header = t->heap->scheme.kind == SCHEME_HEADERS && !(at->spanclass & 1) &&
		      size > HEADER_FROM;
	return bytes + (header ? HEADER : 0) > t->smaller[at->spanclass];
}

static bool find(const struct types *t, uint64_t pointer, struct place_in *ret)
{
	const struct heap_spans *spans = &t->heap->spans;
	const struct heap_page *page = spans_page(spans, pointer);
	uint32_t number = page ? heap_number(spans, pointer) : HEAP_NONE;
	if (number == HEAP_NONE || !spans_is_allocated(spans, number))
		return false;
	// What is known needs no look at what it is.
	if (t->of[number] && !has_bit(t->guessed, number))
		return false;
	*ret = (struct place_in){.number = number, .spanclass = page->spanclass};
	if (page->spanclass < 2) {
		const struct heap_span *span = spans_of(spans, number);
		ret->elemsize = span->elemsize;
		ret->off = pointer - span->start;
	} else {
		ret->elemsize = spans->classes[page->spanclass].elemsize;
		ret->off = (uint64_t)page->page * HEAP_PAGE + pointer % HEAP_PAGE -
			   (number - page->first) * ret->elemsize;
	}
	return true;
}

/* `length`: of a slice, its bytes up to the end of its capacity; else 0. */
static void assign(struct types *t, uint64_t pointer, enum gorole role, uint64_t addr,
		   uint64_t length, bool guess)
{
	struct place_in at;
	if (!find(t, pointer, &at))
		return;
	uint16_t number = gotypes_number(&t->gotypes, role, addr);
	if (!number)
		return;
	const struct gotype *type = &t->gotypes.all.at[number];
	bool noscan = at.spanclass & 1;
	switch (role) {
	case GOROLE_VALUE:
		if (at.off || noscan != !type->ptr_bytes || !fits(t, &at, type->size))
			return;
		break;
	case GOROLE_ARRAY:
		if (!type->size || noscan != !type->ptr_bytes || at.off % type->size ||
		    length > at.elemsize - at.off)
			return;
		guess |= at.off || (length && !fits(t, &at, length));
		break;
	case GOROLE_STRING:
		if (!noscan)
			return;
		guess |= at.off != 0;
		break;
	case GOROLE_CHAN:
	case GOROLE_MAP:
	case GOROLE_MAP_DIR:
	case GOROLE_MAP_TABLE:
	case GOROLE_CLOSURE:
		if (at.off)
			return;
		break;
	}
	set_type(t, at.number, number, guess);
}

static void assign_boxed(struct types *t, uint64_t pointer, uint64_t dynamic, bool guess)
{
	enum gorole role;
	uint64_t type;
	if (gotypes_boxed(&t->gotypes, dynamic, &role, &type))
		assign(t, pointer, role, type, 0, guess);
}

void types_header(struct types *t, const struct heap_span *span, uint32_t number, uint64_t addr)
{
	const struct place_in at = {number, span->spanclass, span->elemsize, 0};
	uint16_t value = gotypes_number(&t->gotypes, GOROLE_VALUE, addr);
	if (!value)
		return;
	uint16_t type = fits(t, &at, t->gotypes.all.at[value].size)
				? value
				: gotypes_number(&t->gotypes, GOROLE_ARRAY, addr);
	set_type(t, number, type, false);
}

void types_pair(struct types *t, uint64_t before, uint64_t pointer)
{
	struct types_word *known = &t->cache[before / WORD % TYPES_CACHE];
	if (known->word != before)
		*known = (struct types_word){before, gotypes_guess(&t->gotypes, before)};
	if (known->type)
		assign_boxed(t, pointer, known->type, false);
}

/* -------------------------------------------------------------------------------------- follow --
 */

static uint64_t load(const uint8_t *bytes)
{
	uint64_t v;
	memcpy(&v, bytes, sizeof(v));
	return v;
}

/* A pointer of a value of which `left` bytes are at `at`. */
static void follow_leaf(struct types *t, const struct goleaf *leaf, const uint8_t *at,
			uint64_t left, bool guess)
{
	size_t need = leaf->what == GOLEAF_SLICE    ? 3 * WORD
		      : leaf->what == GOLEAF_OBJECT ? WORD
						    : 2 * WORD;
	if (leaf->off > left || need > left - leaf->off)
		return;
	const uint8_t *words = at + leaf->off;
	uint64_t first = load(words), dynamic;
	if (!first)
		return;
	switch ((enum goleaf_what)leaf->what) {
	case GOLEAF_OBJECT:
		assign(t, first, leaf->role, leaf->type, 0, guess);
		break;
	case GOLEAF_SLICE: {
		uint64_t cap = load(words + 2 * WORD);
		uint16_t elem = gotypes_number(&t->gotypes, GOROLE_ARRAY, leaf->type);
		uint64_t size = t->gotypes.all.at[elem].size;
		if (elem && size && cap && cap < (UINT64_C(1) << 47) / size)
			assign(t, first, GOROLE_ARRAY, leaf->type, cap * size, guess);
		break;
	}
	case GOLEAF_EMPTY_IFACE:
	case GOLEAF_IFACE:
		if (heap_number(&t->heap->spans, load(words + WORD)) == HEAP_NONE)
			return;
		dynamic = gotypes_dynamic(&t->gotypes, first, leaf->what == GOLEAF_IFACE);
		if (dynamic)
			assign_boxed(t, load(words + WORD), dynamic, guess);
		break;
	case GOLEAF_SWISS_MAP:
		// Without tables it is the pointer to the one group.
		if (load(words + WORD)) {
			assign(t, first, GOROLE_MAP_DIR, leaf->type, 0, guess);
		} else {
			uint64_t group = gotypes_inner(&t->gotypes, leaf->type);
			if (group)
				assign(t, first, GOROLE_VALUE, group, 0, guess);
		}
		break;
	}
}

/* All values of an object of which [off, off + len) is at `bytes`; a value begins at `off`. */
static void follow_object(struct types *t, uint32_t number, const struct heap_span *span,
			  const uint8_t *bytes, uint64_t len, bool first)
{
	bool guess = has_bit(t->guessed, number);
	uint16_t id = t->of[number];
	if (!id)
		return;
	bool header = t->heap->scheme.kind == SCHEME_HEADERS && span->spanclass >= 2 &&
		      span->elemsize > HEADER_FROM && first;
	bytes += header ? HEADER : 0;
	len -= header ? HEADER : 0;
	if (t->gotypes.all.at[id].role == GOROLE_CLOSURE && !t->gotypes.all.at[id].addr) {
		uint16_t named =
			first ? gotypes_number(&t->gotypes, GOROLE_CLOSURE, load(bytes)) : 0;
		t->of[number] = named ? named : id;
		return;
	}
	const struct gotype *known = gotypes_walked(&t->gotypes, id);
	// What is found may be new types, which move the table of types; leaves stay.
	const struct goleaf *leaves = known->leaves;
	size_t leaf_count = known->leaf_count;
	uint64_t step = known->step;
	if (!leaf_count)
		return;
	for (uint64_t at = 0; at < len; at += step) {
		for (size_t i = 0; i < leaf_count; i++)
			follow_leaf(t, &leaves[i], bytes + at, len - at, guess);
		if (!step)
			break;
	}
}

void types_variable(struct types *t, uint64_t type, const uint8_t *bytes, size_t len)
{
	uint16_t id = gotypes_number(&t->gotypes, GOROLE_VALUE, type);
	if (!id)
		return;
	const struct gotype *known = gotypes_walked(&t->gotypes, id);
	// As in follow_object(): the table of types may move.
	const struct goleaf *leaves = known->leaves;
	const size_t leaf_count = known->leaf_count;
	const uint64_t step = known->step;
	for (uint64_t at = 0; leaf_count && at < len; at += step) {
		for (size_t i = 0; i < leaf_count; i++)
			follow_leaf(t, &leaves[i], bytes + at, len - at, false);
		if (!step)
			break;
	}
}

void types_pointer(struct types *t, uint64_t type, uint64_t pointer)
{
	assign(t, pointer, GOROLE_VALUE, type, 0, false);
}

void types_slice(struct types *t, uint64_t type, const uint8_t words[24])
{
	const struct goleaf leaf = {.what = GOLEAF_SLICE, .role = GOROLE_ARRAY, .type = type};
	follow_leaf(t, &leaf, words, 3 * WORD, false);
}

void types_string(struct types *t, uint64_t pointer)
{
	assign(t, pointer, GOROLE_STRING, 0, 0, false);
}

/* How large pieces of a large object are, so that no value is cut; 0: only its first piece is
 * looked at. */
static uint64_t piece_size(struct types *t, uint32_t number)
{
	uint64_t step = gotypes_walked(&t->gotypes, t->of[number])->step;
	return step && step <= BUFFER ? BUFFER / step * step : 0;
}

static enum gospy_code read_piece(struct types *t, struct mem_req *reqs, size_t n,
				  struct gospy_error *err)
{
	enum gospy_code code = cancel_check(err);
	for (size_t i = 0; i < n; i++)
		reqs[i].kind = MEM_AGAIN;
	if (!code)
		code = mem_readv(t->heap->image->mem, reqs, n, err);
	for (size_t i = 0; i < n && !code; i++)
		t->read += reqs[i].done;
	return code == GOSPY_E_FAULT ? GOSPY_OK : code;
}

static enum gospy_code follow_large(struct types *t, const struct heap_span *span, uint8_t *buffer,
				    struct gospy_error *err)
{
	uint64_t step = piece_size(t, span->first), most = step ? step : BUFFER;
	enum gospy_code code = GOSPY_OK;
	for (uint64_t off = 0; off < span->elemsize && !code; off += most) {
		uint64_t len = span->elemsize - off < most ? span->elemsize - off : most;
		struct mem_req req = {.addr = span->start + off, .dst = buffer, .len = len};
		code = read_piece(t, &req, 1, err);
		if (!code && req.done == len)
			follow_object(t, span->first, span, buffer, len, off == 0);
		if (!step || req.done < len)
			break;
	}
	return code;
}

static bool take_pending(struct types *t, uint32_t number)
{
	uint64_t bit = UINT64_C(1) << number % 64;
	if (!(t->pending[0][number / 64] & bit))
		return false;
	t->pending[0][number / 64] &= ~bit;
	t->pending_count[0]--;
	return true;
}

/* All that is pending in a span, also what becomes so meanwhile. */
static void follow_span(struct types *t, const struct heap_span *span, const uint8_t *bytes)
{
	uint32_t end = span->first + span->count;
	for (bool again = true; again;) {
		again = false;
		for (uint32_t i = span->first; i < end; i++) {
			if (!t->pending[0][i / 64]) {
				i |= 63; // nothing of this word
				continue;
			}
			if (!take_pending(t, i))
				continue;
			again = true;
			follow_object(t, i, span, bytes + (i - span->first) * span->elemsize,
				      span->elemsize, true);
		}
	}
}

/* The spans of which something is pending, in the one or the other direction. */
struct pass {
	struct types *types;
	uint8_t *buffer;
	bool down;
	size_t next; /* span */
	size_t spans[SPANS_MAX];
	struct mem_req reqs[SPANS_MAX];
	size_t count;
};

static bool has_pending(const struct types *t, const struct heap_span *span)
{
	uint32_t from = span->first, to = span->first + span->count;
	for (uint32_t i = from; i < to;) {
		uint64_t word = t->pending[0][i / 64] >> i % 64;
		uint32_t n = 64 - i % 64 < to - i ? 64 - i % 64 : to - i;
		if (n < 64)
			word &= (UINT64_C(1) << n) - 1;
		if (word)
			return true;
		i += n;
	}
	return false;
}

static const struct heap_span *next_span(struct pass *p)
{
	const struct types *t = p->types;
	const struct heap_spans *spans = &t->heap->spans;
	while (p->next < spans->scan_spans) {
		size_t i = p->down ? spans->scan_spans - 1 - p->next : p->next;
		const struct heap_span *span = &spans->all.at[i];
		if (!span->unknown && has_pending(t, span))
			return span;
		p->next++;
	}
	return NULL;
}

static enum gospy_code follow_batch(struct pass *p, struct gospy_error *err)
{
	struct types *t = p->types;
	enum gospy_code code = read_piece(t, p->reqs, p->count, err);
	for (size_t i = 0; i < p->count && !code; i++) {
		const struct heap_span *span = &t->heap->spans.all.at[p->spans[i]];
		if (p->reqs[i].done == p->reqs[i].len) {
			follow_span(t, span, p->reqs[i].dst);
			continue;
		}
		for (uint32_t k = 0; k < span->count; k++)
			take_pending(t, span->first + k);
	}
	p->count = 0;
	return code;
}

static enum gospy_code run_pass(struct pass *p, const struct heap_options *options, uint64_t most,
				struct gospy_error *err)
{
	struct types *t = p->types;
	const struct heap_span *span;
	enum gospy_code code = GOSPY_OK;
	size_t used = 0;
	p->next = 0;
	while (!code && t->read < most && (span = next_span(p))) {
		size_t len = span->spanclass < 2 ? 0 : span->pages * HEAP_PAGE;
		if (p->count && (!len || p->count == SPANS_MAX || len > BUFFER - used)) {
			code = follow_batch(p, err);
			used = 0;
			continue; // the span may have nothing pending any more
		}
		if (options->progress)
			options->progress(options->ctx, p->next, t->heap->spans.scan_spans);
		p->next++;
		if (!len) {
			if (take_pending(t, span->first))
				code = follow_large(t, span, p->buffer, err);
			continue;
		}
		p->reqs[p->count] =
			(struct mem_req){.addr = span->start, .dst = p->buffer + used, .len = len};
		p->spans[p->count++] = (size_t)(span - t->heap->spans.all.at);
		used += len;
	}
	if (!code && p->count)
		code = follow_batch(p, err);
	return code;
}

/* What is known for certain has been followed; now what is guessed. */
static void take_guesses(struct types *t)
{
	uint64_t *guesses = t->pending[1];
	t->pending[1] = t->pending[0];
	t->pending[0] = guesses;
	t->pending_count[0] = t->pending_count[1];
	t->pending_count[1] = 0;
}

/* A span that could not be read keeps what is pending in it: that ends a pass, but nothing more. */
enum gospy_code types_spread(struct types *types, const struct heap_options *options,
			     struct gospy_error *err)
{
	CLEANUP_FREE struct pass *pass = calloc(1, sizeof(*pass));
	CLEANUP_FREE uint8_t *buffer = malloc(BUFFER);
	uint64_t most = types->read + READ_TIMES * types->heap->scanned + READ_MORE;
	enum gospy_code code = GOSPY_OK;
	if (!pass || !buffer)
		return err_nomem(err);
	pass->types = types;
	pass->buffer = buffer;
	while (!code && types->read < most) {
		if (!types->pending_count[0] && types->pending_count[1])
			take_guesses(types);
		uint64_t before = types->read;
		code = run_pass(pass, options, most, err);
		pass->down = !pass->down;
		if (types->read == before)
			break;
	}
	types->cut = types->read >= most;
	return !code && types->gotypes.no_memory ? err_nomem(err) : code;
}
