/* A profile in the format of pprof: github.com/google/pprof/proto/profile.proto. */
#ifndef GOSPY_RENDER_PPROF_H
#define GOSPY_RENDER_PPROF_H

#include "base/strbuf.h"
#include "gospy.h"

/** Whose bytes they are to be. */
enum pprof_writer {
	/** runtime/pprof of the target's Go version (src/runtime/pprof/proto.go, protobuf.go, Go
	 * 1.12-1.27). That is not the order that a generated encoder has: what a sample needs comes
	 * right before it, strings have numbers in the order of their first use. */
	PPROF_RUNTIME,
	/** net/http/pprof, of the difference of two profiles: src/internal/profile/encode.go. The
	 * profile is one that gospy_profile_merge has made. No default type is written. */
	PPROF_HTTP,
	/** `go tool pprof -proto`, of what it has merged:
	 * github.com/google/pprof/profile/encode.go, as Go 1.26 has it. The profile is one that
	 * gospy_profile_merge has made. */
	PPROF_TOOL,
};

/** The message, not compressed, byte for byte what the writer would have written. False: out of
 * memory. */
bool pprof_encode(const struct gospy_profile *profile, enum pprof_writer writer,
		  struct strbuf *ret);
/** The same, compressed as gzip does it, fast rather than well. */
bool pprof_encode_gzip(const struct gospy_profile *profile, enum pprof_writer writer,
		       struct strbuf *ret);

#endif
