/* Text as UTF-8. */
#ifndef GOSPY_BASE_UTF8_H
#define GOSPY_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

/** Length of the UTF-8 character at the start of `len` > 0 bytes, or 0: none. */
unsigned utf8_decode(const char *s, size_t len, uint32_t *code_ret);

#endif
