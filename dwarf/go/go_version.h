/* Go version strings: "go1.24.4", "go1.24.4 X:foo", "go1.26.1-X:foo", "devel go1.26-ab12 date". */
#ifndef GOSPY_DWARF_GO_GO_VERSION_H
#define GOSPY_DWARF_GO_GO_VERSION_H

#include <stdbool.h>

struct go_version {
	int minor; /* 24 in go1.24.4; 0: not understood */
	int patch; /* 4; 0 if absent */
	bool devel;
	bool experiments; /* built with non-default GOEXPERIMENTs */
	bool prerelease;  /* a beta or a release candidate */
	bool vendor;      /* the text says more than Go's own releases do */
};

/** Oldest and newest minor versions this gospy was checked against. */
enum { GO_MINOR_OLDEST = 12, GO_MINOR_NEWEST = 27 };

/** Find "go1.N[.P]" anywhere in `text` (vendors add words). False: not understood. */
bool go_version_parse(const char *text, struct go_version *ret);

#endif
