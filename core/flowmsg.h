/* core/flowmsg.h - the messages inside a flow's TLS: shares and acknowledgements, nothing else
 *
 * Framing: type u8, length u16, body. TLS of one flow is what the adversary may break one day, so
 * whatever depends on the contents is in sealed records instead (SECRECY.md section 3). ASK is for
 * a connection of its own: a node or device answers with TOLDs, an admin hears everything, a client
 * its own part, nobody else anything. Pure. */
#ifndef CORE_FLOWMSG_H
#define CORE_FLOWMSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/kdf.h"

enum {
	FLOWMSG_VERSION = 1,
	FLOWMSG_HEAD = 3,
	FLOWMSG_BYTES_MAX = 1024, /* the largest is a JOIN over PATHS_MAX paths, or a full ACK */
	ACK_RANGES_MAX = 32,	  /* what the lowest gaps of PATHS_MAX unequal paths need */
	STOP_TEXT_MAX = 200,
	TOLD_TEXT_MAX = 63,	  /* a name of the directory, or a session's id */
	TRACE_PIECE_MAX = 1000,	  /* of a trace's text; a long one takes several messages */
	WINDOW_MIN = 64, /* records that may be sent before the peer's JOIN says more */
};

enum flowmsg_type {
	FLOWMSG_JOIN = 1,
	FLOWMSG_SHARE,
	FLOWMSG_SHARE_ACK,
	FLOWMSG_ACK,
	FLOWMSG_PING,
	FLOWMSG_PONG,
	FLOWMSG_STOP,
	FLOWMSG_ASK,
	FLOWMSG_TOLD,
	FLOWMSG_TRACE,	/* to a node: trace back to where this connection comes from */
	FLOWMSG_TRACED, /* what it found, a line of probe/record.h; empty when there is none */
};

struct msg_join {
	uint8_t sid[SID_BYTES];
	uint32_t n;	    /* paths, 1..PATHS_MAX */
	uint32_t j;	    /* this flow's path number; one of the list */
	uint8_t aead;	    /* for both directions */
	uint32_t window;    /* records that the sender of this JOIN buffers, >= WINDOW_MIN */
	uint8_t share[32];  /* s_{0,j} of the sender's direction */
	struct path_id path[PATHS_MAX]; /* n of them, numbers distinct */
};

struct msg_share {
	uint8_t dir;
	uint32_t e, prev_e, j;
	uint8_t share[32];
};

struct msg_share_ack {
	uint8_t dir; /* of the data, not of this message */
	uint32_t e;
	uint8_t mac[32];
};

/* Numbers had: all below `next`, and the ranges [from, to). Nothing at or above `limit` may be
 * sent. Ranges ascend and do not touch. */
struct msg_ack {
	uint8_t dir;
	uint64_t next, limit;
	uint32_t n;
	struct {
		uint64_t from, to;
	} range[ACK_RANGES_MAX];
};

/* Why a party ends the whole session; the text is for people. */
struct msg_stop {
	uint8_t code; /* an exit code of ARCHITECTURE section 3 */
	char text[STOP_TEXT_MAX + 1];
};

/* One line of what a node or device tells about itself. The numbers are on the wire. */
enum told_kind {
	TOLD_COUNT = 1, /* `id` is what was counted, `value` how often */
	TOLD_SESSION,	/* at a device; value is the bytes had */
	TOLD_FORWARD,	/* at a node that relays; value is the bytes moved */
	TOLD_NAT,	/* at a node, in the kernel; value is the seconds left of its lease */
	TOLD_END,	/* the last line; value is the lines for which there was no room */
};

struct msg_told {
	uint8_t kind; /* enum told_kind */
	char id[TOLD_TEXT_MAX + 1];
	char client[TOLD_TEXT_MAX + 1], device[TOLD_TEXT_MAX + 1];
	uint8_t paths;
	uint32_t seconds; /* since it began */
	uint64_t value;
};

struct msg_traced {
	bool more; /* another piece follows */
	char text[TRACE_PIECE_MAX + 1];
};

struct flowmsg {
	enum flowmsg_type type;
	union {
		struct msg_join join;
		struct msg_share share;
		struct msg_share_ack share_ack;
		struct msg_ack ack;
		uint64_t token; /* PING, PONG */
		struct msg_stop stop;
		struct msg_told told;
		struct msg_traced traced;
	};
};

/* Writes head and body to out; returns the bytes used. The message is ours, so it fits. */
size_t flowmsg_encode(const struct flowmsg *m, uint8_t out[static FLOWMSG_BYTES_MAX]);

/* Length of the message that begins at p, 0 when its head is not there yet. More than
 * FLOWMSG_BYTES_MAX is never a message. */
size_t flowmsg_length(const uint8_t *p, size_t len);

/* Decodes one whole message. False: malformed. */
bool flowmsg_decode(struct flowmsg *m, const uint8_t *p, size_t len);

#endif
