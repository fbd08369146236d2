#include "render/report_version.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/quote.h"
#include "render/json.h"

/* runtime/debug/mod.go:BuildInfo.String */
static void module_text(struct out *out, const char *word, const struct gospy_module *module)
{
	const char *columns[] = {word, module->path, module->version, module->sum};
	// A replaced module has no sum of its own, and no tab where it would stand.
	size_t n = module->replace ? 3 : 4;
	for (size_t i = 0; i < n; i++) {
		out_putc(out, '\t');
		if (columns[i])
			out_text(out, columns[i]);
	}
	out_putc(out, '\n');
	if (module->replace)
		module_text(out, "=>", module->replace);
}

/* runtime/debug/mod.go:quoteKey, quoteValue. */
static void quotable_text(struct out *out, const char *s, const char *special)
{
	CLEANUP(strbuf_deinit) struct strbuf quoted = {0};
	if (s[strcspn(s, special)])
		quote_add(&quoted, s);
	out_text(out, quoted.s ? quoted.s : s);
}

static void setting_text(struct out *out, const struct gospy_build_setting *setting)
{
	out_puts(out, "\tbuild\t");
	quotable_text(out, setting->key, "= \t\r\n\"`");
	out_putc(out, '=');
	quotable_text(out, setting->value, " \t\r\n\"`");
	out_putc(out, '\n');
}

static void version_text(struct out *out, const struct gospy_build_info *info, bool verbose)
{
	out_text(out, info->go_version ? info->go_version : "?");
	out_putc(out, '\n');
	if (!verbose)
		return;
	if (info->path) {
		out_puts(out, "\tpath\t");
		out_text(out, info->path);
		out_putc(out, '\n');
	}
	if (info->main)
		module_text(out, "mod", info->main);
	for (size_t i = 0; i < info->dep_count; i++)
		module_text(out, "dep", &info->deps[i]);
	for (size_t i = 0; i < info->setting_count; i++)
		setting_text(out, &info->settings[i]);
}

static void module_json(struct json *json, const char *key, const struct gospy_module *module)
{
	json_object(json, key);
	json_str(json, "path", module->path);
	json_str(json, "version", module->version);
	json_str(json, "sum", module->sum);
	if (module->replace)
		module_json(json, "replace", module->replace);
	json_object_end(json);
}

static void version_json(struct out *out, const struct gospy_build_info *info)
{
	struct json json = {.out = out};
	json_begin(&json, "version");
	json_str(&json, "exe", info->exe);
	json_str(&json, "go_version", info->go_version);
	json_str(&json, "path", info->path);
	json_str(&json, "left_out", info->left_out);
	if (info->main)
		module_json(&json, "main", info->main);
	json_array(&json, "deps");
	for (size_t i = 0; i < info->dep_count; i++)
		module_json(&json, NULL, &info->deps[i]);
	json_array_end(&json);
	json_array(&json, "settings");
	for (size_t i = 0; i < info->setting_count; i++) {
		json_object(&json, NULL);
		json_str(&json, "key", info->settings[i].key);
		json_str(&json, "value", info->settings[i].value);
		json_object_end(&json);
	}
	json_array_end(&json);
	json_object_end(&json);
	json_newline(&json);
}

void report_version(struct out *out, const struct gospy_build_info *info, bool verbose,
		    enum report_format format)
{
	const struct out_mark mark = out_mark(out);
	if (format == REPORT_TEXT)
		version_text(out, info, verbose);
	else
		version_json(out, info);
	out_wrap(out, mark);
}
