/*
 * The room tui/: the screen of `gospy top`, and its frames of text where there is no screen.
 *
 * Enters: options; keys, mouse and size of a terminal; samples, which a thread of their own takes
 *   (sampler.h).
 * Leaves: cells on a canvas (canvas.h), which screen.c draws; files, if the user asks for them
 *   (save.h).
 * Owner: app_run() owns the terminal from its begin to its end, and all views. The model owns the
 *   samples (model.h).
 */
#ifndef GOSPY_TUI_APP_H
#define GOSPY_TUI_APP_H

#include "render/term.h"
#include "tui/model.h"

/** What the command line says. Strings are borrowed. */
struct top_options {
	pid_t pid;        /* 0, and no core: let the user pick one */
	const char *core; /* path of a core file instead of a process, or NULL */
	struct gospy_open_options open;
	struct sampler_options sampling;
	enum model_column sort;
	bool sort_given;  /* --sort: growing groups do not come first by themselves */
	const char *func; /* regular expression, checked; or NULL */
	enum term_color color;
	enum term_theme theme;
	bool no_mouse;
	bool follow; /* when the process has ended, go on with its successor */
	/* If that is not NULL, the user is asked for one of these processes, and that is all: 0,
	 * the user has left without an answer. */
	pid_t *chosen_ret;
	const pid_t *choices;
	size_t choice_count;
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
