/*
 * One thread that draws. It waits in one poll for the keyboard, for signals, for a new sample, for
 * the list of processes, and for the moment when something on the screen changes by itself; so
 * nothing it does may take long.
 */
#include "tui/app.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "render/locale.h"
#include "tui/act.h"
#include "tui/app_state.h"
#include "tui/frame.h"
#include "tui/model_rows.h"
#include "tui/screen.h"
#include "tui/view_groups.h"
#include "tui/view_memory.h"
#include "tui/view_picker.h"
#include "tui/view_sched.h"
#include "tui/view_waits.h"

static const uint64_t SECOND_NS = 1000000000;
/* The screen begins so much later: a user who may not look into the process learns it without a
 * screen. */
static const uint64_t BEFORE_SCREEN_NS = 400000000;
static const uint64_t BEFORE_SCREEN_REFUSED_NS = 1500000000;

enum {
	IDLE_POLL_MS = 5,
	/* So often, and so far apart, a target that may not be stopped is tried. */
	REFUSALS_MAX = 50,
	REFUSAL_MS = 20,
	KEYS_AT_ONCE = 64, /* before the screen is drawn again */
};

/* ---- the target */

static void close_views(struct app *app, bool roots)
{
	for (size_t tab = 0; tab < APP_TABS; tab++) {
		while (app->depth[tab] > (roots ? 0 : 1))
			view_close(app->tabs[tab][--app->depth[tab]]);
	}
}

static void close_target(struct app *app)
{
	model_destroy(app->ui.model);
	app->ui.model = NULL;
	sampler_stop(take(app->sampler));
}

static void set_up_model(struct app *app, struct model *model)
{
	char why[160];
	const struct top_options *options = app->options;
	const struct view *groups = app->depth[0] ? app->tabs[0][0] : NULL;
	model_set_key(model, app->sampling.key);
	if (groups)
		model_set_sort(model, (enum model_column)groups->sort, groups->inverted);
	else
		model_set_sort(model, options->sort, false);
	model_set_short_states(model, true);
	model_set_growing_first(model, app->ui.model ? model_growing_first(app->ui.model)
						     : !options->sort_given);
	if (options->func && !model_set_func(model, options->func, why, sizeof(why)))
		ui_say(&app->ui, STYLE_BAD, "%s", why);
	if (groups && groups->filter[0] &&
	    !model_set_filter(model, groups->filter, why, sizeof(why)))
		ui_say(&app->ui, STYLE_BAD, "%s", why);
}

static void open_roots(struct app *app)
{
	static const struct view_ops *const roots[APP_TABS] = {&view_groups, &view_sched,
							       &view_memory, &view_waits};
	for (size_t tab = 0; tab < APP_TABS; tab++) {
		if (!app->depth[tab])
			app->tabs[tab][app->depth[tab]++] = view_open(roots[tab]);
	}
}

/* The first sample of what is to be shown has come. */
static void switch_target(struct app *app, struct sample *sample)
{
	struct model *model = model_create();
	set_up_model(app, model);
	// Views and what they know belong to the target before.
	close_views(app, app->pid != app->next_pid && !app->successor[0]);
	close_target(app);
	app->sampler = take(app->next);
	app->pid = app->next_pid;
	app->ui.core = sampler_target(app->sampler)->kind != GOSPY_TARGET_PROCESS;
	app->ui.model = model;
	model_add(model, sample);
	open_roots(app);
	if (app->picker)
		app->tab = 0;
	view_close(take(app->picker));
	app_close_prompts(app);
	app->message[0] = '\0';
	sampler_status(app->sampler, &app->status);
	const struct gospy_target_info *target = sampler_target(app->sampler);
	if (target->left_out)
		ui_say(&app->ui, STYLE_NORMAL, "the bundle was made without %s", target->left_out);
	if (app->successor[0])
		ui_say(&app->ui, STYLE_GOOD, "%s", app->successor);
	app_watch(app);
	app->successor[0] = '\0';
	app_configure(app);
	app_update(app);
}

