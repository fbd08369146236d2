#include "heap/thread_words.h"

#include <string.h>
#include <sys/syscall.h>

#include "base/cleanup.h"

enum {
	WORD = 8,
	PIECE = 8 << 10,
	/* Of a system stack, from the stack pointer on. Go's own have 16 KiB; those of threads that
	 * C code has started may be larger, and what C code keeps there does not count. */
	STACK_MAX = 1 << 20,
};

struct job {
	const struct image *image;
	const struct capture *capture;
	const struct thread_words *words;
};

struct range {
	uint64_t lo, hi;
};

static uint64_t load(const uint8_t *bytes)
{
	uint64_t word;
	memcpy(&word, bytes, sizeof(word));
	return word;
}

/* False: not all of it can be read. */
static bool take_range(const struct job *job, uint64_t from, uint64_t to)
{
	uint8_t bytes[PIECE];
	from &= ~(uint64_t)(WORD - 1);
	if (to < from || to - from > STACK_MAX)
		to = from + STACK_MAX;
	while (from < to) {
		size_t len = to - from < PIECE ? to - from : PIECE;
		if (mem_read_stack(job->image->mem, from, bytes, len, NULL))
			return false;
		for (size_t i = 0; i + WORD <= len; i += WORD)
			job->words->word(job->words->ctx, load(bytes + i));
		from += len;
	}
	return true;
}

/* The stack of a g. */
static bool stack_of(const struct image *image, uint64_t g, struct range *ret)
{
	const struct field lo = image->layout.g.stack_lo, hi = image->layout.g.stack_hi;
	return g && !mem_read_u64(image->mem, g + lo.off, &ret->lo, NULL) &&
	       !mem_read_u64(image->mem, g + hi.off, &ret->hi, NULL) && ret->lo < ret->hi;
}

static bool is_in(const struct range *range, uint64_t sp)
{
	return sp >= range->lo && sp <= range->hi;
}

/* In a system call? Then it is in the hands of the kernel, or has just come back. */
static bool is_in_syscall(const struct user_regs_struct *regs)
{
	return (int64_t)regs->orig_rax >= 0;
}

/* False: not all are known. */
static bool take_registers(const struct moment_thread *thread, const struct thread_words *words)
{
	const struct user_regs_struct *r = &thread->regs;
	const uint64_t arguments[] = {r->rdi, r->rsi, r->rdx, r->r10, r->r8, r->r9};
	const uint64_t others[] = {r->rax, r->rbx, r->rcx, r->rbp, r->r11,
				   r->r12, r->r13, r->r14, r->r15};
	for (size_t i = 0; i < sizeof(arguments) / sizeof(arguments[0]); i++)
		words->word(words->ctx, arguments[i]);
	if (is_in_syscall(r))
		return true;
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		words->word(words->ctx, others[i]);
	for (size_t i = 0; thread->vectors && i + WORD <= thread->vector_bytes; i += WORD)
		words->vector_word(words->ctx, load(thread->vectors + i));
	return thread->vectors;
}

const char *thread_words_registers(const struct moment_thread *thread,
				   const struct thread_words *words)
{
	const struct place *place = &thread->place;
	const uint64_t args[] = {place->arg0, place->arg1, place->arg2, place->arg3};
	if (thread->has_regs)
		return take_registers(thread, words)
			       ? NULL
			       : "the vector registers of a thread are not known";
	if (thread->state != MOMENT_STILL || place->syscall < 0)
		return "the registers of a thread are not known";
	for (size_t i = 0; i < sizeof(args) / sizeof(args[0]); i++)
		words->word(words->ctx, args[i]);
	return NULL;
}

/* It waits until there is work, parked or in netpoll: proc.go:stopm, findRunnable. It acts for no
 * goroutine then, and what its stack says of the last one is over. */
static bool is_idle(const struct m_rec *m, const struct moment_thread *thread)
{
	int64_t call = thread->state == MOMENT_STILL ? thread->place.syscall
						     : (int64_t)thread->regs.orig_rax;
	bool polls = call == SYS_epoll_wait || call == SYS_epoll_pwait;
	return !m->curg && !m->lockedg && ((m->blocked && call == SYS_futex) || polls);
}

/* The system stack that a thread is on, from where it is used on. */
static const char *take_stacks(const struct job *job, const struct m_rec *m, uint64_t sp)
{
	static const char unread[] = "a system stack could not be read";
	struct range g0 = {0}, signal = {0}, curg = {0};
	bool has_g0 = stack_of(job->image, m->g0, &g0);
	bool has_signal = stack_of(job->image, m->gsignal, &signal);
	bool has_curg = m->curg && stack_of(job->image, m->curg, &curg);
	if (has_signal && is_in(&signal, sp)) {
		// What it has interrupted may be on either of the others.
		bool ok = take_range(job, sp, signal.hi) &&
			  (!has_g0 || take_range(job, g0.lo, g0.hi)) &&
			  (!has_curg || take_range(job, curg.lo, curg.hi));
		return ok ? NULL : unread;
	}
	// That of a goroutine is a root as such.
	if (has_curg && is_in(&curg, sp))
		return NULL;
	if (has_g0 && is_in(&g0, sp))
		return take_range(job, sp, g0.hi) ? NULL : unread;
	// C code is on a stack of its own. What Go has passed to it Go still has.
	return m->incgo ? NULL : "a thread is on a stack that is not known";
}

static const char *take_thread(const struct job *job, const struct m_rec *m,
			       const struct moment_thread *thread)
{
	if (thread->state == MOMENT_WAITS) {
		job->words->late(job->words->ctx, thread->tid);
		// Where it is on which stack is not known yet.
		struct range g0;
		return stack_of(job->image, m->g0, &g0) && take_range(job, g0.lo, g0.hi)
			       ? NULL
			       : "a system stack could not be read";
	}
	const char *problem = thread_words_registers(thread, job->words);
	if (problem)
		return problem;
	uint64_t sp = thread->has_regs ? thread->regs.rsp : thread->place.sp;
	return is_idle(m, thread) ? NULL : take_stacks(job, m, sp);
}

const char *thread_words_each(const struct image *image, const struct capture *capture,
			      const struct moment *moment, const struct thread_words *words)
{
	const struct job job = {image, capture, words};
	const char *problem = NULL;
	for (size_t i = 0; i < capture->sched.ms.len && !problem; i++) {
		const struct m_rec *m = &capture->sched.ms.at[i];
		const struct moment_thread *thread = m->tid ? moment_find(moment, m->tid) : NULL;
		if (thread && thread->state != MOMENT_ENDED)
			problem = take_thread(&job, m, thread);
	}
	return problem;
}
