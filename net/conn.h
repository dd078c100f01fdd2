/* net/conn.h - one TLS connection on a loop that carries frames
 *
 * A frame is a 4-byte big-endian length and as many bytes; it may be larger than a TLS record. What
 * is to be sent waits in a bounded queue in the owner's memory and is written in the loop's flush
 * step. A conn is embedded by its owner, may be used again after its end, and may be closed, begun
 * again or written to inside each of its own callbacks. Nothing is allocated. */
#ifndef NET_CONN_H
#define NET_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/ident.h"
#include "core/loop.h"
#include "net/tls.h"

enum {
	CONN_HEAD_BYTES = 4,     /* of each frame, in the queue too */
	CONN_AHEAD_BYTES = 8192, /* a read: many requests, half of a record of the longest */
};

struct conn;

struct conn_ops {
	/* The handshake is done, conn_peer() is proved; a server judges it here. May be NULL. */
	void (*on_open)(struct conn *c);
	/* A whole frame, lent for the call. */
	void (*on_frame)(struct conn *c, const uint8_t *p, size_t len);
	/* After conn_send said -EAGAIN: a frame of that size fits now. May be NULL. */
	void (*on_drain)(struct conn *c);
	/* The end, at most once for each conn_connect or conn_accept; the descriptor is closed and
	 * the conn free for use again. err: 0 a clean close by either side, -errno, or BearSSL's
	 * number where TLS failed (then the peer is not the one, or not one of ours). `why` is a
	 * text for an error line, lent. */
	void (*on_close)(struct conn *c, int err, const char *why);
};

struct conn_config {
	struct loop *loop;
	const struct tls_cert *cert;
	const struct conn_ops *ops;
	uint8_t *in;	       /* frame_bytes_max bytes: the frame that is coming in */
	size_t frame_bytes_max; /* larger ones end the connection */
	uint8_t *out;	       /* out_bytes bytes: frames to be sent, with their heads */
	size_t out_bytes;
	unsigned handshake_ms; /* from connect or accept until the handshake is done */
	unsigned silence_ms;   /* until a dead peer or path breaks the connection; 0: never */
};

enum conn_state { CONN_IDLE = 0, CONN_CONNECTING, CONN_SHAKING, CONN_OPEN, CONN_FINISHING };

/* The fields are net/conn.c's. */
struct conn {
	struct conn_config cfg;
	enum conn_state state;
	struct watch watch;
	struct timer deadline;
	struct flush flush;
	bool held;     /* the owner wants no frames now */
	bool said;     /* the engine was told to say goodbye */
	bool shut;     /* and that was sent: our direction is shut down */
	bool flushing; /* in the flush step */
	uint64_t life; /* counts beginnings and ends: has the connection ended in a callback? */
	size_t starved; /* queue bytes that conn_send lacked; 0: none */
	uint8_t head[CONN_HEAD_BYTES];
	size_t in_have; /* of head and body together */
	size_t out_at, out_len;
	uint8_t ahead[CONN_AHEAD_BYTES]; /* read, and not yet in the engine */
	size_t ahead_at, ahead_len;
	struct tls tls;
};

/* Before all else, once; everything in cfg is borrowed for the conn's life, out and in too. */
void conn_init(struct conn *c, const struct conn_config *cfg);

/* Other buffers, for a peer that turns out to need larger ones: from conn_init until on_open
 * returns, before anything was queued. Borrowed like those of cfg. */
void conn_buffers(struct conn *c, uint8_t *in, size_t frame_bytes_max, uint8_t *out,
		  size_t out_bytes);

/* Begin to connect, from a local address (its port may be 0) or NULL, to the one with the key
 * `peer`. The conn must be idle. 0, or -errno and no callback follows. */
int conn_connect(struct conn *c, const struct addr *to, const struct addr *from,
		 const struct fp *peer);

/* Be the server on a connected socket, which is taken (closed on failure too). Bytes that were only
 * peeked at are read again. The conn must be idle. 0, or -errno and no callback follows. */
int conn_accept(struct conn *c, int fd);

/* Queue one frame; copies it. Before the handshake is done it waits. Returns 0, -EMSGSIZE (can
 * never fit), -EAGAIN (no room: wait for on_drain) or -ENOTCONN. */
int conn_send(struct conn *c, const void *data, size_t len);
/* Bytes of the queue that are free now; a frame needs CONN_HEAD_BYTES more than it has. */
size_t conn_room(const struct conn *c);

/* Stop to deliver frames, and so to read, once the handshake is done; and go on. */
void conn_hold(struct conn *c, bool hold);

/* Send what is queued, then close; frames that come in are dropped. on_close follows within
 * handshake_ms, and at once, in this call, when the handshake is not done. */
void conn_finish(struct conn *c);
/* Drop the connection at once, without on_close. Harmless on an idle conn. */
void conn_close(struct conn *c);

static inline enum conn_state conn_state(const struct conn *c)
{
	return c->state;
}

/* -1 when idle. For sock_name and sock_peer. */
int conn_fd(const struct conn *c);
/* What the peer proved; NULL before on_open. */
const struct fp *conn_peer(const struct conn *c);
const uint8_t *conn_peer_pub(const struct conn *c);

#endif
