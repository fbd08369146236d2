/* Names of code that is not Go's: by the symbols of ELF files, else by the file. */
#ifndef GOSPY_RECORD_FOREIGN_H
#define GOSPY_RECORD_FOREIGN_H

#include "image/modules.h"

struct foreign {
	struct source *source;  /* borrowed */
	struct modules modules; /* what was mapped when the recording began */
	struct map names;       /* address -> const char * */
	struct arena arena;
};

/** GOSPY_E_NOMEM, or nothing can be read. */
enum gospy_code foreign_init(struct foreign *foreign, struct source *source,
			     struct gospy_error *err);
void foreign_deinit(struct foreign *foreign);
/** Find the name of an address now; it is kept. False: out of memory. */
bool foreign_look(struct foreign *foreign, uint64_t addr);
/** The name of an address that was looked at, else NULL. */
const char *foreign_name(const struct foreign *foreign, uint64_t addr);

#endif
