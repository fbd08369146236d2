/* Scope guards for locals that own a resource. */
#ifndef GOSPY_BASE_CLEANUP_H
#define GOSPY_BASE_CLEANUP_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/** Run `fn(&variable)` when the variable's scope is left, be it used otherwise or not. */
#define CLEANUP(fn) __attribute__((cleanup(fn), unused))

/** `variable` points at a pointer to any type, so it must not be read as a `void *`. */
static inline void cleanup_free_fn(const void *variable)
{
	void *p;
	memcpy(&p, variable, sizeof(p));
	free(p);
}

static inline void cleanup_close_fn(const int *fd)
{
	if (*fd >= 0)
		close(*fd);
}

static inline void cleanup_fclose_fn(FILE **f)
{
	if (*f)
		fclose(*f);
}

static inline void cleanup_closedir_fn(DIR **d)
{
	if (*d)
		closedir(*d);
}

#define CLEANUP_FREE     CLEANUP(cleanup_free_fn)
#define CLEANUP_CLOSE    CLEANUP(cleanup_close_fn)
#define CLEANUP_FCLOSE   CLEANUP(cleanup_fclose_fn)
#define CLEANUP_CLOSEDIR CLEANUP(cleanup_closedir_fn)

/** Hand a guarded pointer on: its value, with the guard disarmed. */
#define take(p)                                                                                    \
	({                                                                                         \
		__typeof__(p) take_value_ = (p);                                                   \
		(p) = NULL;                                                                        \
		take_value_;                                                                       \
	})

/** The same for a descriptor. */
static inline int take_fd(int *fd)
{
	int value = *fd;
	*fd = -1;
	return value;
}

#endif
