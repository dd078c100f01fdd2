/* test/unit/test_state.c - the operations, rules, leases, waiters and snapshots, batch by batch */
#include <stdlib.h>

#include "core/check.h"
#include "test/unit/test.h"
#include "tuple/snap.h"

static struct state *st;
static struct cluster cluster;
static const struct fp admin = { { 1 } }, alice = { { 2 } }, bob = { { 3 } }, node = { { 4 } };
static uint64_t next_no[5];
static int64_t now_us;
static uint8_t answer[RESULT_BYTES_MAX];
static uint8_t snapshot[SNAP_BYTES_MAX], again[SNAP_BYTES_MAX];

static void setup(void)
{
	free(st);
	st = calloc(1, sizeof *st);
	cluster = (struct cluster){ .n = 1, .admins = 1 };
	cluster.admin[0] = admin;
	memset(next_no, 0, sizeof next_no);
	now_us = 1000 * SECOND_US;
	state_init(st, &cluster);
}

static struct request ask(uint8_t *body, const struct fp *who, const struct op *op)
{
	struct request q = { .client = *who, .body = body };
	struct buf b;

	memset(q.session, who->b[0], SESSION_BYTES);
	q.no = ++next_no[who->b[0]];
	buf_init(&b, body, REQUEST_BODY_MAX);
	buf_put_bytes(&b, q.session, SESSION_BYTES);
	buf_put_u64(&b, q.no);
	buf_put_u64(&b, 0);
	if (op->type == OP_WITHDRAW)
		buf_put_u8(&b, OP_WITHDRAW);
	else
		op_put(&b, op);
	MUST(buf_ok(&b));
	q.body_len = b.len;
	return q;
}

/* A batch of n requests after `ms`. */
static bool run_requests(const struct request *q, uint16_t n, int64_t ms)
{
	static uint8_t mem[BATCH_BYTES_MAX];
	uint8_t d[DIGEST_BYTES];
	struct batch x;
	struct buf b;

	now_us += ms * 1000;
	buf_init(&b, mem, sizeof mem);
	buf_put_bytes(&b, st->digest, DIGEST_BYTES);
	buf_put_u64(&b, (uint64_t)now_us);
	buf_put_u16(&b, n);
	for (uint16_t i = 0; i < n; i++)
		request_put_entry(&b, &q[i]);
	MUST(batch_get(&x, mem, b.len));
	batch_digest(st->cluster_id, 0, st->slot + 1, mem, b.len, d);
	return state_execute(st, &x, b.len, d);
}

static void run_batch(const struct request *q, int64_t ms)
{
	run_requests(q, q != NULL, ms);
}

static bool last_answer(const struct fp *who, struct result *r)
{
	uint8_t id[SESSION_BYTES];
	struct reply reply;
	uint16_t s;

	memset(id, who->b[0], sizeof id);
	s = state_session(st, who, id);
	if (s == SESSION_NONE || !state_reply(st, s, &reply))
		return false;
	memcpy(answer, reply.result, reply.result_len);
	return result_get(r, answer, reply.result_len);
}

static struct result call(const struct fp *who, const struct op *op)
{
	uint8_t body[REQUEST_BODY_MAX];
	struct request q = ask(body, who, op);
	struct result r = { .code = RESULT_CODES };

	run_batch(&q, 10);
	if (!last_answer(who, &r) && st->outcomes)
		r.code = st->outcome[0].code;
	return r;
}

static struct op pair(enum op_type type, const char *word, int64_t num)
{
	struct op op = { .type = type };

	tuple_init(&op.tuple);
	tuple_add_str(&op.tuple, word);
	tuple_add_int(&op.tuple, num);
	tuple_init(&op.templ);
	tuple_add_str(&op.templ, word);
	tuple_add_any(&op.templ);
	return op;
}

static enum result_code admit(enum role role, const char *name, const struct fp *who)
{
	static struct member_tuple m;
	struct op op = { .type = OP_OUT };

	m = (struct member_tuple){ .role = role, .fp = *who, .sig_len = 8 };
	snprintf(m.name, sizeof m.name, "%s", name);
	member_encode(&op.tuple, &m);
	return call(&admin, &op).code;
}

