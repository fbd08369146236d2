/* Which frames a traceback leaves out. */
#ifndef GOSPY_SNAPSHOT_ELIDE_H
#define GOSPY_SNAPSHOT_ELIDE_H

#include "snapshot/stack_view.h"

/** Find out which frames of the view a traceback of that minor version leaves out, and what it says
 * of them: `.hidden`, `.elided` of each and the elision of `ret`. `system`: under
 * GOTRACEBACK=system. */
void stack_elide(struct stack_view *view, int minor, bool system, struct gospy_stack *ret);

#endif
