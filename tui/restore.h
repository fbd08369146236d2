/* Giving the terminal back as it was, also when the program crashes. There is one terminal. */
#ifndef GOSPY_TUI_RESTORE_H
#define GOSPY_TUI_RESTORE_H

#include <stddef.h>

enum { RESTORE_MAX = 256 /* bytes of the sequence */ };

/**
 * Remember the terminal's settings and what has to be written to leave the screen; from now on a
 * crash or exit restores it. stderr, where it is a terminal, is put aside: what is written there
 * meanwhile appears afterwards.
 */
void restore_arm(int tty, const char *sequence, size_t len);
/** Restore the settings, write the sequence, then what was put aside; nothing if not armed.
 * Async-signal-safe. */
void restore_now(void);
/** After the screen was left in an orderly way: forget it, and print what was put aside. */
void restore_disarm(void);

#endif
