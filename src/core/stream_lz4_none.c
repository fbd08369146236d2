/* In place of stream_lz4.c where gospy is built without liblz4. */
#include "core/stream_lz4.h"

const struct stream_format stream_lz4 = {.name = "lz4", .library = "liblz4"};
