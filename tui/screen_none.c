/* In the place of screen.c where gospy is built without ncurses. */
#include "base/error.h"
#include "tui/screen.h"

enum gospy_code screen_check(struct gospy_error *err)
{
	return err_set(err, GOSPY_E_UNSUPPORTED, "this gospy was built without ncurses");
}

enum gospy_code screen_start(bool color, enum term_theme theme, bool mouse, bool *utf8_ret,
			     struct gospy_error *err)
{
	(void)color;
	(void)theme;
	(void)mouse;
	(void)utf8_ret;
	return screen_check(err);
}

void screen_stop(void)
{
}

void screen_leave(void)
{
}

void screen_enter(void)
{
}

void screen_size(int *rows_ret, int *cols_ret)
{
	*rows_ret = *cols_ret = 1;
}

void screen_show(const struct canvas *canvas, int cursor_y, int cursor_x)
{
	(void)canvas;
	(void)cursor_y;
	(void)cursor_x;
}

void screen_redraw(void)
{
}

void screen_drop_keys(void)
{
}

int screen_fd(void)
{
	return -1;
}

int screen_key(struct pointer *pointer)
{
	(void)pointer;
	return KEY_NOTHING;
}
