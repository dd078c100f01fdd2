/* test/unit/test_replica.c - replicas and a client wired by hand: the normal case with one and four
 * replicas, restart, checkpoints. The faults are the simulator's (test/sim). */
#include <stdlib.h>

#include "core/check.h"
#include "test/unit/test.h"
#include "tuple/client.h"
#include "tuple/msg.h"
#include "tuple/replica.h"

enum { N_MAX = 4, QUEUE = 4096, LOG_MAX = WAL_BYTES_MAX };

struct packet {
	int kind; /* 0 replica to replica, 1 client to replica, 2 replica to client */
	uint32_t from, to;
	size_t len;
	uint8_t *bytes;
};

struct disk {
	uint8_t *log, *snap;
	size_t log_len, snap_len;
	uint64_t snap_slot;
};

static struct ident ids[N_MAX], user;
static struct signer user_signer;
static struct cluster cluster;
static struct replica *rep[N_MAX];
static void *mem[N_MAX];
static struct disk disk[N_MAX];
static struct packet queue[QUEUE];
static size_t head, tail;
static mono_t now;
static struct client client;
static struct result done;
static bool is_done;
static uint64_t saved[N_MAX];
static uint32_t switches, notes[NOTES];
static mono_t armed[N_MAX];
static int mute = -1; /* what this replica says to others is lost */
static struct replica_effects fx;
static bool holding; /* replica 3 hears the leader, 0, and the others later */
static struct packet held[64];
static uint32_t helds, asks; /* asks: what replica 3 asked others for */

static void post(int kind, uint32_t from, uint32_t to, const void *p, size_t len)
{
	struct packet *k = &queue[tail++ % QUEUE];

	*k = (struct packet){ kind, from, to, len, malloc(len + 1) };
	MUST(tail - head < QUEUE);
	memcpy(k->bytes, p, len);
	asks += !kind && from == 3 && (k->bytes[0] == MSG_FETCH || k->bytes[0] == MSG_STATUS);
}

static void save_snapshot(uint32_t i, const struct replica_effect *e)
{
	disk[i].snap = realloc(disk[i].snap, e->len);
	memcpy(disk[i].snap, e->bytes, e->len);
	disk[i].snap_len = e->len;
	disk[i].snap_slot = saved[i] = e->slot;
}

static void rewrite_log(uint32_t i)
{
	uint64_t cursor = 0;
	const uint8_t *p;
	size_t len;

	switches++;
	memset(disk[i].log, 0, disk[i].log_len);
	disk[i].log_len = 0;
	while ((p = replica_dump(rep[i], &cursor, &len))) {
		MUST(disk[i].log_len + len <= LOG_MAX);
		memcpy(disk[i].log + disk[i].log_len, p, len);
		disk[i].log_len += len;
	}
}

static void run_effects(uint32_t i)
{
	for (uint32_t k = 0; k < fx.n; k++) {
		const struct replica_effect *e = &fx.e[k];

		switch (e->type) {
		case REPLICA_PERSIST:
			MUST(disk[i].log_len + e->len <= LOG_MAX);
			memcpy(disk[i].log + disk[i].log_len, e->bytes, e->len);
			disk[i].log_len += e->len;
			break;
		case REPLICA_SEND:
			for (uint32_t j = 0; j < cluster.n; j++)
				if (e->to & 1u << j)
					post(0, i, j, e->bytes, e->len);
			break;
		case REPLICA_REPLY:
			post(2, i, (uint32_t)e->chan, e->bytes, e->len);
			break;
		case REPLICA_SAVE:
			save_snapshot(i, e);
			break;
		case REPLICA_SWITCH:
			rewrite_log(i);
			break;
		case REPLICA_ARM:
			armed[i] = e->at;
			break;
		case REPLICA_NOTE:
			notes[e->note]++;
			break;
		default:
			break;
		}
	}
}

