#include "base/label_text.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/quote.h"

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
		quote_add(&text, labels[i].key);
		strbuf_putc(&text, ':');
		quote_add(&text, labels[i].value);
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
