/* test/unit/replicas.h - replicas without disks, wired in memory, and requests made by hand
 *
 * What one says reaches the others 50 us later; time passes from timer to timer. For tests of what
 * replicas think of odd requests and clocks; restarts and checkpoints are test_replica.c's. */
#ifndef TEST_UNIT_REPLICAS_H
#define TEST_UNIT_REPLICAS_H

#include <stdlib.h>

#include "core/check.h"
#include "test/unit/test.h"
#include "tuple/msg.h"
#include "tuple/replica.h"

enum { N = 4, USERS = 8, QUEUE = 4096 };

struct packet {
	uint32_t from, to;
	size_t len;
	uint8_t *bytes;
};

static struct ident ids[N], user[USERS + 1]; /* admins, but for the last */
static struct replica *rep[N]; /* NULL: down */
static mono_t now, armed[N];
static int64_t skew_us[N]; /* of its wall clock */
static struct packet queue[QUEUE];
static size_t head, tail;
static struct replica_effects fx;
static uint32_t fired, notes[N][NOTES], sent[MSG_TYPES];
static int64_t value[N][NOTES];
static uint8_t cluster_key[32];
static uint32_t told[MSG_SIGN + 1]; /* how often clients heard each message */

static int64_t wall_us(uint32_t i)
{
	return now.us + 1700000000000000 + skew_us[i];
}

static void run_effects(uint32_t i)
{
	for (uint32_t k = 0; k < fx.n; k++) {
		const struct replica_effect *e = &fx.e[k];

		if (e->type == REPLICA_ARM)
			armed[i] = e->at;
		if (e->type == REPLICA_NOTE) {
			notes[i][e->note]++;
			value[i][e->note] = e->value;
		}
		if (e->type == REPLICA_REPLY)
			told[e->bytes[0]]++;
		for (uint32_t j = 0; e->type == REPLICA_SEND && j < N; j++) {
			struct packet *p = &queue[tail % QUEUE];

			if (!(e->to & 1u << j))
				continue;
			sent[e->bytes[0]]++;
			*p = (struct packet){ i, j, e->len, malloc(e->len) };
			memcpy(p->bytes, e->bytes, e->len);
			MUST(++tail - head < QUEUE);
		}
	}
}

static enum replica_verdict step(uint32_t i, struct replica_event ev)
{
	enum replica_verdict v;

	ev.now = now;
	ev.wall_us = wall_us(i);
	v = replica_step(rep[i], &ev, &fx);
	run_effects(i);
	return v;
}

/* The replica whose timer is next to fire, if that is until `end`. */
static uint32_t next_due(mono_t end)
{
	uint32_t next = N;

	for (uint32_t i = 0; i < N; i++)
		if (rep[i] && armed[i].us && armed[i].us <= end.us) {
			next = i;
			end = armed[i];
		}
	return next;
}

static void deliver(void)
{
	struct packet p = queue[head++ % QUEUE];

	now = mono_add_us(now, 50);
	if (rep[p.to])
		step(p.to, (struct replica_event){ .type = REPLICA_MESSAGE, .from = p.from,
						   .bytes = p.bytes, .len = p.len });
	free(p.bytes);
}

static void pass(int64_t ms)
{
	mono_t end = mono_add_ms(now, ms);
	uint32_t i;

	for (;;) {
		while (head < tail)
			deliver();
		i = next_due(end);
		if (i == N)
			break;
		now = mono_before(now, armed[i]) ? armed[i] : now;
		armed[i] = mono_us(0);
		fired++;
		step(i, (struct replica_event){ .type = REPLICA_TIMER });
	}
	now = mono_before(now, end) ? end : now;
}

static void setup(uint32_t faults)
{
	static void *mem[N];
	struct replica_setup x = { .cluster = { .faults = faults, .n = 3 * faults + 1 } };

	memset(rep, 0, sizeof rep);
	memset(notes, 0, sizeof notes);
	memset(told, 0, sizeof told);
	for (uint32_t i = 0; i < USERS; i++)
		x.cluster.admin[x.cluster.admins++] = user[i].fp;
	for (uint32_t i = 0; i < x.cluster.n; i++)
		x.cluster.replica[i].fp = ids[i].fp;
	cluster_id(&x.cluster, cluster_key);
	now = mono_us(1000000);
	for (uint32_t i = 0; i < x.cluster.n; i++) {
		signer_ident(&x.signer, &ids[i]);
		free(mem[i]);
		mem[i] = calloc(1, replica_bytes());
		rep[i] = replica_init(mem[i], &x);
		replica_start(rep[i], now, wall_us(i), &fx);
		run_effects(i);
	}
	pass(100);
	memset(sent, 0, sizeof sent);
	fired = 0;
}

static struct replica_status status(uint32_t i)
{
	struct replica_status s;

	replica_status(rep[i], &s);
	return s;
}

#endif
