#include "render/pattern.h"

#include <stdio.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum {
	/* What one text may take: some milliseconds, and memory for going back. Patterns are the
	 * user's own, but gospy runs as root, and names of a target may be made to be slow. */
	STEPS_MAX = 200000,
	HEAP_MAX_KB = 16 << 10,
};

static bool has_capital(const char *text)
{
	for (; *text; text++) {
		if (*text == '\\' && text[1])
			text++;
		else if (*text >= 'A' && *text <= 'Z')
			return true;
	}
	return false;
}

bool pattern_compile(const char *text, struct pattern *ret, char *why, size_t why_size)
{
	// Names are raw bytes of the target.
	uint32_t options = PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C;
	int error;
	size_t at;
	if (!has_capital(text))
		options |= PCRE2_CASELESS;
	struct pattern pattern = {0};
	pattern.code =
		pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, options, &error, &at, NULL);
	if (!pattern.code) {
		PCRE2_UCHAR message[120] = "";
		pcre2_get_error_message(error, message, sizeof(message));
		snprintf(why, why_size, "%s, at character %zu", (const char *)message, at + 1);
		return false;
	}
	pattern.data = pcre2_match_data_create(1, NULL);
	pattern.limits = pcre2_match_context_create(NULL);
	if (!pattern.data || !pattern.limits) {
		pattern_free(&pattern);
		snprintf(why, why_size, "out of memory");
		return false;
	}
	pcre2_set_match_limit(pattern.limits, STEPS_MAX);
	pcre2_set_heap_limit(pattern.limits, HEAP_MAX_KB);
	*ret = pattern;
	return true;
}

bool pattern_matches(struct pattern *pattern, const char *text)
{
	int found = pcre2_match(pattern->code, (PCRE2_SPTR)text, strlen(text), 0, 0, pattern->data,
				pattern->limits);
	if (found < 0 && found != PCRE2_ERROR_NOMATCH)
		pattern->given_up++;
	return found >= 0;
}

void pattern_free(struct pattern *pattern)
{
	pcre2_match_context_free(pattern->limits);
	pcre2_match_data_free(pattern->data);
	pcre2_code_free(pattern->code);
	*pattern = (struct pattern){0};
}
