/* test/ends.h - both ends of a session in one program, their handshakes made up, for tests */
#ifndef TEST_ENDS_H
#define TEST_ENDS_H

#include <string.h>

#include "core/session.h"

enum { END_SLOTS = 64 };

/* Large: keep it static. */
struct end {
	struct session s;
	struct tx_slot tx_slot[END_SLOTS];
	struct rx_slot rx_slot[END_SLOTS];
	uint8_t tx_mem[END_SLOTS * RECORD_BYTES_MAX];
	uint8_t rx_mem[END_SLOTS * RECORD_PLAIN_MAX];
};

static inline struct session_setup end_setup(struct end *e, enum sched sched, uint32_t turn)
{
	return (struct session_setup){ .tx = { .mem = e->tx_mem,
					       .slot = e->tx_slot,
					       .slots = END_SLOTS,
					       .sched = sched,
					       .turn = turn },
				       .rx_mem = e->rx_mem,
				       .rx_slot = e->rx_slot,
				       .rx_slots = END_SLOTS };
}

/* Path i of the list has number 10 + i. */
static inline void end_paths(struct path_id path[static PATHS_MAX], uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		path[i] = (struct path_id){ .number = 10 + i };
		memset(path[i].node.b, (int)(i + 1), FP_BYTES);
	}
}

static const struct fp end_client_fp = { { 0xc1 } };
static const struct fp end_device_fp = { { 0xde } };

/* random: what session_client takes. */
static inline void end_client(struct end *c, uint32_t n, uint8_t aead, const uint8_t *random)
{
	struct session_setup set = end_setup(c, SCHED_FAST, 1);
	struct path_id path[PATHS_MAX] = { 0 };

	end_paths(path, n);
	session_client(&c->s, &set, path, n, aead, &end_client_fp, &end_device_fp, random);
}

static inline void end_device(struct end *d, const struct msg_join *m, const uint8_t *random)
{
	struct session_setup set = end_setup(d, SCHED_FAST, 1);

	session_device(&d->s, &set, m, &end_client_fp, &end_device_fp, random);
}

/* What TLS would export on path i: the same at both ends, if they agree about the path. */
static inline void end_exporter(const struct session *s, uint32_t i, uint8_t f[static 32])
{
	uint8_t ctx[KDF_EXPORT_BYTES];
	br_sha256_context sha;

	session_export_ctx(s, i, ctx);
	br_sha256_init(&sha);
	br_sha256_update(&sha, "master secret", 13);
	br_sha256_update(&sha, ctx, sizeof ctx);
	br_sha256_out(&sha, f);
}

static inline void end_secret(struct end *e, uint32_t i, mono_t now)
{
	uint8_t f[32];

	end_exporter(&e->s, i, f);
	session_secret(&e->s, i, f, now);
}

#endif
