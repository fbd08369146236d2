/* Files that may be packed. What is read once is read again, and no more than there is. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/input.h"

enum {
	PIECE = 64 << 10,
	PIECES = 64,        /* a small file may unpack to any number of zeros */
	UNPACKED = 4 << 20, /* of what is no zeros */
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int file_of(const uint8_t *data, size_t size)
{
	int fd = memfd_create("input", MFD_CLOEXEC);
	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	return fd;
}

static void read_piece(struct input *in, uint64_t off)
{
	static uint8_t once[PIECE], twice[PIECE];
	size_t done, again;
	bool failed = input_read(in, off, once, PIECE, &done, NULL);
	if (done > PIECE || (!failed && off < input_size(in) && !done))
		__builtin_trap();
	if (input_read(in, off, twice, PIECE, &again, NULL) != failed && !failed)
		__builtin_trap();
	if (done != again || memcmp(once, twice, done) != 0)
		__builtin_trap();
	if (!failed && done < PIECE && off + done != input_size(in))
		__builtin_trap();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input *in;
	if (input_open_fd(file_of(data, size), "input", UNPACKED, &in, NULL))
		return 0;
	if (!input_size(in) || (input_cut(in) && !input_format(in)))
		__builtin_trap();
	uint64_t step = input_size(in) / PIECES + 1;
	for (uint64_t off = 0; off<input_size(in); off += step> PIECE ? step : PIECE)
		read_piece(in, off);
	read_piece(in, input_size(in) - 1);
	input_destroy(in);
	return 0;
}