/* The target that is being opened has something to say. */
static void check_next(struct app *app)
{
	struct sampler_status status;
	struct sample *sample = sampler_take(app->next);
	sampler_status(app->next, &status);
	if (sample) {
		switch_target(app, sample);
		return;
	}
	if (!app->ui.model)
		app->status = status;
	// Another tracer, such as another gospy, may be gone in a moment; a missing right does not
	// come by itself.
	bool refused = status.failures && status.error.code == GOSPY_E_PERM;
	if (refused && status.state != SAMPLER_ENDED && status.failures < REFUSALS_MAX) {
		poll(NULL, 0, REFUSAL_MS);
		sampler_refresh(app->next);
		return;
	}
	if (!refused && status.state != SAMPLER_ENDED)
		return;
	sampler_stop(take(app->next));
	if (app->ui.model || app->picker) {
		ui_say(&app->ui, STYLE_BAD, "%s", status.error.msg);
	} else {
		app->error = status.error;
		app->quit = true;
	}
}

static void check_sampler(struct app *app)
{
	struct sample *sample = sampler_take(app->sampler);
	sampler_status(app->sampler, &app->status);
	if (app->following && app->status.state == SAMPLER_ENDED)
		follow_ended(app->follow);
	if (!sample)
		return;
	model_add(app->ui.model, sample);
	app_configure(app);
	app_update(app);
}

/* The successor of a target that has ended takes its place, unless the user is somewhere else. */
static void check_follow(struct app *app)
{
	struct follow_news news;
	if (!follow_take(app->follow, &news) || !app->following ||
	    app->status.state != SAMPLER_ENDED || app->next || app->picker)
		return;
	if (!news.pid) {
		ui_say(&app->ui, STYLE_WARN, "%s", news.text);
		return;
	}
	app_connect(app, news.pid);
	snprintf(app->successor, sizeof(app->successor), "%s", news.text);
}

/* ---- signals */

static const int watched[] = {SIGWINCH, SIGTSTP, SIGCONT, SIGINT, SIGTERM, SIGHUP, SIGQUIT};

static void watched_set(sigset_t *set)
{
	sigemptyset(set);
	for (size_t i = 0; i < sizeof(watched) / sizeof(watched[0]); i++)
		sigaddset(set, watched[i]);
}

static void no_handler(int signal)
{
	(void)signal;
}

/* ncurses ignores SIGTSTP while it draws, unless somebody else handles it. The kernel discards a
 * signal that waits to be read once the program ignores that signal (do_sigaction() in
 * kernel/signal.c). */
static void keep_suspend_from_ncurses(struct sigaction *before_ret)
{
	sigaction(SIGTSTP, &(struct sigaction){.sa_handler = no_handler}, before_ret);
}

/* gospy must not stop while it holds a target, because the target would stand still until gospy
 * goes on. */
static void wait_until_idle(struct sampler *sampler, struct sampler_options options)
{
	struct sampler_status status;
	if (!sampler)
		return;
	options.paused = true;
	sampler_configure(sampler, &options);
	for (;;) {
		struct pollfd fd = {.fd = sampler_fd(sampler), .events = POLLIN};
		sampler_status(sampler, &status);
		if (status.state == SAMPLER_PAUSED || status.state == SAMPLER_ENDED)
			return;
		// The descriptor may stay readable: a signal that was taken elsewhere is not taken
		// here.
		poll(&fd, 1, IDLE_POLL_MS);
		if (fd.revents)
			poll(NULL, 0, IDLE_POLL_MS);
	}
}

