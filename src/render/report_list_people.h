/* `gospy list` on a terminal: what a person wants to know to find the process that is meant. */
#ifndef GOSPY_RENDER_REPORT_LIST_PEOPLE_H
#define GOSPY_RENDER_REPORT_LIST_PEOPLE_H

#include "render/report_list.h"

/** A table with titles, for people. */
void report_list_people(struct out *out, const struct list_row *rows, size_t n);

#endif
