/* gzip (RFC 1952), with several members one after the other. */
#ifndef GOSPY_CORE_STREAM_GZIP_H
#define GOSPY_CORE_STREAM_GZIP_H

#include "core/stream.h"

extern const struct stream_format stream_gzip;

#endif
