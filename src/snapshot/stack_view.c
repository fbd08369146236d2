#include "snapshot/stack_view.h"

void stack_view_deinit(struct stack_view *view)
{
	vec_free(&view->frames);
	vec_free(&view->calls);
	vec_free(&view->origins);
	vec_free(&view->start_lines);
	vec_free(&view->args);
	strbuf_deinit(&view->text);
	vec_free(&view->ancestor_frames);
	vec_free(&view->ancestors);
}
