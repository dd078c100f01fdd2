/* tuple/view.c - elect a new leader when the old one stalls
 *
 * SUSPECT is cheap and unsigned: f+1 of them pull the others along, 2f+1 move. A VIEW-CHANGE is
 * signed and synced; once it is out, nothing is said in older views any more. */
#include <string.h>

#include "core/check.h"
#include "tuple/pbft.h"

static uint32_t suspects(const struct replica *r)
{
	uint32_t n = r->suspecting;

	for (uint32_t i = 0; i < r->n; i++)
		n += i != r->self && r->peer[i].suspects > r->view;
	return n;
}

static void weigh(struct replica *r)
{
#ifdef BUG_SUSPECT_AT_1
	uint32_t join = 1, move = 1;
#else
	uint32_t join = r->f + 1, move = quorum(r);
#endif

	if (!r->suspecting && suspects(r) >= join)
		view_suspect(r);
	else if (r->suspecting && suspects(r) >= move)
		view_move(r, r->view + 1);
}

void view_suspect(struct replica *r)
{
	if (r->observer || r->n == 1 || r->suspecting || r->replaying)
		return;
	r->suspecting = true;
	clock_blocks(r);
	out_note(r, NOTE_SUSPECT, (int64_t)r->view);
	out_body(r, everyone(r), MSG_SUSPECT, r->state.slot, NULL, 0);
	weigh(r);
}

/* A replica that is in `view` suspects all views before it: its SUSPECTs may be lost. */
void view_left(struct replica *r, uint32_t who, uint64_t view)
{
	if (r->peer[who].suspects >= view)
		return;
	r->peer[who].suspects = view;
	weigh(r);
}

enum replica_verdict view_suspected(struct replica *r, uint32_t from, const struct msg_head *h)
{
	struct peer *p = &r->peer[from];

	if (h->view < r->view)
		return REPLICA_OLD;
	if (p->suspects < h->view + 1)
		p->suspects = h->view + 1;
	weigh(r);
	return REPLICA_OK;
}

/* {domain, cluster, digest of the message so far}: what VIEW-CHANGE and NEW-VIEW sign. */
enum { SIGNED_BYTES = 20 + 32 + DIGEST_BYTES };

static void signed_bytes(const struct replica *r, const char *domain, const uint8_t *p, size_t len,
			 uint8_t out[static SIGNED_BYTES])
{
	memset(out, 0, SIGNED_BYTES);
	memcpy(out, domain, strlen(domain));
	memcpy(out + 20, r->cluster_id, 32);
	ident_sha256(p, len, out + 52);
}

void sign_end(struct replica *r, const char *domain, struct buf *b)
{
	const struct signer *s = &r->setup.signer;
	uint8_t msg[SIGNED_BYTES];
	struct cert_sig sig;

	signed_bytes(r, domain, b->mem, b->len, msg);
	memcpy(sig.pub, s->pub, PUB_BYTES);
	sig.sig_len = s->sign(s->ctx, msg, sizeof msg, sig.sig);
	sig_put(b, &sig);
	MUST(buf_ok(b));
}

/* Which member signed bytes 0..len of p; -1: none. */
int signed_by(const struct replica *r, const char *domain, const uint8_t *p, size_t len,
		     const struct cert_sig *sig)
{
	const struct signer *s = &r->setup.signer;
	uint8_t msg[SIGNED_BYTES];
	struct fp fp;
	int who;

	if (!s->fp_of(s->ctx, sig->pub, &fp))
		return -1;
	who = cluster_find(&r->members, &fp);
	signed_bytes(r, domain, p, len, msg);
	if (who < 0 || !s->verify(s->ctx, sig->pub, msg, sizeof msg, sig->sig, sig->sig_len))
		return -1;
	return who;
}

static const char vc_domain[] = "machete viewchange1";

static void make_vc(struct replica *r)
{
	struct vc *own = &r->vc[r->self];
	struct buf b;

	buf_init(&b, own->bytes, sizeof own->bytes);
	msg_head_put(&b, MSG_VIEWCHANGE, r->config, r->view, r->state.slot);
	cert_put(&b, &r->stable);
	entries_put(r, &b, r->h + 1, slots_top(r));
	sign_end(r, vc_domain, &b);
	own->view = r->view;
	own->len = b.len;
	own->checked = true;
	ident_sha256(own->bytes, own->len, own->digest);
}

static void back_off(struct replica *r)
{
	if (r->state.slot > r->view_slot)
		return; /* the view did some good */
	r->timeout_slot = r->state.slot;
	r->timeout_ms *= 2;
	if (r->timeout_ms > REQUEST_MS_MAX)
		r->timeout_ms = REQUEST_MS_MAX;
}

void view_move(struct replica *r, uint64_t view)
{
	if (!r->rotates)
		heard_blame(r);
	r->rotates = false;
	back_off(r);
	r->view = view;
	r->view_slot = r->state.slot;
	r->active = r->suspecting = r->view_timed = false;
	r->chosen_top = 0;
	r->scratch_chosen.count = 0;
	r->stash.count = r->stash.used = 0;
	slots_new_view(r);
	if (!r->observer) {
		make_vc(r);
		log_put(r, WAL_VIEW, view, r->h, r->vc[r->self].bytes, r->vc[r->self].len);
		out_copy(r, everyone(r), r->vc[r->self].bytes, r->vc[r->self].len);
	}
	replica_progress(r);
	view_count(r);
	weigh(r);
}

