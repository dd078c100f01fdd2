/* test/sim/sim_session.c - a client's and a device's session over flows that delay, cut and lie
 *
 *	build/sim/sim_session [SEED [COUNT [EVENTS]]]
 *
 * Both ends run in one program under a made-up clock. A seed chooses the number of paths, cipher,
 * scheduler, windows, delays and every event. Checked at every event: what is delivered is what was
 * sent, each record once and in order; share j travels on flow j only and once an epoch; no record
 * leaves under an epoch that was not acknowledged (SECRECY.md section 4, rules 1 and 2); nothing
 * leaves beyond the receiver's window; old keys are gone. Then events stop, and everything must
 * arrive. In the second half one node lies: its flow must be named, or all data arrive unharmed;
 * no other flow may be named. */
#include "core/buf.h"
#include "test/sim/world.h"

/* --- messages out ----------------------------------------------------------------------------- */

static bool room(const struct half *h)
{
	return h->queued < QUEUE;
}

static void say(int s, uint32_t i, const struct flowmsg *m)
{
	struct half *h = &w.side[s].half[i];
	uint8_t *f = h->queue[h->queued++];
	uint8_t msg[FLOWMSG_BYTES_MAX];
	struct flowmsg back;
	size_t len = flowmsg_encode(m, msg);
	struct buf b;

	HOLDS(h->queued <= QUEUE);
	HOLDS(flowmsg_decode(&back, msg, len));
	buf_init(&b, f, TLS_HEAD + FLOWMSG_BYTES_MAX);
	buf_put_u8(&b, TLS_TYPE);
	buf_put_u16(&b, 0x0303);
	buf_put_u16(&b, (uint16_t)(8 + len));
	buf_put_u64(&b, rng_mix(h->tls_out++ ^ w.seed));
	buf_put_bytes(&b, msg, len);
}

/* On any flow that has room; lost to a full queue, it is said again later. */
static void say_anywhere(int s, const struct flowmsg *m)
{
	for (uint32_t k = 0, i = below(w.n); k < w.n; k++, i = (i + 1) % w.n)
		if (room(&w.side[s].half[i])) {
			say(s, i, m);
			return;
		}
	HOLDS(!"room on one flow");
}

static void acknowledge(int s, uint32_t i)
{
	struct flowmsg m = { .type = FLOWMSG_ACK };

	if (!w.side[s].e->s.rx_on || w.side[s].half[i].queued > QUEUE / 2)
		return;
	rx_ack(&w.side[s].e->s.rx, &m.ack);
	say(s, i, &m);
}

static void confirm(int s, const struct msg_share_ack *ack)
{
	struct flowmsg m = { .type = FLOWMSG_SHARE_ACK, .share_ack = *ack };

	say_anywhere(s, &m);
}

static void epoch(int s)
{
	struct side *me = &w.side[s];
	uint8_t random[PATHS_MAX][32];
	struct msg_share share[PATHS_MAX];

	if (!me->e->s.tx_on || !tx_epoch_due(&me->e->s.tx))
		return;
	for (uint32_t i = 0; i < w.n; i++)
		if (!room(&me->half[i]))
			return;
	rng_bytes(&w.rng, random[0], w.n * sizeof random[0]);
	tx_epoch_draw(&me->e->s.tx, (const uint8_t(*)[32])random, share);
	for (uint32_t i = 0; i < w.n; i++) {
		struct flowmsg m = { .type = FLOWMSG_SHARE, .share = share[i] };

		HOLDS(share[i].j == me->e->s.path[i].number);
		HOLDS(share[i].e < EPOCHS_SEEN);
		HOLDS(!(me->shared[share[i].e] >> i & 1));
		me->shared[share[i].e] |= 1u << i;
		say(s, i, &m);
	}
}

/* A handshake is done, and its JOIN is said: by the client at once, by the device in answer. */
static void join(int s, uint32_t i)
{
	struct half *h = &w.side[s].half[i];
	struct flowmsg m = { .type = FLOWMSG_JOIN };

	if (h->said)
		return;
	end_secret(w.side[s].e, i, w.now);
	session_join(&w.side[s].e->s, i, &m.join);
	h->said = true;
	say(s, i, &m);
}

/* --- bytes out -------------------------------------------------------------------------------- */

