/* A file LC_CTYPE for UTF-8, which a gospy that is one file to copy carries; no other has one. */
#ifndef GOSPY_RENDER_LOCALE_CTYPE_H
#define GOSPY_RENDER_LOCALE_CTYPE_H

#include <stddef.h>

/** As glibc has it in /usr/lib/locale/C.utf8 (cmake/static.cmake); 0 bytes: there is none. */
extern const unsigned char locale_ctype[];
extern const size_t locale_ctype_len;

#endif