/* Entries in ascending order of slots, all in the window, of earlier views, P first. */
static bool entries_sound(struct buf *b, uint64_t h, uint64_t view)
{
	uint32_t count = buf_get_u16(b);
	uint64_t last = h;
	struct pq e;

	while (count--) {
		if (!entry_get(b, &e) || e.slot < last || e.slot <= h || e.slot > h + WINDOW)
			return false;
		if ((e.p && (e.slot == last || e.p_view >= view)) || (e.q && e.q_view >= view))
			return false;
		last = e.slot;
	}
	return buf_ok(b);
}

/* The sender of a VIEW-CHANGE, or -1 when it proves nothing. */
static int check_vc(const struct replica *r, const uint8_t *p, size_t len, struct msg_head *h)
{
	struct cert_sig sig;
	struct cert c;
	struct buf b;
	size_t body;

	buf_over(&b, p, len);
	if (!msg_head_get(&b, h) || !cert_get(&b, &c) || !entries_sound(&b, c.c.slot, h->view))
		return -1;
	body = b.pos;
	sig_get(&b, &sig);
	if (!buf_done(&b) || !h->view || !cert_sound(r, &c))
		return -1;
	return signed_by(r, vc_domain, p, body, &sig);
}

static void keep_vc(struct vc *vc, uint64_t view, const uint8_t *p, size_t len,
		    const uint8_t *digest)
{
	vc->view = view;
	vc->len = len;
	vc->checked = true;
	memcpy(vc->bytes, p, len);
	memcpy(vc->digest, digest, DIGEST_BYTES);
}

/* f+1 replicas are in views above: go to the lowest of theirs. */
static void join(struct replica *r)
{
	uint64_t lowest = UINT64_MAX;
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->n; i++) {
		if (i == r->self || r->vc[i].view <= r->view)
			continue;
		n++;
		lowest = r->vc[i].view < lowest ? r->vc[i].view : lowest;
	}
	if (n >= r->f + 1)
		view_move(r, lowest);
}

/* Replicas whose VIEW-CHANGE for this view or a later one is here. A later one counts: who has gone
 * on may have thrown its own for this view away, and where the others lost their SUSPECTs in a
 * crash nobody would ever move again. */
static uint32_t arrived(const struct replica *r)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < r->n; i++)
		n += r->vc[i].view >= r->view && r->vc[i].checked;
	return n;
}

/* Enough of them? The clock for the NEW-VIEW starts, and its leader chooses. */
void view_count(struct replica *r)
{
	if (r->active || arrived(r) < quorum(r))
		return;
	if (!r->view_timed) {
		r->view_timed = true;
		r->view_since = r->now;
	}
	view_try_new(r);
}

enum replica_verdict view_change(struct replica *r, uint32_t from, const uint8_t *p, size_t len)
{
	uint8_t digest[DIGEST_BYTES];
	struct msg_head h;
	struct buf b;
	bool named;
	int who;

	(void)from; /* signed: anybody may bring it */
	buf_over(&b, p, len);
	if (!msg_head_get(&b, &h) || h.view < r->view || (h.view == r->view && r->active))
		return REPLICA_OLD;
	ident_sha256(p, len, digest);
	for (uint32_t i = 0; i < r->n; i++)
		if (r->vc[i].view == h.view && !memcmp(r->vc[i].digest, digest, DIGEST_BYTES) &&
		    (r->nv_next->view != h.view || r->nv_next->vc[i].view == h.view))
			return REPLICA_DUPLICATE;
	who = check_vc(r, p, len, &h);
	if (who < 0)
		return REPLICA_BAD_PROOF;
	named = r->nv_next->view == h.view && nv_names(r->nv_next, (uint32_t)who, digest);
	if (named && !r->nv_next->vc[who].view)
		keep_vc(&r->nv_next->vc[who], h.view, p, len, digest);
	if (r->vc[who].view < h.view && who != (int)r->self)
		keep_vc(&r->vc[who], h.view, p, len, digest);
	view_left(r, (uint32_t)who, h.view);
	join(r);
	view_count(r);
	if (named)
		view_complete(r);
	return REPLICA_OK;
}

void view_propose_chosen(struct replica *r)
{
	for (uint64_t s = r->h + 1; r->active && s <= r->chosen_top; s++) {
		struct slot *x = slot_at(r, s);
		const uint8_t *d;

		if (!x || s <= r->chosen.base || x->proposed)
			continue;
		d = r->chosen.d[s - r->chosen.base - 1];
		if (x->decided && memcmp(x->decided_d, d, DIGEST_BYTES)) {
			view_suspect(r); /* its leader began it with others in another way */
			return;
		}
#ifdef BUG_EXECUTED_NOT_VOTED
		if (x->executed)
			continue;
#endif
		slot_propose(r, s, d);
		x->vouched = true;
		note_known(r, s);
	}
}

void view_enter(struct replica *r, uint64_t view, const struct chosen *c)
{
	r->view = view;
	r->view_slot = r->state.slot;
	r->active = true;
	r->suspecting = r->view_timed = false;
	r->chosen.base = c->base;
	r->chosen.count = c->count;
	memmove(r->chosen.d, c->d, (size_t)c->count * DIGEST_BYTES);
	r->chosen_top = c->base + c->count;
	r->stash.count = r->stash.used = 0;
	slots_new_view(r);
	view_propose_chosen(r);
	r->view_since = r->beat = r->now;
#ifndef BUG_TIMER_NOT_RESTARTED
	intake_restart(r);
#endif
	replica_progress(r);
	out_note(r, NOTE_VIEW, (int64_t)view);
}

void view_tick(struct replica *r)
{
	if (!r->active && r->view_timed && !r->transfer.active &&
	    elapsed(r, r->view_since, r->timeout_ms))
		view_suspect(r);
}

mono_t view_deadline(const struct replica *r)
{
	if (r->active || !r->view_timed || r->suspecting)
		return mono_us(0);
	return mono_add_ms(r->view_since, (int64_t)r->timeout_ms);
}
