/* The frame format of lz4. */
#ifndef GOSPY_CORE_STREAM_LZ4_H
#define GOSPY_CORE_STREAM_LZ4_H

#include "core/stream.h"

extern const struct stream_format stream_lz4;

#endif
