/* test/liar.c - a replica that lies, in a test build of its own
 *
 * The linker (--wrap) puts these functions before the product's, which is not changed. By the words
 * in the environment variable LIE it
 *
 *	answers    gives clients other results than the ones agreed on
 *	proposals  as leader proposes another time to each replica
 *	views      says in its VIEW-CHANGEs that it never prepared anything, and signs that
 *	clock      is 2 s ahead
 *	forwards   passes requests on that their clients never signed
 *	signatures (as a client) signs badly
 *
 * Each lie is told on stderr when it is told for the first time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tuple/pbft.h"

struct manager;

static uint8_t bent[REPLICA_FRAME_MAX];

static bool lies(const char *what)
{
	static char told[200];
	const char *wanted = getenv("LIE");

	if (!wanted || !strstr(wanted, what))
		return false;
	if (!strstr(told, what)) {
		strncat(told, what, sizeof told - strlen(told) - 1);
		fprintf(stderr, "liar: %s\n", what);
	}
	return true;
}

void __real_net_to_client(struct manager *m, uint64_t chan, const uint8_t *p, size_t len);
void __wrap_net_to_client(struct manager *m, uint64_t chan, const uint8_t *p, size_t len);
void __wrap_net_to_client(struct manager *m, uint64_t chan, const uint8_t *p, size_t len)
{
	if (p[0] == MSG_REPLY && len <= sizeof bent && lies("answers")) {
		memcpy(bent, p, len);
		bent[len - 1] ^= 1;
		p = bent;
	}
	__real_net_to_client(m, chan, p, len);
}

void __real_net_to_replica(struct manager *m, uint32_t i, const uint8_t *p, size_t len);

/* The time is behind the digest of the slot before. */
static void bend_proposal(uint32_t to)
{
	bent[MSG_HEAD_BYTES + DIGEST_BYTES + 7] ^= (uint8_t)(1 + to);
}

/* What a VIEW-CHANGE is filled with. */
size_t __real_entries_put(struct replica *r, struct buf *b, uint64_t from, uint64_t to);
size_t __wrap_entries_put(struct replica *r, struct buf *b, uint64_t from, uint64_t to);
size_t __wrap_entries_put(struct replica *r, struct buf *b, uint64_t from, uint64_t to)
{
	if (!lies("views"))
		return __real_entries_put(r, b, from, to);
	buf_put_u16(b, 0);
	return 0;
}

/* To who is told where we stand, a request of nobody. */
static void forge_forward(struct manager *m, uint32_t i, const struct msg_head *h)
{
	static uint8_t pub[PUB_BYTES], body[REQUEST_HEAD_BYTES + 1] = { [SESSION_BYTES] = 1 };
	struct request q = { .is_signed = true, .pub = pub, .sig = body, .sig_len = 8,
			     .body = body, .body_len = sizeof body };
	struct buf b;

	buf_init(&b, bent, sizeof bent);
	msg_head_put(&b, MSG_FORWARD, h->config, h->view, h->slot);
	request_put_entry(&b, &q);
	__real_net_to_replica(m, i, bent, b.len);
}

void __wrap_net_to_replica(struct manager *m, uint32_t i, const uint8_t *p, size_t len);
void __wrap_net_to_replica(struct manager *m, uint32_t i, const uint8_t *p, size_t len)
{
	struct msg_head h;
	struct buf b;

	if (p[0] == MSG_PREPREPARE && lies("proposals")) {
		memcpy(bent, p, len);
		bend_proposal(i);
		p = bent;
	}
	buf_over(&b, p, len);
	if (p[0] == MSG_STATUS && lies("forwards") && msg_head_get(&b, &h))
		forge_forward(m, i, &h);
	__real_net_to_replica(m, i, p, len);
}

void __real_request_put(struct buf *b, const struct request *q);
void __wrap_request_put(struct buf *b, const struct request *q);
void __wrap_request_put(struct buf *b, const struct request *q)
{
	static const uint8_t junk[70];
	struct request bad = *q;

	bad.is_signed = true;
	bad.sig = junk;
	bad.sig_len = sizeof junk;
	__real_request_put(b, lies("signatures") ? &bad : q);
}

int __real_clock_gettime(clockid_t id, struct timespec *ts);
int __wrap_clock_gettime(clockid_t id, struct timespec *ts);
int __wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
	int r = __real_clock_gettime(id, ts);

	if (id == CLOCK_REALTIME && lies("clock"))
		ts->tv_sec += 2;
	return r;
}
