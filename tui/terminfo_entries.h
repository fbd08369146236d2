/* Descriptions of terminals, which a gospy that is one file to copy carries; no other has any. */
#ifndef GOSPY_TUI_TERMINFO_ENTRIES_H
#define GOSPY_TUI_TERMINFO_ENTRIES_H

struct terminfo_entry {
	const char *name;  /* as in TERM */
	const char *entry; /* as in TERMINFO: "hex:" and the description as tic(1) writes it */
};

/** Those of the machine that it was built on (cmake/static.cmake). The last one has no name. */
extern const struct terminfo_entry terminfo_entries[];

#endif