static void boot(uint32_t i)
{
	struct replica_setup setup = { .cluster = cluster };
	struct wal_record rec;
	struct wal_chain chain = { 0, 0 };
	size_t pos = 0;

	signer_ident(&setup.signer, &ids[i]);
	free(mem[i]);
	mem[i] = calloc(1, replica_bytes());
	rep[i] = replica_init(mem[i], &setup);
	if (disk[i].log_len && wal_next(disk[i].log, disk[i].log_len, &pos, &chain, &rec) ==
	    WAL_RECORD) {
		CHECK_EQ(rec.type, WAL_START);
		if (rec.slot) {
			CHECK_EQ(rec.slot, disk[i].snap_slot);
			CHECK(replica_load(rep[i], disk[i].snap, disk[i].snap_len));
		}
		CHECK(replica_replay(rep[i], &rec));
		while (wal_next(disk[i].log, disk[i].log_len, &pos, &chain, &rec) == WAL_RECORD)
			CHECK(replica_replay(rep[i], &rec));
	}
	replica_start(rep[i], now, now.us + 1000000, &fx);
	run_effects(i);
}

static void client_effects(const struct client_effects *out)
{
	for (uint32_t k = 0; k < out->n; k++) {
		const struct client_effect *e = &out->e[k];

		if (e->type == CLIENT_SEND)
			for (uint32_t j = 0; j < cluster.n; j++)
				if (e->to & 1u << j)
					post(1, 0, j, e->bytes, e->len);
		if (e->type == CLIENT_DONE) {
			is_done = true;
			done = *e->result;
		}
	}
}

static void deliver(const struct packet *k)
{
	struct replica_event ev = { .now = now, .wall_us = now.us + 1000000, .from = k->from,
				    .bytes = k->bytes, .len = k->len };
	struct client_effects out;

	if (k->kind == 2) {
		client_message(&client, now, k->from, k->bytes, k->len, &out);
		client_effects(&out);
		return;
	}
	if (!rep[k->to] || (!k->kind && (int)k->from == mute))
		return;
	ev.type = k->kind ? REPLICA_REQUEST : REPLICA_MESSAGE;
	ev.chan = 1;
	ev.client = user.fp;
	replica_step(rep[k->to], &ev, &fx);
	run_effects(k->to);
}

static void step_all(enum replica_event_type type)
{
	for (uint32_t i = 0; i < cluster.n; i++) {
		struct replica_event ev = { .type = type, .now = now,
					    .wall_us = now.us + 1000000, .slot = saved[i] };

		if (!rep[i] || (type == REPLICA_SAVED && !saved[i]))
			continue;
		saved[i] = 0;
		replica_step(rep[i], &ev, &fx);
		run_effects(i);
	}
}

/* Timers that are due at once: batches to be closed. */
static void fire_due(void)
{
	for (uint32_t i = 0; i < cluster.n; i++) {
		struct replica_event ev = { .type = REPLICA_TIMER, .now = now,
					    .wall_us = now.us + 1000000 };

		if (!rep[i] || !armed[i].us || mono_before(now, armed[i]))
			continue;
		armed[i] = mono_us(0);
		replica_step(rep[i], &ev, &fx);
		run_effects(i);
	}
}

static void settle(void)
{
	for (;;) {
		while (head < tail) {
			struct packet k = queue[head++ % QUEUE];

			now = mono_add_us(now, 50);
			if (holding && !k.kind && k.to == 3 && k.from) {
				held[helds++ % ARRAY_LEN(held)] = k;
				continue;
			}
			deliver(&k);
			free(k.bytes);
		}
		step_all(REPLICA_SAVED);
		fire_due();
		if (head == tail)
			return;
	}
}

static void pass(int64_t ms)
{
	struct client_effects out;

	for (; ms > 0; ms -= 100) {
		now = mono_add_ms(now, 100);
		step_all(REPLICA_TIMER);
		client_timer(&client, now, &out);
		client_effects(&out);
		settle();
	}
}

