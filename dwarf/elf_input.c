#include "dwarf/elf_input.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static size_t read_file(int fd, uint64_t off, uint8_t *dst, size_t len)
{
	size_t done = 0;
	while (done < len) {
		ssize_t n = pread(fd, dst + done, len - done, (off_t)(off + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		done += (size_t)n;
	}
	return done;
}

bool elf_input_holds(const struct elf_input *in, uint64_t off, uint64_t len)
{
	return off <= in->size && len <= in->size - off;
}

size_t elf_input_read(const struct elf_input *in, uint64_t off, void *dst, size_t len)
{
	if (off >= in->size)
		return 0;
	if (len > in->size - off)
		len = (size_t)(in->size - off);
	if (in->is_file && (off > in->bytes.len || len > in->bytes.len - off))
		return read_file(in->fd, off, dst, len);
	memcpy(dst, in->bytes.ptr + off, len);
	return len;
}

void elf_input_close(struct elf_input *in)
{
	if (in->is_file)
		close(in->fd);
	*in = (struct elf_input){0};
}
