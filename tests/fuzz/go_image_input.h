/* Fuzzer input over a hand-made Go module: the first byte chooses the Go version, then follow
 * changes of one byte each, as offset (2 bytes) and value. A plain byte string would have to guess
 * two dozen agreeing pointers before a parser looks any deeper. */
#ifndef GOSPY_TESTS_GO_IMAGE_INPUT_H
#define GOSPY_TESTS_GO_IMAGE_INPUT_H

#include "../unit/go_image.h"

static inline void go_image_from_input(struct go_image *im, const uint8_t *data, size_t size)
{
	go_image_init(im, 12 + (size ? data[0] % 16 : 0));
	for (size_t i = 1; i + 3 <= size; i += 3)
		im->bytes[(data[i] | (size_t)data[i + 1] << 8) % im->len] = data[i + 2];
}

#endif