static void setup(uint32_t faults)
{
	static const uint8_t session[SESSION_BYTES] = { 1, 2, 3 };
	struct client_effects none;

	head = tail = 0;
	now = mono_us(1000000);
	memset(&cluster, 0, sizeof cluster);
	cluster.faults = faults;
	cluster.n = 3 * faults + 1;
	cluster.admins = 1;
	cluster.admin[0] = user.fp; /* so that it may do all there is */
	for (uint32_t i = 0; i < N_MAX; i++) {
		free(disk[i].snap);
		if (!disk[i].log)
			disk[i].log = calloc(1, LOG_MAX);
		memset(disk[i].log, 0, disk[i].log_len);
		disk[i].log_len = disk[i].snap_len = 0;
		disk[i].snap = NULL;
		rep[i] = NULL;
		saved[i] = 0;
		armed[i] = mono_us(0);
	}
	memset(notes, 0, sizeof notes);
	for (uint32_t i = 0; i < cluster.n; i++)
		cluster.replica[i].fp = ids[i].fp;
	for (uint32_t i = 0; i < cluster.n; i++)
		boot(i);
	signer_ident(&user_signer, &user);
	client_init(&client, &cluster, &user_signer, session);
	client_link(&client, now, (1u << cluster.n) - 1, &none);
	settle();
}

static enum result_code call(const struct op *op)
{
	struct client_effects out;

	is_done = false;
	CHECK(client_call(&client, now, op, &out));
	client_effects(&out);
	settle();
	CHECK(is_done);
	return done.code;
}

static struct op make(enum op_type type, const char *word, int64_t num)
{
	struct op op = { .type = type };
	struct tuple *t = type == OP_OUT ? &op.tuple : &op.templ;

	tuple_init(t);
	tuple_init(type == OP_OUT ? &op.templ : &op.tuple);
	tuple_add_str(t, word);
	if (num >= 0)
		tuple_add_int(t, num);
	else
		tuple_add_any(t);
	return op;
}

static void out_and_take(uint32_t faults)
{
	struct op op;

	setup(faults);
	op = make(OP_OUT, "job", 7);
	CHECK_EQ(call(&op), RESULT_OK);
	op = make(OP_RDP, "job", -1);
	CHECK_EQ(call(&op), RESULT_OK);
	CHECK(done.has_tuple);
	CHECK_EQ(done.tuple.f[1].num, 7);
	op = make(OP_INP, "job", -1);
	CHECK_EQ(call(&op), RESULT_OK);
	CHECK_EQ(call(&op), RESULT_NONE);
}

static void one_replica_orders_executes_and_replies(void)
{
	out_and_take(0);
}

static void four_replicas_agree(void)
{
	struct replica_status s;

	out_and_take(1);
	for (uint32_t i = 0; i < 4; i++) {
		replica_status(rep[i], &s);
		CHECK_EQ(s.slot, 4);
		CHECK_EQ(s.view, 0);
	}
}

static void restart_keeps(uint32_t faults)
{
	struct op op;

	setup(faults);
	for (int i = 0; i < 10; i++) {
		op = make(OP_OUT, "job", i);
		CHECK_EQ(call(&op), RESULT_OK);
	}
	for (uint32_t i = 0; i < cluster.n; i++)
		boot(i); /* all at once: nobody remembers but the disks */
	settle();
	for (int i = 0; i < 10; i++) {
		op = make(OP_INP, "job", -1);
		CHECK_EQ(call(&op), RESULT_OK);
		CHECK_EQ(done.tuple.f[1].num, i);
	}
}

static void one_replica_remembers_after_a_restart(void)
{
	restart_keeps(0);
}

static void four_replicas_remember_after_a_restart(void)
{
	restart_keeps(1);
}

static void checkpoints_cut_the_log(void)
{
	struct replica_status s;
	struct op op;

	setup(1);
	switches = 0;
	for (int i = 0; i < 1100; i++) {
		op = make(i % 2 ? OP_INP : OP_OUT, "job", i / 2);
		CHECK_EQ(call(&op), RESULT_OK);
	}
	for (uint32_t i = 0; i < 4; i++) {
		replica_status(rep[i], &s);
		CHECK_EQ(s.stable, 1024);
		CHECK(disk[i].log_len < 200 * 2 * WAL_PAD);
	}
	CHECK_EQ(switches, 4);
	for (uint32_t i = 0; i < 4; i++)
		boot(i);
	settle();
	op = make(OP_OUT, "more", 1);
	CHECK_EQ(call(&op), RESULT_OK);
	CHECK(done.id > 550);
}

