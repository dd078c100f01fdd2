/* tuple/hello.h - what a replica says about itself and the channel, beside the ordered messages
 *
 *	HELLO   type, version, cluster id[32], index, roles, address seen[16], port[2]
 *	ASK     type
 *	CHANGED type
 *	STATUS  type, config[4], index, leader, flags, view[8], slot[8], stable[8], time[8],
 *	        tuples[4], sessions[4], waiters[4], pending[4], n, slot of each replica[8]
 *	LINES   type, config[4], n, address[16], port[2] and key[32] of each replica
 *
 * HELLO is the first frame that a replica sends on every channel: whether it knows the key (roles
 * 0: not admitted, and the channel ends), and from where it sees the party come. One replica may
 * lie about both, so f+1 equal ones count. ASK asks for STATUS. CHANGED hints that the directory is
 * worth reading again; it may be lost or a lie. LINES comes once a replica was replaced: where the
 * members of the configuration in force are. Integers are big-endian. Pure. */
#ifndef TUPLE_HELLO_H
#define TUPLE_HELLO_H

#include "core/addr.h"
#include "tuple/replica.h"

enum {
	/* Types of frames, apart from those of tuple/msg. */
	HELLO_TYPE = 0xe0,
	HELLO_ASK,
	HELLO_STATUS,
	HELLO_CHANGED,
	HELLO_LINES,
	HELLO_VERSION = 1,
	HELLO_BYTES = 54,
	HELLO_STATUS_MAX = 57 + 8 * REPLICAS_MAX,
	HELLO_LINES_MAX = 6 + 50 * REPLICAS_MAX,
};

struct hello {
	uint8_t cluster[32];
	uint32_t index; /* of the replica */
	uint32_t roles; /* of the party, bits of enum role; 0: not admitted */
	struct addr seen;
};

struct hello_lines {
	uint32_t config;
	uint32_t n;
	struct cluster_replica replica[REPLICAS_MAX];
};

/* Length of the frame; out has HELLO_BYTES, HELLO_STATUS_MAX or HELLO_LINES_MAX. get: false when
 * malformed. */
size_t hello_put(uint8_t *out, const struct hello *h);
bool hello_get(struct hello *h, const uint8_t *p, size_t len);
/* Verdict counters do not travel: they are 0 after status_get. n is the number of replicas. */
size_t hello_status_put(uint8_t *out, const struct replica_status *s, uint32_t n);
bool hello_status_get(struct replica_status *s, uint32_t n, const uint8_t *p, size_t len);
size_t hello_lines_put(uint8_t *out, const struct hello_lines *l);
bool hello_lines_get(struct hello_lines *l, const uint8_t *p, size_t len);

#endif
