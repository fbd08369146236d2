/* Ctrl-C, and the other signals that ask a program to end, as something to be read: so a command
 * can end what it is doing and still write it. */
#ifndef GOSPY_CLI_CTRL_C_H
#define GOSPY_CLI_CTRL_C_H

#include <signal.h>

struct ctrl_c {
	int fd; /* readable when one has come; 0: they end gospy at once */
	sigset_t old_mask;
};

/** From now on. Signals that are ignored stay so. */
void ctrl_c_begin(struct ctrl_c *ctrl_c);
/** Those that have come are forgotten; the next one ends gospy. Also the guard. */
void ctrl_c_end(struct ctrl_c *ctrl_c);

#endif
