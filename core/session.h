/* core/session.h - all flows between one client and one device that carry one conversation
 *
 * Pure. Collects the exporter secret and the JOIN of every flow, and starts the two directions when
 * all are there: whoever misses one handshake has no key (ARCHITECTURE section 5, SECRECY.md 3).
 * The client may send when all its handshakes are done, one round trip before the device's JOINs
 * come; the device starts both directions with the last JOIN. */
#ifndef CORE_SESSION_H
#define CORE_SESSION_H

#include "core/rx.h"
#include "core/tx.h"

/* Memory of the two directions; borrowed. */
struct session_setup {
	struct tx_setup tx;
	uint8_t *rx_mem;
	struct rx_slot *rx_slot;
	uint32_t rx_slots; /* >= WINDOW_MIN */
};

enum session_verdict {
	SESSION_OK = 0,
	SESSION_COMPLETE,   /* that was the last JOIN: the directions are on; send the SHARE_ACK */
	SESSION_BAD_LIST,   /* another path list, n or cipher than on the first flow */
	SESSION_BAD_PATH,   /* a path that has joined already, or is not in the list */
	SESSION_BAD_SID,    /* another session's */
	SESSION_BAD_CIPHER, /* a cipher that we do not have */
	SESSION_VERDICTS,
};
extern const char *const session_verdict_str[SESSION_VERDICTS];

struct session {
	struct session_setup set;
	bool client;
	uint8_t sid[SID_BYTES];
	uint32_t n;
	struct path_id path[PATHS_MAX];
	uint8_t pathset[32];
	uint8_t aead;
	struct fp client_fp, device_fp;
	uint8_t f[PATHS_MAX][32];     /* exporter secrets; wiped once both directions are on */
	uint8_t share[PATHS_MAX][32]; /* s_{0,j} that we drew; wiped by session_joins_sent */
	uint8_t peer_r[32];	      /* xor of the peer's shares so far */
	uint32_t secrets, joined;     /* bit i: path i's secret, JOIN is here */
	uint32_t peer_window;
	bool tx_on, rx_on;
	struct tx tx;
	struct rx rx;
};

/* A client's session over n paths. random: SID_BYTES, then 32 bytes a path. */
void session_client(struct session *s, const struct session_setup *set, const struct path_id *path,
		    uint32_t n, uint8_t aead, const struct fp *client, const struct fp *device,
		    const uint8_t *random);
/* A device's, from the first JOIN that came; random: 32 bytes a path. */
void session_device(struct session *s, const struct session_setup *set, const struct msg_join *m,
		    const struct fp *client, const struct fp *device, const uint8_t *random);
void session_wipe(struct session *s);

/* Index of path number j, or -1. */
int session_index(const struct session *s, uint32_t j);
/* The context for path i's exporter. */
void session_export_ctx(const struct session *s, uint32_t i, uint8_t out[static KDF_EXPORT_BYTES]);
/* Path i's exporter secret. A client's sending direction is on after the last of them. */
void session_secret(struct session *s, uint32_t i, const uint8_t f[static 32], mono_t now);
/* Our JOIN for path i. */
void session_join(const struct session *s, uint32_t i, struct msg_join *m);
/* All our JOINs were handed to the flows: forgets the shares in them. */
void session_joins_sent(struct session *s);
/* The peer's JOIN on flow i (secret known). On SESSION_COMPLETE *ack is to be sent. */
enum session_verdict session_on_join(struct session *s, uint32_t i, const struct msg_join *m,
				     mono_t now, struct msg_share_ack *ack);

#endif
