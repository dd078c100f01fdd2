/* test/unit/test_session.c - flows of a session come together: order, agreement, refusals, wiping
 */
#include "core/session.h"
#include "test/ends.h"
#include "test/unit/test.h"

static struct end c, d;
static uint8_t random_c[SID_BYTES + PATHS_MAX * 32], random_d[PATHS_MAX * 32];
static const mono_t t0 = { 5000000 };

static void client_of(uint32_t n, uint8_t aead)
{
	for (size_t i = 0; i < sizeof random_c; i++)
		random_c[i] = (uint8_t)(i * 5 + 1);
	for (size_t i = 0; i < sizeof random_d; i++)
		random_d[i] = (uint8_t)(i * 11 + 3);
	end_client(&c, n, aead, random_c);
}

static struct msg_join join_of(const struct end *e, uint32_t i)
{
	struct msg_join m;

	session_join(&e->s, i, &m);
	return m;
}

static void device_from_flow(uint32_t i)
{
	struct msg_join m = join_of(&c, i);

	end_device(&d, &m, random_d);
}

/* The client's JOIN on flow i comes to the device. */
static enum session_verdict arrives(uint32_t i, struct msg_share_ack *ack)
{
	struct msg_join m = join_of(&c, i);

	end_secret(&d, i, t0);
	return session_on_join(&d.s, i, &m, t0, ack);
}

/* Everything up to both directions at both ends; what each end confirms. */
static void come_together(uint32_t n, uint8_t aead, struct msg_share_ack *from_d,
			  struct msg_share_ack *from_c)
{
	client_of(n, aead);
	for (uint32_t i = 0; i < n; i++)
		end_secret(&c, i, t0);
	device_from_flow(0);
	for (uint32_t i = 0; i < n; i++)
		CHECK_EQ(arrives(i, from_d), i + 1 < n ? SESSION_OK : SESSION_COMPLETE);
	for (uint32_t i = 0; i < n; i++) {
		struct msg_join m = join_of(&d, i);

		CHECK_EQ(session_on_join(&c.s, i, &m, t0, from_c),
			 i + 1 < n ? SESSION_OK : SESSION_COMPLETE);
	}
}

static enum rx_verdict pass(struct end *from, struct end *to)
{
	static uint8_t rec[RECORD_BYTES_MAX];
	const uint8_t *at, *plain;
	uint64_t number;
	size_t len, n;
	enum rx_verdict v;

	memcpy(tx_slot(&from->s.tx), "hello", 5);
	tx_commit(&from->s.tx, 5, t0);
	CHECK(tx_take(&from->s.tx, 0, &at, &len, &number));
	tx_written(&from->s.tx, number);
	memcpy(rec, at, len);
	v = rx_on_record(&to->s.rx, rec, len, &plain, &n);
	CHECK(v != RX_NOW || (n == 5 && !memcmp(plain, "hello", 5)));
	return v;
}

static void both_ends_agree(void)
{
	for (uint32_t n = 1; n <= PATHS_MAX; n++)
		for (uint8_t aead = 1 + !seal_has_aes(); aead <= SEAL_CHACHA20_POLY1305; aead++) {
			struct msg_share_ack from_d, from_c;

			come_together(n, aead, &from_d, &from_c);
			CHECK_EQ(from_d.dir, DIR_TO_DEVICE);
			CHECK_EQ(from_c.dir, DIR_TO_CLIENT);
			CHECK_EQ(tx_on_share_ack(&c.s.tx, &from_d, t0), TX_OK);
			CHECK_EQ(tx_on_share_ack(&d.s.tx, &from_c, t0), TX_OK);
			CHECK_EQ(pass(&c, &d), RX_NOW);
			CHECK_EQ(pass(&d, &c), RX_NOW);
			CHECK_EQ(pass(&d, &c), RX_NOW);
			CHECK(memcmp(c.s.tx.ck, d.s.tx.ck, 32)); /* a key for each direction */
		}
}

static void a_client_sends_after_its_last_handshake_and_a_device_after_the_last_join(void)
{
	struct msg_share_ack ack;

	client_of(3, SEAL_CHACHA20_POLY1305);
	end_secret(&c, 2, t0);
	end_secret(&c, 0, t0);
	CHECK(!c.s.tx_on);
	device_from_flow(1);
	CHECK_EQ(arrives(1, &ack), SESSION_OK);
	end_secret(&c, 1, t0);
	CHECK(c.s.tx_on);
	CHECK(!c.s.rx_on);
	CHECK_EQ(arrives(2, &ack), SESSION_OK);
	CHECK(!d.s.tx_on);
	CHECK(!d.s.rx_on);
	CHECK_EQ(arrives(0, &ack), SESSION_COMPLETE);
	CHECK(d.s.tx_on);
	CHECK(d.s.rx_on);
	CHECK_EQ(pass(&c, &d), RX_NOW);
}

