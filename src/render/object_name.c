#include "render/object_name.h"

#include <string.h>

#include "base/cleanup.h"

enum { DIGITS_MIN = 3 };

static struct part after_first(struct part part, const char *s)
{
	const char *found = memmem(part.s, part.len, s, strlen(s));
	return found ? (struct part){found, (size_t)(part.s + part.len - found)} : (struct part){0};
}

/* Length up to the next blank, but for one that it begins with. */
static size_t word_length(struct part part)
{
	size_t i = part.len > 0;
	while (i < part.len && part.s[i] != ' ')
		i++;
	return i;
}

/* ---- an address at the end, "sync.Mutex 0xc000012345" */

/* Take it off; empty: there is none that could be shorter. */
static struct part cut_address(struct part *object)
{
	size_t i = object->len;
	while (i && strchr("0123456789abcdef", object->s[i - 1]))
		i--;
	size_t digits = object->len - i;
	if (i < 2 || memcmp(object->s + i - 2, "0x", 2) != 0 || digits <= DIGITS_MIN)
		return (struct part){0};
	object->len = i - 2;
	return (struct part){object->s + object->len, digits + 2};
}

/* Take off what stands behind the address: ", cap 0 len 0". */
static struct part cut_details(struct part *object)
{
	struct part details = after_first(*object, ", ");
	object->len -= details.len;
	return details;
}

static int address_least(struct part object, bool utf8)
{
	cut_details(&object);
	int full = part_width(object, utf8);
	return cut_address(&object).len ? part_width(object, utf8) + 1 + DIGITS_MIN : full;
}

/* What stands behind it goes before the digits that tell it from others. */
static void fit_address(struct part object, int width, bool utf8, struct strbuf *text)
{
	struct part details = cut_details(&object);
	int behind = part_width(details, utf8);
	if (address_least(object, utf8) + behind > width)
		details = (struct part){0};
	else
		width -= behind;
	if (part_width(object, utf8) <= width) {
		part_add(text, object);
		part_add(text, details);
		return;
	}
	struct part address = cut_address(&object);
	if (!address.len) {
		part_add_squeezed(text, object, width, utf8);
		part_add(text, details);
		return;
	}
	int room = width - part_width(object, utf8) - 1;
	if (room >= DIGITS_MIN)
		part_add(text, object);
	else
		room = width - 1;
	strbuf_puts(text, part_more(utf8));
	part_add(text, part_tail(address, room, utf8));
	part_add(text, details);
}

/* ---- the channels of a select */

static const char select_of[] = "select of ";

static size_t count_items(struct part list)
{
	size_t n = 0;
	for (; list.len; n++)
		part_cut_item(&list);
	return n;
}

enum { WITH_DIRECTIONS = 1, WITH_ADDRESSES = 2 };

/* One channel: "0xc000012345 (receive)". */
static void add_channel(struct strbuf *text, struct part channel, unsigned with, bool utf8)
{
	struct part address = part_cut(&channel, word_length(channel)), kind = address;
	struct part digits = cut_address(&kind);
	if (with & WITH_ADDRESSES || !digits.len) {
		part_add(text, address);
	} else {
		strbuf_puts(text, part_more(utf8));
		part_add(text, part_tail(digits, DIGITS_MIN, utf8));
	}
	if (with & WITH_DIRECTIONS)
		part_add(text, channel);
}

/* The first `most`, and how many others there are. */
static void add_channels(struct strbuf *text, struct part list, size_t most, unsigned with,
			 bool utf8)
{
	strbuf_puts(text, select_of);
	for (size_t i = 0; list.len && i < most; i++) {
		strbuf_puts(text, i ? ", " : "");
		add_channel(text, part_cut_item(&list), with, utf8);
	}
	if (after_first(list, "...").len)
		strbuf_printf(text, ", %s", part_more(utf8)); // and more that were not listed
	else if (list.len)
		strbuf_printf(text, " +%zu", count_items(list));
}

static void fit_select(struct part object, int width, bool utf8, struct strbuf *text)
{
	static const unsigned forms[] = {WITH_DIRECTIONS | WITH_ADDRESSES, WITH_ADDRESSES, 0};
	enum { FORMS = sizeof(forms) / sizeof(forms[0]) };
	CLEANUP(strbuf_deinit) struct strbuf form = {0};
	part_cut(&object, strlen(select_of));
	size_t n = count_items(object);
	for (size_t i = 0; i < FORMS + n; i++) {
		size_t left_out = i < FORMS ? 0 : i - FORMS + 1;
		if (left_out && left_out >= n)
			break;
		strbuf_clear(&form);
		add_channels(&form, object, n - left_out, i < FORMS ? forms[i] : 0, utf8);
		if (part_width(part_whole(&form), utf8) <= width)
			break;
	}
	part_add_squeezed(text, part_whole(&form), width, utf8);
}

static int select_least(struct part object, bool utf8)
{
	CLEANUP(strbuf_deinit) struct strbuf form = {0};
	part_cut(&object, strlen(select_of));
	add_channels(&form, object, 1, 0, utf8);
	return part_width(part_whole(&form), utf8);
}

