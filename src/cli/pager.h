/* A pager between gospy and the terminal, for text that does not fit the screen. */
#ifndef GOSPY_CLI_PAGER_H
#define GOSPY_CLI_PAGER_H

#include <sys/types.h>

#include "base/strbuf.h"
#include "render/out.h"

/** All zero: there is none. */
struct pager {
	pid_t pid;           /* 0: it does not run */
	struct strbuf later; /* for stderr, when it has ended */
	const char *command; /* that runs */
	const char *failed;  /* one that could not be run */
};

/** Page what is going to be written to `out`, a terminal, if it turns out not to fit. */
void pager_offer(struct pager *pager, struct out *out);
/** Write it as it comes after all. */
void pager_decline(struct out *out);
/** Write a line to stderr, or keep it until the pager has left the screen. */
void pager_line(struct pager *pager, const char *line, size_t len);
/** All is written, and `out` closed: wait until the user has seen it. False: it was not paged. */
bool pager_end(struct pager *pager);

#endif