static void strangers_get_nothing(void)
{
	struct op op = pair(OP_OUT, "a", 1);

	setup();
	CHECK_EQ(call(&alice, &op).code, RESULT_DENIED);
	CHECK_EQ(st->sessions, 0);
	CHECK_EQ(admit(ROLE_CLIENT, "alice", &alice), RESULT_OK);
	next_no[2] = 0;
	CHECK_EQ(call(&alice, &op).code, RESULT_OK);
}

static void names_are_unique_and_only_admins_admit(void)
{
	struct op op = { .type = OP_INP };

	setup();
	CHECK_EQ(admit(ROLE_CLIENT, "alice", &alice), RESULT_OK);
	CHECK_EQ(admit(ROLE_CLIENT, "alice", &bob), RESULT_FOUND);
	CHECK_EQ(admit(ROLE_CLIENT, "alice", &alice), RESULT_FOUND);
	CHECK_EQ(admit(ROLE_NODE, "alice", &alice), RESULT_OK); /* several roles, one name */
	CHECK_EQ(admit(ROLE_CLIENT, "Bad Name", &bob), RESULT_DENIED);
	schema_named(&op.templ, "member", "alice");
	CHECK_EQ(call(&alice, &op).code, RESULT_NONE); /* nothing that she may remove */
	CHECK_EQ(state_roles(st, &alice), ROLE_CLIENT | ROLE_NODE);
	CHECK_EQ(call(&admin, &op).code, RESULT_OK);
	CHECK_EQ(state_roles(st, &alice), ROLE_NODE);
}

static struct op register_node(const struct fp *fp, const char *name, uint8_t *mem)
{
	static struct node_tuple n;
	struct op op = { .type = OP_OUT, .ttl_ms = 60000 };

	n = (struct node_tuple){ .fp = *fp, .addrs = 1 };
	snprintf(n.name, sizeof n.name, "%s", name);
	node_encode(&op.tuple, &n, mem);
	return op;
}

static void nodes_register_themselves_and_nobody_else(void)
{
	uint8_t mem[SCHEMA_BYTES_MAX];
	struct op op = register_node(&node, "n1", mem), take = { .type = OP_INP };

	setup();
	CHECK_EQ(admit(ROLE_NODE, "n1", &node), RESULT_OK);
	CHECK_EQ(admit(ROLE_CLIENT, "alice", &alice), RESULT_OK);
	CHECK_EQ(call(&alice, &op).code, RESULT_DENIED); /* another's key */
	CHECK_EQ(call(&admin, &op).code, RESULT_DENIED);
	CHECK_EQ(call(&node, &op).code, RESULT_OK);
	CHECK_EQ(call(&node, &op).code, RESULT_FOUND);
	op.ttl_ms = 601000;
	CHECK_EQ(call(&node, &op).code, RESULT_TTL);
	op = register_node(&node, "n2", mem);
	CHECK_EQ(call(&node, &op).code, RESULT_DENIED); /* not its name */
	schema_named(&take.templ, "node", "n1");
	CHECK_EQ(call(&alice, &take).code, RESULT_NONE);
	take.type = OP_RENEW;
	take.ttl_ms = 30000;
	CHECK_EQ(call(&node, &take).code, RESULT_OK);
	run_batch(NULL, 31000);
	take.type = OP_RDP;
	CHECK_EQ(call(&alice, &take).code, RESULT_NONE); /* its lease is over */
}

static void eviction_takes_all_that_the_evicted_had(void)
{
	uint8_t mem[SCHEMA_BYTES_MAX];
	struct op op = register_node(&node, "n1", mem), take = { .type = OP_INP };
	struct op wait = pair(OP_IN, "never", 0);

	setup();
	CHECK_EQ(admit(ROLE_NODE, "n1", &node), RESULT_OK);
	CHECK_EQ(call(&node, &op).code, RESULT_OK);
	wait.wait_ms = 60000;
	call(&node, &wait);
	CHECK_EQ(st->waiters, 1);
	schema_named(&take.templ, "member", "n1");
	CHECK_EQ(call(&admin, &take).code, RESULT_OK);
	CHECK(st->members_changed);
	CHECK_EQ(st->waiters, 0);
	CHECK_EQ(st->sessions, 1);
	CHECK_EQ(st->space.live, 0);
}

