/* ArgInfo and ArgLiveInfo of arbitrary bytes, decoded and printed. The input: the Go version, how
 * many bytes of the rest are the ArgInfo, both of them. */
#include "dwarf/go/args.h"
#include "go_image_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void decode(const struct pcln_func *func, uint64_t pc)
{
	static const uint64_t values[ARGS_VALUES_MAX] = {1, UINT64_MAX};
	struct args args;
	struct strbuf text = {0};
	if (args_decode(func, pc, &args))
		args_print(args.items, args.count, values, &text);
	strbuf_deinit(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct go_image im;
	go_image_from_input(&im, data, size ? 1 : 0);
	for (size_t i = 2; i < size; i++) {
		bool first = i - 2 < data[1];
		size_t at = first ? i - 2 : i - 2 - data[1];
		if (at < GO_IMAGE_ARGS_LEN)
			go_image_set(&im, (first ? im.arg_info : im.arg_live) + at, data[i], 1);
	}
	struct paged p = go_image_paged(&im);
	struct moduledata md;
	struct pclntab pcln;
	struct pcln_func func;
	if (moduledata_read(&p, im.moduledata, &md, NULL) ||
	    pcln_init(&pcln, &p, &md, im.minor, NULL) || !pcln_find_func(&pcln, im.text, &func))
		return 0;
	decode(&func, im.text);
	decode(&func, im.text + 0x20);
	return 0;
}
