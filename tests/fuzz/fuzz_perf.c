/* A ring of perf events. The first eight bytes say where its head is, the next eight where its
 * tail; what follows is the ring. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "live/perf_ring.h"

enum { RING = 8192, RECORDS_MAX = 4096 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* All that a sample says is there. */
static uint64_t read_all(const struct cpu_sample *sample)
{
	uint64_t sum = sample->regs.ip;
	for (size_t i = 0; i < sample->chain_len; i++)
		sum += sample->chain[i];
	for (size_t i = 0; i < sample->stack.len; i++)
		sum += sample->stack.ptr[i];
	return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct perf_ring *ring = calloc(1, sizeof(*ring));
	uint8_t *bytes = calloc(1, RING);
	struct perf_record record;
	uint64_t head, sum = 0;
	if (ring && bytes && size >= 2 * sizeof(head)) {
		memcpy(&head, data, sizeof(head));
		memcpy(&ring->tail, data + sizeof(head), sizeof(head));
		size -= 2 * sizeof(head);
		memcpy(bytes, data + 2 * sizeof(head), size < RING ? size : RING);
		ring->data = bytes;
		ring->size = RING;
		ring->chain_max = 127;
		for (int i = 0; i < RECORDS_MAX && perf_ring_next(ring, head, &record); i++) {
			if (record.kind == PERF_A_SAMPLE)
				sum += read_all(&record.sample);
		}
	}
	free(bytes);
	free(ring);
	return sum == UINT64_MAX; // so that it is read
}
