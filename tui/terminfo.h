/* What is known of terminals where the machine has no description of them: in a gospy that is one
 * file to copy, and in no other. */
#ifndef GOSPY_TUI_TERMINFO_H
#define GOSPY_TUI_TERMINFO_H

#include "tui/terminfo_entries.h"

/** The description of a terminal, or of the one whose name this one begins with ("xterm-kitty" does
 * with "xterm"), or NULL. */
const struct terminfo_entry *terminfo_find(const char *term);

#endif
