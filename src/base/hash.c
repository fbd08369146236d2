#include "base/hash.h"

#include <string.h>
#include <sys/random.h>

#include "base/clock.h"

_Atomic uint64_t hash_secret_;

uint64_t hash_make_secret_(void)
{
	uint64_t secret, none = 0;
	// The kernel may not have gathered any randomness yet, or may not have the call (Linux
	// before 3.17). Then this serves: a target cannot choose where the program lies and what
	// time it is, either.
	if (getrandom(&secret, sizeof(secret), GRND_NONBLOCK) != (ssize_t)sizeof(secret))
		secret = (clock_mono_ns() ^ (uint64_t)(uintptr_t)&secret) *
			 UINT64_C(0x9e3779b97f4a7c15);
	// An odd factor loses nothing, and a large one reaches the upper half of the product.
	secret |= UINT64_C(1) << 63 | 1;
	// If several threads come here at once, the first one's value counts.
	return atomic_compare_exchange_strong(&hash_secret_, &none, secret) ? secret : none;
}

uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t len)
{
	const char *at = bytes;
	uint64_t word;
	size_t left = len;
	for (; left >= sizeof(word); left -= sizeof(word), at += sizeof(word)) {
		memcpy(&word, at, sizeof(word));
		hash = hash_mix(hash, word);
	}
	word = 0;
	if (left)
		memcpy(&word, at, left);
	return hash_mix(hash_mix(hash, word), len);
}
