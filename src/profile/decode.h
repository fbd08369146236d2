/*
 * Files of pprof: the message Profile of github.com/google/pprof/proto/profile.proto, compressed by
 * gzip or not, as runtime/pprof, internal/profile, `go tool pprof -proto` or other programs write
 * it: fields in any order, repeated numbers packed or not, unknown fields in between.
 *
 * A file is as hostile as it likes to be. What it can make gospy allocate is in proportion to its
 * size and ends at the limits in decode.c; each number that refers to something is checked.
 */
#ifndef GOSPY_PROFILE_DECODE_H
#define GOSPY_PROFILE_DECODE_H

#include "gospy.h"

/** As gospy_profile_decode. */
enum gospy_code profile_decode(const void *bytes, size_t size, struct gospy_profile **ret,
			       struct gospy_error *err);

#endif
