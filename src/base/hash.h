/*
 * Hashes of what a target chooses. They depend on a secret of this process, so that nobody can
 * choose keys that meet: neither to make a table slow nor to make two things look like one. They
 * mean nothing outside of this process.
 */
#ifndef GOSPY_BASE_HASH_H
#define GOSPY_BASE_HASH_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

extern _Atomic uint64_t hash_secret_; /* 0: not made yet */
uint64_t hash_make_secret_(void);

/** The secret: never 0, and the same for all threads. */
static inline uint64_t hash_secret(void)
{
	uint64_t secret = atomic_load_explicit(&hash_secret_, memory_order_relaxed);
	return secret ? secret : hash_make_secret_();
}

/* Both halves of a product, mixed. */
static inline uint64_t hash_fold_(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/** Mix `value` into `hash`, which begins as any number. It is multiplied first: of two small
 * numbers others have the same sum. The last product is for values at equal distances: after the
 * one before alone they still lie at a few equal distances. */
static inline uint64_t hash_mix(uint64_t hash, uint64_t value)
{
	uint64_t secret = hash_secret(), turned = secret << 32 | secret >> 32;
	hash = (hash + turned) * UINT64_C(0x9e3779b97f4a7c15);
	hash = hash_fold_(hash ^ value, secret);
	return hash_fold_(hash ^ secret, UINT64_C(0x9e3779b97f4a7c15));
}

/** Mix bytes in, and how many they are. */
uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t len);

#endif
