/*
 * The words that threads have in their registers and on system stacks while they stand still. The
 * garbage collector never looks at these: it waits until each goroutine is at a place where it has
 * none there.
 */
#ifndef GOSPY_HEAP_THREAD_WORDS_H
#define GOSPY_HEAP_THREAD_WORDS_H

#include "capture/capture.h"
#include "heap/root.h"
#include "image/image.h"

struct thread_words {
	heap_root_fn *word;
	/* Of vector registers, which keep for long what was copied through them once. */
	heap_root_fn *vector_word;
	/** The registers of that thread are not there yet. */
	void (*late)(void *ctx, pid_t tid);
	void *ctx;
};

/** The words of all threads that have an M. Where a thread sleeps in a system call only its
 * arguments count: Go keeps nothing in registers across calls. Returns NULL, or what could not be
 * looked at, for a person. */
const char *thread_words_each(const struct image *image, const struct capture *capture,
			      const struct moment *moment, const struct thread_words *words);

/** The words in the registers of one thread. Returns as thread_words_each(). */
const char *thread_words_registers(const struct moment_thread *thread,
				   const struct thread_words *words);

#endif