/* ---- descriptors */

/* "fd 7 tcp 127.0.0.1:80 with 127.0.0.1:4711 CLOSE_WAIT of pid 815 curl" in parts, each with the
 * blank before it. */
struct descriptor {
	struct part number, type, local, with, remote, state, pid, comm;
};

enum {
	WITH_LOCAL = 1,
	WITH_TYPE = 2,
	WITH_COMM = 4,
	WITH_HOST = 8,
	WITH_PID = 16,
	WITH_STATE = 32,
	WITH_PEER = 64,
};

static const char fd_begins[] = "fd ";

static struct descriptor parse_descriptor(struct part object)
{
	struct descriptor fd = {0};
	struct part owner = after_first(object, " of pid ");
	object.len -= owner.len;
	struct part with = after_first(object, " with ");
	object.len -= with.len;
	fd.number = part_cut(&object, strlen(fd_begins) - 1);
	fd.number.len += part_cut(&object, word_length(object)).len;
	fd.type = part_cut(&object, word_length(object));
	if (with.len) {
		fd.local = object;
		fd.with = part_cut(&with, strlen(" with"));
		fd.remote = part_cut(&with, word_length(with));
		fd.state = with;
	} else {
		// What it listens at tells it.
		fd.remote = part_cut(&object, word_length(object));
		fd.state = object;
	}
	if (owner.len) {
		fd.pid = part_cut(&owner, strlen(" of pid"));
		fd.pid.len += part_cut(&owner, word_length(owner)).len;
		fd.comm = owner;
	}
	return fd;
}

/* " 127.0.0.1:80", or " :80"; what has no port is left as it is. */
static void add_endpoint(struct strbuf *text, struct part endpoint, bool host)
{
	const char *colon = endpoint.len ? memrchr(endpoint.s, ':', endpoint.len) : NULL;
	if (!host && colon) {
		part_cut(&endpoint, (size_t)(colon - endpoint.s));
		strbuf_putc(text, ' ');
	}
	part_add(text, endpoint);
}

static void add_descriptor(struct strbuf *text, const struct descriptor *fd, unsigned with)
{
	part_add(text, fd->number);
	if (with & WITH_TYPE)
		part_add(text, fd->type);
	if (with & WITH_LOCAL)
		part_add(text, fd->local);
	if (with & WITH_PEER) {
		part_add(text, fd->with);
		add_endpoint(text, fd->remote, with & WITH_HOST);
	}
	if (with & WITH_STATE)
		part_add(text, fd->state);
	if (with & WITH_PID)
		part_add(text, fd->pid);
	if (with & WITH_COMM)
		part_add(text, fd->comm);
}

/* What is kept, best first. A peer on this machine is told by its pid, not by its host. */
static const unsigned fd_forms[] = {
	127,
	127 & ~WITH_LOCAL,
	127 & ~WITH_LOCAL & ~WITH_TYPE,
	WITH_HOST | WITH_PID | WITH_STATE | WITH_PEER,
	WITH_PID | WITH_STATE | WITH_PEER,
	WITH_STATE | WITH_PEER,
	WITH_PEER,
	0,
};
enum { FD_FORMS = sizeof(fd_forms) / sizeof(fd_forms[0]), FD_FORM_LEAST = FD_FORMS - 2 };

static void fit_descriptor(struct part object, int width, bool utf8, struct strbuf *text)
{
	CLEANUP(strbuf_deinit) struct strbuf form = {0};
	struct descriptor fd = parse_descriptor(object);
	for (size_t i = 0; i < FD_FORMS; i++) {
		strbuf_clear(&form);
		add_descriptor(&form, &fd, fd_forms[i]);
		if (part_width(part_whole(&form), utf8) <= width)
			break;
	}
	part_add_squeezed(text, part_whole(&form), width, utf8);
}

static int descriptor_least(struct part object, bool utf8)
{
	CLEANUP(strbuf_deinit) struct strbuf form = {0};
	struct descriptor fd = parse_descriptor(object);
	add_descriptor(&form, &fd, fd_forms[FD_FORM_LEAST]);
	return part_width(part_whole(&form), utf8);
}

/* ---- any of them */

void object_fit(struct part object, int width, bool utf8, struct strbuf *text)
{
	if (part_width(object, utf8) <= width)
		part_add(text, object);
	else if (part_begins(object, select_of))
		fit_select(object, width, utf8, text);
	else if (part_begins(object, fd_begins))
		fit_descriptor(object, width, utf8, text);
	else
		fit_address(object, width, utf8, text);
}

int object_least(struct part object, bool utf8)
{
	int full = part_width(object, utf8), least;
	if (part_begins(object, select_of))
		least = select_least(object, utf8);
	else if (part_begins(object, fd_begins))
		least = descriptor_least(object, utf8);
	else
		least = address_least(object, utf8);
	return least < full ? least : full;
}
