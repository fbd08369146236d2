/* In place of stream_zstd.c where gospy is built without libzstd. */
#include "core/stream_zstd.h"

const struct stream_format stream_zstd = {.name = "zstd", .library = "libzstd"};
