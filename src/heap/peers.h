/*
 * Of goroutines that are leaked: which others of them have what each waits for. Nobody else does,
 * so it waits for these, and where that leads back to it they wait for each other.
 */
#ifndef GOSPY_HEAP_PEERS_H
#define GOSPY_HEAP_PEERS_H

#include "heap/instant.h"

/* Positions among the candidates of a search. */
struct peer {
	uint32_t waiter, other;
};
typedef VEC(struct peer) peers;

/** `leaked`: of each candidate, is it proved? The edges of the instant are in order of .from. One
 * that waits for the same is no peer: it is not the one that would end the wait. Of very many not
 * all are found. GOSPY_E_NOMEM. */
enum gospy_code peers_find(const struct instant *instant, const bool *leaked, peers *ret,
			   struct gospy_error *err);
/** The same of all that a search has found, by the graph that it has read: what is not proved.
 * Their stacks are read once more. Errors as stack_roots_of(). */
enum gospy_code peers_suspect(const struct search *search, peers *ret, struct gospy_error *err);

#endif
