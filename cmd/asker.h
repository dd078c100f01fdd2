/* cmd/asker.h - ask nodes and devices how they are, many at a time (cmd/telling answers) */
#ifndef CMD_ASKER_H
#define CMD_ASKER_H

#include "cmd/party.h"
#include "net/flow.h"

enum {
	ASKED_MAX = 32,  /* parties at a time: 256 KiB of input each, used or not */
	LINES_MAX = 160, /* of one party: what fits a flow's queue (cmd/telling) */
	ASKER_MS = 2000, /* who says nothing for longer is silent */
	ASKER_WHY_MAX = 256,
};

struct asker;

/* One party and what it said; the first three are the caller's. */
struct asked {
	const struct addr *addr; /* tried one after the other */
	uint32_t addrs;
	const struct fp *fp;
	bool whole;		 /* the answer came to its end */
	char why[ASKER_WHY_MAX]; /* when not */
	uint32_t lines;
	struct msg_told line[LINES_MAX];
	uint64_t left_out; /* lines for which the party, or we, had no room */
	/* The asker's. */
	struct asker *asker;
	struct flow flow;
	uint32_t next; /* address */
	uint8_t in[FLOW_IN_BYTES];
};

/* Large: static, or allocated at the start. */
struct asker {
	struct loop *loop;
	const struct tls_cert *cert;
	struct timer late;
	uint32_t open; /* not done */
	struct asked asked[ASKED_MAX];
};

/* Asks the first n of a->asked and runs the loop until all have answered or ASKER_MS passed. */
void asker_run(struct asker *a, struct loop *l, const struct party *p, uint32_t n);

#endif
