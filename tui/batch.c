#include "tui/batch.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "tui/batch_frame.h"
#include "tui/follow.h"
#include "tui/model_rows.h"

/* A target that cannot be sampled so many times in a row is given up. */
static const uint64_t FAILURES_MAX = 10;

enum { NOTE_MAX = 512 };

struct batch {
	const struct batch_options *options;
	struct out *out;
	struct sampler *sampler;
	struct model *model;
	struct follow *follow; /* or NULL */
	pid_t new_pid;         /* of a successor that has given no sample yet, or 0 */
	uint64_t frames;
	uint64_t failures; /* that were told of */
	bool partial;
};

static void batch_deinit(struct batch *batch)
{
	// The model holds a sample.
	model_destroy(batch->model);
	sampler_stop(batch->sampler);
	follow_stop(batch->follow);
}

/* As for other commands: an entry that moved while it was read is whole. */
static bool is_partial(const struct gospy_snapshot_info *info)
{
	return info->torn || info->late || info->unreadable || info->problem;
}

static void note(const struct batch *batch, const char *text)
{
	if (batch->options->note)
		batch->options->note(batch->options->note_ctx, text);
}

static void note_left_out(const struct batch *batch, const char *left_out)
{
	char text[NOTE_MAX];
	snprintf(text, sizeof(text), "the bundle was made without %s", left_out);
	note(batch, text);
}

static void show(struct batch *batch, struct sample *sample)
{
	const struct gospy_target_info *target = sampler_target(batch->sampler);
	const struct gospy_snapshot_info *info = gospy_snapshot_info(sample->snapshot);
	if (!batch->frames && target->note)
		note(batch, target->note);
	if (!batch->frames && target->left_out)
		note_left_out(batch, target->left_out);
	if (!batch->frames && target->problem)
		note(batch, target->problem);
	if (!batch->frames && info->problem)
		note(batch, info->problem);
	if (info->not_stopped)
		note(batch, info->not_stopped);
	batch->partial |= is_partial(info) || target->problem;
	model_add(batch->model, sample);
	batch_frame(batch->out, batch->options->format, batch->options->limit, batch->model, target,
		    ++batch->frames);
	out_flush(batch->out);
}

/* Tell of a sample that failed. */
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

/* A model for a new target. */
static enum gospy_code set_up_model(struct batch *batch, struct gospy_error *err)
{
	const struct top_options *top = batch->options->top;
	char why[120];
	model_destroy(batch->model);
	batch->model = model_create();
	model_set_key(batch->model, top->sampling.key);
	model_set_sort(batch->model, top->sort, false);
	model_set_growing_first(batch->model, !top->sort_given);
	if (!model_set_func(batch->model, top->func, why, sizeof(why)))
		return err_set(err, GOSPY_E_USAGE, "--func '%s': %s", top->func, why);
	return GOSPY_OK;
}

/* Wait for the successor of the target; false: nobody reads any more. */
static bool wait_for_successor(struct batch *batch, struct follow_news *news)
{
	follow_ended(batch->follow);
	for (;;) {
		struct pollfd fds[] = {{.fd = follow_fd(batch->follow), .events = POLLIN},
				       {.fd = batch->out->fd, .events = 0}};
		int n = poll(fds, 2, -1);
		if (n > 0 && fds[1].revents & (POLLERR | POLLHUP))
			batch->out->error = EPIPE;
		if ((n < 0 && errno != EINTR) || batch->out->error)
			return false;
		if (n <= 0 || !follow_take(batch->follow, news))
			continue;
		note(batch, news->text);
		if (news->pid)
			return true;
	}
}

/* The target has ended, as `err` says: go on with its successor. It is only forgotten when a sample
 * of that has come. */
static enum gospy_code go_on(struct batch *batch, struct gospy_error *err)
{
	const struct top_options *top = batch->options->top;
	struct follow_news news;
	note(batch, err->msg);
	if (!wait_for_successor(batch, &news))
		return batch->out->error ? GOSPY_OK : err_os(err, errno, "poll");
	enum gospy_code code = set_up_model(batch, err);
	sampler_stop(take(batch->sampler));
	batch->failures = 0;
	batch->new_pid = news.pid;
	return code ? code
		    : sampler_start(news.pid, NULL, &top->open, &top->sampling, &batch->sampler,
				    err);
}

static bool follows(const struct batch *batch)
{
	struct sampler_status status;
	sampler_status(batch->sampler, &status);
	return batch->follow && (status.state == SAMPLER_ENDED || batch->new_pid);
}

/* The first sample of a target: its successor is looked for from now on. */
static enum gospy_code begin_to_follow(struct batch *batch, pid_t pid, struct gospy_error *err)
{
	follow_stop(take(batch->follow));
	batch->new_pid = 0;
	enum gospy_code code = follow_start(pid, &batch->follow, err);
	if (!code)
		follow_wait(batch->follow);
	return code;
}

static enum gospy_code run(struct batch *batch, struct gospy_error *err)
{
	const struct top_options *top = batch->options->top;
	enum gospy_code code = set_up_model(batch, err);
	if (!code)
		code = sampler_start(top->pid, top->core, &top->open, &top->sampling,
				     &batch->sampler, err);
	while (!code && !batch->out->error) {
		if (!wait_for_sample(batch))
			return err_os(err, errno, "poll");
		struct sample *sample = sampler_take(batch->sampler);
		if (sample && top->follow && !top->core && (!batch->follow || batch->new_pid))
			code = begin_to_follow(batch, sampler_target(batch->sampler)->pid, err);
		if (sample)
			show(batch, sample);
		else
			code = check(batch, err);
		const uint64_t frames = top->core ? 1 : batch->options->frames;
		if (frames && batch->frames >= frames)
			break;
		if (code && follows(batch))
			code = go_on(batch, err);
	}
	return code;
}

enum gospy_code batch_run(const struct batch_options *options, struct out *out, bool *partial_ret,
			  struct gospy_error *err)
{
	CLEANUP(batch_deinit)
	struct batch batch = {.options = options, .out = out};
	enum gospy_code code = run(&batch, err);
	*partial_ret = batch.partial;
	return code;
}
