#include "heap/candidates.h"

#include <stdlib.h>
#include <string.h>

/* src/runtime/runtime2.go:waitReasonStrings, from waitReasonChanReceiveNilChan to
 * waitReasonSyncWaitGroupWait. Waits that count as blocked in a bubble of testing/synctest have
 * other texts, and are none: somebody may still be in the bubble. */
static const struct {
	const char *reason;
	enum candidate_kind kind;
} reasons[] = {
	{"chan receive (nil chan)", CANDIDATE_NEVER},
	{"chan send (nil chan)", CANDIDATE_NEVER},
	{"select (no cases)", CANDIDATE_NEVER},
	{"chan receive", CANDIDATE_CHANNEL},
	{"chan send", CANDIDATE_CHANNEL},
	{"select", CANDIDATE_CHANNEL},
	{"sync.Cond.Wait", CANDIDATE_COND},
	{"sync.Mutex.Lock", CANDIDATE_SYNC},
	{"sync.RWMutex.RLock", CANDIDATE_SYNC},
	{"sync.RWMutex.Lock", CANDIDATE_SYNC},
	{"sync.WaitGroup.Wait", CANDIDATE_SYNC},
	/* Up to Go 1.19 all locks, and up to 1.23 sync.WaitGroup, say so. */
	{"semacquire", CANDIDATE_SYNC},
};

enum { PLAIN_SEMACQUIRE_LAST = 23 };

/* What each wait reason is; -1: it is none. */
static void classify(const struct image *image, int8_t kinds[256])
{
	for (unsigned i = 0; i < 256; i++) {
		const char *text = image_wait_reason(image, i);
		kinds[i] = -1;
		for (size_t k = 0; k < sizeof(reasons) / sizeof(reasons[0]); k++) {
			if (strcmp(text, reasons[k].reason) == 0)
				kinds[i] = (int8_t)reasons[k].kind;
		}
		if (strcmp(text, "semacquire") == 0 && image->version.minor > PLAIN_SEMACQUIRE_LAST)
			kinds[i] = -1;
	}
}

static bool add_object(struct candidates *c, uint64_t addr, uint64_t sudog)
{
	return vec_push(&c->objects, ((struct candidate_object){addr, sudog}));
}

/* What the goroutine waits for, as far as the capture knows; false: out of memory. Nothing is added
 * if it is not known. `*woken_ret`: a channel is closed, so it is about to go on. */
static bool add_objects(const struct capture *capture, const struct g_rec *rec,
			enum candidate_kind kind, struct candidates *c, bool *woken_ret)
{
	const struct chan_rec *chan = rec->chan && rec->chan <= capture->chans.len
					      ? &capture->chans.at[rec->chan - 1]
					      : NULL;
	if (!chan || !chan->known)
		return true;
	if (kind == CANDIDATE_CHANNEL && chan->wait == GOSPY_WAIT_SELECT) {
		size_t first = chan->of.select.first, n = chan->of.select.count;
		if (chan->of.select.cut || first > capture->select_cases.len ||
		    n > capture->select_cases.len - first)
			return true;
		for (size_t i = 0; i < n; i++) {
			const struct select_rec *rec_of = &capture->select_cases.at[first + i];
			if (rec_of->closed)
				*woken_ret = true;
			if (!add_object(c, rec_of->addr, rec_of->sudog))
				return false;
		}
		return true;
	}
	*woken_ret = kind == CANDIDATE_CHANNEL && chan->closed;
	bool fits = kind == CANDIDATE_CHANNEL ? chan->kind == GOSPY_OBJECT_CHANNEL
		    : kind == CANDIDATE_COND  ? chan->kind == GOSPY_OBJECT_NOTIFY_LIST ||
						       chan->wait == GOSPY_WAIT_COND
					     : chan->kind == GOSPY_OBJECT_SEMAPHORE;
	uint64_t sudog = rec->waiting                           ? rec->waiting
			 : chan->kind == GOSPY_OBJECT_SEMAPHORE ? chan->of.sudog
								: 0;
	return !fits || !chan->addr || add_object(c, chan->addr, sudog);
}

enum gospy_code candidates_find(const struct image *image, const struct capture *capture,
				struct candidates *ret, struct gospy_error *err)
{
	int8_t kinds[256];
	*ret = (struct candidates){0};
	classify(image, kinds);
	for (size_t i = 0; i < capture->count; i++) {
		const struct g_rec *rec = &capture->recs[i];
		if (kinds[rec->waitreason] < 0 || !grec_is_parked(rec) ||
		    rec->soundness > GOSPY_SOUND_LATE)
			continue;
		struct candidate candidate = {.g = (uint32_t)i,
					      .kind = (uint8_t)kinds[rec->waitreason],
					      .first = (uint32_t)ret->objects.len};
		bool never = candidate.kind == CANDIDATE_NEVER;
		bool woken = false;
		bool ok = never || add_objects(capture, rec, candidate.kind, ret, &woken);
		candidate.count = (uint32_t)ret->objects.len - candidate.first;
		// Of whose object nothing is known nothing can be said.
		if (ok && (never || (candidate.count && !woken)))
			ok = vec_push(&ret->list, candidate);
		if (!ok) {
			candidates_deinit(ret);
			return err_nomem(err);
		}
	}
	return GOSPY_OK;
}

void candidates_deinit(struct candidates *candidates)
{
	vec_free(&candidates->list);
	vec_free(&candidates->objects);
}

static int by_value(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return *x < *y ? -1 : *x > *y;
}

enum gospy_code candidates_hidden(const struct image *image, const struct candidates *candidates,
				  uint64_t **ret, size_t *count_ret, struct gospy_error *err)
{
	const __typeof__(image->layout.sudog) *L = &image->layout.sudog;
	// From Go 1.26 on the word that the collector follows stands beside the one that is read.
	const struct field c[] = {L->c, L->c_traced}, elem[] = {L->elem, L->elem_traced};
	uint64_t *words = malloc((candidates->objects.len * 2 + 1) * sizeof(*words));
	size_t n = 0;
	if (!words)
		return err_nomem(err);
	for (size_t i = 0; i < candidates->list.len; i++) {
		const struct candidate *candidate = &candidates->list.at[i];
		const struct field *fields = candidate->kind == CANDIDATE_CHANNEL ? c : elem;
		for (uint32_t k = 0; k < candidate->count; k++) {
			uint64_t sudog = candidates->objects.at[candidate->first + k].sudog;
			for (size_t f = 0; f < 2 && sudog; f++) {
				if (field_present(fields[f]))
					words[n++] = sudog + fields[f].off;
			}
		}
	}
	qsort(words, n, sizeof(*words), by_value);
	*ret = words;
	*count_ret = n;
	return GOSPY_OK;
}
