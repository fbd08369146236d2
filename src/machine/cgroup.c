#include "machine/cgroup.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "live/procfs.h"
#include "live/scan.h"

enum { CONTAINER_DIGITS_MIN = 32 };

/* The next field of a line, up to `end`, which it moves behind. */
static struct span field(struct span *line, char end)
{
	const uint8_t *at = line->len ? memchr(line->ptr, end, line->len) : NULL;
	struct span result = at ? span_sub(*line, 0, (size_t)(at - line->ptr)) : *line;
	size_t used = at ? result.len + 1 : line->len;
	*line = span_sub(*line, used, line->len - used);
	return result;
}

struct span cgroup_parse(struct span text)
{
	struct scan s = scan_of(text);
	struct span best = {NULL, 0};
	while (!scan_at_end(&s)) {
		struct span line = scan_line(&s);
		struct span tree = field(&line, ':');
		field(&line, ':');
		if (!line.len || *line.ptr != '/')
			continue;
		if (tree.len == 1 && *tree.ptr == '0' && line.len > 1)
			return line;
		if (line.len > best.len)
			best = line;
	}
	return best;
}

const char *cgroup_of(pid_t tid, struct arena *arena)
{
	char path[32];
	uint8_t *text CLEANUP_FREE = NULL;
	size_t len = 0;
	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)tid);
	if (procfs_read_file(path, &text, &len, NULL))
		return NULL;
	struct span found = cgroup_parse((struct span){text, len});
	return found.len ? arena_strndup(arena, found.ptr, found.len) : NULL;
}

static size_t hex_digits(const char *s)
{
	return strspn(s, "0123456789abcdef");
}

const char *cgroup_container(const char *path, struct arena *arena)
{
	const char *found = NULL;
	size_t len = 0;
	for (const char *s = path; *s;) {
		size_t digits = hex_digits(s);
		// It is a word of its own, and the last one is that of the innermost container.
		bool begins = s == path || !isalnum((unsigned char)s[-1]);
		if (begins && digits >= CONTAINER_DIGITS_MIN &&
		    !isalnum((unsigned char)s[digits])) {
			found = s;
			len = digits;
		}
		s += digits ? digits : 1;
	}
	return found ? arena_strndup(arena, found, len) : NULL;
}
