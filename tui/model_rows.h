/* The rows of the table: groups and their past, filtered and sorted. They are made when they are
 * asked for. */
#ifndef GOSPY_TUI_MODEL_ROWS_H
#define GOSPY_TUI_MODEL_ROWS_H

#include "tui/model.h"

void model_set_key(struct model *model, enum group_key key);
enum group_key model_key(const struct model *model);
/** Does the sample that is shown hold what the key needs? If not there are no rows until one does
 * (sampler_configure). */
bool model_key_known(const struct model *model);
/** Largest, or first in the alphabet, first; the other way round if inverted. */
void model_set_sort(struct model *model, enum model_column column, bool inverted);
/** Order states by the shorter words, which screens show (render/state.h). */
void model_set_short_states(struct model *model, bool short_states);
enum model_column model_sort(const struct model *model, bool *inverted_ret);
/** Growing groups before all others. Set at the beginning. */
void model_set_growing_first(struct model *model, bool growing_first);
bool model_growing_first(const struct model *model);
/** Only rows one of whose texts matches (pattern.h). NULL or "": all. False: it is not well-formed;
 * `why` says why and the filter stays as it was. */
bool model_set_filter(struct model *model, const char *pattern, char *why, size_t why_size);
/** The same for the function of the location alone: --func. */
bool model_set_func(struct model *model, const char *pattern, char *why, size_t why_size);

/** The rows as they are to be shown. Valid until the model changes. */
const struct model_row *const *model_rows(struct model *model, size_t *n_ret);
/** Rows before filtering. */
size_t model_row_total(struct model *model);
/** The row with this id, filtered out or not; NULL: there is none. `*place_ret` is its index among
 * the rows shown, or SIZE_MAX; may be NULL. */
const struct model_row *model_find(struct model *model, uint64_t id, size_t *place_ret);

/** For model.c: a row of the newest sample, without its past. Its title is put into the arena. */
struct model_row model_row_of(const struct groups *groups, size_t index, struct arena *arena);

#endif
