/*
 * Reasons to wait have two forms: the runtime's own words, "chan receive (nil chan)", in lines, in
 * pipes and in JSON, and shorter ones, "chan recv nil", where columns and heads of reports show
 * them to a person. This is the only table of them.
 */
#ifndef GOSPY_RENDER_STATE_H
#define GOSPY_RENDER_STATE_H

#include "base/strbuf.h"

/** The shorter form of "select (no cases)". */
#define STATE_NO_CASES "select{}"

/** Append the shorter form of a state or reason; what stands behind the reason stays: "chan recv
 * (torn)". What has no shorter form is appended as it is. `state` may be escaped. */
void state_short(const char *state, struct strbuf *text);

/** As strcmp(), by the shorter forms: the order in which a screen shows them. */
int state_compare_short(const char *a, const char *b);

/** The runtime's own words for a reason that has one of its two forms; NULL: there is none. */
const char *state_reason(const char *text, size_t len);

#endif
