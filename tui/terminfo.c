#include "tui/terminfo.h"

#include <string.h>

const struct terminfo_entry *terminfo_find(const char *term)
{
	const struct terminfo_entry *best = NULL;
	size_t longest = 0;
	for (const struct terminfo_entry *i = terminfo_entries; i->name; i++) {
		size_t len = strlen(i->name);
		if (len <= longest || strncmp(term, i->name, len) != 0)
			continue;
		if (term[len] == '\0' || term[len] == '-' || term[len] == '.') {
			best = i;
			longest = len;
		}
	}
	return best;
}
