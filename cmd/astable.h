/* cmd/astable.h - the imported prefix-to-AS table of this HOME, mapped */
#ifndef CMD_ASTABLE_H
#define CMD_ASTABLE_H

#include "cmd/cmd.h"
#include "probe/asn.h"

#define ASTABLE_FILE "cache/ip2as.bin"

struct astable {
	struct asn_table t;
	void *mem; /* NULL: there is no table */
	size_t len;
	struct asn_table more; /* what was learned beside it (cmd/online); t.next, if any */
	void *more_mem;
};

/* Maps HOME/cache/ip2as.bin. A missing, damaged or old one is a warning that says what to do,
 * never a refusal (PATHS.md C.0); without it every look-up gives nothing. */
void astable_map(const struct common *c, struct astable *t);
/* The same, a missing one without a word. */
void astable_map_if_any(const struct common *c, struct astable *t);
void astable_unmap(struct astable *t);

/* For look-ups elsewhere; NULL: nothing is known. */
const struct asn_table *astable_table(const struct astable *t);
struct asn_set astable_find(const struct astable *t, const struct addr *a);
/* Days since the import; -1 without a table. */
int astable_age_days(const struct astable *t);

#endif
