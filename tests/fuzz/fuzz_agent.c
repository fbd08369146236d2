/* Answers of a gops agent: the first byte is the verb, the rest comes in parts of a size that the
 * second byte tells. */
#include <stddef.h>
#include <stdint.h>

#include "machine/agent_answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct agent_answer answer;
	struct gospy_error err;
	if (size < 2)
		return 0;
	const size_t step = data[1] + 1u;
	enum gospy_code code = GOSPY_OK;
	agent_answer_begin(&answer, (enum gospy_agent_verb)data[0]);
	data += 2;
	size -= 2;
	while (!code && size) {
		size_t len = size < step ? size : step;
		code = agent_answer_part(&answer, data, len, &err);
		data += len;
		size -= len;
	}
	if (!code)
		code = agent_answer_end(&answer, &err);
	agent_answer_deinit(&answer);
	return 0;
}
