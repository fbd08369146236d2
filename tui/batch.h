/* `gospy top --batch`: the frames of top as text or JSON, for logs and pipes. */
#ifndef GOSPY_TUI_BATCH_H
#define GOSPY_TUI_BATCH_H

#include "render/out.h"
#include "render/report.h"
#include "tui/app.h"

struct batch_options {
	const struct top_options *top;
	uint64_t frames; /* 0: until the target ends, or nobody reads any more */
	uint64_t limit;  /* rows of a frame; 0: all */
	enum report_format format;
	/** Is told of samples that failed, while frames go on, and of what else is to be known. */
	void (*note)(void *ctx, const char *text);
	void *note_ctx;
};

/** Write frames; each is written out at once. `*partial_ret`: some of a frame could not be read.
 * The error is what ended it before its time; GOSPY_E_USAGE: a pattern is not well-formed. */
enum gospy_code batch_run(const struct batch_options *options, struct out *out, bool *partial_ret,
			  struct gospy_error *err) __attribute__((warn_unused_result));

#endif
