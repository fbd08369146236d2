#include "tui/app_state.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "tui/model_rows.h"
#include "tui/view_flame.h"
#include "tui/view_members.h"
#include "tui/view_picker.h"
#include "tui/view_stack.h"

static const uint64_t MESSAGE_NS = 8000000000;

enum {
	/* Up to so many goroutines each sample reads everything, so that a frozen picture can be
	 * looked into as well. It costs some milliseconds, of which the target notices none. */
	RICH_MAX = 10000,
};

struct view *app_view(const struct app *app)
{
	if (app->help)
		return app->help;
	if (app->picker)
		return app->picker;
	return app->ui.model ? app->tabs[app->tab][app->depth[app->tab] - 1] : NULL;
}

struct sampler_options app_wanted(const struct app *app)
{
	struct sampler_options options = app->sampling;
	options.paused = app->ui.frozen;
	const struct view *view =
		app->ui.model ? app->tabs[app->tab][app->depth[app->tab] - 1] : NULL;
	if (view && view->ops->needs)
		view->ops->needs(view, &options);
	const struct sample *sample = app->ui.model ? model_sample(app->ui.model) : NULL;
	if (sample && gospy_snapshot_goroutine_count(sample->snapshot) <= RICH_MAX)
		options.stacks = options.arguments = options.objects = options.labels =
			options.threads = true;
	return options;
}

void app_configure(struct app *app)
{
	if (!app->sampler)
		return;
	// A view may have had the model group by another key.
	app->sampling.key = model_key(app->ui.model);
	struct sampler_options options = app_wanted(app);
	sampler_configure(app->sampler, &options);
}

void app_update(struct app *app)
{
	struct view *view = app_view(app);
	if (view)
		view_update(view, &app->ui);
}

void app_close_prompts(struct app *app)
{
	app->prompting = app->menu_open = false;
}

void app_pick(struct app *app)
{
	struct gospy_error err;
	if (view_picker_open(app->options->choices, app->options->choice_count, &app->picker,
			     &err)) {
		if (app->ui.model) {
			ui_say(&app->ui, STYLE_BAD, "%s", err.msg);
			return;
		}
		app->error = err;
		app->quit = true;
		return;
	}
	line_edit_set(&app->prompt, "");
	app->prompting = true;
	app->searching = false;
	app_update(app);
}

void app_leave_picker(struct app *app)
{
	app->quit |= app->options->chosen_ret != NULL;
	if (!app->ui.model)
		return;
	view_close(take(app->picker));
	app_close_prompts(app);
	app_update(app);
}

void app_watch(struct app *app)
{
	struct gospy_error err;
	follow_stop(take(app->follow));
	if (!app->pid) { // a core file has no successor
		app->following = false;
		return;
	}
	if (!follow_start(app->pid, &app->follow, &err))
		return;
	if (app->following)
		ui_say(&app->ui, STYLE_BAD, "its successor cannot be looked for: %s", err.msg);
	app->following = false;
}

void app_connect(struct app *app, pid_t pid)
{
	struct gospy_error err;
	if (app->options->chosen_ret) {
		*app->options->chosen_ret = pid;
		app->quit = true;
		return;
	}
	app->successor[0] = '\0';
	sampler_stop(take(app->next));
	if (app->ui.model && pid == app->pid && app->status.state != SAMPLER_ENDED) {
		app_leave_picker(app);
		return;
	}
	const char *core = pid ? NULL : app->options->core;
	if (sampler_start(pid, core, &app->options->open, &app->sampling, &app->next, &err)) {
		ui_say(&app->ui, STYLE_BAD, "%s", err.msg);
		return;
	}
	app->next_pid = pid;
	if (core)
		ui_say(&app->ui, STYLE_NORMAL, "looking into %s ...", core);
	else
		ui_say(&app->ui, STYLE_NORMAL, "looking into process %d ...", (int)pid);
}

/* ---- what views may ask for */

static struct app *app_of(struct ui *ui)
{
	return (struct app *)((char *)ui - offsetof(struct app, ui));
}

/* Show a view on top of the one that is shown. */
static void push(struct app *app, struct view *view)
{
	size_t *depth = &app->depth[app->tab];
	if (*depth == APP_DEPTH) {
		ui_say(&app->ui, STYLE_WARN, "that is deep enough: Esc goes back");
		view_close(view);
		return;
	}
	app->tabs[app->tab][(*depth)++] = view;
	app_close_prompts(app);
	app_configure(app);
	app_update(app);
}

static void show_group(struct ui *ui, const struct model_row *row)
{
	push(app_of(ui), view_members_open_row(ui, row));
}

static void show_goroutine(struct ui *ui, size_t index, uint64_t goid)
{
	push(app_of(ui), view_stack_open(index, goid));
}

static void show_waiters(struct ui *ui, const struct waited *waited)
{
	push(app_of(ui), view_members_open_object(waited));
}

static void show_flame(struct ui *ui, const struct members *members, const struct name *subject)
{
	push(app_of(ui), view_flame_open(members, subject));
}

static void show_heap(struct ui *ui)
{
	push(app_of(ui), view_flame_open_heap());
}

static void connect_to(struct ui *ui, pid_t pid)
{
	app_connect(app_of(ui), pid);
}

static void configure(struct ui *ui)
{
	app_configure(app_of(ui));
}

static void say(struct ui *ui, enum style style, const char *text)
{
	struct app *app = app_of(ui);
	snprintf(app->message, sizeof(app->message), "%s", text);
	app->message_style = style;
	app->message_until_ns = clock_mono_ns() + MESSAGE_NS;
}

void app_init(struct app *app, const struct top_options *options)
{
	static const struct ui_ops ops = {
		.show_group = show_group,
		.show_goroutine = show_goroutine,
		.show_waiters = show_waiters,
		.show_flame = show_flame,
		.show_heap = show_heap,
		.connect = connect_to,
		.configure = configure,
		.say = say,
	};
	*app = (struct app){
		.ui = {.ops = &ops, .canvas.glyphs = theme_glyphs(false)},
		.options = options,
		.following = options->follow,
		.sampling = options->sampling,
	};
}
