/* zstd (RFC 8878): frames, and skippable frames that are passed over. */
#ifndef GOSPY_CORE_STREAM_ZSTD_H
#define GOSPY_CORE_STREAM_ZSTD_H

#include "core/stream.h"

extern const struct stream_format stream_zstd;

#endif
