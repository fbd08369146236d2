/* The screen of `gospy top`. */
#ifndef GOSPY_TUI_APP_H
#define GOSPY_TUI_APP_H

#include "render/term.h"
#include "tui/model.h"

/** What the command line says. Strings are borrowed. */
struct top_options {
	pid_t pid;       /* 0: let the user pick one */
	const char *bin; /* or NULL */
	struct sampler_options sampling;
	enum model_column sort;
	bool sort_given;  /* --sort: growing groups do not come first by themselves */
	const char *func; /* regular expression, checked; or NULL */
	enum term_color color;
	bool no_mouse;
};

/** How it ended. */
struct app_end {
	int signal;               /* that ended it, or 0 */
	struct gospy_error error; /* .code GOSPY_OK: the user has left */
};

/**
 * Run until the user leaves. The terminal is as it was before on every way out.
 * GOSPY_E_UNSUPPORTED: this terminal cannot show it, nothing was done (the caller falls back to
 * frames of text). Other codes: the target could not be opened, to be told after the screen is
 * gone.
 */
enum gospy_code app_run(const struct top_options *options, struct app_end *end,
			struct gospy_error *err);

#endif
