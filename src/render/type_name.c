#include "render/type_name.h"

#include <string.h>

#include "base/cleanup.h"

enum {
	WITH_DIRS = 1,
	WITH_INNER = 2, /* type parameters, fields, what a function takes */
	WITH_PACKAGE = 4,
};

/* What is kept, best first. */
static const unsigned forms[] = {
	WITH_DIRS | WITH_INNER | WITH_PACKAGE,
	WITH_INNER | WITH_PACKAGE,
	WITH_PACKAGE,
	0,
};
enum { FORMS = sizeof(forms) / sizeof(forms[0]), FORM_FULL = 1, FORM_GOOD = 2, FORM_CORE = 3 };

static bool is_any(const char *set, struct part part)
{
	return part.len && strchr(set, *part.s);
}

/* A name with its package: up to what no import path has. */
static struct part cut_word(struct part *rest)
{
	size_t n = 0;
	while (n < rest->len && !strchr(" []{}(),;*<>&\"", rest->s[n]))
		n++;
	return part_cut(rest, n);
}

/* Of a word what stands behind the last slash, and behind the dot that follows a package. */
static void add_word(struct strbuf *text, struct part word, unsigned with)
{
	const char *slash = word.len ? memrchr(word.s, '/', word.len) : NULL;
	if (slash && !(with & WITH_DIRS))
		part_cut(&word, (size_t)(slash + 1 - word.s));
	const char *dot = word.len ? memrchr(word.s, '.', word.len) : NULL;
	// "map.bucket" is the runtime's, and a dot at the end, as in "...", is no package's.
	if (dot && dot + 1 < word.s + word.len && dot > word.s && !(with & WITH_PACKAGE) &&
	    !part_begins(word, "map."))
		part_cut(&word, (size_t)(dot + 1 - word.s));
	part_add(text, word);
}

/* Length of what is in brackets at the start, with these; all of it if they are not closed. */
static size_t bracketed(struct part part)
{
	size_t depth = 0;
	for (size_t i = 0; i < part.len; i++) {
		if (strchr("([{", part.s[i]))
			depth++;
		else if (strchr(")]}", part.s[i]) && --depth == 0)
			return i + 1;
	}
	return part.len;
}

static bool is_map(struct part word)
{
	return part_begins(word, "map.") || (word.len == 3 && part_begins(word, "map"));
}

/* Is what is in these brackets within the type that stands before them? The key of a map, the
 * length of an array, and a type in parentheses are not. */
static bool is_inner(struct part word, struct part rest)
{
	if (is_any("{", rest))
		return rest.len > 1 && rest.s[1] != '}';
	if (is_any("(", rest))
		return word.len == 4 && part_begins(word, "func") && rest.len > 1 &&
		       rest.s[1] != ')';
	return is_any("[", rest) && word.len && !is_map(word);
}

static void add_form(struct strbuf *text, struct part type, unsigned with, bool utf8)
{
	struct part word = {0};
	while (type.len) {
		struct part next = cut_word(&type);
		add_word(text, next, with);
		// "struct { F int }" has a blank before the brace.
		if (next.len)
			word = next;
		if (!(with & WITH_INNER) && is_inner(word, type)) {
			struct part inner = part_cut(&type, bracketed(type));
			part_add(text, part_cut(&inner, 1));
			strbuf_puts(text, part_more(utf8));
			part_add(text, (struct part){inner.s + inner.len - 1, inner.len > 0});
			word = (struct part){0};
		} else if (type.len) {
			if (*type.s != ' ' || type.len < 2 || type.s[1] != '{')
				word = (struct part){0};
			part_add(text, part_cut(&type, 1));
		}
	}
}

/* "? 48 B with pointers": what is not known has no name. */
static bool is_unknown(struct part type)
{
	return part_begins(type, "? ");
}

static void add_unknown(struct strbuf *text, struct part type)
{
	static const char with[] = " with pointers", without[] = " without pointers";
	size_t long_len = strlen(without), short_len = strlen(with);
	if (type.len > long_len && memcmp(type.s + type.len - long_len, without, long_len) == 0) {
		strbuf_add(text, type.s, type.len - long_len);
		strbuf_puts(text, " no pointers");
	} else if (type.len > short_len &&
		   memcmp(type.s + type.len - short_len, with, short_len) == 0) {
		strbuf_add(text, type.s, type.len - short_len);
		strbuf_puts(text, " pointers");
	} else {
		part_add(text, type);
	}
}

static void add_any(struct strbuf *text, struct part type, size_t form, bool utf8)
{
	if (is_unknown(type) && form >= FORM_GOOD)
		add_unknown(text, type);
	else
		add_form(text, type, is_unknown(type) ? forms[0] : forms[form], utf8);
}

static int form_width(struct part type, size_t form, bool utf8)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	add_any(&text, type, form, utf8);
	return part_width(part_whole(&text), utf8);
}

/* The last of the names, with what stands behind it: that of what a map or a list is of. */
static struct part last_name(struct part core)
{
	size_t start = 0;
	unsigned depth = 0;
	for (size_t i = 0; i < core.len; i++) {
		if (strchr("([{", core.s[i]))
			depth++;
		else if (strchr(")]}", core.s[i]) && depth)
			depth--;
		bool begins = !depth && strchr("]*", core.s[i]) && i + 1 < core.len &&
			      !strchr(" ([{*]", core.s[i + 1]);
		start = begins ? i + 1 : start;
	}
	part_cut(&core, start);
	return core;
}

static int smaller(int a, int b)
{
	return a < b ? a : b;
}

struct type_size type_size(struct part type, bool utf8)
{
	CLEANUP(strbuf_deinit) struct strbuf core = {0};
	add_any(&core, type, FORM_CORE, utf8);
	struct part all = part_whole(&core), last = last_name(all);
	struct type_size size = {
		.full = smaller(part_width(type, utf8), form_width(type, FORM_FULL, utf8))};
	// "…" may be longer than what it stands for.
	size.good = smaller(size.full, form_width(type, FORM_GOOD, utf8));
	size.core = smaller(size.good, part_width(all, utf8));
	size.least = smaller(size.core, part_width(last, utf8) + (last.len < all.len));
	return size;
}

void type_fit(struct part type, int width, bool utf8, struct strbuf *text)
{
	CLEANUP(strbuf_deinit) struct strbuf form = {0};
	for (size_t i = 0; i < FORMS; i++) {
		strbuf_clear(&form);
		add_any(&form, type, i, utf8);
		if (part_width(part_whole(&form), utf8) <= width) {
			part_add(text, part_whole(&form));
			return;
		}
	}
	struct part last = last_name(part_whole(&form));
	bool cut = last.len < form.len && width > 1;
	strbuf_puts(text, cut ? part_more(utf8) : "");
	part_add_squeezed(text, last, width - cut, utf8);
}
