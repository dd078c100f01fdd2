/* cmd/quorum_inner.h - what a quorum is made of; for cmd/quorum*.c only */
#ifndef CMD_QUORUM_INNER_H
#define CMD_QUORUM_INNER_H

#include "cmd/quorum.h"
#include "cmd/sessions.h"
#include "net/conn.h"

enum {
	CHANNEL_WHY_MAX = 120,
	CHANNEL_OUT_MAX = 2 * CLIENT_FRAME_MAX, /* a request, again, and a question or two */
};

struct replica_channel {
	struct conn conn;
	struct quorum *q;
	uint32_t index;
	struct timer retry;
	unsigned retry_ms;
	bool has_hello;
	struct hello hello;
	bool has_status;
	struct replica_status status;
	struct cluster_replica line; /* where it is, and its key */
	struct hello_lines lines;    /* as it told last; n 0: not */
	char why[CHANNEL_WHY_MAX]; /* of the last end; "" before */
	enum client_word word;	   /* on the operation last given up */
	uint8_t in[CLIENT_FRAME_MAX], out[CHANNEL_OUT_MAX];
};

struct quorum {
	struct party *p;
	enum quorum_user user;
	struct loop *loop;
	struct client client;
	struct signer signer;
	struct session_file file;
	struct quorum_call *first, *last; /* the first is under way */
	bool in_done, begun;
	bool sliced; /* a slice of its wait went by */
	bool full;   /* the next has no place yet: it is asked for anew by call_timer */
	mono_t wait_end; /* of the operation; what is under way may be a slice of its wait */
	mono_t call_end, partial_end;
	int64_t slept_us; /* the machine, when it was asked */
	struct timer client_timer, call_timer, status_timer;
	bool asking;	 /* for the replicas' status */
	bool doubtful;	 /* what was last given up may change something yet */
	uint32_t config; /* whose lines we follow; 0: those of HOME/cluster */
	enum quorum_standing standing;
	void (*on_standing)(void *owner);
	void *owner;
	void (*on_directory)(void *owner);
	void *directory_owner;
	struct replica_channel ch[REPLICAS_MAX];
};

static inline uint32_t quorum_n(const struct quorum *q)
{
	return q->p->cluster.n;
}

/* So many that one of them is correct. */
static inline uint32_t quorum_enough(const struct quorum *q)
{
	return q->p->cluster.faults + 1;
}

/* quorum.c. A channel came up, or went; a replica says something about an operation; f+1 replicas
 * say alike how we stand. */
void quorum_linked(struct quorum *q);
void quorum_heard(struct quorum *q, uint32_t index, const uint8_t *p, size_t len);
void quorum_stands(struct quorum *q, enum quorum_standing s);

/* quorum_channel.c. Begins to connect to replica i; anew, when another took the place of the one
 * before; bit i: that channel is open; to those of the mask `to` whose channel is. */
void quorum_open_channel(struct quorum *q, uint32_t i);
void quorum_reconnect(struct replica_channel *ch);
uint32_t quorum_channels_up(const struct quorum *q);
void quorum_send_to(struct quorum *q, uint32_t to, const uint8_t *p, size_t len);
/* quorum_lines.c: a replica says where the replicas are. */
void quorum_take_lines(struct replica_channel *ch, const uint8_t *p, size_t len);

/* Asks one replica for its status. */
static inline void quorum_ask_one(struct replica_channel *ch)
{
	static const uint8_t ask = HELLO_ASK;

	conn_send(&ch->conn, &ask, sizeof ask);
}

#endif
