/*
 * The room src/image/: what is resolved once for a program, what of it is true of a process, and
 * what its program counters mean.
 *
 * Enters: a source, and perhaps a file that is a twin of the program (--bin).
 * Leaves: a struct image: globals, layouts, wait reasons, and the symbols that are looked up in the
 *   function table as snapshots ask (symbols.h).
 * Owner: an image is counted. The target holds a reference, and so does each of its snapshots. It
 *   borrows the target's memory until image_forget_target(), and holds its program, which the room
 *   keeps for all targets (programs.h).
 *
 * The Go runtime inside one process: where its globals are, how its structures are laid out, what
 * its functions are called. It is made when a target is opened, before anything is stopped, and
 * shared by all snapshots of that target. What is known of the program, which other processes may
 * run as well, is in program.h; an image holds what was checked in its own process.
 */
#ifndef GOSPY_IMAGE_IMAGE_H
#define GOSPY_IMAGE_IMAGE_H

#include <stdatomic.h>

#include "base/map.h"
#include "image/globals.h"
#include "image/program.h"
#include "target/mem.h"
#include "target/source.h"

/* Something that must be true of the process, and whether it is; see verify.h. */
struct image_check {
	const char *what;   /* "runtime.schedt" */
	const char *source; /* where the layout of that came from: "layout table" */
	uint64_t addr;      /* what was looked at, or 0 */
	const char *check;  /* "npidle is the number of idle P's" */
	const char *found;  /* what contradicts it; NULL: ok */
	bool ok;
	size_t rule; /* of verify.c */
};

/* Once it is made nothing of it changes but what the symbolizer guards. So the target and its
 * snapshots, which share it, may each have a thread of their own. Addresses are those of the
 * process. */
struct image {
	atomic_uint refs;
	struct program *program;      /* what is not of this process; see program.h */
	struct symbolizer symbolizer; /* of the program's function table */
	struct origins origins;       /* the program's, and what else is the user's own */
	struct mem *mem;              /* borrowed until image_forget_target */
	struct auxv auxv;             /* changes with every exec */
	uint64_t bias;                /* of the binary that holds the runtime */
	const char *binary;   /* path of the library that it is, or "memory"; NULL: the program */
	VEC(uint64_t) others; /* where further binaries of Go begin that are no plugins of this */
	int64_t tls_g;        /* from the thread pointer to the word with g, before Go 1.17 */
	const char *go_version;
	struct go_version version;
	struct globals globals;
	uint64_t by_code; /* bits in the order of IMAGE_GLOBALS: not a symbol, but code led to it */
	/* Addresses of the values of GODEBUG=tracebacklabels, Go 1.26+, and =tracebackancestors; 0:
	 * not known. */
	uint64_t traceback_labels, traceback_ancestors;
	uint64_t profile_depth; /* the same of =profstackdepth, Go 1.23+ */
	struct layout layout;
	struct table_types tables; /* where layouts came from that the program does not hold */
	VEC(struct image_check) checks;
	/* Of a bundle: those who made it have checked all this; these globals did not look like
	 * themselves, as .by_code. */
	bool checked;
	uint64_t unlike;
	const char *note; /* what a person should know of all this, or NULL */
	const char **wait_reasons;
	size_t wait_reason_count;
	VEC(struct gospy_provenance) provenance;
	struct arena arena;
};

/** Snapshots keep the image alive after its target was closed. */
struct image *image_ref(struct image *image);
void image_unref(struct image *image);
/** The target is going away: nothing may be fetched from it any more. */
void image_forget_target(struct image *image);

/** Modules, or beginnings of paths, whose code is the user's own, too. To be called before anything
 * of the image is named. GOSPY_E_NOMEM. */
enum gospy_code image_set_own(struct image *image, const char *const *own, size_t n,
			      struct gospy_error *err);

/** GOSPY_E_GONE if the target ended, or runs another program than was resolved. */
enum gospy_code image_check(const struct image *image, struct source *source,
			    struct gospy_error *err);

/** Text of a wait reason, or "unknown wait reason" as waitReason.String says. */
const char *image_wait_reason(const struct image *image, unsigned reason);

/** Memory of the target, as struct paged wants it; `image` is a struct image. */
enum gospy_code image_fetch(void *image, uint64_t addr, void *dst, size_t len,
			    struct gospy_error *err);
/** By how much addresses of the program are moved in this process. */
static inline uint64_t image_shift(const struct image *image)
{
	return image->bias - image->program->bias;
}
/** Add what a person should know, which is shown with every report. The text is copied. */
void image_add_note(struct image *image, const char *text);
/** Note where something was found; shown by `-v`. `name` and `source` live as long as the image;
 * NULL as name is ignored. */
void image_note_source(struct image *image, const char *name, const char *source, uint64_t addr);

#endif
