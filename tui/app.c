/*
 * One thread that draws. It waits in one poll for the keyboard, for signals, for a new sample, for
 * the list of processes, and for the moment when something on the screen changes by itself; so
 * nothing it does may take long.
 */
#include "tui/app.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/error.h"
#include "tui/app_state.h"
#include "tui/screen.h"

static const uint64_t MESSAGE_NS = 8000000000;
static const uint64_t SECOND_NS = 1000000000;
/* So much later the screen begins: who may not look learns it without one. */
static const uint64_t BEFORE_SCREEN_NS = 400000000;
static const uint64_t BEFORE_SCREEN_REFUSED_NS = 1500000000;

enum {
	/* Goroutines up to which everything is read at each look, so that a frozen picture can be
	 * looked into as well. It costs some milliseconds, of which the target notices none. */
	RICH_MAX = 10000,
	IDLE_POLL_MS = 5,
	/* A target that may not be stopped is tried so often, so far apart. */
	REFUSALS_MAX = 50,
	REFUSAL_MS = 20,
	KEYS_AT_ONCE = 64, /* before the screen is drawn again */
};

struct view *app_view(const struct app *app)
{
	if (app->help)
		return app->help;
	if (app->picker)
		return app->picker;
	return app->model ? app->tabs[app->tab][app->depth[app->tab] - 1] : NULL;
}

void app_say(struct app *app, enum style style, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(app->message, sizeof(app->message), fmt, ap);
	va_end(ap);
	app->message_style = style;
	app->message_until_ns = clock_mono_ns() + MESSAGE_NS;
}

/* ---- the target */

static struct sampler_options wanted_options(const struct app *app)
{
	struct sampler_options options = app->sampling;
	const struct view *view = app->model ? app->tabs[app->tab][app->depth[app->tab] - 1] : NULL;
	if (view && view->ops->needs)
		view->ops->needs(view, &options);
	const struct sample *sample = app->model ? model_sample(app->model) : NULL;
	if (sample && gospy_snapshot_goroutine_count(sample->snapshot) <= RICH_MAX)
		options.stacks = options.arguments = options.objects = options.labels =
			options.threads = true;
	return options;
}

void app_configure(struct app *app)
{
	if (!app->sampler)
		return;
	struct sampler_options options = wanted_options(app);
	sampler_configure(app->sampler, &options);
}

static void close_prompts(struct app *app)
{
	app->prompting = app->menu_open = false;
}

void app_pick(struct app *app)
{
	app->picker = view_picker_open();
	line_edit_set(&app->prompt, "");
	app->prompting = true;
	app_update(app);
}

void app_leave_picker(struct app *app)
{
	if (!app->model)
		return;
	view_close(take(app->picker));
	close_prompts(app);
	app_update(app);
}

void app_connect(struct app *app, pid_t pid)
{
	struct gospy_error err;
	sampler_stop(take(app->next));
	if (app->model && pid == app->pid && app->status.state != SAMPLER_ENDED) {
		app_leave_picker(app);
		return;
	}
	struct sampler_options options = app->sampling;
	options.paused = false;
	if (sampler_start(pid, app->options->bin, &options, &app->next, &err)) {
		app_say(app, LOOK_BAD, "%s", err.msg);
		return;
	}
	app->next_pid = pid;
	app_say(app, LOOK_NORMAL, "looking into process %d ...", (int)pid);
}

static void close_views(struct app *app, bool roots)
{
	for (size_t tab = 0; tab < APP_TABS; tab++) {
		while (app->depth[tab] > (roots ? 0 : 1))
			view_close(app->tabs[tab][--app->depth[tab]]);
	}
}

static void close_target(struct app *app)
{
	model_destroy(app->model);
	app->model = NULL;
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
	model_set_growing_first(model, app->model ? model_growing_first(app->model)
						  : !options->sort_given);
	if (options->func && !model_set_func(model, options->func, why, sizeof(why)))
		app_say(app, LOOK_BAD, "%s", why);
	if (groups && groups->filter[0] &&
	    !model_set_filter(model, groups->filter, why, sizeof(why)))
		app_say(app, LOOK_BAD, "%s", why);
}

static void open_roots(struct app *app)
{
	static const struct view_ops *const roots[APP_TABS] = {&view_groups, &view_sched,
							       &view_memory};
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
	close_views(app, app->pid != app->next_pid);
	close_target(app);
	app->sampler = take(app->next);
	app->pid = app->next_pid;
	app->model = model;
	model_add(model, sample);
	open_roots(app);
	if (app->picker)
		app->tab = 0;
	view_close(take(app->picker));
	close_prompts(app);
	app->message[0] = '\0';
	sampler_status(app->sampler, &app->status);
	app_configure(app);
	app_update(app);
}

