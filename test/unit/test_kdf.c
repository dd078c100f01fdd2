/* test/unit/test_kdf.c - the key schedule: values computed elsewhere, and that every input counts
 *
 * Known answers: hmac and hashlib of Python, from the formulas of core/kdf.h written out once more,
 * with sid = 00..0f, r = 40..5f, prev = 80..9f, f[i] = 32 times a0 + i,
 * paths (7, 77..), (2, 22..), (300, 33..). */
#include "core/kdf.h"
#include "test/unit/test.h"

static const struct path_id paths[3] = {
	{ 7, { { [0 ... 31] = 0x77 } } },
	{ 2, { { [0 ... 31] = 0x22 } } },
	{ 300, { { [0 ... 31] = 0x33 } } },
};
static const uint8_t f[3][32] = {
	{ [0 ... 31] = 0xa0 },
	{ [0 ... 31] = 0xa1 },
	{ [0 ... 31] = 0xa2 },
};

static void count_up(uint8_t *p, size_t n, uint8_t from)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (uint8_t)(from + i);
}

static struct kdf_ctx ctx_of(uint8_t dir, uint32_t e, uint8_t aead)
{
	struct kdf_ctx c = { .dir = dir, .e = e, .prev_e = e ? e - 1 : 0, .aead = aead };

	count_up(c.sid, sizeof c.sid, 0);
	kdf_pathset(c.pathset, paths, 3);
	return c;
}

static void the_path_list_is_hashed_in_the_order_of_the_numbers(void)
{
	struct path_id other[3] = { paths[2], paths[0], paths[1] };
	uint8_t h[32], again[32];

	kdf_pathset(h, paths, 3);
	CHECK_HEX(h, 32, "40aa1f516640d0b40484f7c89b9a86fb4f870df5e78152121535955b7811cca3");
	kdf_pathset(again, other, 3);
	CHECK(!memcmp(h, again, 32));
	other[1].number = 8;
	kdf_pathset(again, other, 3);
	CHECK(memcmp(h, again, 32));
	other[1] = paths[0];
	other[0].node.b[31] ^= 1;
	kdf_pathset(again, other, 3);
	CHECK(memcmp(h, again, 32));
	kdf_pathset(h, paths + 1, 1);
	CHECK_HEX(h, 32, "5da6f6f79bae33ab1ad85f75cdd95ea1eaf04834dd9593f9d41f5d46c792a728");
}

static void contexts_are_written_as_defined(void)
{
	struct kdf_ctx c = ctx_of(1, 5, 1);
	struct fp client, device;
	uint8_t ctx[KDF_CTX_BYTES], export[KDF_EXPORT_BYTES];

	kdf_ctx_encode(&c, ctx);
	CHECK_HEX(ctx, sizeof ctx,
		  "6d6163686574652f31" "000102030405060708090a0b0c0d0e0f" "01" "00000005" "00000004"
		  "40aa1f516640d0b40484f7c89b9a86fb4f870df5e78152121535955b7811cca3" "01");
	memset(&client, 0xcc, sizeof client);
	memset(&device, 0xdd, sizeof device);
	kdf_export_ctx(export, c.sid, 3, 300, &client, &device);
	CHECK_HEX(export, sizeof export,
		  "01" "000102030405060708090a0b0c0d0e0f" "03" "0000012c"
		  "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
		  "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd");
}

