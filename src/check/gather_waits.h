/* Facts of what goroutines wait for: deadlocks, locks, channels, connections. */
#ifndef GOSPY_CHECK_GATHER_WAITS_H
#define GOSPY_CHECK_GATHER_WAITS_H

#include "check/gather.h"

/* What the facts have to be told of each other. */
struct gathering {
	struct looks *looks;
	struct facts *facts;
	struct map explained; /* goids that a finding is about: they are told once */
	struct map leaked;    /* goids of proved leaks */
	struct map likely;    /* goids of leaks that are not proved */
	bool failed;          /* out of memory */
};

void gather_deadlocks(struct gathering *g);
void gather_locks(struct gathering *g);
void gather_senders(struct gathering *g);
void gather_network(struct gathering *g);
/** Did the goroutine with this index wait for the same at the first look, and has not moved since?
 */
bool gather_stayed(const struct looks *looks, const struct gospy_goroutine *now, size_t index);
/** It is told of this goroutine. */
void gather_explain(struct gathering *g, uint64_t goid);
/** Some goids, the arena's. */
struct fact_goids gather_goids(struct gathering *g, const uint64_t *goids, size_t count);

#endif
