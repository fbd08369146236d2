#include "dwarf/go/pclntab_scan.h"

#include <stdbool.h>
#include <string.h>

static uint64_t load(const uint8_t *p)
{
	uint64_t word;
	memcpy(&word, p, sizeof(word));
	return word;
}

/* Go 1.16+: the sub-tables follow the header and each other in the order of their offsets, which
 * are the last words of runtime.pcHeader. */
static bool offsets_ascend(const uint8_t *header, size_t size)
{
	enum { COUNT = 5, WORD = 8 }; // funcname, cu, filetab, pctab, pcln
	uint64_t last = size - 1;
	for (size_t at = size - COUNT * WORD; at < size; at += WORD) {
		uint64_t off = load(header + at);
		if (off <= last || off > UINT32_MAX)
			return false;
		last = off;
	}
	return true;
}

static bool is_header(const uint8_t *header)
{
	// Behind the magic: two zeros, minLC 1, ptrSize 8; then the number of functions.
	static const uint32_t rest = 0x08010000;
	uint64_t word = load(header), nfunc = load(header + 8);
	if (word >> 32 != rest || nfunc == 0 || nfunc > UINT32_MAX)
		return false;
	switch ((uint32_t)word) {
	case 0xfffffffb: // Go 1.2
		return true;
	case 0xfffffffa: // Go 1.16
		return offsets_ascend(header, PCLNTAB_SCAN_HEADER - 8);
	case 0xfffffff0: // Go 1.18
	case 0xfffffff1: // Go 1.20
		return offsets_ascend(header, PCLNTAB_SCAN_HEADER);
	}
	return false;
}

size_t pclntab_scan(struct span bytes, size_t from)
{
	for (size_t at = from; at + PCLNTAB_SCAN_HEADER <= bytes.len; at += PCLNTAB_SCAN_ALIGN) {
		// Nearly all places end here.
		if (bytes.ptr[at + 1] == 0xff && bytes.ptr[at + 2] == 0xff &&
		    is_header(bytes.ptr + at))
			return at;
	}
	return SIZE_MAX;
}
