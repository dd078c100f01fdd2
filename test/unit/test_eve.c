/* test/unit/test_eve.c - what somebody can read who saw some paths and broke their handshakes
 *
 * One direction of a session of three epochs is written down: exporter secrets, shares, what
 * confirms them, and all records, whatever path they took. Eve gets the records and, of secrets and
 * shares, what she saw; what she missed she replaces in every obvious way. She must open all
 * records when she saw everything, which shows that she knows her trade, and none otherwise. */
#include "core/session.h"
#include "test/ends.h"
#include "test/unit/test.h"

enum { EPOCHS = 3, EACH = 4, LEN = 50, GUESSES_MAX = 1500 };

static struct end c, d;
static const mono_t t0 = { 5000000 };

static struct {
	uint32_t n;
	struct kdf_ctx ctx;
	uint8_t f[PATHS_MAX][32];
	uint8_t share[EPOCHS][PATHS_MAX][32];
	uint8_t ack[EPOCHS][32];
	uint8_t rec[EPOCHS][EACH][RECORD_HEAD + LEN + RECORD_TAG];
} tape;

/* What Eve saw of it: bit i for path i. */
struct eve {
	uint32_t handshakes;
	uint32_t shares[EPOCHS];
	unsigned opened[EPOCHS];
	struct {
		uint8_t ck[GUESSES_MAX][32];
		uint32_t n;
	} guess[EPOCHS];
};
static struct eve eve;

static void write_records(uint32_t e)
{
	const uint8_t *rec;
	uint64_t number;
	size_t len;

	for (uint32_t k = 0; k < EACH; k++) {
		memset(tx_slot(&c.s.tx), 'a' + (int)k, LEN);
		tx_commit(&c.s.tx, LEN, t0);
		CHECK(tx_take(&c.s.tx, k % tape.n, &rec, &len, &number));
		CHECK_EQ(len, sizeof tape.rec[e][k]);
		memcpy(tape.rec[e][k], rec, len);
	}
}

static void next_epoch(uint32_t e)
{
	struct msg_share share[PATHS_MAX];
	struct msg_share_ack ack = { 0 };

	for (uint32_t i = 0; i < tape.n; i++)
		memset(tape.share[e][i], (int)(16 * e + i), 32);
	tx_epoch_draw(&c.s.tx, (const uint8_t(*)[32])tape.share[e], share);
	for (uint32_t i = 0; i < tape.n; i++)
		rx_on_share(&d.s.rx, i, &share[i], &ack);
	CHECK_EQ(tx_on_share_ack(&c.s.tx, &ack, t0), TX_OK);
	memcpy(tape.ack[e], ack.mac, 32);
}

/* A client sends to a device over n paths while the tape runs. */
static void record(uint32_t n)
{
	uint8_t random[SID_BYTES + PATHS_MAX * 32];
	struct msg_share_ack ack = { 0 };

	for (size_t i = 0; i < sizeof random; i++)
		random[i] = (uint8_t)(i * i + 7 * i);
	tape.n = n;
	end_client(&c, n, SEAL_CHACHA20_POLY1305, random);
	for (uint32_t i = 0; i < n; i++) {
		end_exporter(&c.s, i, tape.f[i]);
		session_secret(&c.s, i, tape.f[i], t0);
		memcpy(tape.share[0][i], random + SID_BYTES + 32 * i, 32);
	}
	for (uint32_t i = 0; i < n; i++) {
		struct msg_join m;

		session_join(&c.s, i, &m);
		if (!i)
			end_device(&d, &m, random);
		end_secret(&d, i, t0);
		session_on_join(&d.s, i, &m, t0, &ack);
	}
	tape.ctx = c.s.tx.ctx;
	CHECK_EQ(tx_on_share_ack(&c.s.tx, &ack, t0), TX_OK);
	memcpy(tape.ack[0], ack.mac, 32);
	write_records(0);
	for (uint32_t e = 1; e < EPOCHS; e++) {
		next_epoch(e);
		write_records(e);
	}
}

static void try_key(struct eve *v, uint32_t e, const uint8_t mk[static 32],
		    const struct kdf_ctx *ctx)
{
	struct seal_key key;

	seal_key_init(&key, ctx, mk);
	for (uint32_t k = 0; k < EACH; k++) {
		uint8_t rec[sizeof tape.rec[e][k]];
		size_t n;

		memcpy(rec, tape.rec[e][k], sizeof rec);
		v->opened[e] += seal_open(&key, rec, sizeof rec, &n) && rec[RECORD_HEAD] == 'a' + k;
	}
}

/* Takes ck for the chain key of e: tries it, and remembers it for the epochs after. */
static void suppose(struct eve *v, uint32_t e, const uint8_t ck[static 32],
		    const struct kdf_ctx *ctx)
{
	uint8_t mk[32];

	kdf_record_key(mk, ctx, ck);
	try_key(v, e, mk, ctx);
	if (v->guess[e].n < GUESSES_MAX)
		memcpy(v->guess[e].ck[v->guess[e].n++], ck, 32);
}

/* The xor of the shares of e; one that was missed is zero, all ones, the path's last one, or a
 * neighbour's. */
