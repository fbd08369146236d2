#include "check/findings.h"

#include <stdarg.h>

#include "base/cleanup.h"
#include "base/strbuf.h"
#include "check/limits.h"

/* "%s" may be longer than any buffer of ours. */
static const char *text_of(struct check *check, const char *fmt, va_list args)
{
	char *text CLEANUP_FREE = NULL;
	int len = check->failed ? -1 : vasprintf(&text, fmt, args);
	const char *copy = len >= 0 ? arena_strndup(&check->arena, text, (size_t)len) : NULL;
	check->failed |= !copy;
	return copy;
}

struct finding *finding_begin(struct check *check, enum finding_kind kind,
			      enum finding_severity severity, uint64_t weight, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	struct finding finding = {
		.kind = kind,
		.severity = severity,
		.weight = weight,
		.many = weight >= LIMIT_LOCK_CROWD,
		.number = check->findings.len,
		.text = text_of(check, fmt, args),
	};
	va_end(args);
	check->failed |= !vec_push(&check->findings, finding);
	return check->failed ? NULL : &check->findings.at[check->findings.len - 1];
}

void finding_say(struct check *check, struct finding *finding, const char *fmt, ...)
{
	if (!finding)
		return;
	va_list args;
	va_start(args, fmt);
	const char *text = text_of(check, fmt, args);
	va_end(args);
	check->failed |= !text || !vec_push(&finding->evidence, text);
}

void finding_next(struct check *check, struct finding *finding, const char *fmt, ...)
{
	if (!finding)
		return;
	va_list args;
	va_start(args, fmt);
	finding->next = text_of(check, fmt, args);
	va_end(args);
}

void finding_goids(struct finding *finding, struct fact_goids goids)
{
	if (!finding)
		return;
	finding->goids = goids.at;
	finding->goid_count = goids.count;
}

bool finding_any(const struct check *check, enum finding_kind kind)
{
	for (size_t i = 0; i < check->findings.len; i++) {
		if (check->findings.at[i].kind == kind)
			return true;
	}
	return false;
}

void finding_none(struct check *check, enum finding_kind kind, enum checked_state state,
		  const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	const struct checked checked = {kind, state, text_of(check, fmt, args)};
	va_end(args);
	check->failed |= !vec_push(&check->checked, checked);
}
