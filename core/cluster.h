/* core/cluster.h - the cluster file: who the replicas and the admins are (ARCHITECTURE section 4)
 *
 *	faults 1
 *	replica 192.0.2.1:7100 <fingerprint>      3f+1 of these, in order of their number
 *	admin <fingerprint>                       at least one
 *
 * '#' begins a comment. Pure: text in, struct out; cmd reads and writes the file. */
#ifndef CORE_CLUSTER_H
#define CORE_CLUSTER_H

#include "core/addr.h"
#include "core/ident.h"

enum {
	FAULTS_MAX = 4,			     /* PBFT's messages grow with n squared */
	REPLICAS_MAX = 3 * FAULTS_MAX + 1,
	ADMINS_MAX = 8,
	CLUSTER_TEXT_MAX = 4096,
};

struct cluster_replica {
	struct addr addr;
	struct fp fp;
};

struct cluster {
	uint32_t faults;
	uint32_t n; /* 3 * faults + 1 */
	struct cluster_replica replica[REPLICAS_MAX];
	struct fp admin[ADMINS_MAX];
	uint32_t admins;
};

/* False with one line in err that names the line number. */
bool cluster_parse(struct cluster *c, const char *text, size_t len, char *err, size_t err_bytes);
/* Bytes written without the NUL, or 0 when it does not fit. */
size_t cluster_format(const struct cluster *c, char *out, size_t bytes);
/* Number of the replica with this key, or -1. */
int cluster_find(const struct cluster *c, const struct fp *fp);
bool cluster_is_admin(const struct cluster *c, const struct fp *fp);
/* Why the place of replica i < n may not go to this key, and to this address where it has a port:
 * what cluster_parse would not read again. NULL: it may. */
const char *cluster_swap_refused(const struct cluster *c, uint32_t i, const struct fp *fp,
				 const struct addr *addr);
/* Names the cluster in signed messages: SHA-256 of faults and admins. Not of the replicas, so that
 * a cluster stays itself when one of them is replaced; every `cluster new` makes a new admin. */
void cluster_id(const struct cluster *c, uint8_t out[static 32]);
/* Whether both say the same in the same order; the replicas' lines too, unlike cluster_id. */
bool cluster_same(const struct cluster *a, const struct cluster *b);

#endif