static void the_lowest_id_is_taken_first(void)
{
	struct op op = pair(OP_OUT, "job", 0);

	setup();
	for (int i = 0; i < 5; i++) {
		op = pair(OP_OUT, "job", i);
		CHECK_EQ(call(&admin, &op).id, i + 1);
	}
	op.type = OP_INP;
	CHECK_EQ(call(&admin, &op).tuple.f[1].num, 0);
	op = pair(OP_REPLACE, "job", 9); /* keeps nothing of the old id */
	CHECK_EQ(call(&admin, &op).id, 6);
	op.type = OP_RDP;
	CHECK_EQ(call(&admin, &op).tuple.f[1].num, 2);
	op.type = OP_CAS;
	CHECK_EQ(call(&admin, &op).code, RESULT_FOUND);
	op = pair(OP_CAS, "other", 1);
	CHECK_EQ(call(&admin, &op).code, RESULT_OK);
}

static void waiters_are_served_in_turn_and_time_out(void)
{
	struct op wait = pair(OP_IN, "job", 0), op = pair(OP_OUT, "job", 1);
	struct result r;

	setup();
	CHECK_EQ(admit(ROLE_CLIENT, "alice", &alice), RESULT_OK);
	CHECK_EQ(admit(ROLE_CLIENT, "bob", &bob), RESULT_OK);
	wait.wait_ms = 5000;
	CHECK_EQ(call(&alice, &wait).code, 0); /* blocked: no answer yet */
	call(&bob, &wait);
	CHECK_EQ(st->waiters, 2);
	CHECK(!last_answer(&alice, &r));
	CHECK_EQ(call(&admin, &op).code, RESULT_OK);
	CHECK(last_answer(&alice, &r) && r.tuple.f[1].num == 1);
	CHECK(!last_answer(&bob, &r));
	run_batch(NULL, 6000);
	CHECK(last_answer(&bob, &r) && r.code == RESULT_NONE);
	CHECK_EQ(st->waiters + st->space.live - 2, 0); /* the two members */
}

static void a_wait_can_be_withdrawn(void)
{
	struct op wait = pair(OP_IN, "job", 0), op = pair(OP_OUT, "job", 1);
	struct op leave = { .type = OP_WITHDRAW };
	struct result r;

	setup();
	CHECK_EQ(admit(ROLE_CLIENT, "alice", &alice), RESULT_OK);
	wait.wait_ms = 3600000;
	call(&alice, &wait);
	CHECK_EQ(st->waiters, 1);
	CHECK_EQ(call(&alice, &leave).code, RESULT_BAD); /* its number is the wait's */
	CHECK_EQ(st->waiters, 1);
	next_no[alice.b[0]] = 0;
	CHECK_EQ(call(&alice, &leave).code, RESULT_NONE);
	CHECK_EQ(st->outcomes, 1);
	CHECK_EQ(st->waiters, 0);
	CHECK_EQ(call(&admin, &op).code, RESULT_OK);
	CHECK_EQ(st->space.live, 2); /* nobody took it */
	CHECK_EQ(call(&alice, &wait).tuple.f[1].num, 1); /* the session is as before */
	next_no[alice.b[0]]--;
	CHECK_EQ(call(&alice, &leave).tuple.f[1].num, 1); /* too late */
	CHECK(last_answer(&alice, &r) && r.has_tuple);
}

/* Her replies are lost, so that she asks again: the one tuple was all she is due. */
static void the_answer_after_a_long_wait_stays_on_record(void)
{
	struct op wait = pair(OP_IN, "job", 0), op = pair(OP_OUT, "job", 1);
	uint8_t body[REQUEST_BODY_MAX];
	struct request q;
	struct result r;

	setup();
	CHECK_EQ(admit(ROLE_CLIENT, "alice", &alice), RESULT_OK);
	wait.wait_ms = 3600000;
	q = ask(body, &alice, &wait);
	run_batch(&q, 10);
	run_batch(NULL, 500000);
	CHECK_EQ(call(&admin, &op).code, RESULT_OK); /* also keeps the admin's session */
	op = pair(OP_OUT, "job", 2);
	CHECK_EQ(call(&admin, &op).code, RESULT_OK);
	run_batch(NULL, 590000);
	run_batch(&q, 10);
	CHECK(last_answer(&alice, &r) && r.tuple.f[1].num == 1);
	CHECK_EQ(st->space.live, 2); /* the member, and the second job */
	run_batch(NULL, 20000);
	CHECK_EQ(st->sessions, 0);
}

