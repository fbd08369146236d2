/* Every lookup of pclntab.h and stack_map.h over a Go module with bytes changed. */
#include "dwarf/go/inline_tree.h"
#include "dwarf/go/stack_map.h"
#include "go_image_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { FRAMES = 16 };

static void look_up(struct pclntab *pcln, uint64_t pc)
{
	struct pcln_func func;
	if (!pcln_find_func(pcln, pc, &func))
		return;
	struct pcln_frame frames[FRAMES];
	(void)pcln_frames(&func, pc, frames, FRAMES);
	(void)pcln_value(&func, func.pcsp, pc);
	for (uint32_t i = 0; i < 8; i++) {
		(void)pcln_pcdata(&func, i, pc);
		(void)pcln_funcdata(&func, i);
	}
	(void)pcln_known(&func);
	(void)pcln_wrapped(&func);
	struct arena arena = {0};
	struct stack_map map;
	unsigned bits = 0;
	if (stack_map_resolve(pcln, &arena, pc, &map) && !map.any) {
		for (uint64_t i = 0; i < map.local_words; i++)
			bits += stack_map_bit(map.locals, i);
		for (uint64_t i = 0; i < map.arg_words; i++)
			bits += stack_map_bit(map.args, i);
		for (size_t k = 0; k < map.object_count; k++) {
			const struct stack_object *object = &map.objects[k];
			for (uint64_t i = 0; object->mask && i < object->words; i++)
				bits += stack_map_bit(object->mask, i);
		}
	}
	(void)bits;
	arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct go_image im;
	go_image_from_input(&im, data, size);
	struct paged p = go_image_paged(&im);
	struct moduledata md;
	struct pclntab pcln;
	if (moduledata_read(&p, im.moduledata, &md, NULL) ||
	    pcln_init(&pcln, &p, &md, im.minor, NULL))
		return 0;
	for (uint64_t pc = im.text; pc <= im.text + GO_IMAGE_TEXT_LEN; pc += 4)
		look_up(&pcln, pc);
	look_up(&pcln, md.maxpc - 1);
	return 0;
}
