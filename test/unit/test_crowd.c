/* test/unit/test_crowd.c - when a leader proposes: one replica, the others' votes made by hand */
#include <stdlib.h>

#include "core/check.h"
#include "test/unit/test.h"
#include "tuple/msg.h"
#include "tuple/replica.h"

enum { CLIENTS = 3, SLOT_US = 400 };

static struct ident user, self[4];
static struct cluster cluster;
static uint8_t id[32];
static struct replica *rep;
static struct replica_effects fx;
static int64_t us; /* the clock */
static int64_t armed_us;
static uint64_t slot, no[CLIENTS];
static uint32_t proposed; /* requests of the last proposal; 0: none since it was looked at */
static uint8_t digest[DIGEST_BYTES];

static void take_proposal(const uint8_t *p, size_t len)
{
	struct msg_head h;
	struct batch batch;
	struct buf b;

	buf_over(&b, p, len);
	if (!msg_head_get(&b, &h) || h.type != MSG_PREPREPARE)
		return;
	CHECK(batch_get(&batch, p + b.pos, len - b.pos));
	batch_digest(id, 0, h.slot, p + b.pos, len - b.pos, digest);
	slot = h.slot;
	proposed = batch.count;
}

static void look(void)
{
	for (uint32_t i = 0; i < fx.n; i++) {
		if (fx.e[i].type == REPLICA_SEND)
			take_proposal(fx.e[i].bytes, fx.e[i].len);
		if (fx.e[i].type == REPLICA_ARM)
			armed_us = fx.e[i].at.us;
	}
}

/* The timer fires when it is due, as often as it is. */
static void step(struct replica_event ev)
{
	ev.now = mono_us(us);
	ev.wall_us = 1000000000 + us;
	replica_step(rep, &ev, &fx);
	look();
	for (int i = 0; i < 9 && armed_us && armed_us <= us; i++) {
		armed_us = 0;
		ev.type = REPLICA_TIMER;
		replica_step(rep, &ev, &fx);
		look();
	}
}

static void setup(void)
{
	struct replica_setup s = { .observer = false };

	free(rep);
	cluster = (struct cluster){ .faults = 1, .n = 4, .admins = 1 };
	cluster.admin[0] = user.fp;
	for (int i = 0; i < 4; i++)
		cluster.replica[i].fp = self[i].fp;
	cluster_id(&cluster, id);
	s.cluster = cluster;
	signer_ident(&s.signer, &self[0]);
	rep = replica_init(calloc(1, replica_bytes()), &s);
	us = 1000000;
	memset(no, 0, sizeof no);
	proposed = 0;
	armed_us = 0;
	replica_start(rep, mono_us(us), 1000000000 + us, &fx);
	look();
}

static void ask(uint8_t who)
{
	struct op op = { .type = OP_RDP };
	uint8_t mem[REQUEST_FRAME_MAX], session[SESSION_BYTES] = { who + 1 };
	struct buf b;

	tuple_add_str(&op.templ, "job");
	buf_init(&b, mem, sizeof mem);
	buf_put_u8(&b, MSG_REQUEST);
	buf_put_u8(&b, 0);
	buf_put_bytes(&b, session, sizeof session);
	buf_put_u64(&b, ++no[who]);
	buf_put_u64(&b, 0);
	op_put(&b, &op);
	CHECK(buf_ok(&b));
	step((struct replica_event){ .type = REPLICA_REQUEST, .chan = who + 1u, .client = user.fp,
				     .bytes = mem, .len = b.len });
}

static void vote(enum msg_type type, uint32_t from)
{
	uint8_t mem[MSG_HEAD_BYTES + 2 + DIGEST_BYTES];
	struct buf b;

	buf_init(&b, mem, sizeof mem);
	msg_head_put(&b, type, 0, 0, slot);
	buf_put_u16(&b, 1);
	buf_put_bytes(&b, digest, sizeof digest);
	step((struct replica_event){ .type = REPLICA_MESSAGE, .from = from, .bytes = mem,
				     .len = b.len });
}

/* The proposal is decided SLOT_US after it was made; how many requests it had. */
static uint32_t decide(void)
{
	uint32_t n = proposed;
	struct replica_status s;

	us += SLOT_US;
	proposed = 0;
	vote(MSG_PREPARE, 1);
	vote(MSG_PREPARE, 2);
	vote(MSG_COMMIT, 1);
	vote(MSG_COMMIT, 2);
	replica_status(rep, &s);
	CHECK_EQ(s.slot, slot);
	return n;
}

/* A batch of all clients is decided, and 0 has asked again. */
static void all_together(void)
{
	setup();
	for (uint8_t i = 0; i < CLIENTS; i++)
		ask(i);
	CHECK_EQ(decide(), 1); /* who came first did not wait */
	ask(0);
	CHECK_EQ(decide(), 3);
	ask(0);
	CHECK_EQ(proposed, 0);
}

static void a_client_alone_never_waits(void)
{
	setup();
	for (int i = 0; i < 5; i++) {
		ask(0);
		CHECK_EQ(decide(), 1);
	}
}

static void those_who_ask_again_together_share_a_batch(void)
{
	all_together();
	ask(1);
	CHECK_EQ(proposed, 0);
	ask(2);
	CHECK_EQ(proposed, 3);
	CHECK_EQ(decide(), 3);
}

static void the_wait_is_bounded_by_the_slot_before(void)
{
	all_together();
	CHECK_EQ(armed_us, us + 2 * SLOT_US);
	us = armed_us - 1;
	ask(1);
	CHECK_EQ(proposed, 0);
	us++;
	step((struct replica_event){ .type = REPLICA_LINK, .from = 1 });
	CHECK_EQ(proposed, 2);
	CHECK_EQ(decide(), 2);
	ask(0);
	ask(1);
	CHECK_EQ(decide(), 2); /* nobody expects 2 any more */
}

TEST_MAIN_BEGIN
	for (int i = 0; i < 4; i++)
		ident_new(&self[i]);
	ident_new(&user);
	RUN(a_client_alone_never_waits);
	RUN(those_who_ask_again_together_share_a_batch);
	RUN(the_wait_is_bounded_by_the_slot_before);
TEST_MAIN_END
