/* What goroutines wait for. */
#ifndef GOSPY_SNAPSHOT_DECODE_WAIT_H
#define GOSPY_SNAPSHOT_DECODE_WAIT_H

#include "capture/capture.h"

/** The cases of all selects, in the order in which the capture has them. GOSPY_E_NOMEM. */
enum gospy_code decode_selects(const struct capture *capture, struct arena *arena,
			       const struct gospy_select_case **ret, struct gospy_error *err);
/** Fill what `ret` says of what the goroutine waits for, but for .channel and .object. The wait
 * reason is there already. */
void decode_wait(const struct capture *capture, const struct gospy_select_case *cases,
		 const struct g_rec *rec, struct gospy_goroutine *ret);
/** That of `fd`, of `n` in order; NULL: it is not among them. */
const struct gospy_descriptor *decode_descriptor(const struct gospy_descriptor *descriptors,
						 size_t n, int fd);

#endif
