/* test/unit/test_tuple.c - tuples, the shell's form, reserved tuples, operations, log records */
#include <stdlib.h>

#include "test/unit/test.h"
#include "tuple/op.h"
#include "tuple/schema.h"
#include "tuple/wal.h"

static void a_template_matches_by_type_and_value(void)
{
	struct tuple t, m;

	tuple_init(&t);
	tuple_add_str(&t, "job");
	tuple_add_int(&t, 5);
	tuple_init(&m);
	tuple_add_str(&m, "job");
	tuple_add_any(&m);
	CHECK(tuple_match(&m, &t));
	CHECK(tuple_is_template(&m));
	CHECK(!tuple_is_template(&t));
	m.f[1] = (struct field){ FIELD_STR, 0, (const uint8_t *)"5", 1 };
	CHECK(!tuple_match(&m, &t));
	tuple_add_any(&m);
	CHECK(!tuple_match(&m, &t));
}

static void a_stored_star_is_a_string(void)
{
	struct tuple t, m;
	uint8_t hex[8];
	size_t used;

	tuple_init(&t);
	CHECK(field_parse(&t, "str:*", hex, sizeof hex, &used));
	CHECK_EQ(t.f[0].type, FIELD_STR);
	tuple_init(&m);
	CHECK(field_parse(&m, "*", hex, sizeof hex, &used));
	CHECK_EQ(m.f[0].type, FIELD_ANY);
	CHECK(tuple_match(&m, &t));
}

static void fields_are_read_and_written_alike(void)
{
	static const char *const texts[] = { "int:5", "int:-9223372036854775808", "hex:00ff", "*",
					     "str:*", "word", "str:int:5", "str:hex:0", "" };
	char out[64];

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		uint8_t hex[8];
		struct tuple t;
		size_t used;

		tuple_init(&t);
		CHECK(field_parse(&t, texts[i], hex, sizeof hex, &used));
		CHECK_EQ(field_format(&t.f[0], out, sizeof out), strlen(texts[i]));
		CHECK_STR(out, texts[i]);
	}
}

static void wrong_fields_are_refused(void)
{
	static const char *const texts[] = { "int:", "int:-", "int:x", "int:9223372036854775808",
					     "hex:0", "hex:zz", "hex:000000000000000000" };

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		uint8_t hex[8];
		struct tuple t;
		size_t used;

		tuple_init(&t);
		CHECK(!field_parse(&t, texts[i], hex, sizeof hex, &used));
	}
}

static void the_encoding_is_bounded_and_returns(void)
{
	static const uint8_t golden[] = { 2, FIELD_STR, 0, 1, 'a',
					  FIELD_INT, 0, 0, 0, 0, 0, 0, 1, 2 };
	static char big[TUPLE_BYTES_MAX];
	uint8_t mem[64];
	struct tuple t;
	struct buf b;

	buf_over(&b, golden, sizeof golden);
	CHECK(tuple_get(&b, &t));
	CHECK_EQ(t.f[1].num, 258);
	buf_init(&b, mem, sizeof mem);
	tuple_put(&b, &t);
	CHECK(b.len == sizeof golden && !memcmp(mem, golden, sizeof golden));
	for (size_t n = 0; n < sizeof golden; n++) {
		buf_over(&b, golden, n);
		CHECK(!tuple_get(&b, &t));
	}
	memset(big, 'x', sizeof big);
	tuple_init(&t);
	tuple_add_strn(&t, big, sizeof big - 4);
	CHECK(tuple_ok(&t));
	t.f[0].len++;
	CHECK(!tuple_ok(&t));
	tuple_init(&t);
	for (int i = 0; i <= TUPLE_FIELDS_MAX; i++)
		tuple_add_int(&t, i);
	CHECK(!tuple_ok(&t));
	tuple_init(&t);
	tuple_add_strn(&t, "a\0b", 3);
	CHECK(!tuple_ok(&t));
}

static void reserved_tuples_come_back(void)
{
	static struct member_tuple m = { .role = ROLE_NODE, .name = "n1", .serial = 7,
					 .sig_len = 3 };
	static struct node_tuple n = { .name = "n1", .addrs = 2, .nat = true, .version = "1" };
	static struct device_tuple d = { .name = "d", .addrs = 1, .ports = 2, .has_aes = true };
	struct member_tuple m2;
	struct node_tuple n2;
	struct device_tuple d2;
	uint8_t mem[SCHEMA_BYTES_MAX], a[MEMBER_SIGNED_MAX], b[MEMBER_SIGNED_MAX], id[32] = { 0 };
	struct tuple t, all;

	member_encode(&t, &m);
	schema_named(&all, "member", "n1");
	CHECK(tuple_match(&all, &t));
	CHECK(member_decode(&m2, &t) && m2.serial == 7 && m2.role == ROLE_NODE);
	m2.serial++;
	CHECK_EQ(member_signed(&m, id, a), member_signed(&m2, id, b));
	CHECK(memcmp(a, b, member_signed(&m, id, a)));
	n.addr[1].port = 7200;
	node_encode(&t, &n, mem);
	CHECK(node_decode(&n2, &t) && n2.addrs == 2 && n2.addr[1].port == 7200 && n2.nat);
	CHECK(!device_decode(&d2, &t));
	d.port[1] = 22;
	device_encode(&t, &d, mem);
	CHECK(device_decode(&d2, &t) && d2.ports == 2 && d2.port[1] == 22 && d2.has_aes);
	t.f[1] = (struct field){ FIELD_STR, 0, (const uint8_t *)"No", 2 };
	CHECK(!device_decode(&d2, &t));
}

