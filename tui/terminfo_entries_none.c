#include <stddef.h>

#include "tui/terminfo_entries.h"

const struct terminfo_entry terminfo_entries[] = {{NULL, NULL}};
