/* test/fuzz/fuzz_session.c - an admitted client's messages, honest or not, to a device's session
 *
 * The input is messages one after the other: JOINs on flows of their own until the session stands,
 * then whatever a client may say. The device must keep its bounds and never tell of two ends. */
#include <bearssl.h>

#include "core/check.h"
#include "core/flowmsg.h"
#include "test/ends.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct end d;
static const mono_t t0 = { 1000000 };

/* As cmd/pathset does: a path joins once, and its secret is taken before its JOIN is judged. */
static bool join(const struct msg_join *m, bool begun)
{
	uint8_t random[PATHS_MAX * SHARE_BYTES] = { 1 };
	struct msg_share_ack ack;
	enum session_verdict v;
	int i;

	if (!begun)
		end_device(&d, m, random);
	i = session_index(&d.s, m->j);
	if (i < 0 || d.s.joined & 1u << i)
		return true;
	MUST((uint32_t)i < d.s.n);
	end_secret(&d, (uint32_t)i, t0);
	v = session_on_join(&d.s, (uint32_t)i, m, t0, &ack);
	MUST(v < SESSION_VERDICTS);
	MUST((v == SESSION_COMPLETE) == (d.s.rx_on && d.s.tx_on));
	return true;
}

static void obey(const struct flowmsg *m)
{
	struct msg_share_ack ack;
	uint32_t i;

	if (m->type == FLOWMSG_SHARE)
		for (i = 0; i < d.s.n; i++)
			MUST(rx_on_share(&d.s.rx, i, &m->share, &ack) < RX_VERDICTS);
	else if (m->type == FLOWMSG_SHARE_ACK)
		MUST(tx_on_share_ack(&d.s.tx, &m->share_ack, t0) < TX_VERDICTS);
	else if (m->type == FLOWMSG_ACK)
		MUST(tx_on_ack(&d.s.tx, &m->ack) < TX_VERDICTS);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bool begun = false;
	struct flowmsg m;
	size_t len;

	for (; (len = flowmsg_length(data, size)) && len <= size; data += len, size -= len) {
		if (!flowmsg_decode(&m, data, len))
			continue;
		if (begun && d.s.rx_on)
			obey(&m);
		else if (m.type == FLOWMSG_JOIN)
			begun = join(&m.join, begun);
	}
	if (begun)
		session_wipe(&d.s);
	return 0;
}