static void operations_and_results_come_back(void)
{
	struct op op = { .type = OP_RDALL, .cursor = 9, .max = 3 }, got;
	struct result r = { .code = RESULT_OK, .id = 4, .has_tuple = true }, r2;
	uint8_t mem[256];
	struct buf b;

	tuple_init(&op.templ);
	tuple_add_any(&op.templ);
	buf_init(&b, mem, sizeof mem);
	op_put(&b, &op);
	CHECK(op_get(&got, mem, b.len) && got.cursor == 9 && got.max == 3);
	CHECK(!op_get(&got, mem, b.len - 1));
	op.type = OP_OUT; /* wildcards cannot be inserted */
	op.tuple = op.templ;
	buf_init(&b, mem, sizeof mem);
	op_put(&b, &op);
	CHECK(!buf_ok(&b));
	tuple_init(&r.tuple);
	tuple_add_int(&r.tuple, 1);
	buf_init(&b, mem, sizeof mem);
	result_put(&b, &r);
	CHECK(result_get(&r2, mem, b.len) && r2.has_tuple && r2.id == 4 && r2.tuple.f[0].num == 1);
}

/* A log of five records, one a group; the last two are one group. */
static size_t make_log(uint8_t *log, size_t room)
{
	struct wal_chain chain = { 0, 0 };
	size_t at = 0;

	for (uint64_t i = 1; i <= 5; i++) {
		struct wal_record rec = { .type = WAL_ACCEPT, .slot = i, .payload = log, .len = 0 };
		uint8_t payload[5000];

		memset(payload, (int)i, sizeof payload);
		rec.payload = payload;
		rec.len = i * 1000;
		if (i < 5)
			chain.back = 0;
		at += wal_put(log + at, room - at, &rec, &chain);
	}
	return at;
}

static enum wal_verdict read_log(const uint8_t *log, size_t len, uint64_t *last)
{
	struct wal_chain chain = { 0, 0 };
	enum wal_verdict v;
	struct wal_record rec;
	size_t pos = 0;

	*last = 0;
	while ((v = wal_next(log, len, &pos, &chain, &rec)) == WAL_RECORD)
		*last = rec.slot;
	return v;
}

static void a_torn_tail_is_cut_and_a_hole_is_not(void)
{
	size_t cap = 64 * 1024, len;
	uint8_t *log = calloc(1, cap);
	uint64_t last;

	len = make_log(log, cap);
	CHECK_EQ(len, 6 * WAL_PAD);
	CHECK_EQ(read_log(log, cap, &last), WAL_END);
	CHECK_EQ(last, 5);
	log[5 * WAL_PAD] ^= 1; /* in the last record */
	CHECK_EQ(read_log(log, cap, &last), WAL_TORN);
	CHECK_EQ(last, 4);
	log[5 * WAL_PAD] ^= 1;
	log[3 * WAL_PAD + 100] ^= 1; /* in the one before, written with the last */
	CHECK_EQ(read_log(log, cap, &last), WAL_TORN);
	CHECK_EQ(last, 3);
	log[3 * WAL_PAD + 100] ^= 1;
	log[WAL_PAD + 100] ^= 1; /* synced long before */
	CHECK_EQ(read_log(log, cap, &last), WAL_CORRUPT);
	CHECK_EQ(last, 1);
	log[WAL_PAD + 100] ^= 1;
	memmove(log + WAL_PAD, log + 2 * WAL_PAD, 4 * WAL_PAD); /* a record is missing */
	CHECK_EQ(read_log(log, cap, &last), WAL_CORRUPT);
	CHECK_EQ(crc32c(0, "123456789", 9), 0xe3069283); /* RFC 3720 */
	free(log);
}

TEST_MAIN_BEGIN
	RUN(a_template_matches_by_type_and_value);
	RUN(a_stored_star_is_a_string);
	RUN(fields_are_read_and_written_alike);
	RUN(wrong_fields_are_refused);
	RUN(the_encoding_is_bounded_and_returns);
	RUN(reserved_tuples_come_back);
	RUN(operations_and_results_come_back);
	RUN(a_torn_tail_is_cut_and_a_hole_is_not);
TEST_MAIN_END
