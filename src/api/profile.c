#include <stdio.h>

#include "api/target.h"
#include "base/cancel.h"
#include "base/cleanup.h"
#include "base/sized.h"
#include "profile/made.h"
#include "profile/profile.h"

static void leaks_free(struct gospy_leaks **leaks)
{
	gospy_leaks_destroy(*leaks);
}

/* What the profile cannot say itself; NULL: nothing. */
static const char *note_of(const struct gospy_leak_info *info, const struct leaked *leaked,
			   char *text, size_t size)
{
	size_t likely = 0;
	for (size_t i = 0; i < leaked->count; i++)
		likely += leaked->list[i].verdict != GOSPY_LEAK_PROVED;
	if (info->problem)
		snprintf(text, size, "%s: goroutines may be missing", info->problem);
	else if (likely)
		snprintf(text, size,
			 "%zu of the goroutines %s not proved to be leaked, and labelled%s%s",
			 likely, likely == 1 ? "is" : "are", info->not_proved ? ": " : "",
			 info->not_proved ? info->not_proved : "");
	return info->problem || likely ? text : NULL;
}

static enum gospy_code create_of_leaks(struct gospy_target *target,
				       const struct gospy_profile_options *how,
				       struct gospy_profile **ret, struct gospy_error *err)
{
	CLEANUP(leaks_free) struct gospy_leaks *leaks = NULL;
	const struct gospy_leak_options options = {.size = sizeof(options),
						   .non_blocking = how->non_blocking,
						   .max_pause_ns = how->max_pause_ns,
						   .cancel_fd = how->cancel_fd,
						   .labels = true};
	char note[240];
	enum gospy_code code = gospy_leaks_find(target, &options, &leaks, err);
	if (code)
		return code;
	const struct gospy_leak_info *info = gospy_leaks_info(leaks);
	struct leaked leaked = {.snapshot = gospy_leaks_snapshot(leaks),
				.partial = info->problem,
				.paused_ns = info->paused_ns};
	leaked.list = gospy_leaks_get(leaks, &leaked.count);
	leaked.note = note_of(info, &leaked, note, sizeof(note));
	leaked.paused_ns += gospy_snapshot_info(leaked.snapshot)->paused_ns;
	CLEANUP(cancel_end) struct cancel cancel;
	cancel_begin(&cancel, how->cancel_fd);
	struct gospy_profile *profile = NULL;
	code = profile_create(target->source, target->image, how, &leaked, &profile, err);
	if (code)
		code = source_explain(target->source, code, err);
	code = cancel_verdict(code, err);
	if (code)
		made_destroy(profile);
	else
		*ret = profile;
	return code;
}

enum gospy_code gospy_profile_create(struct gospy_target *target,
				     const struct gospy_profile_options *options,
				     struct gospy_profile **ret, struct gospy_error *err)
{
	struct gospy_profile_options how;
	if (!target || !ret)
		return err_set(err, GOSPY_E_USAGE, "gospy_profile_create: bad argument");
	if (SIZED_READ(&how, options, err))
		return GOSPY_E_USAGE;
	if (how.kind == GOSPY_PROFILE_GOROUTINELEAK)
		return create_of_leaks(target, &how, ret, err);
	CLEANUP(cancel_end) struct cancel cancel;
	cancel_begin(&cancel, how.cancel_fd);
	struct gospy_profile *profile = NULL;
	enum gospy_code code = image_check(target->image, target->source, err);
	if (!code)
		code = profile_create(target->source, target->image, &how, NULL, &profile, err);
	if (code)
		code = source_explain(target->source, code, err);
	code = cancel_verdict(code, err);
	if (code)
		made_destroy(profile);
	else
		*ret = profile;
	return code;
}
