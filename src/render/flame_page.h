/* flame.html as it is built into the program, with the hashes of its style and script in its
 * policy. */
#ifndef GOSPY_RENDER_FLAME_PAGE_H
#define GOSPY_RENDER_FLAME_PAGE_H

/** Where text of the picture goes: in the title, as HTML, and in the data, as JSON in which no "<"
 * is. */
#define FLAME_PAGE_TITLE "@TITLE@"
#define FLAME_PAGE_DATA  "@DATA@"

extern const char flame_page[];

#endif
