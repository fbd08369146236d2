#include "dwarf/go/go_version.h"

#include <ctype.h>
#include <string.h>

/* A decimal number of at most four digits; `*s` moves behind it. False: none, or longer. */
static bool parse_number(const char **s, int *ret)
{
	int value = 0, digits = 0;
	for (; isdigit((unsigned char)**s); (*s)++) {
		if (++digits > 4)
			return false;
		value = value * 10 + (**s - '0');
	}
	if (!digits)
		return false;
	*ret = value;
	return true;
}

/* Behind the numbers: "rc2" or "beta1"; `*s` moves behind it. */
static bool parse_prerelease(const char **s)
{
	const char *rest = strncmp(*s, "rc", 2) == 0     ? *s + 2
			   : strncmp(*s, "beta", 4) == 0 ? *s + 4
							 : NULL;
	int number;
	if (!rest || !parse_number(&rest, &number))
		return false;
	*s = rest;
	return true;
}

static bool is_experiments(const char *s)
{
	// " X:a,b", or "-X:a,b" since 1.26 (cmd/link/internal/ld/main.go).
	return strncmp(s, " X:", 3) == 0 || strncmp(s, "-X:", 3) == 0;
}

bool go_version_parse(const char *text, struct go_version *ret)
{
	static const char prefix[] = "go1.";
	for (const char *s = text; (s = strstr(s, prefix));) {
		struct go_version version = {.vendor = s != text};
		s += strlen(prefix);
		if (!parse_number(&s, &version.minor) || !version.minor)
			continue;
		if (*s == '.') {
			s++;
			parse_number(&s, &version.patch);
		}
		// "devel go1.25-<hash> <date>"; "go1.26-devel_<hash> <date>" since 1.26
		// (cmd/dist/build.go:findgoversion).
		version.devel = strstr(text, "devel");
		version.prerelease = parse_prerelease(&s);
		version.experiments = strstr(s, " X:") || strstr(s, "-X:");
		// What else a development version says is its commit.
		version.vendor = !version.devel && (version.vendor || (*s && !is_experiments(s)));
		*ret = version;
		return true;
	}
	return false;
}