static void keys_are_those_computed_elsewhere(void)
{
	struct kdf_ctx c0 = ctx_of(0, 0, 2), c5 = ctx_of(1, 5, 1);
	uint8_t r[32], prev[32], ck[32], out[32];

	count_up(r, sizeof r, 0x40);
	count_up(prev, sizeof prev, 0x80);
	kdf_first(ck, &c0, r, f, 1);
	CHECK_HEX(ck, 32, "07e5379a5c75dc9ca7500c3c8a63acc6c847e7e87bfd3c022f19bb0f58463a13");
	kdf_first(ck, &c0, r, f, 2);
	CHECK_HEX(ck, 32, "ea8a96df0788aff9a1a23db4f2f1259cf03d33d25e4b39cdd3e417a99fd94152");
	kdf_first(ck, &c0, r, f, 3);
	CHECK_HEX(ck, 32, "f903f9a5964495189e7bc02434a2d5f221aeb438a5c6dbc3988e0cb52f535a12");
	kdf_next(ck, &c5, r, prev, f, 1);
	CHECK_HEX(ck, 32, "ae513a946e2659cb8585f223e4f095581142b465b21e24c4bf8c63f2285181b0");
	kdf_next(ck, &c5, r, prev, NULL, 0);
	CHECK_HEX(ck, 32, "73d920ea4a16922fd600275abe81cb5f74f5d68573f80d332dfe557a2c1edc3e");
	kdf_record_key(out, &c5, ck);
	CHECK_HEX(out, 32, "66d82ca04a83a7bc88e230c345d2474ceaf63e81e236e04c8f3166bf857f9179");
	kdf_share_ack(out, &c5, ck);
	CHECK_HEX(out, 32, "4467e9e39976778752d45cd9262032d73fa9c0a79140bf93ad65630c084ff55e");
}

/* Flips every bit of n bytes at p, one after the other, and demands another key each time. */
static void every_bit_counts(uint8_t *p, size_t n, const struct kdf_ctx *c, const uint8_t r[32],
			     const uint8_t prev[32], const uint8_t (*secret)[32])
{
	uint8_t ck[32], other[32];

	kdf_next(ck, c, r, prev, secret, 2);
	for (size_t bit = 0; bit < 8 * n; bit++) {
		p[bit / 8] ^= (uint8_t)(1 << bit % 8);
		kdf_next(other, c, r, prev, secret, 2);
		CHECK(memcmp(ck, other, 32));
		p[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}

static void every_bit_of_every_input_changes_the_key(void)
{
	struct kdf_ctx c = ctx_of(1, 5, 1);
	uint8_t r[32] = { 1 }, prev[32] = { 2 }, secret[2][32] = { { 3 }, { 4 } };

	every_bit_counts(r, 32, &c, r, prev, secret);
	every_bit_counts(prev, 32, &c, r, prev, secret);
	every_bit_counts(secret[0], 64, &c, r, prev, secret);
	every_bit_counts(c.sid, sizeof c.sid, &c, r, prev, secret);
	every_bit_counts(&c.dir, 1, &c, r, prev, secret);
	every_bit_counts((uint8_t *)&c.e, sizeof c.e, &c, r, prev, secret);
	every_bit_counts((uint8_t *)&c.prev_e, sizeof c.prev_e, &c, r, prev, secret);
	every_bit_counts(c.pathset, sizeof c.pathset, &c, r, prev, secret);
	every_bit_counts(&c.aead, 1, &c, r, prev, secret);
}

/* One value in two roles must not cancel out: the labels keep the terms apart. */
static void equal_inputs_do_not_cancel(void)
{
	struct kdf_ctx c = ctx_of(0, 1, 1);
	uint8_t same[32] = { 9 }, ck[32], zero[32] = { 0 };
	uint8_t once[1][32] = { { 9 } };

	kdf_next(ck, &c, same, same, once, 0);
	CHECK(memcmp(ck, zero, 32));
	kdf_first(ck, &c, same, once, 1);
	CHECK(memcmp(ck, zero, 32));
}

static void shares_add_up_in_any_order(void)
{
	uint8_t a[32], b[32], r[32] = { 0 };

	count_up(a, 32, 5);
	count_up(b, 32, 99);
	kdf_xor(r, a);
	CHECK(!memcmp(r, a, 32));
	kdf_xor(r, b);
	CHECK_EQ(r[1], 6 ^ 100);
	kdf_xor(r, a);
	CHECK(!memcmp(r, b, 32));
}

TEST_MAIN_BEGIN
	RUN(the_path_list_is_hashed_in_the_order_of_the_numbers);
	RUN(contexts_are_written_as_defined);
	RUN(keys_are_those_computed_elsewhere);
	RUN(every_bit_of_every_input_changes_the_key);
	RUN(equal_inputs_do_not_cancel);
	RUN(shares_add_up_in_any_order);
TEST_MAIN_END
