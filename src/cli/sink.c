#include "cli/sink.h"

#include <stdlib.h>

#include "base/error.h"

enum gospy_code sink_open(struct sink *sink, struct cli *cli, const char *path,
			  struct gospy_error *err)
{
	sink->is_file = path && strcmp(path, "-") != 0;
	sink->out = cli->out;
	if (!sink->is_file)
		return GOSPY_OK;
	sink->out = malloc(sizeof(*sink->out));
	if (!sink->out)
		return err_nomem(err);
	enum gospy_code code = save_begin(&sink->save, path, err);
	out_init(sink->out, sink->save.fd, false);
	return code;
}

enum gospy_code sink_end(struct sink *sink, struct gospy_error *err)
{
	if (!sink->is_file)
		return GOSPY_OK;
	if (!out_flush(sink->out))
		return err_os(err, sink->out->error, "cannot write %s", sink->save.path);
	sink->save.bytes = sink->out->written;
	return save_end(&sink->save, err);
}

void sink_drop(struct sink *sink)
{
	save_drop(&sink->save);
	if (sink->is_file)
		free(sink->out);
}
