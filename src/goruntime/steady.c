#include "goruntime/steady.h"

#include <time.h>

#include "base/clock.h"
#include "base/error.h"
#include "target/pause.h"

enum {
	STOPS_MAX = 8,
	READINGS_MAX = 16,
	/* Doubled each time: 64 ms in all. A thread in the midst of it may wait for its turn. */
	TRY_AGAIN_NS = 500000,
};

static const uint64_t default_max_pause_ns = 1000000000;

/* Something else may come of it when it is read again. */
static bool may_pass(enum gospy_code code)
{
	return code == GOSPY_E_FAULT || code == GOSPY_E_BAD_DATA;
}

static void wait_a_little(unsigned tries)
{
	nanosleep(&(struct timespec){.tv_nsec = (long)TRY_AGAIN_NS << tries}, NULL);
}

static void rehearse(void *ctx)
{
	const struct steady *steady = ctx;
	struct gospy_error why;
	// The stop will tell what is wrong.
	if (steady->copy(steady->ctx, &why))
		return;
}

static enum gospy_code visit(void *ctx, const struct pause *pause, struct gospy_error *err)
{
	const struct steady *steady = ctx;
	(void)pause;
	return steady->copy(steady->ctx, err);
}

static enum gospy_code read_stopped(const struct process *process, uint64_t max_pause_ns,
				    const struct steady *steady, struct gospy_reading *ret,
				    struct gospy_error *err)
{
	const struct pause_work work = {rehearse, visit, (void *)(uintptr_t)steady};
	enum gospy_code code = GOSPY_OK;
	for (unsigned tries = 0; tries < STOPS_MAX; tries++) {
		struct pause pause = {0};
		code = pause_run(process, max_pause_ns, &work, &pause, err);
		uint64_t age_ns = clock_mono_ns() - pause.begin_ns;
		ret->time_unix_ns = clock_real_ns() - age_ns;
		ret->paused_ns += pause.stopped_ns;
		pause_deinit(&pause);
		if (code && !may_pass(code))
			return code;
		if (!code && steady->at_rest(steady->ctx)) {
			ret->soundness = tries ? GOSPY_SOUND_RETRIED : GOSPY_SOUND;
			return GOSPY_OK;
		}
		if (tries + 1 < STOPS_MAX)
			wait_a_little(tries);
	}
	ret->soundness = GOSPY_SOUND_TORN;
	return code;
}

static enum gospy_code read_running(const struct steady *steady, struct gospy_reading *ret,
				    struct gospy_error *err)
{
	enum gospy_code code = steady->copy(steady->ctx, err);
	for (unsigned tries = 0; tries < READINGS_MAX; tries++) {
		enum gospy_code before = code;
		if (code && !may_pass(code))
			return code;
		ret->time_unix_ns = clock_real_ns();
		code = steady->copy(steady->ctx, err);
		if (!code && !before && steady->is_same(steady->ctx) &&
		    steady->at_rest(steady->ctx)) {
			ret->soundness = tries ? GOSPY_SOUND_RETRIED : GOSPY_SOUND;
			return GOSPY_OK;
		}
	}
	ret->soundness = GOSPY_SOUND_TORN;
	return code;
}

enum gospy_code steady_read(struct gospy_target *target, const struct gospy_read_options *options,
			    const struct steady *steady, struct gospy_reading *ret,
			    struct gospy_error *err)
{
	struct gospy_reading reading = {0};
	uint64_t max_pause_ns =
		options && options->max_pause_ns ? options->max_pause_ns : default_max_pause_ns;
	enum gospy_code code = target_check(target, err);
	if (code)
		return code;
	code = options && options->non_blocking
		       ? read_running(steady, &reading, err)
		       : read_stopped(&target->process, max_pause_ns, steady, &reading, err);
	// Whatever failed: if the process is gone, or another program now, that is why. And what
	// was read of two programs is worth nothing.
	struct gospy_error why;
	if (target_check(target, &why) == GOSPY_E_GONE) {
		if (err)
			*err = why;
		return GOSPY_E_GONE;
	}
	if (!code)
		*ret = reading;
	return code;
}
