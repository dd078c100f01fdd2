/* cmd/target.h - HOST[:PORT] and --local of the probing commands */
#ifndef CMD_TARGET_H
#define CMD_TARGET_H

#include "cmd/cmd.h"
#include "core/addr.h"

enum { TARGET_PORT = 80 }; /* as lft and traceroute -T */

/* Resolves HOST[:PORT]; with `from` (not all zero) the first address of its family. Reports and
 * returns an exit code. Blocks: before the loop only. */
int target_resolve(const struct common *c, const char *host, const struct addr *from,
		   struct addr *to);
/* Parses --local; NULL gives all zero. Reports and returns an exit code. */
int target_local(const struct common *c, const char *text, struct addr *from);

#endif
