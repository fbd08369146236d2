#include "base/status_name.h"

static const char *const names[] = {
	[GOSPY_STATUS_IDLE] = "idle",           [GOSPY_STATUS_RUNNABLE] = "runnable",
	[GOSPY_STATUS_RUNNING] = "running",     [GOSPY_STATUS_SYSCALL] = "syscall",
	[GOSPY_STATUS_WAITING] = "waiting",     [GOSPY_STATUS_DEAD] = "dead",
	[GOSPY_STATUS_COPYSTACK] = "copystack", [GOSPY_STATUS_PREEMPTED] = "preempted",
	[GOSPY_STATUS_LEAKED] = "leaked",       [GOSPY_STATUS_DEADEXTRA] = "deadextra",
};

const char *status_name(enum gospy_status status)
{
	size_t i = (size_t)status;
	return i < sizeof(names) / sizeof(names[0]) && names[i] ? names[i] : "unknown";
}
