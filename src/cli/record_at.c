#include "cli/record_at.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/error.h"
#include "cli/when.h"
#include "render/units.h"

enum { EVERY_NS = 200 * 1000 * 1000, CPU_NS = 1000 * 1000 * 1000 };

static enum gospy_code parse_rss(const struct record_at *at, struct when *ret,
				 struct gospy_error *err)
{
	char text[64];
	snprintf(text, sizeof(text), "rss>%s", at->rss);
	if (!when_parse(text, ret, NULL))
		return GOSPY_OK;
	return err_set(err, GOSPY_E_USAGE, "--at-rss takes a size, as 2GB, not '%.60s'", at->rss);
}

enum gospy_code record_at_check(const struct record_at *at, struct gospy_error *err)
{
	struct when when;
	return at->rss ? parse_rss(at, &when, err) : GOSPY_OK;
}

/* Of the last second or more; GOSPY_UNKNOWN: it is not over yet. */
static enum gospy_code cpu_percent(pid_t pid, struct gospy_process_usage *last, uint64_t *ret,
				   struct gospy_error *err)
{
	struct gospy_process_usage now;
	*ret = GOSPY_UNKNOWN;
	enum gospy_code code = gospy_process_usage(pid, &now, err);
	if (code)
		return code;
	uint64_t ns = now.mono_ns - last->mono_ns;
	if (last->mono_ns && ns < CPU_NS)
		return GOSPY_OK;
	if (last->mono_ns && now.cpu_ns >= last->cpu_ns)
		*ret = (now.cpu_ns - last->cpu_ns) * 100 / ns;
	*last = now;
	return GOSPY_OK;
}

static enum gospy_code look(struct cli *cli, const struct record_at *at,
			    struct gospy_target *target, struct gospy_process_usage *last,
			    bool *ret, struct gospy_error *err)
{
	// More than one less is so many, or more.
	struct when goroutines = {WHEN_GOROUTINES, at->goroutines - 1}, rss;
	uint64_t value;
	enum gospy_code code = GOSPY_OK;
	*ret = false;
	if (at->goroutines) {
		code = when_look(&goroutines, target, ret, &value, err);
		if (!code && *ret)
			cli_note(cli, "%" PRIu64 " goroutines: the recording begins", value);
	}
	if (!code && !*ret && at->rss) {
		code = parse_rss(at, &rss, err);
		if (!code)
			code = when_look(&rss, target, ret, &value, err);
		if (!code && *ret)
			cli_note(cli, "%s of memory: the recording begins", units_bytes(value).s);
	}
	if (!code && !*ret && at->cpu) {
		code = cpu_percent(gospy_target_info(target)->pid, last, &value, err);
		*ret = !code && value != GOSPY_UNKNOWN && value >= at->cpu;
		if (*ret)
			cli_note(cli, "%" PRIu64 " %% of a processor: the recording begins", value);
	}
	return code;
}

enum gospy_code record_at_wait(struct cli *cli, const struct record_at *at,
			       struct gospy_target *target, struct gospy_error *err)
{
	struct gospy_process_usage last = {0};
	bool is = !at->goroutines && !at->rss && !at->cpu;
	enum gospy_code code = GOSPY_OK;
	while (!is && !code) {
		code = look(cli, at, target, &last, &is, err);
		if (!is && !code)
			clock_sleep(EVERY_NS);
	}
	return code;
}
