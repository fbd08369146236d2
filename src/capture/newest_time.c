#include "capture/newest_time.h"

/* No clock that began with the machine says more: 73 years. What does is damaged. It is also what
 * limiterEventStamp has room for (src/runtime/mgclimit.go, Go 1.19-1.27). */
#define TIME_MAX ((UINT64_C(1) << 61) - 1)

static void note(uint64_t *newest, uint64_t time_ns)
{
	if (time_ns && time_ns <= TIME_MAX && (*newest == GOSPY_UNKNOWN || time_ns > *newest))
		*newest = time_ns;
}

/* When a P became idle, or began to help the collector: the type is in the highest three bits, 0 if
 * there is no such event. A P that cannot be read tells nothing. */
static void note_events(uint64_t *newest, const struct capture *c, struct image *image)
{
	enum { AT_ONCE = 64 };
	const struct field field = image->layout.p.limiterStamp;
	uint64_t stamps[AT_ONCE];
	struct mem_req reqs[AT_ONCE];
	for (size_t i = 0; field.size == sizeof(*stamps) && i < c->sched.ps.len; i += AT_ONCE) {
		size_t n = c->sched.ps.len - i < AT_ONCE ? c->sched.ps.len - i : AT_ONCE;
		for (size_t k = 0; k < n; k++)
			reqs[k] = (struct mem_req){c->sched.ps.at[i + k].addr + field.off,
						   &stamps[k], sizeof(stamps[k]), 0, MEM_DATA};
		enum gospy_code code = mem_readv(image->mem, reqs, n, NULL);
		for (size_t k = 0; (!code || code == GOSPY_E_FAULT) && k < n; k++) {
			if (reqs[k].done == sizeof(stamps[k]) && stamps[k] > TIME_MAX)
				note(newest, stamps[k] & TIME_MAX);
		}
	}
}

/*
 * sysmon looks at each P that runs or is in a system call, every 10 ms at least, and notes when it
 * saw that it had changed (src/runtime/proc.go:retake). A collection notes when the one before was
 * (mgcmark.go:markroot). Both by nanotime(), Go 1.12-1.27. When timers are due lies ahead, so that
 * tells nothing.
 */
uint64_t newest_time(const struct capture *c, struct image *image)
{
	uint64_t newest = GOSPY_UNKNOWN;
	for (size_t i = 0; i < c->sched.ps.len; i++) {
		note(&newest, c->sched.ps.at[i].schedwhen);
		note(&newest, c->sched.ps.at[i].syscallwhen);
	}
	for (size_t i = 0; i < c->count; i++) {
		if (c->recs[i].soundness != GOSPY_SOUND_UNREADABLE)
			note(&newest, c->recs[i].waitsince);
	}
	note_events(&newest, c, image);
	return newest;
}
