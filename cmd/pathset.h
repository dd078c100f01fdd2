/* cmd/pathset.h - the flows of one session driving core/session, for client and device alike
 *
 * A path is one flow and what belongs to it; a pathset is a session with its paths. The client
 * makes its paths with pathset_connect, the device adopts accepted ones as they JOIN (cmd/server).
 * Nothing of the contents moves before all paths stand. A path that dies ends the session. */
#ifndef CMD_PATHSET_H
#define CMD_PATHSET_H

#include "cmd/cmd.h"
#include "cmd/directory.h"
#include "core/open.h"
#include "core/session.h"
#include "net/flow.h"

enum {
	TX_SLOTS_BULK = 1024,     /* 16 MiB of unacknowledged ciphertext a session (SECRECY 4.2) */
	SLOTS_SMALL = WINDOW_MIN, /* the direction that carries notes */
	ACK_RECORDS_MIN = 16,     /* or a sixteenth of the window when that is more: 1 MiB */
	ACK_DELAY_MS = 5,         /* for the rest */
	WHY_MAX = 300,
};

struct pathset;

struct errand { /* something to ask a node, on a connection of its own */
	uint8_t op; /* enum open_op under way; 0: none */
	uint8_t tries;
	struct watch watch;
	struct timer timer;
	struct open_ask ask;
	uint64_t forward; /* RENEW, CLOSE: of this one */
	uint8_t in[OPEN_ANSWER_MAX];
	size_t len;
};

struct path {
	struct flow flow;
	struct pathset *set;    /* NULL: a device's connection that has not joined */
	uint32_t i;             /* index in the session's list */
	struct node_entry node; /* client: name[0] == 0 for the direct path */
	struct addr to;		/* client: where the flow connects */
	struct sock_from from;	/* client: and by which way */
	struct addr dest;       /* client: the device's address behind the node */
	struct open_pair pair;
	struct open_ask ask;
	bool again; /* the boot was stale: connect once more */
	uint8_t attempts;
	uint64_t forward;  /* the node's number for it */
	struct errand errand;
	struct timer tend;    /* looks after what follows */
	uint64_t nat_forward; /* the same in the kernel; 0: none */
	uint32_t lease_s;     /* of it, until it is renewed for the first time */
	bool no_nat, nat_closed; /* not to be tried; now its port did not answer */
	bool lost;	   /* its node does not know nat_forward any more */
	bool waits;	   /* to ask once more: its node may hear of us or the device by then */
	const char *kind;  /* "relay", "nat" or "direct" */
	char why[WHY_MAX]; /* of a refusal */
	int refused;       /* exit code of a refusal, 0: none */
	uint64_t ping_token;
	mono_t ping_at;    /* 0: none is out */
	uint64_t ping_moved; /* flow_moved at ping_at */
	mono_t heard; /* last proof that the peer gave: a message, a record, one of ours had */
	uint32_t rtt_us;   /* client to device, the smallest of set-up and PINGs; 0: unknown */
};

/* The owner's half. */
struct pathset_ops {
	/* All paths stand: data may move. */
	void (*ready)(struct pathset *ps);
	/* Put the next plaintext, kind byte first, at p (RECORD_PLAIN_MAX bytes); its length, or 0:
	 * nothing now, and pathset_kick will be called. */
	size_t (*fill)(struct pathset *ps, uint8_t *p);
	/* The next plaintext of the peer, in order. False ends the session: the owner has called
	 * pathset_fail. */
	bool (*data)(struct pathset *ps, const uint8_t *p, size_t len);
	/* NULL, or the peer has everything that was sealed so far. */
	void (*had)(struct pathset *ps);
	/* The session is over, all flows are closed and the nodes were told; why is for people.
	 * code 0: a clean end. */
	void (*over)(struct pathset *ps, int code, const char *why);
	/* pathset_forwards: the node of p forwards at this port, perhaps anew. */
	void (*granted)(struct path *p, uint16_t port);
};

