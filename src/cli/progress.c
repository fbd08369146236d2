#include "cli/progress.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "render/term.h"

static const uint64_t SHOW_AFTER_NS = 500000000;
static const uint64_t INTERVAL_NS = 100000000;

void progress_init(struct progress *progress, const struct cli *cli)
{
	*progress = (struct progress){
		.enabled = !cli->quiet && !cli->pager.pid && isatty(STDERR_FILENO),
		.next_ns = clock_mono_ns() + SHOW_AFTER_NS,
	};
}

static const char *phase_name(enum gospy_progress_phase phase)
{
	switch (phase) {
	case GOSPY_PHASE_COPY:
		return "reading";
	case GOSPY_PHASE_STACKS:
		return "copying stacks";
	case GOSPY_PHASE_RECOPY:
		return "reading again";
	case GOSPY_PHASE_STOP:
		return "stopping";
	case GOSPY_PHASE_VERIFY:
		return "verifying";
	case GOSPY_PHASE_HEAP:
		return "reading the heap";
	case GOSPY_PHASE_TYPES:
		return "finding types";
	}
	return "";
}

/* The heap has no number that says something to a person; how far it has come does. What is wider
 * than the terminal could not be overwritten: there the bar is shorter. */
static void heap_text(enum gospy_progress_phase phase, uint64_t done, uint64_t total, int cols,
		      char *text, size_t size)
{
	enum { CELLS = 30 };
	const char *name = phase_name(phase);
	int room = cols - (int)sizeof("name [] 100 %") + (int)sizeof("name") - (int)strlen(name);
	int cells = room > CELLS || !cols ? CELLS : room > 0 ? room : 0;
	uint64_t percent = total ? (uint64_t)(100.0 * (double)done / (double)total) : 0;
	percent = percent > 100 ? 100 : percent;
	int full = (int)percent * cells / 100;
	snprintf(text, size, "%s [%.*s%*s] %" PRIu64 " %%", name, full,
		 "##############################", cells - full, "", percent);
}

void progress_update(void *ctx, enum gospy_progress_phase phase, uint64_t done, uint64_t total)
{
	struct progress *progress = ctx;
	// A terminal may block, so nothing is written when a stop is at hand.
	if (!progress->enabled || phase == GOSPY_PHASE_STOP)
		return;
	uint64_t now = clock_mono_ns();
	if (now < progress->next_ns)
		return;
	progress->next_ns = now + INTERVAL_NS;
	char text[96];
	int rows, cols;
	term_size(STDERR_FILENO, &rows, &cols);
	if (phase == GOSPY_PHASE_HEAP || phase == GOSPY_PHASE_TYPES)
		heap_text(phase, done, total, cols, text, sizeof(text));
	else
		snprintf(text, sizeof(text), "%s: %" PRIu64 " of %" PRIu64 " goroutines",
			 phase_name(phase), done, total);
	int width = fprintf(stderr, "\r%.*s", cols > 0 ? cols - 1 : (int)sizeof(text), text) - 1;
	if (width > 0 && width < progress->width)
		fprintf(stderr, "%*s", progress->width - width, "");
	if (width > progress->width)
		progress->width = width;
	fflush(stderr);
}

void progress_end(struct progress *progress)
{
	if (progress->width)
		fprintf(stderr, "\r%*s\r", progress->width, "");
	progress->width = 0;
}
