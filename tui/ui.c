#include "tui/ui.h"

#include <stdarg.h>
#include <stdio.h>

void ui_say(struct ui *ui, enum style style, const char *fmt, ...)
{
	char text[UI_MESSAGE_MAX];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	ui->ops->say(ui, style, text);
}
