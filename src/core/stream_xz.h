/* The .xz format, with several streams one after the other. */
#ifndef GOSPY_CORE_STREAM_XZ_H
#define GOSPY_CORE_STREAM_XZ_H

#include "core/stream.h"

extern const struct stream_format stream_xz;

#endif
