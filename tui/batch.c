#include "tui/batch.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"

/* A target that cannot be sampled so many times in a row is given up. */
static const uint64_t FAILURES_MAX = 10;

struct batch {
	const struct batch_options *options;
	struct out *out;
	struct sampler *sampler;
	struct model *model;
	uint64_t frames;
	uint64_t failures; /* that were told of */
	bool partial;
};

static void batch_deinit(struct batch *batch)
{
	// The model holds a sample.
	model_destroy(batch->model);
	sampler_stop(batch->sampler);
}

/* As other commands: what moved while it was read is whole. */
static bool is_partial(const struct gospy_snapshot_info *info)
{
	return info->torn || info->late || info->unreadable || info->problem;
}

static void note(const struct batch *batch, const char *text)
{
	if (batch->options->note)
		batch->options->note(batch->options->note_ctx, text);
}

static void show(struct batch *batch, struct sample *sample)
{
	const struct gospy_target_info *target = sampler_target(batch->sampler);
	const struct gospy_snapshot_info *info = gospy_snapshot_info(sample->snapshot);
	if (!batch->frames && target->note)
		note(batch, target->note);
	if (!batch->frames && info->problem)
		note(batch, info->problem);
	batch->partial |= is_partial(info);
	model_add(batch->model, sample);
	batch_frame(batch->options, batch->out, batch->model, target, ++batch->frames);
	out_flush(batch->out);
}

/* Of a sample that failed. */
static enum gospy_code check(struct batch *batch, struct gospy_error *err)
{
	struct sampler_status status;
	sampler_status(batch->sampler, &status);
	bool give_up = status.state == SAMPLER_ENDED ||
		       (status.failures && (!batch->frames || status.failures >= FAILURES_MAX));
	if (give_up) {
		*err = status.error;
		return status.error.code;
	}
	if (status.failures && status.failures != batch->failures)
		note(batch, status.error.msg);
	batch->failures = status.failures;
	return GOSPY_OK;
}

/* Readers that go away are noticed between two frames, too. */
static bool wait_for_sample(struct batch *batch)
{
	struct pollfd fds[] = {{.fd = sampler_fd(batch->sampler), .events = POLLIN},
			       {.fd = batch->out->fd, .events = 0}};
	int n = poll(fds, 2, -1);
	if (n > 0 && fds[1].revents & (POLLERR | POLLHUP))
		batch->out->error = EPIPE;
	return n >= 0 || errno == EINTR;
}

static enum gospy_code run(struct batch *batch, struct gospy_error *err)
{
	const struct top_options *top = batch->options->top;
	char why[120];
	model_set_key(batch->model, top->sampling.key);
	model_set_sort(batch->model, top->sort, false);
	model_set_growing_first(batch->model, !top->sort_given);
	if (!model_set_func(batch->model, top->func, why, sizeof(why)))
		return err_set(err, GOSPY_E_USAGE, "--func '%s': %s", top->func, why);
	enum gospy_code code =
		sampler_start(top->pid, top->bin, &top->sampling, &batch->sampler, err);
	while (!code && !batch->out->error) {
		if (!wait_for_sample(batch))
			return err_os(err, errno, "poll");
		struct sample *sample = sampler_take(batch->sampler);
		if (sample)
			show(batch, sample);
		else
			code = check(batch, err);
		if (batch->options->frames && batch->frames >= batch->options->frames)
			break;
	}
	return code;
}

enum gospy_code batch_run(const struct batch_options *options, struct out *out, bool *partial_ret,
			  struct gospy_error *err)
{
	CLEANUP(batch_deinit)
	struct batch batch = {.options = options, .out = out, .model = model_create()};
	enum gospy_code code = run(&batch, err);
	*partial_ret = batch.partial;
	return code;
}