/* What is being opened has something to say. */
static void check_next(struct app *app)
{
	struct sampler_status status;
	struct sample *sample = sampler_take(app->next);
	sampler_status(app->next, &status);
	if (sample) {
		switch_target(app, sample);
		return;
	}
	if (!app->model)
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
	if (app->model || app->picker) {
		app_say(app, LOOK_BAD, "%s", status.error.msg);
	} else {
		app->error = status.error;
		app->quit = true;
	}
}

static void check_sampler(struct app *app)
{
	struct sample *sample = sampler_take(app->sampler);
	sampler_status(app->sampler, &app->status);
	if (!sample)
		return;
	model_add(app->model, sample);
	app_configure(app);
	app_update(app);
}

/* ---- views */

void app_update(struct app *app)
{
	struct view *view = app_view(app);
	if (!view)
		return;
	if (view->ops->update)
		view->ops->update(view, app);
	table_update(view, app);
}

void app_push(struct app *app, struct view *view)
{
	size_t *depth = &app->depth[app->tab];
	if (*depth == APP_DEPTH) {
		app_say(app, LOOK_WARN, "that is deep enough: Esc goes back");
		view_close(view);
		return;
	}
	app->tabs[app->tab][(*depth)++] = view;
	close_prompts(app);
	app_configure(app);
	app_update(app);
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

/* ncurses ignores SIGTSTP while it draws, unless somebody else handles it: and the kernel discards
 * a signal that waits to be read when it comes to be ignored (do_sigaction() in kernel/signal.c).
 */
static void keep_suspend_from_ncurses(struct sigaction *before_ret)
{
	sigaction(SIGTSTP, &(struct sigaction){.sa_handler = no_handler}, before_ret);
}

/* Nobody may stand still while a target does so for it. */
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
		// The descriptor may stay readable: what was taken is not taken here.
		poll(&fd, 1, IDLE_POLL_MS);
		if (fd.revents)
			poll(NULL, 0, IDLE_POLL_MS);
	}
}

/* Ctrl-Z: as if nothing had been on the screen, until somebody says fg. */
static void suspend(struct app *app)
{
	wait_until_idle(app->sampler, wanted_options(app));
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
	// Here it stands still.
	pthread_sigmask(SIG_BLOCK, &stop, NULL);
	sigaction(SIGTSTP, &before, NULL);
	// What the signal that ended it would have done is done here: once more, and the terminal
	// would be the shell's for a moment in which somebody may type.
	sigtimedwait(&resume, NULL, &(struct timespec){0});
	screen_enter();
	app->redraw = true;
	app_configure(app);
	if (app->next)
		sampler_configure(app->next, &app->sampling);
}

/* If the signal is a key itself: it calls off those before it, which are not for the shell. */
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
			// After a SIGSTOP nobody has told it of, the terminal is as the shell left
			// it.
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
	if (rows != app->canvas.rows || cols != app->canvas.cols)
		canvas_resize(&app->canvas, rows, cols);
	frame_draw(app, &y, &x);
	screen_show(&app->canvas, y, x);
}

/* Milliseconds after which something changes though nothing happens; -1: never. */
static int until_next(struct app *app, bool busy)
{
	if (busy)
		return 0;
	uint64_t now = clock_mono_ns(), next = UINT64_MAX;
	if (app->message[0] && !app->prompting)
		next = app->message_until_ns;
	// The age of the last picture, and that a capture takes long, are told by the second.
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
	};
	struct view *view = app_view(app);
	bool busy = view && view->ops->step && view->ops->step(view, app);
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
	// Each may be closed by what another one brings.
	if (fds[4].revents && app->picker && app_view(app) == app->picker)
		app_update(app);
	if (fds[2].revents && app->sampler)
		check_sampler(app);
	if (fds[3].revents && app->next)
		check_next(app);
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
	if (options->pid)
		app_connect(app, options->pid);
	wait_without_screen(app, signals);
	if (app->quit)
		return GOSPY_OK;
	enum gospy_code code = screen_start(term_use_color(options->color, STDOUT_FILENO),
					    !options->no_mouse, &app->canvas.utf8, err);
	if (code)
		return code;
	if (!options->pid)
		app_pick(app);
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
	close_target(app);
	canvas_deinit(&app->canvas);
}

enum gospy_code app_run(const struct top_options *options, struct app_end *end,
			struct gospy_error *err)
{
	static struct app app;
	memset(&app, 0, sizeof(app));
	memset(end, 0, sizeof(*end));
	app.options = options;
	app.sampling = options->sampling;
	app.canvas.glyphs = theme_glyphs(false);
	enum gospy_code code = screen_check(err);
	if (code)
		return code;
	// Before there are threads, so that none of them gets these.
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
	// It was heard, however often it came: the exit status tells of it.
	if (app.signal)
		sigaction(app.signal, &(struct sigaction){.sa_handler = SIG_IGN}, NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	end->signal = app.signal;
	end->error = app.error;
	if (!code && app.error.code && err)
		*err = app.error;
	return code ? code : app.error.code;
}
