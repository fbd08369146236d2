#include "capture/steady.h"

#include "base/cancel.h"
#include "base/clock.h"
#include "base/error.h"

enum {
	STOPS_MAX = 8,
	READINGS_MAX = 16,
	/* The pause doubles each time: 64 ms in all. The thread that is in the midst of a change
	 * may wait for its turn. */
	TRY_AGAIN_NS = 500000,
};

static const uint64_t default_max_pause_ns = 1000000000;

/* May it come out differently when it is read again? */
static bool may_pass(enum gospy_code code)
{
	return code == GOSPY_E_FAULT || code == GOSPY_E_BAD_DATA;
}

static void rehearse(void *ctx)
{
	const struct steady *steady = ctx;
	struct gospy_error why;
	// The stop will tell what is wrong.
	if (steady->copy(steady->ctx, &why))
		return;
}

static enum gospy_code visit(void *ctx, const struct moment *moment, struct gospy_error *err)
{
	const struct steady *steady = ctx;
	(void)moment;
	return steady->copy(steady->ctx, err);
}

static enum gospy_code read_stopped(struct source *source, uint64_t max_pause_ns,
				    const struct steady *steady, struct gospy_reading *ret,
				    bool *reached_ret, struct gospy_error *err)
{
	const struct moment_work work = {
		.rehearse = rehearse, .visit = visit, .ctx = (void *)(uintptr_t)steady};
	enum gospy_code code = GOSPY_OK;
	for (unsigned tries = 0; tries < STOPS_MAX; tries++) {
		struct moment moment = {0};
		code = source_stop(source, max_pause_ns, &work, &moment, err);
		ret->time_unix_ns = source_clock_ns(source, SOURCE_REAL);
		if (ret->time_unix_ns != GOSPY_UNKNOWN && !source->frozen)
			ret->time_unix_ns -= clock_mono_ns() - moment.begin_ns;
		ret->paused_ns += moment.stopped_ns;
		bool moved = moment.moved;
		*reached_ret = moment.reached || code != GOSPY_E_LIMIT;
		moment_deinit(&moment);
		if (code && !may_pass(code))
			return code;
		bool known = source->taken.figures_steady; // who made the bundle has looked again
		if (!code && (known || (!moved && steady->at_rest(steady->ctx)))) {
			ret->soundness = tries ? GOSPY_SOUND_RETRIED : GOSPY_SOUND;
			return GOSPY_OK;
		}
		if (source->frozen) // it will not come to rest
			break;
		if (tries + 1 < STOPS_MAX && cancel_sleep((uint64_t)TRY_AGAIN_NS << tries, err))
			return GOSPY_E_CANCELLED;
	}
	ret->soundness = GOSPY_SOUND_TORN;
	return code;
}

static enum gospy_code read_running(const struct source *source, const struct steady *steady,
				    struct gospy_reading *ret, struct gospy_error *err)
{
	enum gospy_code code = steady->copy(steady->ctx, err);
	for (unsigned tries = 0; tries < READINGS_MAX; tries++) {
		enum gospy_code before = code;
		if (code && !may_pass(code))
			return code;
		if (cancel_check(err))
			return GOSPY_E_CANCELLED;
		ret->time_unix_ns = source_clock_ns(source, SOURCE_REAL);
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

enum gospy_code steady_read(struct source *source, const struct image *image,
			    const struct gospy_read_options *options, const struct steady *steady,
			    struct gospy_reading *ret, struct gospy_error *err)
{
	struct gospy_reading reading = {0};
	uint64_t max_pause_ns =
		options->max_pause_ns ? options->max_pause_ns : default_max_pause_ns;
	enum gospy_code code = image_check(image, source, err);
	if (code)
		return code;
	bool reached = false;
	if (!options->non_blocking || source->frozen)
		code = read_stopped(source, max_pause_ns, steady, &reading, &reached, err);
	if (!reached) // without a stop then
		code = read_running(source, steady, &reading, err);
	// If the process is gone, or another program now, that is why it failed. And what was read
	// of two programs is worth nothing.
	struct gospy_error why;
	if (image_check(image, source, &why) == GOSPY_E_GONE) {
		if (err)
			*err = why;
		return GOSPY_E_GONE;
	}
	if (!code)
		*ret = reading;
	return code;
}
