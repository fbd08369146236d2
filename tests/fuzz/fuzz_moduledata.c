/* moduledata_read and moduledata_find over a Go module with bytes changed, and over the input
 * itself. */
#include "dwarf/go/moduledata_find.h"
#include "go_image_input.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct go_image im;
	go_image_from_input(&im, data, size);
	struct paged p = go_image_paged(&im);
	struct moduledata md, found[2];
	size_t n;
	(void)!moduledata_read(&p, im.moduledata, &md, NULL);
	(void)!moduledata_find(&p, NULL, 0, found, 2, &n, NULL);

	paged_init_span(&p, 0x400000, (struct span){data, size});
	(void)!moduledata_read(&p, 0x400000, &md, NULL);
	(void)!moduledata_find(&p, NULL, 0, found, 2, &n, NULL);
	return 0;
}
