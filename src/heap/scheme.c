#include "heap/scheme.h"

#include <string.h>

enum {
	NO_CHECKMARK_SINCE = 16,
	ONE_BIT_SINCE = 20,
	HEADERS_SINCE = 22,
	GREENTEA_SINCE = 26,
};

/* Is `name` among the experiments of "go1.25.1 X:greenteagc,foo"? */
static bool has_experiment(const char *text, const char *name)
{
	size_t len = strlen(name);
	const char *at = text ? strstr(text, "X:") : NULL;
	for (at = at ? at + 2 : NULL; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL) {
		size_t word = strcspn(at, ", ");
		if (word == len && memcmp(at, name, len) == 0)
			return true;
	}
	return false;
}

struct scheme scheme_of(const struct go_version *version, const char *text)
{
	int minor = version->minor;
	// Only Go 1.22 could still do without: the experiment was removed in 1.23.
	bool headers = minor > HEADERS_SINCE ||
		       (minor == HEADERS_SINCE && !has_experiment(text, "noallocheaders"));
	struct scheme scheme = {.kind = headers                  ? SCHEME_HEADERS
					: minor >= ONE_BIT_SINCE ? SCHEME_ONE_BIT
								 : SCHEME_TWO_BITS};
	scheme.checkmark = minor < NO_CHECKMARK_SINCE;
	scheme.inline_marks = minor >= GREENTEA_SINCE ? !has_experiment(text, "nogreenteagc")
						      : has_experiment(text, "greenteagc");
	return scheme;
}
