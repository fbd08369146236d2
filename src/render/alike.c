#include "render/alike.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "render/name.h"
#include "render/width.h"

/* How a table is gone through. */
struct search {
	struct alike_text **sorted;
	int width;
	bool utf8;
};

static int compare(const void *a, const void *b)
{
	const struct alike_text *x = *(struct alike_text *const *)a;
	const struct alike_text *y = *(struct alike_text *const *)b;
	int order = memcmp(x->s, y->s, x->len < y->len ? x->len : y->len);
	return order ? order : (x->len > y->len) - (x->len < y->len);
}

/* Bytes of the first word that stay, with the blank: as many as half of the room, for it says what
 * the text is of. 0: it is among what is left out. */
static size_t first_word(const struct alike_text *text, int width, bool utf8)
{
	const char *end = memchr(text->s, ' ', text->len), *s = text->s;
	size_t len = end ? (size_t)(end - text->s) + 1 : 0, left = len, cut = 0;
	if (!len || len >= text->skip)
		return 0;
	for (int room = width / 2; left && room >= 0;) {
		wchar_t c = width_next(&s, &left);
		room -= width_char(&c, utf8);
		if (room >= 0)
			cut = len - left;
	}
	return cut;
}

void alike_show(const struct alike_text *text, int width, bool utf8, struct strbuf *ret)
{
	if (text->skip) {
		strbuf_add(ret, text->s, first_word(text, width, utf8));
		strbuf_puts(ret, name_more(utf8));
	}
	if (text->skip < text->len)
		strbuf_add(ret, text->s + text->skip, text->len - text->skip);
}

/* How much of the text behind .skip is shown when it has to be cut; *all_ret: it has not. */
static size_t seen(const struct search *search, const struct alike_text *text, bool *all_ret)
{
	size_t word = first_word(text, search->width, search->utf8), cut = 0;
	const char *s = text->s + text->skip, *next = s;
	size_t left = text->len - text->skip;
	int before = text->skip ? width_text(text->s, word, search->utf8) + 1 : 0;
	int room = search->width - before;
	while (left && room >= 0) {
		wchar_t c = width_next(&next, &left);
		room -= width_char(&c, search->utf8);
		if (room > 0)
			cut = (size_t)(next - s);
	}
	*all_ret = room >= 0;
	return cut;
}

static bool look_alike(const struct search *search, const struct alike_text *a,
		       const struct alike_text *b)
{
	bool all_a, all_b;
	size_t n = seen(search, a, &all_a);
	return n == seen(search, b, &all_b) && !all_a && !all_b &&
	       memcmp(a->s + a->skip, b->s + b->skip, n) == 0;
}

static bool is_boundary(const struct alike_text *text, size_t at)
{
	return strchr(" /=,", text->s[at - 1]);
}

/* Where what is shown begins of texts that are the same up to `same`: at a word, or at a part of
 * one, if that is not too far away. */
static size_t begin_near(const struct search *search, const struct alike_text *text, size_t same)
{
	size_t near = (size_t)search->width / 2, least = same > near ? same - near : 0;
	for (size_t i = same; i > least && i > text->skip + 1; i--) {
		if (is_boundary(text, i))
			return i;
	}
	while (same > text->skip + 1 && ((unsigned char)text->s[same] & 0xc0) == 0x80)
		same--;
	return same;
}

/* The same, further to the front if there is room for all that follows of each of the texts. */
static size_t begin_early(const struct search *search, struct alike_text *const *texts, size_t n,
			  size_t near)
{
	const struct alike_text *first = texts[0];
	int most = 0, room = search->width - 1;
	for (size_t i = 0; i < n; i++) {
		struct alike_text text = *texts[i];
		text.skip = near;
		int width = width_text(text.s + near, text.len - near, search->utf8);
		size_t word = first_word(&text, search->width, search->utf8);
		width += width_text(text.s, word, search->utf8);
		most = width > most ? width : most;
	}
	size_t begin = near;
	for (size_t i = near; most <= room && i-- > first->skip + 1;) {
		if (width_text(first->s + i, near - i, search->utf8) > room - most)
			break;
		if (is_boundary(first, i))
			begin = i;
	}
	return begin;
}

static size_t common(const struct alike_text *a, const struct alike_text *b)
{
	size_t n = 0;
	while (n < a->len && n < b->len && a->s[n] == b->s[n])
		n++;
	return n;
}

/* Those from `begin` to `end` are the same up to their .skip. */
static void split(const struct search *search, size_t begin, size_t end, unsigned depth)
{
	enum { DEPTH_MAX = 16 /* a table of texts made for it would take time without end */ };
	for (size_t next; begin < end; begin = next) {
		struct alike_text *first = search->sorted[begin], *last = first;
		for (next = begin + 1; next < end; next++) {
			if (!look_alike(search, first, search->sorted[next]))
				break;
			last = search->sorted[next];
		}
		size_t same = common(first, last);
		if (same == first->len && same == last->len)
			continue;
		size_t skip = begin_near(search, first, same);
		if (skip <= first->skip)
			continue;
		skip = begin_early(search, &search->sorted[begin], next - begin, skip);
		for (size_t i = begin; i < next; i++)
			search->sorted[i]->skip = skip;
		if (depth < DEPTH_MAX)
			split(search, begin, next, depth + 1);
	}
}

bool alike_find(struct alike_text *texts, size_t n, int width, bool utf8)
{
	CLEANUP_FREE struct alike_text **sorted = n ? calloc(n, sizeof(struct alike_text *)) : NULL;
	const struct search search = {.sorted = sorted, .width = width, .utf8 = utf8};
	if (!sorted)
		return n == 0;
	for (size_t i = 0; i < n; i++)
		sorted[i] = &texts[i];
	qsort(sorted, n, sizeof(*sorted), compare);
	split(&search, 0, n, 0);
	return true;
}
