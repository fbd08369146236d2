/* The scan for type descriptors and the lookup of fields over a Go module with bytes changed. */
#include "dwarf/go/rtype.h"
#include "go_image_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct go_image im;
	go_image_from_input(&im, data, size);
	struct paged p = go_image_paged(&im);
	struct moduledata md;
	struct rtypes rtypes;
	struct rtype_named named[] = {{.name = "runtime.g"}, {.name = "runtime.stack"}};
	if (moduledata_read(&p, im.moduledata, &md, NULL) ||
	    rtypes_init(&rtypes, &p, &md, im.minor, named, 2, NULL))
		return 0;
	struct type_source *source = &rtypes.source;
	static const char *const paths[] = {"stack.hi", "goid|atomicstatus", "old.lo.none"};
	uint64_t type;
	for (size_t i = 0; i < 3 && source->ops->find(source, "runtime.g", &type); i++) {
		struct type_field field;
		(void)types_path(source, type, paths[i], &field);
	}
	return 0;
}
