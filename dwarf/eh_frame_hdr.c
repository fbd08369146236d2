#include "dwarf/eh_frame_hdr.h"

#include "base/cursor.h"

/* Linux Standard Base Core, "Exception Frames" and "DWARF Extensions". */
enum {
	VERSION = 1,
	PE_ABSPTR = 0x00,
	PE_UDATA4 = 0x03,
	PE_UDATA8 = 0x04,
	PE_SDATA4 = 0x0b,
	PE_SDATA8 = 0x0c,
	PE_FORMAT = 0x0f,
	PE_DATAREL = 0x30,
	PE_OMIT = 0xff,
};

/* Size of a value, or 0: it is not there, or not of a fixed size. */
static unsigned size_of(uint8_t encoding)
{
	if (encoding == PE_OMIT)
		return 0;
	switch (encoding & PE_FORMAT) {
	case PE_UDATA4:
	case PE_SDATA4:
		return 4;
	case PE_ABSPTR:
	case PE_UDATA8:
	case PE_SDATA8:
		return 8;
	default:
		return 0;
	}
}

bool eh_frame_hdr_parse(struct span bytes, uint64_t size, struct eh_frame_hdr *ret)
{
	struct cursor c = cursor_at(bytes, 0);
	uint8_t version = cursor_u8(&c);
	unsigned frame_size = size_of(cursor_u8(&c));
	uint8_t count_encoding = cursor_u8(&c);
	uint8_t table_encoding = cursor_u8(&c);
	cursor_skip(&c, frame_size);
	uint64_t count = size_of(count_encoding) == 4 ? cursor_u32(&c) : cursor_u64(&c);
	// Values that are relative to something cannot be a count.
	bool fits = version == VERSION && frame_size && size_of(count_encoding) &&
		    !(count_encoding & ~PE_FORMAT) && table_encoding == (PE_DATAREL | PE_SDATA4);
	if (c.failed || !fits || c.pos > size || !count || count > (size - c.pos) / EH_FRAME_ENTRY)
		return false;
	*ret = (struct eh_frame_hdr){.table_off = c.pos, .count = count};
	return true;
}