static void a_dead_leader_is_replaced(void)
{
	struct client_effects out;
	struct replica_status s;
	struct op op;

	setup(1);
	op = make(OP_OUT, "job", 1);
	CHECK_EQ(call(&op), RESULT_OK);
	rep[0] = NULL;
	op = make(OP_OUT, "job", 2);
	is_done = false;
	CHECK(client_call(&client, now, &op, &out));
	client_effects(&out);
	settle();
	CHECK(!is_done);
	pass(5000);
	CHECK(is_done);
	CHECK_EQ(done.code, RESULT_OK);
	replica_status(rep[1], &s);
	CHECK_EQ(s.view, 1);
	boot(0); /* it comes back and follows */
	settle();
	pass(2000);
	replica_status(rep[0], &s);
	CHECK_EQ(s.view, 1);
	CHECK_EQ(s.slot, 2);
}

static void suspect(uint32_t from, uint32_t to, uint64_t view)
{
	uint8_t head_bytes[MSG_HEAD_BYTES];
	struct buf b;

	buf_init(&b, head_bytes, sizeof head_bytes);
	msg_head_put(&b, MSG_SUSPECT, 0, view, 0);
	post(0, from, to, b.mem, b.len);
}

/* Replica 3 left view 1 because 0 and 2 suspected it; they forgot that in a crash, and never
 * heard of 3's VIEW-CHANGE for view 1. */
static void who_went_on_does_not_strand_the_others(void)
{
	struct op op = make(OP_OUT, "job", 1);
	struct client_effects out;
	struct replica_status s;

	setup(1);
	rep[1] = NULL;
	mute = 3;
	suspect(1, 0, 0);
	suspect(2, 0, 0);
	suspect(0, 2, 0);
	suspect(1, 2, 0);
	settle();
	replica_status(rep[3], &s);
	CHECK_EQ(s.view, 1);
	suspect(0, 3, 1);
	suspect(2, 3, 1);
	settle();
	replica_status(rep[3], &s);
	CHECK_EQ(s.view, 2);
	mute = -1;
	replica_status(rep[0], &s);
	CHECK_EQ(s.view, 1);
	CHECK(!s.active);
	is_done = false;
	CHECK(client_call(&client, now, &op, &out));
	client_effects(&out);
	pass(15000);
	CHECK(is_done);
}

static void proposals_ahead_of_their_votes_are_kept(void)
{
	struct replica_status s;

	setup(1);
	holding = true;
	asks = 0;
	for (int i = 0; i < 5; i++) {
		struct op op = make(OP_OUT, "job", i);

		CHECK_EQ(call(&op), RESULT_OK);
	}
	replica_status(rep[3], &s);
	CHECK_EQ(s.slot, 0);
	CHECK_EQ(s.verdicts[REPLICA_EARLY], 4);
	holding = false;
	for (uint32_t i = 0; i < helds; i++)
		queue[tail++ % QUEUE] = held[i];
	settle();
	replica_status(rep[3], &s);
	CHECK_EQ(s.slot, 5);
	CHECK_EQ(asks, 0);
}

TEST_MAIN_BEGIN
	for (int i = 0; i < N_MAX; i++)
		ident_new(&ids[i]);
	ident_new(&user);
	RUN(one_replica_orders_executes_and_replies);
	RUN(four_replicas_agree);
	RUN(one_replica_remembers_after_a_restart);
	RUN(four_replicas_remember_after_a_restart);
	RUN(checkpoints_cut_the_log);
	RUN(a_dead_leader_is_replaced);
	RUN(who_went_on_does_not_strand_the_others);
	RUN(proposals_ahead_of_their_votes_are_kept);
TEST_MAIN_END
