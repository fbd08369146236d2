#include "image/func_name.h"

#include <stdbool.h>
#include <string.h>

/* "T[args].M[args]", a generic method of a generic type (Go 1.27+): what lies between the two lists
 * of type arguments. `inner` is what the first '[' and the last ']' enclose. */
static bool between_lists(const char *inner, size_t len, size_t *begin_ret, size_t *end_ret)
{
	size_t depth = 1, close = len;
	for (size_t i = 0; i < len; i++) {
		if (inner[i] == '[' && ++depth == 1) {
			*begin_ret = close + 1;
			*end_ret = i;
			return true;
		}
		if (inner[i] == ']' && depth == 0)
			return false;
		if (inner[i] == ']' && --depth == 0)
			close = i;
	}
	*begin_ret = *end_ret = 0;
	return depth == 1;
}

const char *func_name_for_print(struct arena *arena, const char *name, int minor)
{
	enum { TWO_LISTS_SINCE = 27 };
	const char *open = strchr(name, '['), *close = strrchr(name, ']');
	if (!open || !close || close < open)
		return name;
	size_t inner_len = (size_t)(close - open) - 1, begin = 0, end = 0;
	if (minor >= TWO_LISTS_SINCE && memchr(open + 1, '[', inner_len) &&
	    !between_lists(open + 1, inner_len, &begin, &end))
		return name; // brackets that do not balance are left alone
	int head = (int)(open - name);
	if (end)
		return arena_printf(arena, "%.*s[...]%.*s[...]%s", head, name, (int)(end - begin),
				    open + 1 + begin, close + 1);
	return arena_printf(arena, "%.*s[...]%s", head, name, close + 1);
}
