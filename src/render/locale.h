/* The C library's idea of characters. */
#ifndef GOSPY_RENDER_LOCALE_H
#define GOSPY_RENDER_LOCALE_H

/** Take the user's LC_CTYPE. Where it asks for UTF-8 and the machine has no locale at all, a gospy
 * that carries one uses that. It is for the whole process: to be called before there are threads.
 */
void locale_take(void);

#endif
