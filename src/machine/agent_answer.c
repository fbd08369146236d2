#include "machine/agent_answer.h"

#include <string.h>

enum form {
	FORM_LINES, /* text that ends with a newline */
	FORM_GZIP,
	FORM_TRACE, /* a version, " trace", zeros */
	FORM_ANY,
};

static const uint64_t SECOND_NS = 1000000000;
/* runtime/pprof:writeGoroutineStacks cuts the stacks off at 64 MiB. */
static const uint64_t STACK_MAX = 64 << 20;

/* Profiles unpack to some ten times their size; a bomb to a thousand times. */
static const uint64_t UNPACKED_MAX = UINT64_C(8) << 30;

struct kind {
	enum form form;
	uint64_t max; /* bytes */
	const char *name;
	const char *begin[2]; /* what it begins with: one of them */
	uint64_t work_s;
};

static struct kind kind_of(enum gospy_agent_verb verb)
{
	switch (verb) {
	case GOSPY_AGENT_STACK:
		return (struct kind){FORM_LINES, 65 << 20, "stacks", {"goroutine "}, 0};
	case GOSPY_AGENT_GC:
		return (struct kind){FORM_ANY, 2, "\"ok\"", {"ok"}, 0};
	case GOSPY_AGENT_MEMSTATS:
		// Some thirty lines.
		return (struct kind){FORM_LINES, 64 << 10, "statistics", {"alloc: "}, 0};
	case GOSPY_AGENT_STATS:
		return (struct kind){FORM_LINES, 64 << 10, "statistics", {"goroutines: "}, 0};
	case GOSPY_AGENT_VERSION:
		// cmd/dist/build.go:findgoversion
		return (struct kind){FORM_LINES, 4 << 10, "a Go version", {"go", "devel "}, 0};
	case GOSPY_AGENT_SET_GC_PERCENT:
		return (struct kind){
			FORM_LINES, 4 << 10, "the GC percentage", {"New GC percent "}, 0};
	case GOSPY_AGENT_HEAP_PROFILE:
		// Some hundred bytes for each different stack, of which there are thousands.
		return (struct kind){FORM_GZIP, 256 << 20, "a profile", {"\x1f\x8b"}, 0};
	case GOSPY_AGENT_CPU_PROFILE:
		return (struct kind){FORM_GZIP, 256 << 20, "a profile", {"\x1f\x8b"}, 30};
	case GOSPY_AGENT_TRACE:
		// Busy programs on large machines write some hundred megabytes a second.
		return (struct kind){FORM_TRACE, UINT64_C(8) << 30, "a trace", {"go 1."}, 5};
	case GOSPY_AGENT_BINARY:
		return (struct kind){FORM_ANY,
				     UINT64_C(8) << 30,
				     "a program",
				     {"\x7f"
				      "ELF"},
				     0};
	}
	return (struct kind){FORM_ANY, 0, "nothing", {""}, 0};
}

uint64_t agent_answer_work_ns(enum gospy_agent_verb verb)
{
	return kind_of(verb).work_s * SECOND_NS;
}

void agent_answer_begin(struct agent_answer *answer, enum gospy_agent_verb verb)
{
	*answer = (struct agent_answer){.verb = verb};
}

void agent_answer_deinit(struct agent_answer *answer)
{
	if (answer->inflating)
		inflateEnd(&answer->gzip);
	answer->inflating = false;
}

static enum gospy_code not_it(const struct agent_answer *answer, struct gospy_error *err)
{
	return err_set(err, GOSPY_E_BAD_DATA, "what was sent is not %s",
		       kind_of(answer->verb).name);
}

/* Unpack what comes, and forget it: the end of the stream has a checksum. */
static enum gospy_code inflate_part(struct agent_answer *answer, const void *bytes, size_t len,
				    struct gospy_error *err)
{
	unsigned char buf[4096], *in = (unsigned char *)(uintptr_t)bytes;
	// 15: the largest window; 16: gzip only (zlib.h).
	if (!answer->inflating && inflateInit2(&answer->gzip, 15 + 16) != Z_OK)
		return err_nomem(err);
	answer->inflating = true;
	answer->gzip.next_in = in;
	answer->gzip.avail_in = (unsigned)len;
	int status = Z_OK;
	while (status == Z_OK && !answer->gzip_done && answer->gzip.total_out < UNPACKED_MAX) {
		answer->gzip.next_out = buf;
		answer->gzip.avail_out = sizeof(buf);
		status = inflate(&answer->gzip, Z_NO_FLUSH);
		answer->gzip_done = status == Z_STREAM_END;
	}
	if (status == Z_MEM_ERROR)
		return err_nomem(err);
	if (answer->gzip.total_out >= UNPACKED_MAX)
		return err_set(err, GOSPY_E_LIMIT, "the profile unpacks to more than 8 GiB");
	// Z_BUF_ERROR: all that came is used up.
	bool bad = (status != Z_OK && status != Z_BUF_ERROR && status != Z_STREAM_END) ||
		   answer->gzip.avail_in;
	return bad ? not_it(answer, err) : GOSPY_OK;
}

/* Look at the answer as far as it is there, or at all of it if `whole`. */
static bool begins_with(const struct agent_answer *answer, const char *begin, bool whole)
{
	size_t len = strlen(begin);
	if (answer->len < len && !whole)
		len = (size_t)answer->len;
	return answer->len >= len && memcmp(answer->head, begin, len) == 0;
}

static bool begins_right(const struct agent_answer *answer, const struct kind *kind, bool whole)
{
	return begins_with(answer, kind->begin[0], whole) ||
	       (kind->begin[1] && begins_with(answer, kind->begin[1], whole));
}

enum gospy_code agent_answer_part(struct agent_answer *answer, const void *bytes, size_t len,
				  struct gospy_error *err)
{
	const struct kind kind = kind_of(answer->verb);
	bool longer = len > kind.max - answer->len;
	if (answer->len < AGENT_HEAD) {
		size_t room = AGENT_HEAD - (size_t)answer->len;
		memcpy(answer->head + answer->len, bytes, len < room ? len : room);
	}
	answer->len += len;
	if (len)
		answer->last = ((const char *)bytes)[len - 1];
	if (!begins_right(answer, &kind, false))
		return not_it(answer, err);
	if (longer)
		return err_set(err, GOSPY_E_LIMIT, "the answer is longer than %s can be",
			       kind.name);
	return kind.form == FORM_GZIP ? inflate_part(answer, bytes, len, err) : GOSPY_OK;
}

enum gospy_code agent_answer_end(const struct agent_answer *answer, struct gospy_error *err)
{
	if (!answer->len)
		return err_set(err, GOSPY_E_BAD_DATA,
			       "the connection was closed without an answer");
	const struct kind kind = kind_of(answer->verb);
	bool good = begins_right(answer, &kind, true);
	switch (kind.form) {
	case FORM_LINES:
		good = good && (answer->last == '\n' || answer->len >= STACK_MAX);
		break;
	case FORM_GZIP:
		good = answer->gzip_done;
		break;
	case FORM_TRACE:
		// internal/trace/tracev2, before Go 1.22 internal/trace/parser.go: readHeader
		good = good && memmem(answer->head, AGENT_HEAD, " trace", 6);
		break;
	case FORM_ANY:
		break;
	}
	return good ? GOSPY_OK
		    : err_set(err, GOSPY_E_BAD_DATA, "the answer is not %s, or not all of it",
			      kind.name);
}
