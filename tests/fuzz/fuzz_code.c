/* code_refs_find over the input as machine code, and code_globals_find over a Go module with bytes
 * changed, names of functions and their code among them. */
#include "dwarf/go/code_globals.h"
#include "dwarf/go/code_refs.h"
#include "go_image_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct code_refs refs = {0};
	(void)!code_refs_find((struct span){data, size}, 0x401000, &refs, NULL);
	for (size_t i = 0; i < refs.refs.len; i++) {
		uint32_t offset = refs.refs.at[i].offset;
		(void)code_refs_chosen((struct span){data, size}, 0x401000, offset, offset & 1);
	}
	vec_free(&refs.refs);

	static struct go_image im;
	go_image_from_input(&im, data, size);
	struct paged p = go_image_paged(&im);
	struct moduledata md;
	struct pclntab pcln;
	struct code_globals globals;
	if (moduledata_read(&p, im.moduledata, &md, NULL) == GOSPY_OK &&
	    pcln_init(&pcln, &p, &md, im.minor, NULL) == GOSPY_OK)
		(void)!code_globals_find(&pcln, CODE_GLOBALS_ALWAYS, &globals, NULL);
	return 0;
}
