/* `gospy tree`, as gops draws it: below "..." hang the parents of Go processes, bare where they are
 * not Go. */
#ifndef GOSPY_RENDER_REPORT_TREE_H
#define GOSPY_RENDER_REPORT_TREE_H

#include "gospy.h"
#include "render/out.h"
#include "render/report.h"

/** GOSPY_E_NOMEM. As lines of JSON a tree is the same as a list: the parents are in it. */
enum gospy_code report_tree(struct out *out, const struct gospy_process_list *list,
			    enum report_format format, struct gospy_error *err);

#endif