static void the_order_of_the_list_does_not_matter(void)
{
	struct msg_share_ack from_d;

	client_of(4, SEAL_CHACHA20_POLY1305);
	for (uint32_t i = 0; i < 4; i++)
		end_secret(&c, i, t0);
	for (uint32_t i = 0; i < 4; i++) {
		struct msg_join m = join_of(&c, i);
		struct path_id first = m.path[0];
		int at;

		memmove(m.path, m.path + 1, 3 * sizeof first);
		m.path[3] = first;
		if (!i)
			end_device(&d, &m, random_d);
		at = session_index(&d.s, m.j);
		CHECK_EQ(at, (i + 3) % 4);
		end_secret(&d, (uint32_t)at, t0);
		CHECK_EQ(session_on_join(&d.s, (uint32_t)at, &m, t0, &from_d),
			 i < 3 ? SESSION_OK : SESSION_COMPLETE);
	}
	CHECK_EQ(session_index(&d.s, 14), -1);
	CHECK_EQ(tx_on_share_ack(&c.s.tx, &from_d, t0), TX_OK);
	CHECK_EQ(pass(&c, &d), RX_NOW);
}

/* JOIN of flow 0 with one change, at a device that knows flow 1's. */
static enum session_verdict changed(void (*change)(struct msg_join *m))
{
	struct msg_share_ack ack;
	struct msg_join m;
	enum session_verdict v;

	client_of(2, SEAL_CHACHA20_POLY1305);
	device_from_flow(1);
	CHECK_EQ(arrives(1, &ack), SESSION_OK);
	m = join_of(&c, 0);
	change(&m);
	end_secret(&d, 0, t0);
	v = session_on_join(&d.s, 0, &m, t0, &ack);
	CHECK_EQ(arrives(0, &ack), v == SESSION_COMPLETE ? SESSION_BAD_PATH : SESSION_COMPLETE);
	return v;
}

static void nothing(struct msg_join *m)
{
	(void)m;
}

static void other_sid(struct msg_join *m)
{
	m->sid[15] ^= 1;
}

static void other_node(struct msg_join *m)
{
	m->path[1].node.b[31] ^= 1;
}

static void other_number(struct msg_join *m)
{
	m->path[1].number = 77;
}

static void one_path_more(struct msg_join *m)
{
	m->path[m->n++] = (struct path_id){ .number = 12 };
}

static void one_path_less(struct msg_join *m)
{
	m->n--;
}

static void other_cipher(struct msg_join *m)
{
	m->aead = SEAL_AES256_GCM;
}

static void other_path(struct msg_join *m)
{
	m->j = 11;
}

/* A refused JOIN ends its flow, not the session: the true one is taken afterwards. */
static void joins_that_differ_are_refused(void)
{
	CHECK_EQ(changed(nothing), SESSION_COMPLETE);
	CHECK_EQ(changed(other_sid), SESSION_BAD_SID);
	CHECK_EQ(changed(other_node), SESSION_BAD_LIST);
	CHECK_EQ(changed(other_number), SESSION_BAD_LIST);
	CHECK_EQ(changed(one_path_more), SESSION_BAD_LIST);
	CHECK_EQ(changed(one_path_less), SESSION_BAD_LIST);
	CHECK_EQ(changed(other_cipher), SESSION_BAD_LIST);
	CHECK_EQ(changed(other_path), SESSION_BAD_PATH);
}

static void a_path_joins_once(void)
{
	struct msg_share_ack ack;

	client_of(3, SEAL_CHACHA20_POLY1305);
	device_from_flow(0);
	CHECK_EQ(arrives(0, &ack), SESSION_OK);
	CHECK_EQ(arrives(0, &ack), SESSION_BAD_PATH);
	CHECK_EQ(arrives(1, &ack), SESSION_OK);
	CHECK_EQ(arrives(2, &ack), SESSION_COMPLETE);
}

static void unknown_ciphers_are_refused(void)
{
	for (int aead = 0; aead < 256; aead++) {
		struct msg_share_ack ack;
		bool known = aead == SEAL_CHACHA20_POLY1305 ||
			     (aead == SEAL_AES256_GCM && seal_has_aes());

		client_of(1, (uint8_t)aead);
		device_from_flow(0);
		CHECK_EQ(arrives(0, &ack), known ? SESSION_COMPLETE : SESSION_BAD_CIPHER);
	}
}