/* Ctrl-Z: give the terminal back as if nothing had been on it, until the user says fg. */
static void suspend(struct app *app)
{
	wait_until_idle(app->sampler, app_wanted(app));
	wait_until_idle(app->next, app->sampling);
	sigset_t stop, resume;
	sigemptyset(&stop);
	sigaddset(&stop, SIGTSTP);
	sigemptyset(&resume);
	sigaddset(&resume, SIGCONT);
	screen_leave();
	struct sigaction before;
	sigaction(SIGTSTP, &(struct sigaction){.sa_handler = SIG_DFL}, &before);
	raise(SIGTSTP);
	pthread_sigmask(SIG_UNBLOCK, &stop, NULL);
	// Here gospy stands still.
	pthread_sigmask(SIG_BLOCK, &stop, NULL);
	sigaction(SIGTSTP, &before, NULL);
	// The effect of the signal that ended it is brought about here. If the signal were sent
	// once more, the terminal would be the shell's for a moment in which the user may type.
	sigtimedwait(&resume, NULL, &(struct timespec){0});
	screen_enter();
	app->redraw = true;
	app_configure(app);
	if (app->next)
		sampler_configure(app->next, &app->sampling);
}

/* If the signal came from a key, that key calls off the keys before it, which are not meant for the
 * shell. */
static void drop_keys_before(const struct signalfd_siginfo *info)
{
	if (info->ssi_code == SI_KERNEL)
		screen_drop_keys();
}

static void take_signals(struct app *app, int fd)
{
	struct signalfd_siginfo info;
	while (read(fd, &info, sizeof(info)) == sizeof(info)) {
		switch (info.ssi_signo) {
		case SIGCONT:
			// A SIGSTOP comes without a word. After it the terminal is as the shell
			// left it.
			screen_leave();
			screen_enter();
			app->redraw = true;
			break;
		case SIGWINCH:
			app->redraw = true;
			break;
		case SIGTSTP:
			if (app->never_suspend)
				break;
			drop_keys_before(&info);
			suspend(app);
			break;
		case SIGINT:
			// The terminal's Ctrl-C is a key like q.
			drop_keys_before(&info);
			app->quit = true;
			if (info.ssi_code != SI_KERNEL)
				app->signal = SIGINT;
			break;
		default:
			drop_keys_before(&info);
			app->quit = true;
			app->signal = (int)info.ssi_signo;
			break;
		}
	}
}

/* ---- the loop */

static void take_keys(struct app *app)
{
	struct pointer pointer = {0};
	for (int i = 0; i < KEYS_AT_ONCE && !app->quit; i++) {
		int code = screen_key(&pointer);
		if (code == KEY_NOTHING)
			return;
		act_key(app, code, &pointer);
	}
}

static void draw(struct app *app)
{
	int rows, cols, y, x;
	if (app->redraw)
		screen_redraw();
	app->redraw = false;
	screen_size(&rows, &cols);
	if (rows != app->ui.canvas.rows || cols != app->ui.canvas.cols) {
		canvas_resize(&app->ui.canvas, rows, cols);
		app_update(app);
	}
	frame_draw(app, &y, &x);
	screen_show(&app->ui.canvas, y, x);
}

/* Milliseconds after which something changes though nothing happens; -1: never. */
static int until_next(struct app *app, bool busy)
{
	if (busy)
		return 0;
	uint64_t now = clock_mono_ns(), next = UINT64_MAX;
	if (app->message[0] && !app->prompting)
		next = app->message_until_ns;
	// The age of the last picture, and the time that a long capture takes, change each second.
	if (app->status.state == SAMPLER_ENDED || app->status.state == SAMPLER_READING)
		next = next < now + SECOND_NS ? next : now + SECOND_NS;
	if (next == UINT64_MAX)
		return -1;
	return next <= now ? 0 : (int)((next - now) / 1000000) + 1;
}

