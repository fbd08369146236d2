#include "render/flame_html.h"

#include <math.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "render/escape.h"
#include "render/flame_page.h"
#include "render/json.h"

/* What stands for calls that were too small to be kept. */
#define MERGED "(smaller calls)"

struct writer {
	const struct flame_picture *picture;
	struct json json;
	VEC(uint32_t) order;   /* names, sorted */
	VEC(uint32_t) numbers; /* of names: the place in `order`; those that are met have one */
	VEC(double) shares;    /* of calls: the largest that they have of anything */
	VEC(int64_t) sums;     /* a column each */
	double least;          /* calls with less of a share are merged */
	size_t nodes;          /* calls that were written */
	size_t depth;          /* of the call that was written last */
	struct strbuf calls;
};

static void writer_deinit(struct writer *w)
{
	vec_free(&w->order);
	vec_free(&w->numbers);
	vec_free(&w->shares);
	vec_free(&w->sums);
	strbuf_deinit(&w->calls);
}

/* ------------------------------------------------------------------------------ what is merged --
 */

static bool find_shares(struct writer *w)
{
	size_t n = w->picture->flame->nodes.len;
	flame_widths widths = {0};
	bool room = vec_reserve(&w->shares, n);
	for (size_t i = 0; room && i < n; i++)
		w->shares.at[i] = 0;
	for (size_t type = 0; room && type < w->picture->type_count; type++) {
		room = flame_picture_widths(w->picture, type, &widths);
		for (size_t i = 0; room && widths.at[FLAME_ROOT] > 0 && i < n; i++)
			w->shares.at[i] =
				fmax(w->shares.at[i], widths.at[i] / widths.at[FLAME_ROOT]);
	}
	vec_free(&widths);
	return room;
}

/* Few enough are left if each has that: a power of two. A call has no less than those it makes. */
static void find_least(struct writer *w)
{
	enum { EXPONENTS = 128 };
	size_t n = w->picture->flame->nodes.len, kept = 0, of[EXPONENTS] = {0};
	for (size_t i = 0; i < n; i++) {
		int exponent;
		frexp(w->shares.at[i], &exponent); // 1/2 <= share / 2^exponent < 1
		if (w->shares.at[i] > 0 && exponent > -EXPONENTS)
			of[exponent <= 0 ? -exponent : 0]++;
	}
	w->least = 2;
	for (int i = 0; i < EXPONENTS && kept + of[i] <= FLAME_HTML_CALLS / 2; i++) {
		kept += of[i];
		w->least = ldexp(0.5, -i);
	}
}

static bool is_kept(const struct writer *w, uint32_t node)
{
	return w->least <= 0 || w->shares.at[node] >= w->least;
}

/* --------------------------------------------------------------------------------------- names --
 */

static int compare_names(const void *a, const void *b, void *arg)
{
	const struct writer *w = arg;
	const struct flame *flame = w->picture->flame;
	const uint32_t *x = a, *y = b;
	return strcmp(flame->names.all.at[*x], flame->names.all.at[*y]);
}

static bool number_names(struct writer *w)
{
	const struct flame *flame = w->picture->flame;
	size_t n = flame->names.all.len;
	if (!vec_reserve(&w->order, n + 1) || !vec_reserve(&w->numbers, n + 1))
		return false;
	memset(w->numbers.at, 0, (n + 1) * sizeof(*w->numbers.at));
	for (uint32_t i = 1; i < flame->nodes.len; i++) {
		uint32_t name = flame->nodes.at[i].name;
		if (is_kept(w, i) && !w->numbers.at[name]) {
			w->numbers.at[name] = 1;
			w->order.at[w->order.len++] = name;
		}
	}
	if (w->order.len)
		qsort_r(w->order.at, w->order.len, sizeof(*w->order.at), compare_names, w);
	for (uint32_t i = 0; i < w->order.len; i++)
		w->numbers.at[w->order.at[i]] = i;
	return true;
}

static void put_digit(struct strbuf *b, uint64_t digit)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	strbuf_putc(b, digits[digit & 63]);
}

static void put_number(struct strbuf *b, uint64_t n)
{
	for (; n >= 32; n >>= 5)
		put_digit(b, 32 | (n & 31));
	put_digit(b, n);
}

static void put_value(struct strbuf *b, int64_t value)
{
	uint64_t size = value < 0 ? -(uint64_t)value : (uint64_t)value;
	uint64_t first = (size & 15) << 1 | (value < 0);
	put_digit(b, size > 15 ? 32 | first : first);
	if (size > 15)
		put_number(b, size >> 4);
}

/* A script counts other units than bytes: what is shared is ASCII. */
static size_t shared(const char *a, const char *b)
{
	size_t n = 0;
	while (a[n] && a[n] == b[n] && (uint8_t)a[n] < 0x80)
		n++;
	return n;
}

static bool write_names(struct writer *w)
{
	CLEANUP(strbuf_deinit) struct strbuf one = {0}, other = {0}, text = {0};
	struct strbuf *name = &one, *before = &other;
	const struct flame *flame = w->picture->flame;
	json_array(&w->json, "names");
	for (size_t i = 0; i <= w->order.len; i++) {
		bool last = i == w->order.len;
		if (last && w->least <= 0)
			break;
		strbuf_clear(name);
		escape_add(name, last ? MERGED : flame->names.all.at[w->order.at[i]]);
		strbuf_clear(&text);
		size_t same = name->s && before->s ? shared(before->s, name->s) : 0;
		put_number(&text, same);
		strbuf_puts(&text, name->s ? name->s + same : "");
		if (name->failed || text.failed)
			return false;
		json_str(&w->json, NULL, text.s);
		struct strbuf *used = before;
		before = name;
		name = used;
	}
	json_array_end(&w->json);
	return true;
}

