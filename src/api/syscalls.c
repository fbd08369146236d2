#include "api/syscalls.h"

#include <errno.h>

#include "base/cancel.h"
#include "base/cleanup.h"
#include "machine/syscall_names.h"
#include "machine/thread_syscall.h"
#include "snapshot/decode_wait.h"

enum { SYSCALLS_MAX = 4096 };

static pid_t thread_of(const struct capture *c, const struct g_rec *rec)
{
	const struct m_rec *m = schedstate_m(&c->sched, rec->m);
	return m ? m->tid : 0;
}

/* Threads take up other goroutines; but one that is on this one's stack acts for it. */
static bool is_on_stack(const struct g_rec *rec, const struct place *place)
{
	return place->sp >= rec->stack_lo && place->sp < rec->stack_hi;
}

static bool is_in(pid_t pid, const struct capture *c, const struct g_rec *rec, struct place *ret)
{
	pid_t tid = thread_of(c, rec);
	return tid && thread_syscall(pid, tid, ret) && is_on_stack(rec, ret);
}

/* The kernel keeps the number of a call until it is over. Meanwhile its result is one that the
 * program does not see, or that the call was interrupted: arch/x86/entry/common.c, and ERESTARTSYS
 * to ERESTART_RESTARTBLOCK of include/linux/errno.h. */
static bool place_of(const struct moment_thread *thread, struct place *ret)
{
	enum { RESTART_FIRST = 512, RESTART_LAST = 516 };
	if (!thread->has_regs) {
		*ret = thread->place;
		return thread->state == MOMENT_STILL && ret->syscall >= 0;
	}
	const struct user_regs_struct *regs = &thread->regs;
	int64_t result = -(int64_t)regs->rax;
	*ret = (struct place){.syscall = (int64_t)regs->orig_rax,
			      .arg0 = regs->rdi,
			      .arg1 = regs->rsi,
			      .arg2 = regs->rdx,
			      .arg3 = regs->r10,
			      .sp = regs->rsp,
			      .pc = regs->rip};
	return ret->syscall >= 0 && (result == ENOSYS || result == EINTR ||
				     (result >= RESTART_FIRST && result <= RESTART_LAST));
}

/* Of a file. */
static bool was_in(const struct moment *moment, const struct capture *c, const struct g_rec *rec,
		   struct place *ret)
{
	pid_t tid = thread_of(c, rec);
	const struct moment_thread *thread = tid ? moment_find(moment, tid) : NULL;
	return thread && place_of(thread, ret) && is_on_stack(rec, ret);
}

static enum gospy_code look_at_nothing(void *ctx, const struct moment *moment,
				       struct gospy_error *err)
{
	(void)ctx;
	(void)moment;
	(void)err;
	return GOSPY_OK;
}

static int fd_of(const struct syscall_name *name, const struct place *place)
{
	return name && name->fd && place->arg0 <= INT32_MAX ? (int)place->arg0 : -1;
}

enum gospy_code syscalls_find(struct source *source, struct gospy_snapshot *snapshot,
			      struct gospy_error *err)
{
	static const struct moment_work work = {.visit = look_at_nothing};
	const struct capture *c = &snapshot->capture;
	VEC(struct syscall_rec) found = {0};
	CLEANUP(moment_deinit) struct moment moment = {0};
	bool ok = true;
	enum gospy_code code =
		source->frozen ? source_stop(source, 0, &work, &moment, err) : GOSPY_OK;
	if (code)
		return code;
	for (size_t i = 0; ok && i < c->count && found.len < SYSCALLS_MAX; i++) {
		const struct g_rec *rec = &c->recs[i];
		struct place place;
		if (rec->soundness == GOSPY_SOUND_UNREADABLE ||
		    grec_status(rec) != GOSPY_STATUS_SYSCALL)
			continue;
		if (source->frozen ? !was_in(&moment, c, rec, &place)
				   : !is_in(source->pid, c, rec, &place))
			continue;
		const struct syscall_name *name = syscall_name(place.syscall);
		const struct syscall_rec syscall = {
			.g = (uint32_t)i,
			.is = {.number = place.syscall,
			       .name = name ? name->name : NULL,
			       .fd = fd_of(name, &place)},
		};
		ok = vec_push(&found, syscall);
		if (cancel_asked())
			break;
	}
	if (ok && found.len)
		snapshot->syscalls = arena_calloc(&snapshot->arena, found.len, sizeof(*found.at));
	ok = ok && (snapshot->syscalls || !found.len);
	for (size_t i = 0; ok && i < found.len; i++)
		snapshot->syscalls[i] = found.at[i];
	snapshot->syscall_count = ok ? found.len : 0;
	vec_free(&found);
	return ok ? cancel_check(err) : err_nomem(err);
}

void syscalls_name_descriptors(pid_t pid, struct gospy_snapshot *snapshot)
{
	const struct capture *c = &snapshot->capture;
	for (size_t i = 0; i < snapshot->syscall_count; i++) {
		struct gospy_syscall *syscall = &snapshot->syscalls[i].is;
		struct place place;
		if (syscall->fd >= 0 && is_in(pid, c, &c->recs[snapshot->syscalls[i].g], &place) &&
		    place.syscall == syscall->number && place.arg0 == (uint64_t)syscall->fd)
			syscall->descriptor = decode_descriptor(
				snapshot->descriptors, snapshot->descriptor_count, syscall->fd);
	}
}
