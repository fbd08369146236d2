/* What is not compressed, as a stream: so what comes through a pipe becomes a file with holes. */
#ifndef GOSPY_CORE_STREAM_PLAIN_H
#define GOSPY_CORE_STREAM_PLAIN_H

#include "core/stream.h"

extern const struct stream_format stream_plain;

#endif
