/* cmd/node.h - the parts of an overlay node: places for connections, forwards, and what judges them
 */
#ifndef CMD_NODE_H
#define CMD_NODE_H

#include "cmd/backtrace.h"
#include "cmd/cmd.h"
#include "cmd/forwards.h"
#include "cmd/station.h"
#include "core/dest.h"
#include "core/gate.h"
#include "net/flow.h"
#include "net/splice.h"

enum {
	NODE_PORT = 7200,
	FORWARDS_MAX = 1024,   /* four descriptors of pipes and two sockets each */
	FORWARDS_CLIENT = 256, /* a client with 32 sessions of 8 paths */
	STRANGERS_MAX = 256,   /* connections that have not been judged yet */
	CONTROLS_MAX = 32,
	LINKS_MAX = FORWARDS_MAX + STRANGERS_MAX,
	STRANGER_MS = 5000, /* for a whole OPEN to arrive, and for a relay's first byte after it */
	CONNECT_MS = 10000, /* for the device to answer */
	LEAVING_MS = 1000,  /* for a refused client to read why */
	LEASE_MAX_S = 3600, /* unless --lease says less */
	CONTROL_MS = 15000, /* from the first byte to the end of the answer */
};

/* In the ids of relayed forwards; those of others stay below. */
#define RELAY_ID (UINT64_C(1) << 63)

struct node;

enum link_state { LINK_FREE = 0, LINK_READING, LINK_LEAVING, LINK_CONNECTING, LINK_RELAYING };

/* One connection of a client, from its first byte to the end of its forward. */
struct link {
	struct node *node;
	enum link_state state;
	struct addr peer;
	struct watch near, far; /* client's and device's socket, until they are spliced */
	struct timer deadline;
	uint8_t frame[OPEN_FRAME_MAX];
	size_t frame_len;
	struct open_ask ask;
	struct open_terms terms;
	uint32_t row; /* the client's in the gate */
	uint64_t id;
	uint16_t port; /* nat: for the answer */
	uint32_t lease_s;
	mono_t since, active_at;
	uint64_t active_bytes; /* moved when active_at was noted */
	struct splice splice;
};

struct control {
	struct node *node;
	struct flow flow;
	struct addr peer;
	mono_t since;
	struct backtrace_call back;
	uint8_t in[FLOW_IN_BYTES];
};

/* --forward, as OPT_CHOICE counts; 0 is NODE_AUTO. */
enum node_forward { NODE_AUTO = 1, NODE_NAT, NODE_RELAY };

struct node_ports {
	uint16_t lo, hi;
};

struct node {
	struct station st;
	bool loopback; /* listens on a loopback address alone */
	enum node_forward forward;
	struct node_ports ports;
	uint32_t lease_s_max;
	bool relay;		/* on offer */
	struct forwards *nat;	/* NULL: not on offer */
	struct timer sweep;
	struct gate *gate;
	struct link *link; /* LINKS_MAX */
	uint32_t links;    /* not free */
	struct control *control;
	struct backtraces *back; /* NULL: no memory, and nobody is traced */
	uint64_t last_id, relayed_bytes;
	uint64_t probes, silent; /* connections that ended, or were ended, before a whole OPEN */
};

/* node_link.c. A new connection of `peer`, taken. */
void link_begin(struct node *n, int fd, const struct addr *peer);
/* The client in this row is not admitted any more, or everybody: ends the forwards. */
void links_check(struct node *n);
/* Ends forwards that are idle beyond their lease. */
void links_expire(struct node *n, mono_t now);

/* Whether a forward may lead there: the device is registered, with this address and port. */
enum dest_verdict node_judge(const struct node *n, const struct fp *device, const struct addr *to);

/* node_nat.c. Begins to forward in the kernel as far as n->forward asks and the kernel can, and
 * tells the gate. 0, or the exit code of the error that was reported. */
int nat_start(struct node *n);
/* Takes everything out of the kernel again. */
void nat_stop(struct node *n);
/* Links ask for a forward, or to renew or close one; false: there is none of that id. */
enum open_verdict nat_open(struct link *k, const char **why);
bool nat_change(struct link *k);
/* The directory has changed. */
void nat_check(struct node *n);

/* node_control.c. A TLS connection, of which nothing was read yet. */
void control_begin(struct node *n, int fd, const struct addr *peer);
/* Ends those that take too long. */
void controls_expire(struct node *n, mono_t now);

#endif
