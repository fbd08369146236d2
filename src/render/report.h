/*
 * The room src/render/: results of gospy.h as text and JSON.
 *
 * Enters: public structs, options of the user, and a struct out to write to (out.h).
 * Leaves: bytes in that struct. Strings of a target are escaped on the way (escape.h, json.h).
 * Owner: a report borrows what it shows and keeps nothing.
 *
 * This file: what all reports have in common.
 */
#ifndef GOSPY_RENDER_REPORT_H
#define GOSPY_RENDER_REPORT_H

enum report_format {
	REPORT_TEXT,
	REPORT_JSON,       /* one object */
	REPORT_JSON_LINES, /* one object a line: a header, then the entries */
};

#endif
