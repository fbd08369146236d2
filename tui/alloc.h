/* Memory for what the screen shows: where there is none, the program ends. */
#ifndef GOSPY_TUI_ALLOC_H
#define GOSPY_TUI_ALLOC_H

#include <stdbool.h>

/** `ok` is whether an allocation succeeded. If not, the program says so and ends. */
void alloc_check(bool ok);

#endif
