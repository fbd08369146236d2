/*
 * Which of the goroutines that a search has found can never run again, for certain:
 * docs/internals.md, "Leaked goroutines".
 */
#ifndef GOSPY_HEAP_PROOF_H
#define GOSPY_HEAP_PROOF_H

#include "heap/peers.h"
#include "heap/search.h"
#include "target/source.h"

struct proof_options {
	const char *never; /* why nothing can be proved that takes a look; NULL: it can */
	bool non_blocking; /* never stop the target: then nothing is proved that takes a look */
	uint64_t max_pause_ns;
	/* Told before the stop how long it is going to be, or that it would be too long for
	 * .max_pause_ns and is not made; may be NULL. */
	void (*predicted)(void *ctx, uint64_t ns, bool made);
	void *ctx;
};

struct proof_verdict {
	enum gospy_leak_verdict verdict;
	const char *why;
};

struct proof {
	struct proof_verdict *verdicts; /* of each candidate of the search */
	peers peers;                    /* of those that are proved; of all, if nothing could be */
	uint64_t predicted_ns, paused_ns;
	uint64_t scanned; /* bytes of the heap, in the stop */
	size_t interrupted;
	bool tried;                                           /* a stop was made */
	char problem[sizeof(((struct gospy_error *)0)->msg)]; /* why nothing could be proved */
};

/** GOSPY_E_NOMEM, GOSPY_E_GONE, GOSPY_E_CANCELLED. What else fails is a .problem. */
enum gospy_code proof_run(struct source *source, const struct search *search,
			  const struct proof_options *options, struct proof *ret,
			  struct gospy_error *err);
void proof_deinit(struct proof *proof);

#endif