struct pathset {
	const struct pathset_ops *ops;
	struct loop *loop;
	const struct ident *self;
	const struct tls_cert *cert;
	struct session session;
	struct path *path[PATHS_MAX];
	uint32_t opened; /* bit i: handshake done */
	bool live, complete, go, finished, failing, gone; /* gone: over was called */
	int code; /* and why: for over */
	const struct path *culprit; /* the path for which it failed; NULL: not for one */
	bool hung; /* client: no path had a word of the device, and every node had connected */
	char why[WHY_MAX];
	uint32_t ack_path; /* the path that carried data last carries the ACK */
	bool ack_due;
	struct timer ack_timer, ping_timer, end_timer;
	mono_t setup_from, setup_done, woke;
	int64_t slept_us, stood_us; /* the machine so far; we, before it woke */
	bool peer_has_aes; /* client: the device's tuple says so */
	struct device_entry device;
};

/* Wires an empty pathset. Memory for the directions is in `setup`, borrowed. */
void pathset_init(struct pathset *ps, struct loop *l, const struct pathset_ops *ops,
		  const struct ident *self, const struct tls_cert *cert);
/* Client: opens n paths; each has node, to, from and dest filled in, and flow.in (FLOW_IN_BYTES).
 * Errors come through `over`, also from inside this call. */
void pathset_connect(struct pathset *ps, const struct session_setup *setup, struct path *path,
		     uint32_t n, const struct device_entry *device);

/* Device: what the flows of paths must call. */
extern const struct flow_ops path_ops;
/* Device: the first JOIN of a session. */
void pathset_accept(struct pathset *ps, const struct session_setup *setup, const struct msg_join *m,
		    const struct fp *client);
/* Device: p carries path m->j of ps. False: it does not fit, see p->why. */
bool pathset_adopt(struct pathset *ps, struct path *p, const struct msg_join *m);
/* Set by the device: a message on a connection that has not joined; and its end. */
extern void (*path_stranger_message)(struct path *p, const struct flowmsg *m);
extern void (*path_stranger_closed)(struct path *p, const char *why);
void pathset_kick(struct pathset *ps); /* there is something to fill in again */
/* Records wait in the receive window, and no ping waits for them, until the owner takes more. */
void pathset_hold(struct pathset *ps);
void pathset_release(struct pathset *ps);
/* Tell the peer why (STOP on every flow), close, and call over, perhaps later. */
void pathset_fail(struct pathset *ps, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* All is said: from now on the peer may close, and that is a clean end. */
void pathset_finished(struct pathset *ps);
/* Say goodbye on all flows; `over` with code 0 follows. */
void pathset_end(struct pathset *ps);

/* Seconds that we stood still (SIGSTOP, a host that slept) lately, if for long; else 0. */
uint32_t pathset_stood(const struct pathset *ps);
/* Record bytes that path i carried of what we sent. */
uint64_t pathset_sent(const struct pathset *ps, uint32_t i);

/* Between the files of a pathset. A path is over, which may mean several things; a path that broke
 * the protocol; a message for it; the steps of set-up; the end of everything. */
void path_dead(struct path *p, const char *why, int err);
void path_broken(struct path *p, const char *what);
void path_send(struct path *p, const struct flowmsg *m);
void path_share_ack(struct path *p, const struct msg_share_ack *ack);
void path_opened(struct path *p);
void path_client_join(struct path *p, const struct msg_join *m);
void path_ack_late(struct timer *t, mono_t now);
void pathset_over(struct pathset *ps, int code, const char *why);

/* cmd/pathset_open.c: connect path p, by way of its node, or end it; the node's answer
 * (flow_ops.answer); the node refused; all errands are done. */
void path_connect(struct path *p);
int path_answer(struct flow *f, const uint8_t *bytes, size_t len);
void path_refused(struct path *p, const struct open_answer *a);
void pathset_gone(struct pathset *ps);

#endif
