/* The system calls of Linux on x86_64. */
#ifndef GOSPY_MACHINE_SYSCALL_NAMES_H
#define GOSPY_MACHINE_SYSCALL_NAMES_H

#include <stdbool.h>
#include <stdint.h>

struct syscall_name {
	const char *name;
	bool fd; /* its first argument is a descriptor */
};

/** NULL: there is none with this number, or it is newer than this table. */
const struct syscall_name *syscall_name(int64_t number);

#endif
