#include "live/scan.h"

static unsigned digit_value(uint8_t c)
{
	if (c >= '0' && c <= '9')
		return c - (unsigned)'0';
	if (c >= 'a' && c <= 'f')
		return c - (unsigned)'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - (unsigned)'A' + 10;
	return UINT_MAX;
}

uint64_t scan_u64(struct scan *s, unsigned base)
{
	uint64_t value = 0;
	const uint8_t *start = s->at;
	for (; !scan_at_end(s); s->at++) {
		unsigned digit = digit_value(*s->at);
		if (digit >= base)
			break;
		if (__builtin_mul_overflow(value, base, &value) ||
		    __builtin_add_overflow(value, digit, &value))
			s->failed = true;
	}
	if (s->at == start)
		s->failed = true;
	return s->failed ? 0 : value;
}
