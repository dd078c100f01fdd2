/* cmd/tracer.h - a node's traces to the devices, and a device's to the nodes, told to all clients
 *
 *	<"trace", own fp, peer's fp, "ADDR:PORT" of the peer, record>	leased, renewed while we run
 *
 * The record is a line of probe/record.h from our registered address. A client cannot see these
 * legs itself; what it is told can only add ASes to what it knows (PATHS.md C.0). Only registered
 * addresses of admitted parties are traced, one at a time, once a day each. What a node traces back
 * to a client is cmd/backtrace's, and told to that client alone. */
#ifndef CMD_TRACER_H
#define CMD_TRACER_H

#include "cmd/directory.h"
#include "cmd/tracecache.h"

enum {
	TRACER_LEGS_MAX = 64,	  /* with more peers, the first; the rules allow 256 */
	TRACER_EVERY_MS = 1000,   /* at most one trace or one tuple a second */
	TRACER_LEASE_MS = 600000, /* the longest there is */
	TRACER_RENEW_MS = 240000,
	TRACER_AGE_MS = 24 * 3600 * 1000,
};

struct tracer;

/* Allocates and begins; role is ROLE_NODE (traces to devices) or ROLE_DEVICE (to nodes). The rest
 * is borrowed. Silent for as long as we are not in the directory ourselves. NULL: no memory. */
struct tracer *tracer_open(const struct party *p, struct quorum *q, const struct directory *d,
			   enum role role);
void tracer_close(struct tracer *t);

/* Clients: reads what nodes and the device told of each other into `cache`. 0, or the exit code for
 * quorum_report. */
int tracer_fetch(struct quorum *q, const struct directory *d, const struct device_entry *device,
		 struct tracecache *cache, int64_t now_s);

#endif
