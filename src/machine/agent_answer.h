/* What the answers of a gops agent look like, as far as that tells a whole one from anything else.
 */
#ifndef GOSPY_MACHINE_AGENT_ANSWER_H
#define GOSPY_MACHINE_AGENT_ANSWER_H

#include <zlib.h>

#include "base/error.h"

enum { AGENT_HEAD = 24 };

struct agent_answer {
	enum gospy_agent_verb verb;
	uint64_t len;
	char head[AGENT_HEAD];
	char last;
	bool inflating; /* `gzip` is in use */
	bool gzip_done;
	z_stream gzip;
};

/** How long the agent works before it answers: gops:agent/agent.go. */
uint64_t agent_answer_work_ns(enum gospy_agent_verb verb);

void agent_answer_begin(struct agent_answer *answer, enum gospy_agent_verb verb);
/** The next bytes. GOSPY_E_BAD_DATA, GOSPY_E_LIMIT: more than such an answer ever is. */
enum gospy_code agent_answer_part(struct agent_answer *answer, const void *bytes, size_t len,
				  struct gospy_error *err);
/** There are no more. GOSPY_E_BAD_DATA: something is missing. */
enum gospy_code agent_answer_end(const struct agent_answer *answer, struct gospy_error *err);
void agent_answer_deinit(struct agent_answer *answer);

#endif
