/* cmd/server.h - the parts of a device: places for connections, sessions, and the inbox */
#ifndef CMD_SERVER_H
#define CMD_SERVER_H

#include "cmd/backtrace.h"
#include "cmd/bend.h"
#include "cmd/receive.h"
#include "cmd/station.h"

enum {
	DEVICE_PORT = 7300,
	SESSIONS_MAX = 64, /* 16 MiB of early records each, used or not */
	FLOWS_MAX = SESSIONS_MAX * PATHS_MAX,
	STRANGERS_MAX = FLOWS_MAX, /* connections that have not joined: all may come at once */
	SEATS_MAX = FLOWS_MAX + STRANGERS_MAX, /* 256 KiB of input each, used or not */
	RX_SLOTS = 1024,
	JOIN_MS = 15000, /* from the handshake to all JOINs of a session */
	SWEEP_MS = 1000,
};

struct opts;

/* A place for one connection. */
struct seat {
	struct path path;
	struct server *server;
	struct addr peer;
	mono_t since;
	bool used;
	struct backtrace_call back;
};

struct server {
	struct station st;
	struct bend bend; /* MPTCP's limits */
	const struct opts *o;
	struct timer sweep;
	struct inbox inbox;
	struct syncer syncer[SYNCERS];
	struct backtraces *back; /* NULL: no memory, and nobody is traced */
	uint8_t *gather;         /* of all inboxes, shared with the syncer's child */
	struct seat *seat;       /* SEATS_MAX */
	struct receive *session; /* SESSIONS_MAX */
	struct session_setup setup[SESSIONS_MAX];
	uint64_t refused, files, bytes; /* connections; of ended sessions */
};

/* cmd/server_tell.c. The sessions, to whoever asks on this flow: an admin hears of all, a client of
 * its own. */
void server_tell(const struct server *sv, struct flow *f);

#endif