static void windows_are_what_the_peer_buffers(void)
{
	struct msg_share_ack from_d, from_c;
	struct msg_join m;

	client_of(1, SEAL_CHACHA20_POLY1305);
	end_secret(&c, 0, t0);
	CHECK_EQ(c.s.tx.limit, WINDOW_MIN); /* before the device says more */
	m = join_of(&c, 0);
	CHECK_EQ(m.window, END_SLOTS);
	m.window = 1000;
	end_device(&d, &m, random_d);
	end_secret(&d, 0, t0);
	CHECK_EQ(session_on_join(&d.s, 0, &m, t0, &from_d), SESSION_COMPLETE);
	CHECK_EQ(d.s.tx.limit, 1000);
	m = join_of(&d, 0);
	m.window = 2000;
	CHECK_EQ(session_on_join(&c.s, 0, &m, t0, &from_c), SESSION_COMPLETE);
	CHECK_EQ(c.s.tx.limit, 2000);
}

/* Somebody sits in one handshake, or changes one share: no key, and the client learns it. */
static void one_secret_or_share_that_differs_spoils_all(void)
{
	for (uint32_t i = 0; i < 8; i++) {
		struct msg_share_ack ack = { 0 };

		client_of(4, SEAL_CHACHA20_POLY1305);
		for (uint32_t k = 0; k < 4; k++)
			end_secret(&c, k, t0);
		device_from_flow(0);
		for (uint32_t k = 0; k < 4; k++) {
			struct msg_join m = join_of(&c, k);
			uint8_t f[32];

			end_exporter(&d.s, k, f);
			f[0] ^= k == i;
			m.share[31] ^= k + 4 == i;
			session_secret(&d.s, k, f, t0);
			session_on_join(&d.s, k, &m, t0, &ack);
		}
		CHECK(d.s.rx_on);
		CHECK_EQ(tx_on_share_ack(&c.s.tx, &ack, t0), TX_BAD_MAC);
		CHECK_EQ(pass(&c, &d), RX_BAD_SEAL);
	}
}

static void exporter_contexts_differ_by_path(void)
{
	uint8_t a[KDF_EXPORT_BYTES], b[KDF_EXPORT_BYTES];

	client_of(2, SEAL_CHACHA20_POLY1305);
	device_from_flow(1);
	session_export_ctx(&c.s, 0, a);
	session_export_ctx(&c.s, 1, b);
	CHECK(memcmp(a, b, sizeof a));
	session_export_ctx(&d.s, 1, a);
	CHECK(!memcmp(a, b, sizeof a));
}

static bool zero(const void *p, size_t n)
{
	static const uint8_t none[sizeof c.s.f];

	return n <= sizeof none && !memcmp(p, none, n);
}

static void secrets_go_when_they_have_done_their_work(void)
{
	struct msg_share_ack from_d, from_c;

	come_together(4, SEAL_CHACHA20_POLY1305, &from_d, &from_c);
	CHECK(zero(c.s.f, sizeof c.s.f) && zero(d.s.f, sizeof d.s.f));
	CHECK(zero(c.s.peer_r, 32) && zero(d.s.peer_r, 32));
	CHECK(!zero(d.s.share, sizeof d.s.share)); /* its JOINs may not be on the wire yet */
	session_joins_sent(&c.s);
	session_joins_sent(&d.s);
	CHECK(zero(c.s.share, sizeof c.s.share) && zero(d.s.share, sizeof d.s.share));
	for (int k = 0; k < 4; k++)
		CHECK(!memmem(&c.s, sizeof c.s, random_c + SID_BYTES + 32 * k, 32) &&
		      !memmem(&d.s, sizeof d.s, random_d + 32 * k, 32));
	client_of(2, SEAL_CHACHA20_POLY1305); /* a session that never came to be */
	end_secret(&c, 0, t0);
	session_wipe(&c.s);
	CHECK(zero(c.s.f, sizeof c.s.f) && zero(c.s.share, sizeof c.s.share));
}

TEST_MAIN_BEGIN
	RUN(both_ends_agree);
	RUN(a_client_sends_after_its_last_handshake_and_a_device_after_the_last_join);
	RUN(the_order_of_the_list_does_not_matter);
	RUN(joins_that_differ_are_refused);
	RUN(a_path_joins_once);
	RUN(unknown_ciphers_are_refused);
	RUN(windows_are_what_the_peer_buffers);
	RUN(one_secret_or_share_that_differs_spoils_all);
	RUN(exporter_contexts_differ_by_path);
	RUN(secrets_go_when_they_have_done_their_work);
TEST_MAIN_END
