/* The agent that a program may have taken in from github.com/google/gops. */
#ifndef GOSPY_GORUNTIME_GOPS_AGENT_H
#define GOSPY_GORUNTIME_GOPS_AGENT_H

#include <stdbool.h>
#include <sys/types.h>

/**
 * Does the agent of `pid`, which user `uid` runs, listen? It leaves its port in a file called after
 * the pid, in $GOPS_CONFIG_DIR, $XDG_CONFIG_HOME/gops or ~/.config/gops
 * (gops:internal/internal.go), and the file stays behind when the process is killed: the process
 * must listen on that port.
 */
bool gops_agent_lives(pid_t pid, uid_t uid);

#endif
