/*
 * A thread that remembers what a target is, and looks for its successor once it has ended: the
 * process that runs the same program in its place.
 *
 * A successor runs the same executable, or one of the same name, began after the target was opened,
 * and either listens where the target did, in the same network namespace, or was started after the
 * target was seen for the last time, by the same parent or in the same control group. Where several
 * are like the target to the same degree, none is taken.
 */
#ifndef GOSPY_TUI_FOLLOW_H
#define GOSPY_TUI_FOLLOW_H

#include "gospy.h"

struct follow;
/** Begin to watch a process. GOSPY_E_OS; out of memory ends the program. */
enum gospy_code follow_start(pid_t pid, struct follow **ret, struct gospy_error *err);
/** Wait until it is known what the process is; before that nothing can follow it. */
void follow_wait(struct follow *follow);
/** End. NULL is allowed. */
void follow_stop(struct follow *follow);
/** The target has ended, or executed a program: look for its successor from now on. */
void follow_ended(struct follow *follow);
/** Readable when there is something new. */
int follow_fd(const struct follow *follow);

struct follow_news {
	pid_t pid;      /* of the successor; 0: there is none yet */
	char text[300]; /* for a person: what they have in common, or why there is none */
};
/** The news, if there are any since the last time; makes the descriptor unreadable. */
bool follow_take(struct follow *follow, struct follow_news *ret);

#endif
