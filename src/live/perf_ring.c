#include "live/perf_ring.h"

#include <linux/perf_event.h>
#include <string.h>

#include <asm/perf_regs.h>

#include "base/cursor.h"

enum { REGS = 17 };

const uint64_t perf_sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_TIME | PERF_SAMPLE_CALLCHAIN |
				  PERF_SAMPLE_REGS_USER | PERF_SAMPLE_STACK_USER;

#define REG_(name) (UINT64_C(1) << PERF_REG_X86_##name)
const uint64_t perf_sample_regs = REG_(AX) | REG_(BX) | REG_(CX) | REG_(DX) | REG_(SI) | REG_(DI) |
				  REG_(BP) | REG_(SP) | REG_(IP) | REG_(R8) | REG_(R9) | REG_(R10) |
				  REG_(R11) | REG_(R12) | REG_(R13) | REG_(R14) | REG_(R15);

/* In the order of their bits. */
static void read_regs(struct cursor *c, struct cpu_sample_regs *regs)
{
	uint64_t *const at[REGS] = {&regs->ax,  &regs->bx,  &regs->cx,  &regs->dx,  &regs->si,
				    &regs->di,  &regs->bp,  &regs->sp,  &regs->ip,  &regs->r8,
				    &regs->r9,  &regs->r10, &regs->r11, &regs->r12, &regs->r13,
				    &regs->r14, &regs->r15};
	for (size_t i = 0; i < REGS; i++)
		*at[i] = cursor_u64(c);
}

/* Markers tell of what mode the addresses behind them are. */
static void read_chain(struct cursor *c, struct perf_ring *ring, struct cpu_sample *sample)
{
	uint64_t n = cursor_u64(c);
	bool user = false;
	if (n > cursor_left(c) / sizeof(n)) {
		c->failed = true;
		return;
	}
	for (uint64_t i = 0; i < n; i++) {
		uint64_t addr = cursor_u64(c);
		if (addr >= PERF_CONTEXT_MAX)
			user = addr == PERF_CONTEXT_USER;
		else if (user && sample->chain_len < SAMPLE_CHAIN_MAX)
			ring->chain[sample->chain_len++] = addr;
	}
	sample->chain = ring->chain;
	sample->chain_full = sample->chain_len >= ring->chain_max;
}

/* Bytes that were asked for, and how many of them there are. */
static void read_stack(struct cursor *c, struct cpu_sample *sample)
{
	uint64_t room = cursor_u64(c);
	const uint8_t *bytes = room ? cursor_bytes(c, room) : NULL;
	uint64_t len = room ? cursor_u64(c) : 0;
	if (!bytes || len > room)
		c->failed |= room != 0;
	else
		sample->stack = (struct span){bytes, (size_t)len};
}

static void read_sample(struct cursor *c, uint16_t misc, struct perf_ring *ring,
			struct perf_record *ret)
{
	struct cpu_sample *sample = &ret->sample;
	ret->kind = PERF_A_SAMPLE;
	ret->pid = (pid_t)cursor_u32(c);
	ret->tid = sample->tid = (pid_t)cursor_u32(c);
	sample->time_ns = cursor_u64(c);
	sample->kernel = (misc & PERF_RECORD_MISC_CPUMODE_MASK) == PERF_RECORD_MISC_KERNEL;
	read_chain(c, ring, sample);
	uint64_t abi = cursor_u64(c);
	if (abi != PERF_SAMPLE_REGS_ABI_NONE)
		read_regs(c, &sample->regs);
	read_stack(c, sample);
	sample->has_regs = abi == PERF_SAMPLE_REGS_ABI_64;
}

static void read_fork(struct cursor *c, struct perf_record *ret)
{
	ret->kind = PERF_FORK;
	ret->pid = (pid_t)cursor_u32(c);
	cursor_u32(c); // the parent
	ret->tid = (pid_t)cursor_u32(c);
}

static void read_comm(struct cursor *c, uint16_t misc, struct perf_record *ret)
{
	ret->kind = misc & PERF_RECORD_MISC_COMM_EXEC ? PERF_EXEC : PERF_OTHER;
	ret->pid = (pid_t)cursor_u32(c);
	ret->tid = (pid_t)cursor_u32(c);
}

static void read_record(struct cursor *c, struct perf_ring *ring, struct perf_record *ret)
{
	uint32_t type = cursor_u32(c);
	uint16_t misc = cursor_u16(c);
	cursor_u16(c);
	switch (type) {
	case PERF_RECORD_SAMPLE:
		read_sample(c, misc, ring, ret);
		break;
	case PERF_RECORD_LOST:
		cursor_u64(c); // of which event
		ret->kind = PERF_LOST;
		ret->count = cursor_u64(c);
		break;
	case PERF_RECORD_LOST_SAMPLES:
		ret->kind = PERF_LOST;
		ret->count = cursor_u64(c);
		break;
	case PERF_RECORD_THROTTLE:
		ret->kind = PERF_THROTTLE;
		break;
	case PERF_RECORD_FORK:
		read_fork(c, ret);
		break;
	case PERF_RECORD_COMM:
		read_comm(c, misc, ret);
		break;
	default:
		break;
	}
	if (c->failed)
		*ret = (struct perf_record){.kind = PERF_BAD};
}

static void copy(const struct perf_ring *ring, void *to, size_t len)
{
	uint64_t at = ring->tail & (ring->size - 1);
	size_t first = ring->size - at < len ? (size_t)(ring->size - at) : len;
	memcpy(to, ring->data + at, first);
	memcpy((uint8_t *)to + first, ring->data, len - first);
}

bool perf_ring_next(struct perf_ring *ring, uint64_t head, struct perf_record *ret)
{
	struct perf_event_header header;
	uint64_t there = head - ring->tail;
	*ret = (struct perf_record){.kind = PERF_BAD};
	if (!there)
		return false;
	if (there > ring->size || there < sizeof(header)) {
		ring->tail = head;
		return true;
	}
	copy(ring, &header, sizeof(header));
	if (header.size < sizeof(header) || header.size % sizeof(uint64_t) || header.size > there) {
		ring->tail = head;
		return true;
	}
	copy(ring, ring->record, header.size);
	ring->tail += header.size;
	ret->kind = PERF_OTHER;
	struct cursor c = cursor_at((struct span){(const uint8_t *)ring->record, header.size}, 0);
	read_record(&c, ring, ret);
	return true;
}