static void a_request_is_executed_once(void)
{
	uint8_t body[REQUEST_BODY_MAX];
	struct op op = pair(OP_OUT, "a", 1);
	struct request q;

	setup();
	q = ask(body, &admin, &op);
	run_batch(&q, 10);
	run_batch(&q, 10);
	CHECK_EQ(st->space.live, 1);
	op.type = OP_CLOSE;
	CHECK_EQ(call(&admin, &op).code, RESULT_OK);
	run_batch(&q, 10); /* a late copy cannot open the session again */
	CHECK_EQ(st->space.live, 1);
	run_batch(NULL, 200000);
	CHECK_EQ(st->sessions, 0);
}

static void pages_go_on_where_the_last_ended(void)
{
	struct op op;
	struct result r;
	struct tuple t;
	uint64_t id, seen = 0, cursor = 0;
	int pages = 0;

	setup();
	for (int i = 0; i < 300; i++) {
		op = pair(OP_OUT, "some-word-that-takes-room", i);
		CHECK_EQ(call(&admin, &op).code, RESULT_OK);
	}
	do {
		op = pair(OP_RDALL, "some-word-that-takes-room", 0);
		op.cursor = cursor;
		r = call(&admin, &op);
		CHECK_EQ(r.code, RESULT_OK);
		cursor = r.cursor;
		pages++;
		while (result_next(&r, &t, &id))
			CHECK_EQ(t.f[1].num, seen++);
	} while (cursor);
	CHECK_EQ(seen, 300);
	CHECK(pages > 3);
}

static void quotas_hold(void)
{
	struct op op = pair(OP_OUT, "a", 1);
	enum result_code code = RESULT_OK;
	int n = 0;

	setup();
	CHECK_EQ(admit(ROLE_CLIENT, "alice", &alice), RESULT_OK);
	while (code == RESULT_OK && n < 20000) {
		code = call(&alice, &op).code;
		n++;
	}
	CHECK_EQ(code, RESULT_QUOTA);
	CHECK_EQ(n, 10241);
}

/* As space_find, entry by entry. */
static uint32_t plain_find(const struct space *s, const struct tuple *templ, uint32_t from)
{
	uint32_t i = space_find(s, NULL, from, 0);
	struct tuple t;

	for (; i != SPACE_NONE; i = space_find(s, NULL, i + 1, 0)) {
		space_tuple(s, i, &t);
		if (tuple_match(templ, &t))
			break;
	}
	return i;
}

/* All that a template finds, and from anywhere in between. */
static bool finds_the_same(const struct space *s, const struct tuple *templ, uint32_t from)
{
	uint32_t i = space_find(s, templ, from, 0);

	if (i != plain_find(s, templ, from))
		return false;
	for (i = space_find(s, templ, 0, 0); i != SPACE_NONE; i = space_find(s, templ, i + 1, 0))
		if (space_find(s, templ, i + 1, 0) != plain_find(s, templ, i + 1))
			return false;
	return true;
}

static void any_template_finds_as_one_that_looks_at_everything(void)
{
	static struct space s;
	uint64_t x = 1;

	space_init(&s);
	for (int n = 0; n < 3 * SPACE_ENTRIES_MAX; n++) {
		struct tuple t, templ;
		uint32_t i;

		x = x * 6364136223846793005u + 1442695040888963407u;
		tuple_init(&t);
		tuple_add_str(&t, x >> 40 & 1 ? "a" : "b");
		if (x >> 41 & 7) /* others have one field alone */
			tuple_add_int(&t, (int64_t)(x >> 44 & 15));
		i = space_find(&s, NULL, s.entries ? (uint32_t)(x >> 33) % s.entries : 0, 0);
		if (x >> 50 & 1 || i == SPACE_NONE || s.live < 100)
			CHECK(space_insert(&s, &t, 0, SPACE_FOREVER));
		else
			space_remove(&s, i);
		if (n % 64)
			continue;
		templ = t;
		templ.f[x >> 51 & 1].type = FIELD_ANY;
		CHECK(finds_the_same(&s, &templ, (uint32_t)(x >> 32) % (s.entries + 1)));
	}
}

