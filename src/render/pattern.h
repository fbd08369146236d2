/* Regular expressions of the user, as PCRE2 reads them: Perl's. */
#ifndef GOSPY_RENDER_PATTERN_H
#define GOSPY_RENDER_PATTERN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** All zero is none. */
struct pattern {
	struct pcre2_real_code_8 *code;
	struct pcre2_real_match_data_8 *data;
	struct pcre2_real_match_context_8 *limits;
	uint64_t given_up; /* texts that took too many steps: they count as not matching */
};

/** Compile `text`. A text without capital letters matches them, too (what stands behind a backslash
 * is no letter). False: it is not well-formed, or there is no memory; `why` says which, and `*ret`
 * stays as it was. */
bool pattern_compile(const char *text, struct pattern *ret, char *why, size_t why_size);
/** Is it found in `text`? Bytes that are no UTF-8 match nothing. */
bool pattern_matches(struct pattern *pattern, const char *text);
void pattern_free(struct pattern *pattern);

#endif
