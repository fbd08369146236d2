/* The addresses of a host, in the order of preference. */
#ifndef GOSPY_MACHINE_RESOLVE_H
#define GOSPY_MACHINE_RESOLVE_H

#include <stdbool.h>

#include "machine/inet.h"

/** At most DIAL_ADDRS_MAX. */
enum { DIAL_ADDRS_MAX = 8 };
struct dial_addrs {
	struct sock_addr at[DIAL_ADDRS_MAX];
	size_t len;
};

/** What `host` stands for: a number, which takes no time, or a name, unless `number_only`. NULL, or
 * why there is nothing: a constant. A name may take long. Where gospy has its C library inside,
 * only localhost has a name: whatever else knows names are libraries of the machine. */
const char *resolve(const char *host, bool number_only, struct dial_addrs *ret);

#endif