static void equal_states_make_equal_snapshots(void)
{
	static uint8_t manifest[MANIFEST_BYTES_MAX];
	struct op op = pair(OP_IN, "never", 0);
	struct state *other = calloc(1, sizeof *other);
	size_t len, len2, m;

	setup();
	CHECK_EQ(admit(ROLE_CLIENT, "alice", &alice), RESULT_OK);
	op.wait_ms = 100000;
	call(&alice, &op);
	for (int i = 0; i < 5000; i++) {
		op = pair(i % 3 ? OP_OUT : OP_INP, "job", i);
		op.ttl_ms = i % 5 ? 0 : 5000;
		call(&admin, &op);
	}
	len = snap_write(st, snapshot);
	CHECK(snap_read(other, &cluster, snapshot, len));
	len2 = snap_write(other, again);
	CHECK(len == len2 && !memcmp(snapshot, again, len));
	CHECK_EQ(other->waiters, 1);
	m = snap_manifest(snapshot, len, manifest);
	CHECK_EQ(manifest_length(manifest, m), len);
	CHECK(manifest_check(manifest, m, 1, snapshot + SNAP_CHUNK_BYTES, SNAP_CHUNK_BYTES));
	snapshot[SNAP_CHUNK_BYTES] ^= 1;
	CHECK(!manifest_check(manifest, m, 1, snapshot + SNAP_CHUNK_BYTES, SNAP_CHUNK_BYTES));
	for (size_t n = 0; n < len; n += 997) {
		memset(other, 0, sizeof *other);
		CHECK(!snap_read(other, &cluster, again, n));
	}
	free(other);
}

/* Two admins in one batch, as a leader may order them. */
static void one_replica_is_replaced_at_a_time(void)
{
	struct op op = { .type = OP_SWAP, .index = 1, .fp = alice };
	static uint8_t body[2][REQUEST_BODY_MAX];
	struct request q[2];
	struct result r;

	setup();
	cluster.faults = 1;
	cluster.n = 4;
	cluster.admin[cluster.admins++] = node;
	state_init(st, &cluster);
	op.addr = st->cluster.replica[2].addr = (struct addr){ .ip = { 10 }, .port = 7100 };
	CHECK_EQ(call(&admin, &op).code, RESULT_BAD); /* nobody could read the file */
	op.addr.port = 0;
	q[0] = ask(body[0], &admin, &op);
	op.index = 2;
	op.fp = bob;
	q[1] = ask(body[1], &node, &op);
	CHECK(run_requests(q, 2, 10)); /* ends the configuration */
	CHECK_EQ(st->config, 1);
	CHECK(fp_eq(&st->cluster.replica[1].fp, &alice));
	CHECK(!fp_eq(&st->cluster.replica[2].fp, &bob));
	CHECK(last_answer(&admin, &r) && r.code == RESULT_OK);
	CHECK(last_answer(&node, &r) && r.code == RESULT_AGAIN);
	CHECK_EQ(call(&node, &op).code, RESULT_OK);
	CHECK_EQ(st->config, 2);
	CHECK_EQ(call(&node, &op).code, RESULT_BAD); /* once more changes nothing */
	op.addr = (struct addr){ .ip = { 11 }, .port = 7100 };
	CHECK_EQ(call(&node, &op).code, RESULT_OK); /* it moves */
}

TEST_MAIN_BEGIN
	RUN(strangers_get_nothing);
	RUN(names_are_unique_and_only_admins_admit);
	RUN(nodes_register_themselves_and_nobody_else);
	RUN(eviction_takes_all_that_the_evicted_had);
	RUN(the_lowest_id_is_taken_first);
	RUN(waiters_are_served_in_turn_and_time_out);
	RUN(a_wait_can_be_withdrawn);
	RUN(the_answer_after_a_long_wait_stays_on_record);
	RUN(a_request_is_executed_once);
	RUN(pages_go_on_where_the_last_ended);
	RUN(quotas_hold);
	RUN(one_replica_is_replaced_at_a_time);
	RUN(any_template_finds_as_one_that_looks_at_everything);
	RUN(equal_states_make_equal_snapshots);
	free(st);
TEST_MAIN_END
