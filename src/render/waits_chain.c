#include "render/waits_chain.h"

#include <errno.h>

#include "base/cleanup.h"
#include "base/status_name.h"
#include "render/report_goroutine.h"
#include "render/wait.h"
#include "render/waits_text.h"

static const char *what_it_does(const struct gospy_goroutine *g)
{
	return g->status == GOSPY_STATUS_RUNNING    ? "runs"
	       : g->status == GOSPY_STATUS_RUNNABLE ? "waits for a processor"
	       : g->status == GOSPY_STATUS_SYSCALL  ? "is in a system call"
						    : status_name(g->status);
}

void waits_chain_state(struct out *out, const struct waits *w, const struct gospy_goroutine *g)
{
	CLEANUP(strbuf_deinit) struct strbuf text = {0};
	const struct gospy_location *place = waits_place(g);
	(void)w;
	out_puts(out, "; it ");
	if (g->status == GOSPY_STATUS_WAITING) {
		wait_name(g, &text);
		out_puts(out, "waits for ");
		if (text.failed)
			out->error = ENOMEM;
		else if (text.len)
			out_text_n(out, text.s, text.len);
		else
			out_text(out, g->wait_reason ? g->wait_reason : "?");
	} else {
		out_puts(out, what_it_does(g));
	}
	if (!place)
		return;
	const struct name name = name_place(place);
	out_puts(out, " at ");
	report_name_text(out, &name);
}