static bool next_frame(int s, uint32_t i)
{
	struct half *h = &w.side[s].half[i];
	struct tx *t = &w.side[s].e->s.tx;
	const uint8_t *rec;
	uint32_t e;

	h->out_at = h->out_len = 0;
	h->out_record = !h->queued;
	if (h->queued) {
		h->out_len = frame_length(h->queue[0]);
		memcpy(h->out, h->queue[0], h->out_len);
		h->queued--;
		memmove(h->queue[0], h->queue[1], h->queued * sizeof h->queue[0]);
		return true;
	}
	if (!w.side[s].e->s.tx_on || !h->said || !tx_take(t, i, &rec, &h->out_len, &h->number))
		return false;
	memcpy(h->out, rec, h->out_len);
	HOLDS(seal_peek(rec, h->out_len, &e, &h->number));
	HOLDS(e == 0 || w.side[s].acked[e]);
	HOLDS(t->set.sched != SCHED_STRICT || h->number / w.turn % w.n == i);
	HOLDS(h->number < t->limit);
	return true;
}

static void put(int s, uint32_t i, const uint8_t *p, size_t n)
{
	int64_t at = w.now.us + w.delay_us[i] + below(1 + (uint32_t)w.delay_us[i] / 4);

	if ((int)i == w.liar)
		node_put(&w.node, s, p, n, at);
	else
		pipe_put(w.side[s].half[i].to, p, n, at);
}

static void write_some(int s, uint32_t i, uint32_t most)
{
	struct half *h = &w.side[s].half[i];
	size_t n;

	if (pipe_room(h->to, 3) < 3 * FRAME_MAX || (h->out_at == h->out_len && !next_frame(s, i)))
		return;
	n = h->out_len - h->out_at;
	n = n < most ? n : most;
	put(s, i, h->out + h->out_at, n);
	h->out_at += n;
	if (h->out_at == h->out_len && h->out_record)
		tx_written(&w.side[s].e->s.tx, h->number);
	w.progress = true;
}

/* --- bytes in --------------------------------------------------------------------------------- */

static void on_join(int s, uint32_t i, const struct msg_join *m)
{
	struct side *me = &w.side[s];
	struct msg_share_ack ack;
	enum session_verdict v;

	if (!me->begun) {
		uint8_t random[PATHS_MAX * 32];

		rng_bytes(&w.rng, random, sizeof random);
		end_device(me->e, m, random);
		me->e->s.set.tx = w.side[!s].e->s.set.tx;
		me->e->s.set.tx.mem = me->e->tx_mem;
		me->e->s.set.tx.slot = me->e->tx_slot;
		me->begun = true;
	}
	HOLDS(session_index(&me->e->s, m->j) == (int)i);
	join(s, i);
	v = session_on_join(&me->e->s, i, m, w.now, &ack);
	HOLDS(v == SESSION_OK || v == SESSION_COMPLETE);
	if (v == SESSION_COMPLETE) {
		session_joins_sent(&me->e->s);
		confirm(s, &ack);
	}
}

static void on_ack(int s, const struct msg_ack *m)
{
	enum tx_verdict v = tx_on_ack(&w.side[s].e->s.tx, m);

	seen.tx[v]++;
	if (v == TX_STRIPPED)
		name_flow(w.side[s].e->s.tx.stripped, tx_verdict_str[v]);
	else
		HOLDS(v == TX_OK);
}

static void on_message(int s, uint32_t i, const struct flowmsg *m)
{
	struct session *me = &w.side[s].e->s;
	struct msg_share_ack ack;
	enum rx_verdict v = RX_OK;

	if (m->type == FLOWMSG_JOIN) {
		on_join(s, i, &m->join);
	} else if (m->type == FLOWMSG_SHARE) {
		v = rx_on_share(&me->rx, i, &m->share, &ack);
		HOLDS(v == RX_OK || v == RX_CONFIRM);
		if (v == RX_CONFIRM)
			confirm(s, &ack);
	} else if (m->type == FLOWMSG_SHARE_ACK) {
		HOLDS(tx_on_share_ack(&me->tx, &m->share_ack, w.now) == TX_OK);
		w.side[s].acked[m->share_ack.e] = true;
	} else {
		HOLDS(m->type == FLOWMSG_ACK);
		on_ack(s, &m->ack);
	}
	seen.rx[v]++;
}

static void on_record(int s, uint32_t i, uint8_t *rec, size_t len)
{
	struct rx *x = &w.side[s].e->s.rx;
	const uint8_t *plain;
	size_t n;
	enum rx_verdict v = rx_on_record(x, rec, len, &plain, &n);

	seen.rx[v]++;
	if (v > RX_DUPLICATE)
		name_flow(i, rx_verdict_str[v]);
	HOLDS(v != RX_DUPLICATE || w.liar >= 0);
	if (v == RX_NOW)
		delivered(s, plain, n);
	for (uint32_t k = 0; k < RX_EPOCHS; k++) /* keys of what was delivered are gone */
		HOLDS(!x->epoch[k].ready || x->epoch[k].ctx.e >= x->deliver_e);
}

