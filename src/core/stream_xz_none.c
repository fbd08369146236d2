/* In place of stream_xz.c where gospy is built without liblzma. */
#include "core/stream_xz.h"

const struct stream_format stream_xz = {.name = "xz", .library = "liblzma"};
