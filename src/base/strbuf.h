/* Growing text. The first failed allocation sets `failed`; later calls then do nothing. */
#ifndef GOSPY_BASE_STRBUF_H
#define GOSPY_BASE_STRBUF_H

#include <stdbool.h>
#include <stddef.h>

/** All zero is a valid empty buffer; `s` is NUL-terminated once anything was added. */
struct strbuf {
	char *s;
	size_t len, cap;
	bool failed;
};

void strbuf_add(struct strbuf *b, const void *s, size_t len);
void strbuf_puts(struct strbuf *b, const char *s);
void strbuf_putc(struct strbuf *b, char c);
void strbuf_printf(struct strbuf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/** Forget the text, keep the memory. */
void strbuf_clear(struct strbuf *b);
void strbuf_deinit(struct strbuf *b);

#endif
