/* What the parts of the screen share; app.c owns it. */
#ifndef GOSPY_TUI_APP_STATE_H
#define GOSPY_TUI_APP_STATE_H

#include "tui/app.h"
#include "tui/view.h"

enum { APP_TABS = 3, APP_DEPTH = 8 /* views on top of each other */ };

struct app {
	const struct top_options *options;
	struct canvas canvas;
	struct sampler_options sampling; /* as the user wants it, without what views need */

	/* The target. Until one is open there is no model. */
	struct sampler *sampler;
	struct sampler_status status;
	struct model *model;
	pid_t pid;
	/* One that is being opened, and will take its place; NULL: none. */
	struct sampler *next;
	pid_t next_pid;

	struct view *tabs[APP_TABS][APP_DEPTH];
	size_t depth[APP_TABS]; /* views of each; the last one is shown */
	size_t tab;
	struct view *picker; /* instead of the tabs; NULL: a target was chosen */
	struct view *help;   /* in front of everything, or NULL */

	struct line_edit prompt;
	bool prompting;
	bool menu_open; /* of columns to sort by */
	size_t menu_selected;

	char message[320];
	enum style message_style;
	uint64_t message_until_ns; /* CLOCK_MONOTONIC */

	bool redraw;
	bool quit;
	bool never_suspend;       /* SIGTSTP was ignored from the start */
	int signal;               /* that ended it */
	struct gospy_error error; /* why it ended, or GOSPY_OK */
};

/** The view that is shown. */
struct view *app_view(const struct app *app);
/** Show a view on top of the one that is shown; owned by the app. */
void app_push(struct app *app, struct view *view);
/** Let the user choose a process. */
void app_pick(struct app *app);
/** Back to the one that was shown before, which went on; nothing if there is none. */
void app_leave_picker(struct app *app);
/** Open a process and show it in the place of the one that is shown, if that works. */
void app_connect(struct app *app, pid_t pid);
/** A line for the user, shown for some seconds. */
void app_say(struct app *app, enum style style, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/** What samples have to hold has changed. */
void app_configure(struct app *app);
/** Something about the model has changed, or the view is new: bring what is shown up to date. */
void app_update(struct app *app);

/** header.c: draw the header into the first lines of a screen; the lines it took. */
int header_draw(struct app *app);
/** frame.c: all of it. Where the cursor is to be, -1: nowhere. */
void frame_draw(struct app *app, int *cursor_y_ret, int *cursor_x_ret);
/** save.c: write what is on the screen to two files, and say so. */
void save_screen(struct app *app);
/** act.c: what a key does. */
void act_key(struct app *app, int code, const struct pointer *pointer);
/** Columns that can be sorted by, in their order. */
size_t act_sort_columns(const struct view *view, const struct column **ret, size_t max);

#endif
