#include "cli/when.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "cli/opts.h"
#include "cli/shared.h"

/* "2GB", "500 MB", "1048576": powers of 1024, as sizes are shown. */
static bool parse_size(const char *text, uint64_t *ret)
{
	static const char units[] = "kMGT";
	char *end;
	if (*text < '0' || *text > '9')
		return false;
	double n = strtod(text, &end);
	end += strspn(end, " ");
	const char *unit = *end ? strchr(units, *end == 'K' ? 'k' : *end) : NULL;
	for (const char *u = units; unit && u <= unit; u++)
		n *= 1024;
	end += unit ? 1 : 0;
	if (strcmp(end, "") != 0 && strcmp(end, "B") != 0 && strcmp(end, "iB") != 0)
		return false;
	*ret = (uint64_t)n;
	return n >= 0 && n < 0x1p63;
}

enum gospy_code when_parse(const char *text, struct when *ret, struct gospy_error *err)
{
	static const struct {
		const char *name;
		enum when_what what;
		bool (*parse)(const char *text, uint64_t *ret);
	} kinds[] = {
		{"goroutines>", WHEN_GOROUTINES, opts_number},
		{"rss>", WHEN_RSS, parse_size},
		{"wait>", WHEN_WAIT, opts_duration},
	};
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		size_t len = strlen(kinds[i].name);
		ret->what = kinds[i].what;
		if (strncmp(text, kinds[i].name, len) == 0 &&
		    kinds[i].parse(text + len + strspn(text + len, " "), &ret->limit))
			return GOSPY_OK;
	}
	return err_set(err, GOSPY_E_USAGE,
		       "--when takes 'goroutines>N', 'rss>SIZE' or 'wait>D', not '%.60s'", text);
}

static enum gospy_code longest_wait(struct gospy_target *target, uint64_t *ret,
				    struct gospy_error *err)
{
	const struct gospy_snapshot_options how = {.size = sizeof(how), .non_blocking = true};
	CLEANUP(shared_snapshot_destroy) struct gospy_snapshot *snapshot = NULL;
	enum gospy_code code = gospy_snapshot_take(target, &how, &snapshot, err);
	if (code)
		return code;
	size_t n = gospy_snapshot_goroutine_count(snapshot);
	*ret = GOSPY_UNKNOWN;
	for (size_t i = 0; i < n; i++) {
		struct gospy_goroutine g;
		gospy_snapshot_goroutine(snapshot, i, &g);
		bool counts = g.soundness != GOSPY_SOUND_UNREADABLE && !g.system &&
			      g.wait_ns != GOSPY_UNKNOWN;
		if (counts && (*ret == GOSPY_UNKNOWN || g.wait_ns > *ret))
			*ret = g.wait_ns;
	}
	return GOSPY_OK;
}

enum gospy_code when_look(const struct when *when, struct gospy_target *target, bool *ret,
			  uint64_t *value_ret, struct gospy_error *err)
{
	const struct gospy_read_options how = {.size = sizeof(how), .non_blocking = true};
	struct gospy_stats stats;
	struct gospy_process_usage usage;
	enum gospy_code code = GOSPY_OK;
	switch (when->what) {
	case WHEN_GOROUTINES:
		code = gospy_stats_read(target, &how, &stats, err);
		*value_ret = stats.goroutines;
		break;
	case WHEN_RSS:
		code = gospy_process_usage(gospy_target_info(target)->pid, &usage, err);
		*value_ret = usage.rss;
		break;
	case WHEN_WAIT:
		code = longest_wait(target, value_ret, err);
		break;
	}
	*ret = !code && *value_ret != GOSPY_UNKNOWN && *value_ret > when->limit;
	return code;
}
