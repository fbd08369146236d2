/* Writing what is on the screen to files: as text, and its rows, those out of sight too, as JSON.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "render/json.h"
#include "render/report_header.h"
#include "tui/app_state.h"
#include "tui/batch.h"

enum { NAME_SIZE = 96, SAME_SECOND_MAX = 100 };

/* "gospy-top-4711-20260102-150405", with a number if there are such files. */
static int create_both(const struct app *app, char *text_name, char *json_name, int *json_ret)
{
	char stem[NAME_SIZE - 16];
	struct tm tm;
	time_t now = time(NULL);
	char stamp[32] = "";
	if (localtime_r(&now, &tm))
		strftime(stamp, sizeof(stamp), "%Y%m%d-%H%M%S", &tm);
	for (int i = 0; i < SAME_SECOND_MAX; i++) {
		if (i)
			snprintf(stem, sizeof(stem), "gospy-top-%d-%s-%d", (int)app->pid, stamp, i);
		else
			snprintf(stem, sizeof(stem), "gospy-top-%d-%s", (int)app->pid, stamp);
		snprintf(text_name, NAME_SIZE, "%s.txt", stem);
		snprintf(json_name, NAME_SIZE, "%s.json", stem);
		// Never over a file, or through a link, that is already there.
		int text = open(text_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (text < 0 && errno == EEXIST)
			continue;
		if (text < 0)
			return -1;
		*json_ret = open(json_name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
		if (*json_ret >= 0)
			return text;
		int why = errno;
		close(text);
		unlink(text_name);
		errno = why;
		if (why != EEXIST)
			return -1;
	}
	return -1;
}

static void write_row(struct json *json, struct app *app, struct view *view, size_t row)
{
	struct cell_value value = {0};
	json_object(json, NULL);
	for (size_t i = 0; i < view->ops->column_count; i++) {
		strbuf_clear(&value.text);
		value.number = GOSPY_UNKNOWN;
		view->ops->cell(view, app, row, i, &value);
		const char *key = view->ops->columns[i].key;
		if (value.number != GOSPY_UNKNOWN)
			json_u64(json, key, value.number);
		else if (value.text.len && strcmp(value.text.s, "?") != 0)
			json_str(json, key, value.text.s);
	}
	json_object_end(json);
	strbuf_deinit(&value.text);
}

static void write_json(struct app *app, struct out *out)
{
	struct json json = {.out = out};
	struct view *view = app_view(app);
	if (view->ops == &view_groups) {
		struct batch_options how = {.top = app->options, .format = REPORT_JSON};
		batch_frame(&how, out, app->model, sampler_target(app->sampler),
			    app->status.samples);
		return;
	}
	json_begin(&json, "screen");
	json_str(&json, "view", view->ops->name);
	if (!view->ops->no_header)
		report_header_json(&json, sampler_target(app->sampler),
				   model_sample(app->model)->snapshot);
	json_array(&json, "rows");
	for (size_t line = 0; line < view->list.count; line++)
		write_row(&json, app, view, table_row(view, line));
	json_array_end(&json);
	json_object_end(&json);
	json_newline(&json);
}

/* 0, or why it could not be written. */
static int finish(struct out *out)
{
	out_flush(out);
	int why = close(out->fd) == 0 ? 0 : errno;
	return out->error ? out->error : why;
}

static void write_text(struct app *app, struct out *out)
{
	struct strbuf text = {0};
	int y, x;
	frame_draw(app, &y, &x);
	canvas_dump(&app->canvas, &text);
	out_write(out, text.s ? text.s : "", text.len);
	strbuf_deinit(&text);
}

void save_screen(struct app *app)
{
	static struct out out;
	char text_name[NAME_SIZE], json_name[NAME_SIZE];
	int json_fd = -1;
	if (!app->model && !app->picker)
		return;
	int text_fd = create_both(app, text_name, json_name, &json_fd);
	if (text_fd < 0) {
		app_say(app, LOOK_BAD, "cannot write %s: %s", text_name, strerror(errno));
		return;
	}
	out_init(&out, text_fd, false);
	write_text(app, &out);
	int why_text = finish(&out);
	out_init(&out, json_fd, false);
	write_json(app, &out);
	int why_json = finish(&out);
	if (why_text || why_json)
		app_say(app, LOOK_BAD, "cannot write %s: %s", why_text ? text_name : json_name,
			strerror(why_text ? why_text : why_json));
	else
		app_say(app, LOOK_GOOD, "written: %s and .json", text_name);
}
