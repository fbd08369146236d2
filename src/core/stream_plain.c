#include "core/stream_plain.h"

#include <string.h>

/* There is nothing to remember. */
static void *plain_begin(void)
{
	static char nothing;
	return &nothing;
}

static enum stream_step plain_step(void *state, struct stream_io *io)
{
	size_t n = io->in_len < io->out_len ? io->in_len : io->out_len;
	(void)state;
	if (n)
		memcpy(io->out, io->in, n);
	io->in += n;
	io->in_len -= n;
	io->out += n;
	io->out_len -= n;
	return STREAM_ENDED; // it may end anywhere
}

static void plain_end(void *state)
{
	(void)state;
}

const struct stream_format stream_plain = {
	.name = "plain",
	.library = "",
	.begin = plain_begin,
	.step = plain_step,
	.end = plain_end,
};
