#include "machine/resolve.h"

#include <netdb.h>
#include <string.h>

const char *resolve(const char *host, bool number_only, struct dial_addrs *ret)
{
	struct addrinfo hints = {.ai_flags = number_only ? AI_NUMERICHOST : AI_ADDRCONFIG,
				 .ai_socktype = SOCK_STREAM};
	struct addrinfo *list;
	ret->len = 0;
	int status = getaddrinfo(host, NULL, &hints, &list);
	if (status)
		return gai_strerror(status);
	for (const struct addrinfo *i = list; i && ret->len < DIAL_ADDRS_MAX; i = i->ai_next) {
		struct sock_addr *addr = &ret->at[ret->len];
		*addr = (struct sock_addr){.v6 = i->ai_family == AF_INET6};
		if (addr->v6)
			memcpy(addr->ip, &((struct sockaddr_in6 *)i->ai_addr)->sin6_addr, 16);
		else if (i->ai_family == AF_INET)
			memcpy(addr->ip, &((struct sockaddr_in *)i->ai_addr)->sin_addr, 4);
		else
			continue;
		ret->len++;
	}
	freeaddrinfo(list);
	return ret->len ? NULL : gai_strerror(EAI_NONAME);
}