static void guess_r(const struct eve *v, uint32_t e, int how, uint8_t r[static 32])
{
	static const uint8_t zero[32], ones[32] = { [0 ... 31] = 0xff };

	memset(r, 0, 32);
	for (uint32_t i = 0; i < tape.n; i++) {
		const uint8_t *instead[] = { zero, ones, e ? tape.share[e - 1][i] : zero,
					     tape.share[e][(i + 1) % tape.n] };
		bool had = v->shares[e] >> i & 1;
		bool last = how != 2 || !e || v->shares[e - 1] >> i & 1;
		bool next = how != 3 || v->shares[e] >> (i + 1) % tape.n & 1;

		kdf_xor(r, had ? tape.share[e][i] : last && next ? instead[how] : zero);
	}
}

/* Handshake secrets; one that was missed is left out, zero, or a neighbour's. */
static uint32_t guess_f(const struct eve *v, int how, uint8_t f[static PATHS_MAX][32])
{
	uint32_t n = 0;

	memset(f, 0, PATHS_MAX * sizeof f[0]);
	for (uint32_t i = 0; i < tape.n; i++) {
		uint32_t next = (i + 1) % tape.n;

		if (v->handshakes >> i & 1)
			memcpy(f[n++], tape.f[i], 32);
		else if (how == 2 && v->handshakes >> next & 1)
			memcpy(f[n++], tape.f[next], 32);
		else
			n += how == 1;
	}
	return n;
}

static void guess_epoch(struct eve *v, uint32_t e, int how_r)
{
	struct kdf_ctx ctx = tape.ctx;
	uint8_t r[32], ck[32], f[PATHS_MAX][32];
	uint32_t n;

	ctx.e = e;
	ctx.prev_e = e ? e - 1 : 0;
	guess_r(v, e, how_r, r);
	for (int how_f = 0; how_f < 3; how_f++) {
		n = guess_f(v, how_f, f);
		kdf_first(ck, &ctx, r, (const uint8_t(*)[32])f, n); /* with no chain at all */
		suppose(v, e, ck, &ctx);
		kdf_first(ck, &ctx, r, NULL, 0);
		suppose(v, e, ck, &ctx);
	}
	for (uint32_t k = 0; e && k < v->guess[e - 1].n; k++) {
		kdf_next(ck, &ctx, r, v->guess[e - 1].ck[k], NULL, 0);
		suppose(v, e, ck, &ctx);
	}
	suppose(v, e, r, &ctx);
	suppose(v, e, tape.ack[e], &ctx);
	try_key(v, e, tape.ack[e], &ctx);
	try_key(v, e, r, &ctx);
}

static void listen(struct eve *v)
{
	memset(v->opened, 0, sizeof v->opened);
	memset(v->guess, 0, sizeof v->guess);
	for (uint32_t e = 0; e < EPOCHS; e++)
		for (int how = 0; how < 4; how++)
			guess_epoch(v, e, how);
	for (uint32_t e = 0; e < EPOCHS; e++)
		CHECK(v->guess[e].n < GUESSES_MAX);
}

static void eve_sees_all(uint32_t n)
{
	eve.handshakes = (1u << n) - 1;
	for (uint32_t e = 0; e < EPOCHS; e++)
		eve.shares[e] = eve.handshakes;
}

/* She may open a record by several of her guesses. */
static void who_sees_all_paths_reads_everything(void)
{
	for (uint32_t n = 1; n <= PATHS_MAX; n++) {
		record(n);
		eve_sees_all(n);
		listen(&eve);
		for (uint32_t e = 0; e < EPOCHS; e++)
			CHECK(eve.opened[e] >= EACH && eve.opened[e] % EACH == 0);
	}
}

static void who_misses_one_path_reads_nothing(void)
{
	for (uint32_t n = 2; n <= PATHS_MAX; n++) {
		record(n);
		for (uint32_t i = 0; i < n; i++) {
			eve_sees_all(n);
			eve.handshakes &= ~(1u << i);
			for (uint32_t e = 0; e < EPOCHS; e++)
				eve.shares[e] &= ~(1u << i);
			listen(&eve);
			for (uint32_t e = 0; e < EPOCHS; e++)
				CHECK_EQ(eve.opened[e], 0);
		}
	}
}

static void one_handshake_missed_is_enough(void)
{
	record(4);
	for (uint32_t i = 0; i < 4; i++) {
		eve_sees_all(4);
		eve.handshakes &= ~(1u << i);
		listen(&eve);
		CHECK_EQ(eve.opened[0] + eve.opened[1] + eve.opened[2], 0);
	}
}

/* The promise of SECRECY.md section 1: all from there on is hidden, and only from there on. */
static void one_share_missed_hides_its_epoch_and_all_later_ones(void)
{
	for (uint32_t n = 2; n <= 4; n++)
		for (uint32_t missed = 0; missed < EPOCHS; missed++)
			for (uint32_t i = 0; i < n; i++) {
				record(n);
				eve_sees_all(n);
				eve.shares[missed] &= ~(1u << i);
				listen(&eve);
				for (uint32_t e = 0; e < EPOCHS; e++)
					CHECK((eve.opened[e] == 0) == (e >= missed));
			}
}

TEST_MAIN_BEGIN
	RUN(who_sees_all_paths_reads_everything);
	RUN(who_misses_one_path_reads_nothing);
	RUN(one_handshake_missed_is_enough);
	RUN(one_share_missed_hides_its_epoch_and_all_later_ones);
TEST_MAIN_END
