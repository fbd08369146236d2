/* Loaded into a Go program by test_hostile.py before anything else: room for lies. No page of the
 * area is there until somebody writes to it. The views show two megabytes again and again. */
#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#define AREA       ((char *)0x100000000000)
#define AREA_BYTES ((size_t)64 << 30)
#define VIEWS      ((char *)0x200000000000)

enum { VIEW_BYTES = 2 << 20, VIEW_COUNT = 1024 };

static void must(int ok)
{
	if (!ok)
		_exit(99);
}

static void map(char *at, size_t len, int flags, int fd)
{
	must(mmap(at, len, PROT_READ | PROT_WRITE, flags | MAP_FIXED_NOREPLACE, fd, 0) == at);
}

__attribute__((constructor)) static void make_room(void)
{
	map(AREA, AREA_BYTES, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1);
	int fd = memfd_create("liar", MFD_CLOEXEC);
	must(fd >= 0 && ftruncate(fd, VIEW_BYTES) == 0);
	for (int i = 0; i < VIEW_COUNT; i++)
		map(VIEWS + (size_t)i * VIEW_BYTES, VIEW_BYTES, MAP_SHARED, fd);
	close(fd);
}
