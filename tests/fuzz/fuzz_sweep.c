/* Looking for Go in memory that nothing describes: over a Go module with bytes changed, behind
 * which the input itself follows. */
#include "go_image_input.h"
#include "image/sweep.h"
#include "target/mem_bytes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct go_image im;
	struct mem *mem;
	go_image_from_input(&im, data, size);
	enum { PAGE = 4096 };
	uint64_t end = im.base + sizeof(im.bytes);
	const struct mem_bytes_range ranges[] = {{im.base, {im.bytes, sizeof(im.bytes)}},
						 {end, {data, size}}};
	struct mapping map = {.start = im.base,
			      .end = end + (size + PAGE - 1) / PAGE * PAGE,
			      .read = true,
			      .write = true,
			      .path = ""};
	struct mappings maps = {.maps = {&map, 1, 1}};
	if (mem_bytes_create(ranges, 2, &mem, NULL))
		return 0;
	const struct sweep sweep = {mem, &maps, map.start, map.end};
	struct arena arena = {0};
	struct build_info_text text;
	uint64_t moduledata;
	(void)!sweep_moduledata(&sweep, &moduledata, NULL);
	(void)!sweep_build_info(&sweep, &arena, &text, NULL);
	arena_deinit(&arena);
	mem_destroy(mem);
	return 0;
}
