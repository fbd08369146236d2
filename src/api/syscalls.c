#include "api/syscalls.h"

#include "base/cancel.h"
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
static bool is_in(pid_t pid, const struct capture *c, const struct g_rec *rec, struct place *ret)
{
	pid_t tid = thread_of(c, rec);
	return tid && thread_syscall(pid, tid, ret) && ret->sp >= rec->stack_lo &&
	       ret->sp < rec->stack_hi;
}

static int fd_of(const struct syscall_name *name, const struct place *place)
{
	return name && name->fd && place->arg0 <= INT32_MAX ? (int)place->arg0 : -1;
}

enum gospy_code syscalls_find(pid_t pid, struct gospy_snapshot *snapshot, struct gospy_error *err)
{
	const struct capture *c = &snapshot->capture;
	VEC(struct syscall_rec) found = {0};
	bool ok = true;
	for (size_t i = 0; ok && i < c->count && found.len < SYSCALLS_MAX; i++) {
		const struct g_rec *rec = &c->recs[i];
		struct place place;
		if (rec->soundness == GOSPY_SOUND_UNREADABLE ||
		    grec_status(rec) != GOSPY_STATUS_SYSCALL || !is_in(pid, c, rec, &place))
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