/* --------------------------------------------------------------------------------------- calls --
 */

static void put_call(struct writer *w, size_t depth, uint32_t name, const int64_t *values)
{
	size_t columns = w->picture->flame->columns;
	bool has_values = false;
	for (size_t i = 0; i < columns; i++)
		has_values |= values[i] != 0;
	size_t up = depth ? w->depth + 1 - depth : 0;
	put_number(&w->calls, up << 1 | has_values);
	put_number(&w->calls, name);
	for (size_t i = 0; has_values && i < columns; i++)
		put_value(&w->calls, values[i]);
	w->depth = depth;
	w->nodes++;
}

static void put_node(struct writer *w, size_t depth, uint32_t node)
{
	const struct flame *flame = w->picture->flame;
	for (size_t i = 0; i < flame->columns; i++)
		w->sums.at[i] = flame_value(flame, node, i)->self;
	put_call(w, depth, node == FLAME_ROOT ? 0 : w->numbers.at[flame->nodes.at[node].name],
		 w->sums.at);
}

/* The calls that `node` makes and that are merged. */
static void put_merged(struct writer *w, size_t depth, uint32_t node)
{
	const struct flame *flame = w->picture->flame;
	bool any = false;
	memset(w->sums.at, 0, flame->columns * sizeof(*w->sums.at));
	for (uint32_t child = flame->nodes.at[node].child; child;
	     child = flame->nodes.at[child].next) {
		if (is_kept(w, child))
			continue;
		any = true;
		for (size_t i = 0; i < flame->columns; i++) {
			uint64_t total = (uint64_t)flame_value(flame, child, i)->total;
			w->sums.at[i] = (int64_t)((uint64_t)w->sums.at[i] + total);
		}
	}
	if (any)
		put_call(w, depth, (uint32_t)w->order.len, w->sums.at);
}

static uint32_t next_kept(const struct writer *w, uint32_t node)
{
	while (node && !is_kept(w, node))
		node = w->picture->flame->nodes.at[node].next;
	return node;
}

static bool put_calls(struct writer *w)
{
	const struct flame *flame = w->picture->flame;
	size_t depth = 0;
	uint32_t node = FLAME_ROOT;
	if (!vec_reserve(&w->sums, flame->columns))
		return false;
	put_node(w, depth, node);
	put_merged(w, depth + 1, node);
	for (;;) {
		uint32_t next = next_kept(w, flame->nodes.at[node].child);
		depth += next != 0;
		while (!next && node != FLAME_ROOT) {
			next = next_kept(w, flame->nodes.at[node].next);
			if (!next) {
				node = flame->nodes.at[node].parent;
				depth--;
			}
		}
		if (!next)
			break;
		node = next;
		put_node(w, depth, node);
		put_merged(w, depth + 1, node);
	}
	return !w->calls.failed;
}

/* ---------------------------------------------------------------------------------------- page --
 */

static bool write_text(struct json *json, const char *key, const char *raw)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	escape_add(&text, raw);
	json_str(json, key, text.s ? text.s : "");
	return !text.failed;
}

static bool write_head(struct writer *w)
{
	struct json *json = &w->json;
	const struct flame_picture *picture = w->picture;
	bool room = write_text(json, "title", picture->title);
	json_array(json, "facts");
	for (size_t i = 0; i < picture->fact_count; i++)
		room &= write_text(json, NULL, picture->facts[i]);
	json_array_end(json);
	if (picture->note)
		room &= write_text(json, "note", picture->note);
	json_bool(json, "merged", w->least > 0);
	json_bool(json, "diff", picture->diff);
	json_number(json, "type", picture->type);
	json_array(json, "types");
	for (size_t i = 0; i < picture->type_count; i++) {
		json_object(json, NULL);
		room &= write_text(json, "name", picture->types[i].type) &&
			write_text(json, "unit", picture->types[i].unit);
		json_object_end(json);
	}
	json_array_end(json);
	return room;
}

static bool write_data(struct writer *w)
{
	struct json *json = &w->json;
	json_object(json, NULL);
	if (!write_head(w) || !write_names(w) || !put_calls(w))
		return false;
	json_number(json, "nodes", w->nodes);
	json_str(json, "calls", w->calls.s);
	json_object_end(json);
	return true;
}

static bool write_title(struct out *out, const char *raw)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	escape_add_markup(&text, raw);
	out_puts(out, text.s ? text.s : "");
	return !text.failed;
}

bool flame_html(struct out *out, const struct flame_picture *picture)
{
	CLEANUP(writer_deinit)
	struct writer w = {.picture = picture, .json = {.out = out, .in_html = true}};
	const char *title = strstr(flame_page, FLAME_PAGE_TITLE);
	const char *data = strstr(flame_page, FLAME_PAGE_DATA);
	if (picture->flame->nodes.len > FLAME_HTML_CALLS) {
		if (!find_shares(&w))
			return false;
		find_least(&w);
	}
	if (!number_names(&w))
		return false;
	out_write(out, flame_page, (size_t)(title - flame_page));
	title += strlen(FLAME_PAGE_TITLE);
	if (!write_title(out, picture->title))
		return false;
	out_write(out, title, (size_t)(data - title));
	if (!write_data(&w))
		return false;
	out_puts(out, data + strlen(FLAME_PAGE_DATA));
	return true;
}
