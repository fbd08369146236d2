/* Paths to objects of a graph. */
#ifndef GOSPY_API_GRAPH_WHO_H
#define GOSPY_API_GRAPH_WHO_H

#include "api/graph.h"

/** The path to a marked object. GOSPY_E_NOMEM. */
enum gospy_code graph_path_to(struct gospy_graph *graph, uint32_t number,
			      struct gospy_graph_path *ret, struct gospy_error *err);
/** An object as a step of a path. False: out of memory. */
bool graph_step(struct gospy_graph *graph, uint32_t number, struct gospy_graph_step *ret);
/** Make .referrer_list of what was found; .variables are there. GOSPY_E_NOMEM. */
enum gospy_code graph_list_referrers(struct gospy_graph *graph, struct gospy_error *err);

#endif
