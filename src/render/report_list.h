/* `gospy list` and `gospy tree`: the Go processes of this machine, in the lines of gops. */
#ifndef GOSPY_RENDER_REPORT_LIST_H
#define GOSPY_RENDER_REPORT_LIST_H

#include "gospy.h"
#include "render/json.h"
#include "render/report.h"

void report_list(struct out *out, const struct gospy_process_list *list, enum report_format format);
/** GOSPY_E_NOMEM. As lines of JSON a tree is the same as a list: the parents are in it. */
enum gospy_code report_tree(struct out *out, const struct gospy_process_list *list,
			    enum report_format format, struct gospy_error *err);

/** The members of an object that is already open. */
void report_list_process_json(struct json *json, const struct gospy_process *process);
/** Version as gops prints it: "devel +hash date" loses its date; "?" where there is none. */
struct report_list_version {
	char s[64];
} report_list_version(const struct gospy_process *process);

#endif
