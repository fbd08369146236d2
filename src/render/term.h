/* Whether to write colour. */
#ifndef GOSPY_RENDER_TERM_H
#define GOSPY_RENDER_TERM_H

#include <stdbool.h>

enum term_color { TERM_COLOR_AUTO, TERM_COLOR_ALWAYS, TERM_COLOR_NEVER };

/** `auto`: NO_COLOR (no-color.org), then CLICOLOR_FORCE and CLICOLOR (bixense.com/clicolors), then
 * a terminal that is not TERM=dumb. */
bool term_use_color(enum term_color when, int fd);

#endif
