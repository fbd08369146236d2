#include "dwarf/types.h"

#include <string.h>

/* One alternative, [path, end). */
static bool follow(struct type_source *source, uint64_t type, const char *path, const char *end,
		   struct type_field *ret)
{
	struct type_field at = {.type = type};
	for (;;) {
		const char *dot = memchr(path, '.', (size_t)(end - path));
		size_t len = (size_t)((dot ? dot : end) - path);
		struct type_field next;
		if (!source->ops->field(source, at.type, path, len, &next) ||
		    __builtin_add_overflow(next.offset, at.offset, &next.offset))
			return false;
		at = next;
		if (!dot)
			break;
		path = dot + 1;
	}
	*ret = at;
	return true;
}

bool types_path(struct type_source *source, uint64_t type, const char *path, struct type_field *ret)
{
	for (;;) {
		const char *end = strchrnul(path, '|');
		if (follow(source, type, path, end, ret))
			return true;
		if (!*end)
			return false;
		path = end + 1;
	}
}
