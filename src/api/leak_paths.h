/* What still refers to what leaked goroutines wait for. */
#ifndef GOSPY_API_LEAK_PATHS_H
#define GOSPY_API_LEAK_PATHS_H

#include "api/graph.h"
#include "heap/search.h"

struct leak_paths;

/** `search` was made with paths and types, and is borrowed, and so is `source` for the time of this
 * call. GOSPY_E_NOMEM, GOSPY_E_CANCELLED, GOSPY_E_GONE. */
enum gospy_code leak_paths_create(struct search *search, struct types *types, struct source *source,
				  struct budget *budget, struct leak_paths **ret,
				  struct gospy_error *err);
void leak_paths_destroy(struct leak_paths *paths);
/** Of the candidate of the search whose g is at that position. GOSPY_E_NOT_FOUND: there is none, or
 * it waits for nothing. The result is the paths'. */
enum gospy_code leak_paths_of(struct leak_paths *paths, uint32_t g,
			      const struct gospy_graph_path **ret, struct gospy_error *err);

#endif