/* One round: wait, take what there is, draw. */
static void turn(struct app *app, int signals)
{
	struct pollfd fds[] = {
		{.fd = screen_fd(), .events = POLLIN},
		{.fd = signals, .events = POLLIN},
		{.fd = app->sampler ? sampler_fd(app->sampler) : -1, .events = POLLIN},
		{.fd = app->next ? sampler_fd(app->next) : -1, .events = POLLIN},
		{.fd = app->picker ? view_picker_fd(app->picker) : -1, .events = POLLIN},
		{.fd = app->follow ? follow_fd(app->follow) : -1, .events = POLLIN},
	};
	struct view *view = app_view(app);
	bool busy = view && view->ops->step && view->ops->step(view, &app->ui);
	if (poll(fds, sizeof(fds) / sizeof(fds[0]), until_next(app, busy)) < 0 && errno != EINTR) {
		err_os(&app->error, errno, "cannot wait for keys");
		app->quit = true;
		return;
	}
	if (fds[1].revents)
		take_signals(app, signals);
	if (fds[0].revents & (POLLHUP | POLLERR | POLLNVAL)) {
		// The terminal is gone.
		app->signal = app->signal ? app->signal : SIGHUP;
		app->quit = true;
	}
	// Each is looked up anew, because handling one descriptor may close another.
	if (fds[4].revents && app->picker && app_view(app) == app->picker)
		app_update(app);
	if (fds[2].revents && app->sampler)
		check_sampler(app);
	if (fds[3].revents && app->next)
		check_next(app);
	if (fds[5].revents && app->follow)
		check_follow(app);
	if (fds[0].revents && !app->quit)
		take_keys(app);
	if (app->message[0] && clock_mono_ns() >= app->message_until_ns)
		app->message[0] = '\0';
	if (!app->quit)
		draw(app);
}

/* Wait for the first sample, or for a reason why there is none, for a moment. */
static void wait_without_screen(struct app *app, int signals)
{
	uint64_t begin = clock_mono_ns();
	while (app->next && !app->quit) {
		uint64_t now = clock_mono_ns();
		uint64_t until = begin + (app->status.failures ? BEFORE_SCREEN_REFUSED_NS
							       : BEFORE_SCREEN_NS);
		struct pollfd fds[] = {
			{.fd = sampler_fd(app->next), .events = POLLIN},
			{.fd = signals, .events = POLLIN},
		};
		if (now >= until || poll(fds, 2, (int)((until - now) / 1000000) + 1) < 0)
			return;
		if (fds[1].revents)
			take_signals(app, signals);
		if (fds[0].revents)
			check_next(app);
	}
}

static enum gospy_code run(struct app *app, int signals, struct gospy_error *err)
{
	const struct top_options *options = app->options;
	if (options->pid || options->core)
		app_connect(app, options->pid);
	wait_without_screen(app, signals);
	if (app->quit)
		return GOSPY_OK;
	enum gospy_code code =
		screen_start(term_use_color(options->color, STDOUT_FILENO), options->theme,
			     !options->no_mouse, &app->ui.canvas.utf8, err);
	if (code)
		return code;
	if (!options->pid && !options->core)
		app_pick(app);
	take_keys(app);
	draw(app);
	while (!app->quit)
		turn(app, signals);
	screen_stop();
	return GOSPY_OK;
}

static void app_free(struct app *app)
{
	close_views(app, true);
	view_close(app->picker);
	view_close(app->help);
	sampler_stop(app->next);
	follow_stop(app->follow);
	close_target(app);
	canvas_deinit(&app->ui.canvas);
}

enum gospy_code app_run(const struct top_options *options, struct app_end *end,
			struct gospy_error *err)
{
	static struct app app;
	app_init(&app, options);
	memset(end, 0, sizeof(*end));
	enum gospy_code code = screen_check(err);
	if (code)
		return code;
	// This comes before there are threads: a locale belongs to all of them, and these signals
	// are meant for none.
	locale_take();
	sigset_t set, before;
	struct sigaction suspend_before;
	watched_set(&set);
	pthread_sigmask(SIG_BLOCK, &set, &before);
	keep_suspend_from_ncurses(&suspend_before);
	app.never_suspend = suspend_before.sa_handler == SIG_IGN;
	CLEANUP_CLOSE int signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (signals < 0)
		code = err_os(err, errno, "cannot watch for signals");
	else
		code = run(&app, signals, err);
	app_free(&app);
	sigaction(SIGTSTP, &suspend_before, NULL);
	// The signal was heard, however often it came: the exit status tells of it.
	if (app.signal)
		sigaction(app.signal, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	end->signal = app.signal;
	end->error = app.error;
	if (!code && app.error.code && err)
		*err = app.error;
	return code ? code : app.error.code;
}
