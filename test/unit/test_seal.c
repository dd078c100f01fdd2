/* test/unit/test_seal.c - sealed records: values computed elsewhere, and that nothing else opens
 *
 * Known answers: createCipheriv("aes-256-gcm" or "chacha20-poly1305") of the crypto module of Node,
 * with key 60..7f, nonce and additional data as in core/seal.h, sid 00..0f, dir 1, e 5, prev_e 4,
 * pathset 32 times a5, number 0x0102030405060708, plaintext byte i = 7 i mod 256. */
#include "core/seal.h"
#include "test/unit/test.h"

enum { NUMBER_LOW = 0x05060708 };
static const uint64_t number = (uint64_t)0x01020304 << 32 | NUMBER_LOW;
static uint8_t rec[RECORD_BYTES_MAX], copy[RECORD_BYTES_MAX];

static struct kdf_ctx ctx_of(uint8_t aead)
{
	struct kdf_ctx c = { .dir = 1, .e = 5, .prev_e = 4, .aead = aead };

	for (int i = 0; i < SID_BYTES; i++)
		c.sid[i] = (uint8_t)i;
	memset(c.pathset, 0xa5, sizeof c.pathset);
	return c;
}

static void key_for(struct seal_key *k, const struct kdf_ctx *c)
{
	uint8_t mk[32];

	for (int i = 0; i < 32; i++)
		mk[i] = (uint8_t)(0x60 + i);
	seal_key_init(k, c, mk);
}

static void key_of(struct seal_key *k, uint8_t aead)
{
	struct kdf_ctx c = ctx_of(aead);

	key_for(k, &c);
}

static size_t make(struct seal_key *k, size_t len)
{
	for (size_t i = 0; i < len; i++)
		rec[RECORD_HEAD + i] = (uint8_t)(i * 7);
	return seal_record(k, rec, 5, number, len);
}

static void aes_records_are_those_computed_elsewhere(void)
{
	struct seal_key k;
	uint8_t sum[32];
	br_sha256_context sha;

	key_of(&k, SEAL_AES256_GCM);
	CHECK_HEX(rec, make(&k, 0), "40 0303 001c 00000005 0102030405060708"
				    "a2e0a8cf5ff75ef02773fe71d679ed35");
	CHECK_HEX(rec, make(&k, 1), "40 0303 001d 00000005 0102030405060708 7a"
				    "5a171fed8a88e70cf2b20ce1bda745ab");
	CHECK_HEX(rec, make(&k, 40), "40 0303 0044 00000005 0102030405060708"
				     "7afd79b806b6025130b60436c38a05ebc2683f93"
				     "75e524e424a91cebf3d4d36d326351fd49db41ac"
				     "5673f02cf82deb8d06b46131865ba184");
	br_sha256_init(&sha);
	br_sha256_update(&sha, rec, make(&k, RECORD_PLAIN_MAX));
	br_sha256_out(&sha, sum);
	CHECK_HEX(rec, RECORD_HEAD, "40 0303 401c 00000005 0102030405060708");
	CHECK_HEX(sum, 32, "061551a6e5c915eaa78d163f84bd7bb06f100abafd9712bbea33bd7edefb156a");
}

static void chacha_records_are_those_computed_elsewhere(void)
{
	struct seal_key k;
	uint8_t sum[32];
	br_sha256_context sha;

	key_of(&k, SEAL_CHACHA20_POLY1305);
	CHECK_HEX(rec, make(&k, 0), "40 0303 001c 00000005 0102030405060708"
				    "94567ebe7e68f1538e6a752ff92340a5");
	CHECK_HEX(rec, make(&k, 1), "40 0303 001d 00000005 0102030405060708 d2"
				    "168ab0ad3456e229396f1e84cd1687af");
	CHECK_HEX(rec, make(&k, 40), "40 0303 0044 00000005 0102030405060708"
				     "d2021098214420d5cf8715f48bd0308ce6087a0e"
				     "257edfca69144716f2212a08b1a172b6091c5965"
				     "673276efb4a8d077a8acb7823a90d45b");
	br_sha256_init(&sha);
	br_sha256_update(&sha, rec, make(&k, RECORD_PLAIN_MAX));
	br_sha256_out(&sha, sum);
	CHECK_HEX(sum, 32, "c4523bc171f20760dc05e4a62330412b3a013ae5561c9166dde13d8f13d1cde9");
}

static bool opens(struct seal_key *k, size_t len)
{
	uint32_t e;
	uint64_t no;
	size_t n;

	if (!seal_peek(rec, len, &e, &no) || e != 5 || no != number || !seal_open(k, rec, len, &n))
		return false;
	for (size_t i = 0; i < n; i++)
		if (rec[RECORD_HEAD + i] != (uint8_t)(i * 7))
			return false;
	return n == len - RECORD_HEAD - RECORD_TAG;
}

