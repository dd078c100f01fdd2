/* cmd/cluster_replace.h - `cluster replace I FINGERPRINT [ADDR:PORT]`: another key for a replica */
#ifndef CMD_CLUSTER_REPLACE_H
#define CMD_CLUSTER_REPLACE_H

#include "cmd/cmd.h"

/* The words after `replace`; the exit code. */
int cluster_replace(const struct common *c, int argc, char **argv);

#endif
