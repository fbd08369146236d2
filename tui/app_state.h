/* The state of the screen, and what changes it from several sides; app.c owns it. */
#ifndef GOSPY_TUI_APP_STATE_H
#define GOSPY_TUI_APP_STATE_H

#include "tui/app.h"
#include "tui/follow.h"
#include "tui/view.h"

enum { APP_TABS = 4, APP_DEPTH = 8 /* views on top of each other */ };

struct app {
	struct ui ui; /* what views see */
	const struct top_options *options;
	/* As the user wants it, without what views need; .paused is not used. */
	struct sampler_options sampling;

	/* The target. Until one is open there is neither a sampler nor a model. */
	struct sampler *sampler;
	struct sampler_status status;
	pid_t pid;
	/* One that is being opened, and will take its place; NULL: none. */
	struct sampler *next;
	pid_t next_pid;

	struct follow *follow; /* of the target; NULL: there is none */
	bool following;        /* when the target has ended, its successor is wanted */
	char successor[300];   /* what the next one and the target have in common, or "" */

	struct view *tabs[APP_TABS][APP_DEPTH];
	size_t depth[APP_TABS]; /* views of each; the last one is shown */
	size_t tab;
	struct view *picker; /* instead of the tabs; NULL: a target was chosen */
	struct view *help;   /* in front of everything, or NULL */

	struct line_edit prompt;
	bool prompting;
	bool searching; /* what is typed is looked for; else it is a filter */
	bool menu_open; /* of columns to sort by */
	size_t menu_selected;

	char message[UI_MESSAGE_MAX];
	enum style message_style;
	uint64_t message_until_ns; /* CLOCK_MONOTONIC */

	bool redraw;
	bool quit;
	bool never_suspend;       /* SIGTSTP was ignored from the start */
	int signal;               /* that ended it */
	struct gospy_error error; /* why it ended, or GOSPY_OK */
};

/** Begin: nothing is shown, and there is no target. Options are borrowed. */
void app_init(struct app *app, const struct top_options *options);
/** The view that is shown; NULL: there is none until the first sample has come. */
struct view *app_view(const struct app *app);
/** Let the user choose a process. */
void app_pick(struct app *app);
/** Go back to the target that was shown before, whose samples went on. Without one there is only
 * something to leave if the user was asked for a process and nothing else. */
void app_leave_picker(struct app *app);
/** End typing, and choosing from a menu. */
void app_close_prompts(struct app *app);
/** Open a process and show it in the place of the one that is shown, if that works. */
void app_connect(struct app *app, pid_t pid);
/** What samples are to hold, as the user and the view that is shown want it. */
struct sampler_options app_wanted(const struct app *app);
/** What samples have to hold has changed. */
void app_configure(struct app *app);
/** Watch the target, so that its successor can be found; if that fails, say why and follow no more.
 */
void app_watch(struct app *app);
/** Something about the model has changed, or the view is new: bring what is shown up to date. */
void app_update(struct app *app);

#endif
