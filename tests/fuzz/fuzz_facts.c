/* The facts of a bundle, about the process and about the program. */
#include <stdint.h>

#include "base/arena.h"
#include "core/bundle_facts.h"
#include "image/program_facts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bundle_facts bundle;
	struct program_facts program;
	struct arena arena = {0};
	const struct span text = {data, size};
	if (!bundle_facts_read(text, &bundle, NULL))
		bundle_facts_deinit(&bundle);
	if (!program_facts_read(text, &arena, &program, NULL))
		program_facts_deinit(&program);
	arena_deinit(&arena);
	return 0;
}
