/* test/unit/requests.h - what clients ask those replicas (replicas.h), sensible or not */
#ifndef TEST_UNIT_REQUESTS_H
#define TEST_UNIT_REQUESTS_H

#include "test/unit/replicas.h"

enum { EVERYONE = (1 << N) - 1 };

/* A request of one's own making: number `no` of session `s` of user u, told to `to`. */
struct asked {
	uint32_t u;
	uint8_t s;
	uint64_t no;
	bool is_signed;
	enum op_type type;
	uint32_t wait_ms;
	bool spoilt; /* signed, and then changed */
};

static size_t make(const struct asked *a, uint8_t frame[CLIENT_FRAME_MAX])
{
	uint8_t body[REQUEST_BODY_MAX], msg[REQUEST_SIGNED_MAX], sig[SIG_BYTES_MAX];
	struct op op = { .type = a->type ? a->type : OP_OUT, .wait_ms = a->wait_ms };
	struct request q = { .is_signed = a->is_signed, .body = body, .sig = sig };
	struct signer signer;
	struct buf b;

	signer_ident(&signer, &user[a->u]);
	tuple_init(&op.tuple);
	tuple_add_str(&op.tuple, "job");
	op.templ = op.tuple;
	q.pub = signer.pub;
	buf_init(&b, body, sizeof body);
	buf_put_u64(&b, a->s);
	buf_put_u64(&b, a->u);
	buf_put_u64(&b, a->no);
	buf_put_u64(&b, (uint64_t)now.us + 1700000000000000);
	op_put(&b, &op);
	MUST(buf_ok(&b));
	q.body_len = b.len;
	if (a->is_signed)
		q.sig_len = signer.sign(signer.ctx, msg,
					request_signed(cluster_key, body, b.len, msg), sig);
	sig[a->spoilt ? q.sig_len / 2 : 0] ^= a->spoilt;
	buf_init(&b, frame, CLIENT_FRAME_MAX);
	request_put(&b, &q);
	MUST(buf_ok(&b));
	return b.len;
}

/* To the replicas in `to`; what the last one of them made of it. */
static enum replica_verdict ask(uint32_t to, struct asked a)
{
	uint8_t frame[CLIENT_FRAME_MAX];
	size_t len = make(&a, frame);
	enum replica_verdict v = REPLICA_OK;

	for (uint32_t i = 0; i < N; i++)
		if (rep[i] && (to & 1u << i))
			v = step(i, (struct replica_event){ .type = REPLICA_REQUEST,
							    .chan = a.u + 1,
							    .client = user[a.u].fp,
							    .bytes = frame, .len = len });
	return v;
}

static void new_keys(void)
{
	for (int i = 0; i < N; i++)
		ident_new(&ids[i]);
	for (int i = 0; i <= USERS; i++)
		ident_new(&user[i]);
}

#endif
