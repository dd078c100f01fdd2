/* cmd/choose.h - which nodes carry a session */
#ifndef CMD_CHOOSE_H
#define CMD_CHOOSE_H

#include "cmd/directory.h"
#include "cmd/pathset.h"
#include "core/opt.h"

enum { PATHS_DEFAULT = 4, PATHS_LEAST = 2 };

/* What the user asked for. */
struct choose_opts {
	uint32_t n;          /* paths; 0: PATHS_DEFAULT or all nodes, at least PATHS_LEAST */
	struct opt_list via; /* these nodes, no choosing */
	bool direct;         /* the path without a node is one of them */
	const char *local;   /* local address, or NULL */
};

/* Fills node, to, from and dest of paths toward `dev`; *n is how many. 0, or the exit code of the
 * error that was reported. */
int choose_paths(const struct common *c, const struct choose_opts *o, const struct directory *d,
		 const struct device_entry *dev, struct path path[static PATHS_MAX], uint32_t *n);

#endif
