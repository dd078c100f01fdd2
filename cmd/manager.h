/* cmd/manager.h - the parts of the replica role: its channels, its disk, and the steps between them
 *
 * tuple/replica decides everything; these parts move bytes, sync files and arm one timer for it.
 * Used by cmd/manager*.c only; manager_net.h and manager_disk.h have the parts' functions. */
#ifndef CMD_MANAGER_H
#define CMD_MANAGER_H

#include "cmd/door.h"
#include "cmd/home.h"
#include "cmd/party.h"
#include "core/knock.h"
#include "core/loop.h"
#include "net/conn.h"
#include "tuple/hello.h"
#include "tuple/replica.h"

enum {
	CHANNELS_MAX = 4096,	/* memory of one that was never used is never touched */
	CHANNEL_OUT_BYTES = 16 * 1024, /* some answers of the largest size */
	SHAKING_MAX = 512,	/* handshakes at a time; strangers cannot take all channels */
	PEER_OUT_BYTES = 4 * REPLICA_FRAME_MAX, /* a view change, and what is sent again */
};

struct manager;

/* One connection: of a client, or of another replica, whichever side began it. */
struct channel {
	struct conn conn;
	struct manager *m;
	uint64_t chan; /* its name for the replica; never used again */
	int peer;      /* number of the replica at the other end, -1: a client or not yet known */
	bool shaking;
	bool live;
	mono_t used; /* when the last frame came */
	struct addr from;
	struct channel *next_free;
	uint8_t in[CLIENT_FRAME_MAX], out[CHANNEL_OUT_BYTES];
};

/* Another replica. The one with the higher number connects. */
struct peer {
	struct manager *m;
	uint32_t index;
	struct channel *ch; /* NULL: down */
	struct timer retry;
	unsigned retry_ms;
	mono_t shun; /* until then it is not spoken to: it cheated */
	uint8_t *in, *out;
};

enum { SNAPSHOTS_MAX = 8 }; /* one that counts, one that is new, leftovers of crashes */

struct disk {
	const struct common *c;
	int dir; /* HOME/data */
	int log; /* -1 until the first disk_switch, which replica_start asks for */
	int voted; /* HOME/voted, or -1 */
	bool sync;    /* false: --no-sync */
	bool dirty;   /* written and not synced */
	off_t end;    /* of the log */
	off_t zeroed; /* up to there the file has its blocks, zero behind `end` */
	uint64_t snapshot[SNAPSHOTS_MAX]; /* slots, the newest first */
	uint32_t snapshots;
	/* The snapshot that is being saved. */
	int save;
	const uint8_t *bytes;
	size_t len, at;
	uint64_t slot;
};

struct manager {
	const struct common *c;
	struct party party;
	struct loop loop;
	struct knock knock;
	struct replica *replica;
	void *replica_mem;
	struct replica_effects out;
	struct timer timer, save_timer;
	struct flush soon; /* the timer, when it is due at once */
	struct door door;
	const struct conn_ops *ops;
	uint32_t self;
	bool observer;
	uint64_t chans, shaking;
	struct channel *channel;  /* CHANNELS_MAX */
	uint32_t channels;	  /* of them that were ever used */
	struct channel *free;	  /* among those */
	struct peer peer[REPLICAS_MAX];
	struct disk disk;
};

/* manager.c: one step of the replica, and its effects. The event's time is filled in. */
enum replica_verdict manager_step(struct manager *m, struct replica_event *ev);

#endif
