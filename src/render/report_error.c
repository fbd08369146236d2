#include "render/report_error.h"

#include "render/json.h"

void report_error_json(struct out *out, const struct gospy_error *err, pid_t pid, int exit_status)
{
	struct json json = {.out = out};
	json_begin(&json, "error");
	if (pid)
		json_u64(&json, "pid", (uint64_t)pid);
	json_object(&json, "error");
	json_str(&json, "code", gospy_code_name(err->code));
	json_str(&json, "message", err->msg);
	json_u64(&json, "exit_status", (uint64_t)exit_status);
	if (err->os_errno)
		json_u64(&json, "errno", (uint64_t)err->os_errno);
	if (err->code == GOSPY_E_FAULT)
		json_addr(&json, "addr", err->addr);
	json_object_end(&json);
	json_object_end(&json);
	json_newline(&json);
}
