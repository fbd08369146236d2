#include "core/debuginfod.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cancel.h"

static const char soname[] = "libdebuginfod.so.1";

/* Of elfutils/debuginfod.h, whose package few have; the same since elfutils 0.178. */
struct debuginfod_client;
typedef int progress_fn(struct debuginfod_client *client, long a, long b);
struct api {
	struct debuginfod_client *(*begin)(void);
	void (*end)(struct debuginfod_client *client);
	void (*set_progress)(struct debuginfod_client *client, progress_fn *progress);
	int (*find)(struct debuginfod_client *client, const unsigned char *id, int id_len,
		    char **path);
};

bool debuginfod_is_set(void)
{
	const char *urls = secure_getenv("DEBUGINFOD_URLS");
	return urls && urls[strspn(urls, " ")];
}

static bool load(void *library, const char *name, void *ret)
{
	void *symbol = dlsym(library, name);
	memcpy(ret, &symbol, sizeof(symbol));
	return symbol;
}

static bool load_all(void *library, struct api *ret)
{
	return load(library, "debuginfod_begin", &ret->begin) &&
	       load(library, "debuginfod_end", &ret->end) &&
	       load(library, "debuginfod_set_progressfn", &ret->set_progress) &&
	       load(library, "debuginfod_find_executable", &ret->find);
}

/* It is called now and then; what is not zero ends the transfer. */
static int progress(struct debuginfod_client *client, long a, long b)
{
	(void)client;
	(void)a;
	(void)b;
	return cancel_asked();
}

static enum gospy_code find(const struct api *api, const uint8_t *id, size_t len, int *fd_ret,
			    struct gospy_error *err)
{
	struct debuginfod_client *client = api->begin();
	if (!client)
		return err_nomem(err);
	api->set_progress(client, progress);
	int fd = api->find(client, id, (int)len, NULL);
	api->end(client);
	if (cancel_check(err))
		return GOSPY_E_CANCELLED;
	if (fd == -ENOENT)
		return err_set(err, GOSPY_E_NOT_FOUND, "DEBUGINFOD_URLS has it neither");
	if (fd < 0)
		return err_os(err, -fd, "DEBUGINFOD_URLS");
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	*fd_ret = fd;
	return GOSPY_OK;
}

enum gospy_code debuginfod_executable(const uint8_t *id, size_t len, int *fd_ret,
				      struct gospy_error *err)
{
	struct api api;
	// It stays: its HTTP client has threads and memory that cannot be taken down.
	void *library = dlopen(soname, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
	if (!library || !load_all(library, &api))
		return err_set(err, GOSPY_E_NOT_FOUND,
			       "DEBUGINFOD_URLS takes %s, which is not installed", soname);
	return find(&api, id, len, fd_ret, err);
}
