/* cmd/pathset_nat.h - paths that their nodes forward in the kernel: asked for, renewed, closed */
#ifndef CMD_PATHSET_NAT_H
#define CMD_PATHSET_NAT_H

#include "cmd/pathset.h"

/* Client: forwards in the kernel of n nodes, without flows of ours: ops has granted and over. They
 * are renewed until pathset_over. */
void pathset_forwards(struct pathset *ps, struct path *path, uint32_t n,
		      const struct device_entry *device);

/* Between the files of a pathset. Ask for a forward in the kernel, then connect through it. 0 or
 * -errno. */
int path_nat_open(struct path *p);
/* The flow of p has ended: true when that was its forward's fault and the node relays instead. */
bool path_nat_failed(struct path *p, const char *why, int err);
/* Close all forwards. True: pathset_gone, which calls over, follows when that is done. */
bool pathset_nat_close(struct pathset *ps);

#endif
