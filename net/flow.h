/* net/flow.h - the one TCP connection of a path: TLS and sealed records side by side
 *
 * Two kinds of bytes share the connection (SECRECY.md section 3): TLS records, which go to the
 * engine, and our own records with content type 0x40, which the engine never sees. Both have a
 * 5-byte header; only whole TLS records are handed over, and none begins before the last byte of
 * the one before. A client behind a relay sends a preamble (its OPEN) first and gets the node's
 * answer before anything else comes back.
 *
 * Records are pulled: when the socket has room the flow takes the next ones and writes them from
 * where they stand, with what TLS has to say, in one call. All memory is the owner's. */
#ifndef NET_FLOW_H
#define NET_FLOW_H

#include "core/addr.h"
#include "core/flowmsg.h"
#include "core/loop.h"
#include "core/seal.h"
#include "net/sock.h"
#include "net/tls.h"

enum {
	FLOW_IN_BYTES = 256 * 1024, /* one read; holds any record whole */
	FLOW_BATCH = 16,            /* records taken at once: 256 KiB a write */
	FLOW_MSG_BYTES = 8 * 1024,  /* messages that wait for the engine */
	FLOW_PREAMBLE_MAX = 512,
	FLOW_ANSWER_MAX = 512,
	FLOW_OPEN_MS = 10000, /* connect, answer and handshake together */
	FLOW_LEAVE_MS = 1000, /* for the peer to read why */
};

struct flow;

/* The owner's half; called from the loop. A callback may call flow_close; after that no further
 * callback comes. */
struct flow_ops {
	/* The handshake is done: tls_peer and tls_export work. */
	void (*opened)(struct flow *f);
	/* The bytes before TLS that a preamble asked for: how many of them are used, 0 when more
	 * are needed, -1 when the node refused (the owner has noted why). */
	int (*answer)(struct flow *f, const uint8_t *p, size_t len);
	void (*message)(struct flow *f, const struct flowmsg *m);
	/* A whole record, to be opened in place. NULL here and for take: messages alone. */
	void (*record)(struct flow *f, uint8_t *rec, size_t len);
	/* The memory of all records so far will be written to. NULL: none is needed any more. */
	void (*reclaim)(struct flow *f);
	/* The next record to send; false: none now (call flow_kick when there is). */
	bool (*take)(struct flow *f, const uint8_t **rec, size_t *len, uint64_t *number);
	void (*written)(struct flow *f, uint64_t number);
	/* The connection is over and the descriptor closed; `why` is for people, err 0 or -errno.
	 * A clean end by the peer has err 0 and why "closed by peer". */
	void (*closed)(struct flow *f, const char *why, int err);
};

struct flow {
	const struct flow_ops *ops;
	struct loop *loop;
	struct watch watch;
	struct flush flush;
	struct timer deadline;
	struct tls tls;
	uint32_t life; /* counts connections: a callback may begin the next one */
	mono_t asked;
	/* Of the connection's or, behind a relay, the answer's round trip: in either case there was
	 * one to the device, and nobody computed. 0: a device's flow. */
	uint32_t rtt_us;
	bool live, open, paused, resumed, want_answer, connecting, ending, leaving;
	uint8_t *in; /* FLOW_IN_BYTES */
	size_t in_pos, in_len;
	uint8_t preamble[FLOW_PREAMBLE_MAX];
	size_t preamble_len;
	uint8_t plain[FLOWMSG_BYTES_MAX]; /* the beginning of a message that is not all there yet */
	size_t plain_len;
	uint8_t msg[FLOW_MSG_BYTES];
	size_t msg_len;
	struct {
		const uint8_t *rec;
		size_t len;
		uint64_t number;
	} out[FLOW_BATCH];
	uint32_t out_n;
	size_t out_off; /* bytes of out[0] that are written */
	uint64_t sent_bytes, got_bytes;
};

/* Client: connect to `to` by the way of `from`, send the preamble, then the handshake, in
 * which only the key `peer` is accepted. `answer` says whether an answer precedes TLS. 0 or -errno.
 * `in` and cert are borrowed. */
int flow_connect(struct flow *f, struct loop *l, const struct flow_ops *ops, uint8_t *in,
		 const struct addr *to, const struct sock_from *from, const struct tls_cert *cert,
		 const struct fp *peer, const uint8_t *preamble, size_t preamble_len, bool answer);
/* Device: takes an accepted descriptor. 0 or -errno (the descriptor is closed then). */
int flow_accept(struct flow *f, struct loop *l, const struct flow_ops *ops, uint8_t *in, int fd,
		const struct tls_cert *cert);

/* Queue a message. False when the peer leaves too much unread: nothing was queued. */
bool flow_send(struct flow *f, const struct flowmsg *m);
/* There may be something to take: write at the end of this turn. */
void flow_kick(struct flow *f);
/* Every message that was queued is with the kernel. */
bool flow_quiet(struct flow *f);
/* Stop reading and parsing, or go on with what was left. */
void flow_pause(struct flow *f, bool on);
/* Say goodbye (close_notify) once everything is written, then close. `closed` still comes. */
void flow_end(struct flow *f);
/* The same, for a peer that may still be sending: its bytes are thrown away until it has closed
 * too, FLOW_LEAVE_MS at most. Closing before would reset the connection, and our last words would
 * be lost (RFC 1122, 4.2.2.13). Records that were taken are not sent; in the middle of one nothing
 * can be said, and this is flow_close. Otherwise `closed` still comes, and nothing else. */
void flow_leave(struct flow *f);
/* Close now, without a word and without a callback; wipes the engine. Harmless when not live. */
void flow_close(struct flow *f);

/* Bytes that moved, either way: what came, and what of ours the next host's kernel has. */
uint64_t flow_moved(const struct flow *f);

/* Between flow.c and flow_out.c. One sendmsg: 1 when all that was there went, 0 when the socket is
 * full, -1 when there is nothing to send or the flow is over. */
int flow_write(struct flow *f);
void flow_engine_moved(struct flow *f);
void flow_end_with(struct flow *f, const char *why, int err);

#endif
