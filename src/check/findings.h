/* How a check says what it has found. Each function does nothing once memory was out. */
#ifndef GOSPY_CHECK_FINDINGS_H
#define GOSPY_CHECK_FINDINGS_H

#include "check/check.h"

/** Begin a finding, which holds up so many goroutines or threads. It stays where it is until the
 * next one; NULL: out of memory. */
struct finding *finding_begin(struct check *check, enum finding_kind kind,
			      enum finding_severity severity, uint64_t weight, const char *fmt, ...)
	__attribute__((format(printf, 5, 6)));
/** A line of evidence; `finding` may be NULL. */
void finding_say(struct check *check, struct finding *finding, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/** The command that shows more. */
void finding_next(struct check *check, struct finding *finding, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void finding_goids(struct finding *finding, struct fact_goids goids);
/** Was there a finding of this kind? */
bool finding_any(const struct check *check, enum finding_kind kind);
/** What was looked at without finding anything, or not at all. */
void finding_none(struct check *check, enum finding_kind kind, enum checked_state state,
		  const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
