/* What stands in the cells of the table. */
#ifndef GOSPY_TUI_MODEL_TEXT_H
#define GOSPY_TUI_MODEL_TEXT_H

#include "base/strbuf.h"
#include "render/name.h"
#include "tui/model.h"

/** "main.worker main.go:12", escaped; of the file without its directory. */
void model_location(const struct gospy_location *location, struct strbuf *text);
/** "14s"; ">=14s" if that is only known from watching; "-". */
void model_wait(uint64_t wait_ns, bool at_least, uint64_t still_ns, bool utf8, struct strbuf *text);
/** Text of a cell, not padded, escaped: "12034", "+120", "+60.1", "4h12m", "chan receive…",
 * "main.worker x.go:12". `utf8`: else "..." stands for "…". */
void model_cell(const struct model_row *row, enum model_column column, bool utf8,
		struct strbuf *text);

/** What is shown instead on a screen, as short as it has to be; false: the cell has no name. */
bool model_name(const struct model_row *row, enum model_column column, enum group_key key,
		bool utf8, struct name *ret);

/** What the goroutines of a row have in common: behind `before` stands what is their key. */
struct name model_subject(const struct model_row *row, enum group_key key, bool utf8,
			  const char *before);

#endif