static void every_length_opens_again(void)
{
	for (uint8_t aead = SEAL_AES256_GCM; aead <= SEAL_CHACHA20_POLY1305; aead++) {
		struct seal_key k;

		key_of(&k, aead);
		for (size_t len = 0; len <= 4096; len++) {
			CHECK_EQ(make(&k, len), RECORD_HEAD + len + RECORD_TAG);
			CHECK(opens(&k, RECORD_HEAD + len + RECORD_TAG));
		}
		CHECK(opens(&k, make(&k, RECORD_PLAIN_MAX)));
	}
}

/* Bits of the header are refused by seal_peek or seal_open, all others by seal_open. */
static void a_record_with_one_bit_flipped_does_not_open(void)
{
	for (uint8_t aead = SEAL_AES256_GCM; aead <= SEAL_CHACHA20_POLY1305; aead++) {
		struct seal_key k;
		size_t len, n;
		uint32_t e;
		uint64_t no;

		key_of(&k, aead);
		len = make(&k, 100);
		memcpy(copy, rec, len);
		for (size_t bit = 0; bit < 8 * len; bit++) {
			memcpy(rec, copy, len);
			rec[bit / 8] ^= (uint8_t)(1 << bit % 8);
			CHECK(seal_peek(rec, len, &e, &no) == (bit >= 8 * RECORD_LEN_AT));
			CHECK(!seal_open(&k, rec, len, &n));
		}
		memcpy(rec, copy, len);
		CHECK(opens(&k, len));
	}
}

static void records_that_are_cut_or_too_long_are_malformed(void)
{
	static uint8_t big[RECORD_BYTES_MAX + 1];
	struct seal_key k;
	uint32_t e;
	uint64_t no;
	size_t len;

	key_of(&k, SEAL_CHACHA20_POLY1305);
	len = make(&k, 100);
	for (size_t cut = 0; cut < len; cut++)
		CHECK(!seal_peek(rec, cut, &e, &no));
	CHECK(seal_peek(rec, len, &e, &no));
	CHECK(!seal_peek(rec, len + 1, &e, &no));
	/* Lengths that agree with themselves but not with the limits. */
	for (len = RECORD_LEN_AT; len < RECORD_HEAD + RECORD_TAG; len++) {
		rec[3] = 0;
		rec[4] = (uint8_t)(len - RECORD_LEN_AT);
		CHECK(!seal_peek(rec, len, &e, &no));
	}
	memcpy(big, rec, RECORD_HEAD);
	big[3] = (sizeof big - RECORD_LEN_AT) >> 8;
	big[4] = (sizeof big - RECORD_LEN_AT) & 255;
	CHECK(!seal_peek(big, sizeof big, &e, &no));
	big[4]--;
	CHECK(seal_peek(big, sizeof big - 1, &e, &no));
}

static void a_record_opens_only_where_it_belongs(void)
{
	struct kdf_ctx other[7];
	struct seal_key k;
	size_t len, n;

	for (int i = 0; i < 7; i++)
		other[i] = ctx_of(SEAL_AES256_GCM);
	other[0].sid[15] ^= 1;
	other[1].dir = 0;
	other[2].e = 6;
	other[3].prev_e = 3;
	other[4].pathset[0] ^= 1;
	other[5].aead = SEAL_CHACHA20_POLY1305;
	key_of(&k, SEAL_AES256_GCM);
	len = make(&k, 100);
	memcpy(copy, rec, len);
	for (int i = 0; i < 7; i++) { /* the same MK_e under another context; the last is its own */
		memcpy(rec, copy, len);
		key_for(&k, &other[i]);
		CHECK(seal_open(&k, rec, len, &n) == (i == 6));
	}
}

static void the_type_is_none_of_tls(void)
{
	CHECK(RECORD_TYPE < 20 || RECORD_TYPE > 26); /* RFC 8446 B.1, RFC 6520, RFC 9146 */
}

static void a_wiped_key_is_zero(void)
{
	static const struct seal_key zero;
	struct seal_key k;

	key_of(&k, SEAL_AES256_GCM);
	CHECK(memcmp(&k, &zero, sizeof k));
	seal_key_wipe(&k);
	CHECK(!memcmp(&k, &zero, sizeof k));
}

TEST_MAIN_BEGIN
	RUN(aes_records_are_those_computed_elsewhere);
	RUN(chacha_records_are_those_computed_elsewhere);
	RUN(every_length_opens_again);
	RUN(a_record_with_one_bit_flipped_does_not_open);
	RUN(records_that_are_cut_or_too_long_are_malformed);
	RUN(a_record_opens_only_where_it_belongs);
	RUN(the_type_is_none_of_tls);
	RUN(a_wiped_key_is_zero);
TEST_MAIN_END
