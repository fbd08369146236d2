/* What all reports have in common. */
#ifndef GOSPY_RENDER_REPORT_H
#define GOSPY_RENDER_REPORT_H

enum report_format {
	REPORT_TEXT,
	REPORT_JSON,       /* one object */
	REPORT_JSON_LINES, /* one object a line: a header, then the entries */
};

#endif