/* A whole frame. False: it waits until the session is complete. */
static bool on_frame(int s, uint32_t i)
{
	struct side *me = &w.side[s];
	struct half *h = &me->half[i];
	struct flowmsg m;
	struct buf b;

	if (h->in[0] == RECORD_TYPE) {
		if (!(me->e->s.joined >> i & 1))
			name_flow(i, "a record before the JOIN");
		else if (!me->e->s.rx_on)
			return false;
		else
			on_record(s, i, h->in, h->in_len);
		return true;
	}
	buf_over(&b, h->in + FRAME_HEAD, h->in_len - FRAME_HEAD);
	if (h->in[0] != TLS_TYPE || buf_get_u64(&b) != rng_mix(h->tls_in++ ^ w.seed) ||
	    !flowmsg_decode(&m, h->in + TLS_HEAD, h->in_len - TLS_HEAD))
		name_flow(i, "bytes that TLS does not take");
	else
		on_message(s, i, &m);
	return true;
}

static void read_some(int s, uint32_t i, uint32_t most)
{
	struct half *h = &w.side[s].half[i];
	size_t want = h->in_len < FRAME_HEAD ? FRAME_HEAD : frame_length(h->in);
	size_t n;

	if (want > FRAME_MAX) {
		name_flow(i, "a frame that is too long");
		return;
	}
	if (!h->in_len && w.side[s].e->s.rx_on)
		rx_settle(&w.side[s].e->s.rx, h->in, sizeof h->in);
	n = want - h->in_len;
	n = pipe_get(h->from, h->in + h->in_len, n < most ? n : most, w.now.us);
	h->in_len += n;
	w.progress |= n > 0;
	if (h->in_len < FRAME_HEAD || h->in_len < frame_length(h->in))
		return;
	if (on_frame(s, i))
		h->in_len = 0;
}

/* --- a run ------------------------------------------------------------------------------------ */

static void check_bounds(int s)
{
	const struct tx *t = &w.side[s].e->s.tx;
	const struct rx *x = &w.side[!s].e->s.rx;
	static const uint8_t zero[32];
	uint32_t oldest;

	if (!w.side[s].e->s.tx_on)
		return;
	oldest = tx_idle(t) ? t->ctx.e : t->set.slot[t->base & (t->set.slots - 1)].e;
	HOLDS(t->next - t->base <= t->set.slots);
	HOLDS(t->last_e - oldest < EPOCHS_LIVE);
	HOLDS(t->coming.on || !memcmp(t->coming.ck, zero, 32));
	if (!w.side[!s].e->s.rx_on)
		return;
	HOLDS(t->base <= x->base + x->slots && x->base <= t->next);
	HOLDS(t->next <= x->base + x->slots);
	HOLDS(x->top_e - x->deliver_e < RX_EPOCHS);
}

static void set_up(uint64_t seed, enum lie lie)
{
	uint8_t random[SID_BYTES + PATHS_MAX * 32];
	struct tx_setup *set = &ends[0].s.set.tx;

	memset(&w, 0, sizeof w);
	memset(ends, 0, sizeof ends);
	w.seed = w.rng.state = seed;
	w.now = mono_us(1000000);
	w.n = 1 + below(PATHS_MAX);
	w.liar = lie ? (int)below(w.n) : -1;
	w.turn = 1 + below(3);
	for (uint32_t i = 0; i < w.n; i++) {
		w.delay_us[i] = below(2) ? below(3000) : below(200000);
		for (int s = 0; s < 2; s++) {
			w.side[s].half[i].to = &w.pipe[s][i];
			w.side[s].half[i].from = &w.pipe[!s][i];
		}
	}
	w.node = (struct node){ .lie = lie, .one_in = 2 + below(30), .rng = &w.rng };
	for (int s = 0; s < 2 && lie; s++)
		w.node.to[s] = &w.pipe[s][w.liar];
	w.side[0].e = &ends[0];
	w.side[1].e = &ends[1];
	w.side[0].begun = true;
	rng_bytes(&w.rng, random, sizeof random);
	end_client(&ends[0], w.n, below(2) && seal_has_aes() ? 1 : 2, random);
	set->slots = 1u << (2 + below(5));
	set->sched = below(2) ? SCHED_STRICT : SCHED_FAST;
	set->turn = w.turn;
	set->max_share_pct = below(2) ? 0 : (100 + w.n - 1) / w.n + below(20);
}

