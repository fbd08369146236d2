/*
 * The room src/snapshot/: decoding: what the copies mean, in the terms of gospy.h.
 *
 * Enters: a capture, or copies of counters, and the image that names things.
 * Leaves: a struct gospy_snapshot, and memory and scheduler statistics. What is asked of a snapshot
 *   later takes nothing from the target.
 * Owner: who took the snapshot destroys it. It owns its capture and holds a reference to the image;
 *   what it hands out lives as long as it does.
 *
 * A snapshot: what a capture copied, counted and named, ready to be asked for.
 */
#ifndef GOSPY_SNAPSHOT_SNAPSHOT_H
#define GOSPY_SNAPSHOT_SNAPSHOT_H

#include "capture/keep.h"
#include "snapshot/stack_view.h"

/* What one of the different stacks says of the goroutines that have it: see gospy.h. */
struct stack_places {
	const struct gospy_location *user, *call; /* NULL where there is none */
	enum gospy_origin user_origin;
};

/* The system call of a goroutine. */
struct syscall_rec {
	uint32_t g; /* position in recs */
	struct gospy_syscall is;
};

struct gospy_snapshot {
	struct image *image; /* a reference of its own */
	struct capture capture;
	bool system;   /* stacks as under GOTRACEBACK=system */
	bool redacted; /* stacks have only what are addresses: of a bundle */
	struct gospy_snapshot_info info;
	const struct gospy_p *ps;
	const struct gospy_m *ms;
	struct stack_places *places; /* of each stack; NULL: none was read */
	const struct gospy_thread *threads;
	const struct gospy_select_case *select_cases; /* as those of the capture */
	struct gospy_objects objects;
	/* Of those that somebody waits for, in order; put here by who knows of processes. */
	const struct gospy_descriptor *descriptors;
	size_t descriptor_count;
	/* And the system calls of goroutines, by their position in the records. */
	struct syscall_rec *syscalls;
	size_t syscall_count;
	struct stack_view view;
	struct arena arena;
};

/** `image` is of what runs at the source; `keep` of the collector that takes it, or NULL. Errors as
 * gospy_snapshot_take. */
enum gospy_code snapshot_take(struct source *source, struct image *image,
			      const struct gospy_snapshot_options *options, struct keep *keep,
			      struct gospy_snapshot **ret, struct gospy_error *err);
void snapshot_destroy(struct gospy_snapshot *snapshot);
void snapshot_goroutine(const struct gospy_snapshot *snapshot, size_t index,
			struct gospy_goroutine *ret);

#endif
