/* A profile in the format of pprof: github.com/google/pprof/proto/profile.proto. */
#ifndef GOSPY_RENDER_PPROF_H
#define GOSPY_RENDER_PPROF_H

#include "base/strbuf.h"
#include "gospy.h"

/**
 * The message, not compressed. It is byte for byte what runtime/pprof of the target's Go version
 * would have written (src/runtime/pprof/proto.go, protobuf.go, Go 1.12-1.27), which is not the
 * order that a generated encoder has: what a sample needs comes right before it, strings have
 * numbers in the order of their first use. False: out of memory.
 */
bool pprof_encode(const struct gospy_profile *profile, struct strbuf *ret);
/** The same, compressed as gzip does it, fast rather than well. */
bool pprof_encode_gzip(const struct gospy_profile *profile, struct strbuf *ret);

#endif