static void random_event(void)
{
	int s = (int)below(2);
	uint32_t i = below(w.n), what = below(100);
	uint32_t piece = below(4) ? 2000 : 1 + below(40);

	if (what < 30)
		write_some(s, i, piece);
	else if (what < 60)
		read_some(s, i, piece);
	else if (what < 75)
		seal(s);
	else if (what < 82)
		fetch(s, 1 + below(8));
	else if (what < 88 && w.side[s].e->s.rx.since_ack)
		acknowledge(s, i);
	else if (what < 90)
		epoch(s);
	else if (what < 99)
		w.now = mono_add_us(w.now, below(3000));
	else
		w.now = mono_add_us(w.now, below(1200000));
	if (!below(20)) /* a handshake of the client */
		join(0, i);
	for (s = 0; s < 2; s++)
		check_bounds(s);
}

/* Grows as long as anything that matters still moves. */
static uint64_t moved(void)
{
	uint64_t sum = 0;

	for (int s = 0; s < 2; s++) {
		struct session *me = &w.side[s].e->s;

		sum += me->tx.base + me->rx.base + me->joined + me->tx.confirmed + w.side[s].got;
	}
	return sum;
}

static bool all_there(void)
{
	for (int s = 0; s < 2; s++) {
		struct session *me = &w.side[s].e->s;

		if (!me->tx_on || !me->rx_on || !me->tx.confirmed || !tx_idle(&me->tx) ||
		    w.side[s].got != w.side[!s].sent)
			return false;
	}
	return true;
}

/* One turn of both ends with nothing new to send; acknowledgements go on every flow, for one of
 * them may be the liar's. */
static void settle(void)
{
	w.now = mono_add_ms(w.now, 50);
	for (int s = 0; s < 2 && !w.named; s++)
		for (uint32_t i = 0; i < w.n && !w.named; i++) {
			join(0, i);
			fetch(s, END_SLOTS);
			epoch(s);
			acknowledge(s, i);
			for (int k = 0; k < 20; k++)
				write_some(s, i, FRAME_MAX);
			for (int k = 0; k < 100 && !w.named; k++)
				read_some(s, i, FRAME_MAX);
		}
}

/* Nothing moves any more: who holds the oldest record that was not had? */
static void blame(void)
{
	for (int s = 0; s < 2 && !w.named; s++) {
		const struct tx *t = &w.side[s].e->s.tx;
		const struct tx_slot *slot = &t->set.slot[t->base & (t->set.slots - 1)];
		bool strict = t->set.sched == SCHED_STRICT;

		if (!w.side[s].e->s.tx_on || tx_idle(t))
			continue;
		if (slot->state >= TX_TAKEN)
			name_flow(slot->flow, "silence");
		else if (strict)
			name_flow((uint32_t)(t->base / w.turn % w.n), "silence");
	}
	HOLDS(w.named || w.liar >= 0);
	w.named = w.named ? w.named : "messages lost";
}

static void run(uint64_t seed, enum lie lie, uint32_t events)
{
	uint32_t silent = 0;

	set_up(seed, lie);
	for (w.event = 0; w.event < events && !w.named; w.event++)
		random_event();
	while (!w.named && !all_there()) {
		uint64_t before = moved();

		settle();
		silent = moved() == before ? silent + 1 : 0;
		if (silent == SILENT_ROUNDS)
			blame();
	}
	HOLDS(lie != LIE_REPEAT || !w.named);
	HOLDS(w.named || !w.node.told[LIE_DROP]);
	HOLDS(w.named || !w.node.told[LIE_FLIP]);
	seen.named += w.named != NULL;
	seen.done += w.named == NULL;
}

int main(int argc, char **argv)
{
	uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 1;
	uint32_t count = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 0) : 30;
	uint32_t events = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 0) : 6000;

	printf("# sim session: seeds from %llu on\n", (unsigned long long)seed);
	for (enum lie lie = LIE_NONE; lie <= LIES; lie++) {
		uint32_t runs = lie ? count : 5 * count;

		memset(&seen, 0, sizeof seen);
		for (uint32_t k = 0; k < runs; k++)
			run(seed + k, lie, events);
		printf("# records: %u in order, %u early, %u had before, %u epochs;",
		       seen.rx[RX_NOW], seen.rx[RX_OK], seen.rx[RX_DUPLICATE], seen.rx[RX_CONFIRM]);
		printf(" refused: %u stripped, %u seals, %u epochs, %u numbers, %u forms\n",
		       seen.tx[TX_STRIPPED], seen.rx[RX_BAD_SEAL], seen.rx[RX_BAD_EPOCH],
		       seen.rx[RX_BAD_NUMBER], seen.rx[RX_BAD_FORM]);
		printf("ok sim session: node lies: %s, %u seeds, %u complete, %u named\n",
		       lie_str[lie], runs, seen.done, seen.named);
	}
	return 0;
}
