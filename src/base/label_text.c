#include "base/label_text.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* strconv.Quote, but for what it does with letters that are not ASCII. */
static void add_quoted(struct strbuf *b, const char *s)
{
	strbuf_putc(b, '"');
	for (; *s; s++) {
		static const char plain[] = "\a\b\f\n\r\t\v\"\\", escaped[] = "abfnrtv\"\\";
		const char *found = strchr(plain, *s);
		if (found)
			strbuf_printf(b, "\\%c", escaped[found - plain]);
		else if ((uint8_t)*s < ' ' || *s == 0x7f)
			strbuf_printf(b, "\\x%02x", (uint8_t)*s);
		else
			strbuf_putc(b, *s);
	}
	strbuf_putc(b, '"');
}

static int compare_texts(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;
	return strcmp(*x, *y);
}

bool label_text_add(struct strbuf *b, const struct gospy_label *labels, size_t n)
{
	CLEANUP_FREE char **texts = calloc(n + 1, sizeof(*texts));
	bool ok = texts != NULL;
	for (size_t i = 0; ok && i < n; i++) {
		struct strbuf text = {0};
		add_quoted(&text, labels[i].key);
		strbuf_putc(&text, ':');
		add_quoted(&text, labels[i].value);
		ok = !text.failed;
		texts[i] = text.s;
	}
	if (ok)
		qsort(texts, n, sizeof(*texts), compare_texts);
	strbuf_putc(b, '{');
	for (size_t i = 0; texts && i < n; i++) {
		if (ok)
			strbuf_puts(b, i ? ", " : "");
		if (ok)
			strbuf_puts(b, texts[i]);
		free(texts[i]);
	}
	strbuf_putc(b, '}');
	return ok;
}
