/* tuple/ckpt.c - checkpoints: sign when synced, cut the log when 2f+1 have signed the same */
#include <string.h>

#include "core/check.h"
#include "tuple/pbft.h"

static void save(struct replica *r, struct image *m)
{
	struct replica_effect *e;

	m->waiting = true;
	if (r->replaying)
		return;
	e = out_push(r, REPLICA_SAVE);
	e->slot = m->c.slot;
	e->bytes = m->bytes;
	e->len = m->len;
}

/* The state as it is now becomes the newest checkpoint. While the memory for it is being saved
 * nothing more is executed, so that it is the same state when its turn comes. */
void ckpt_begin(struct replica *r)
{
	struct image *m = r->ckpt;

	r->ckpt_owed = m->waiting && !r->replaying;
	if (r->ckpt_owed)
		return;
	r->transfer.active = false; /* what was fetched goes, the slots come by themselves */
	m->c = (struct checkpoint){ .config = r->config, .slot = r->state.slot,
				    .time_us = r->state.time_us };
	memcpy(m->c.digest, r->state.digest, DIGEST_BYTES);
	m->len = snap_write(&r->state, m->bytes);
	m->manifest_len = snap_manifest(m->bytes, m->len, m->manifest);
	snap_root(m->manifest, m->manifest_len, m->c.root);
	m->saved = false;
	save(r, m);
}

void ckpt_resume(struct replica *r)
{
	if (r->ckpt_owed && r->h < r->state.slot)
		ckpt_begin(r);
	else
		r->ckpt_owed = false;
}

void ckpt_send(struct replica *r, uint32_t to)
{
	struct peer *own = &r->peer[r->self];
	struct buf b;

	for (int k = 0; k < 2; k++) {
		if (own->ck[k].slot <= r->h || own->ck[k].config != r->config)
			continue;
		b = out_msg(r, MSG_CHECKPOINT, own->ck[k].slot, CHECKPOINT_BYTES_MAX);
		checkpoint_put(&b, &own->ck[k]);
		sig_put(&b, &own->ck_sig[k]);
		out_send(r, to, &b);
	}
}

/* Members of the configuration that a certificate is of: the one in force or the one before. */
static struct cluster members_of(const struct replica *r, uint32_t config)
{
	struct cluster c = r->members;

	if (config + 1 == r->config)
		c.replica[r->state.swapped].fp = r->state.swapped_fp;
	return c;
}

/* Who lags several configurations behind, or is a newcomer, knows only some of the signers: f+1 of
 * those make one correct, and what one correct replica signed is the state. */
static bool known_signers(const struct replica *r, const struct cert *c)
{
	uint32_t good = 0;

	for (uint32_t i = 0; i < c->count; i++)
		good += c->sig[i].replica < r->n && c->sig[i].replica != r->self &&
			checkpoint_verify(&c->c, r->cluster_id, &r->setup.signer,
					  &r->members.replica[c->sig[i].replica].fp, &c->sig[i]);
	return good >= r->f + 1;
}

static uint32_t stable_need(const struct replica *r)
{
#ifdef BUG_GC_EARLY
	return r->f ? 1 : quorum(r);
#else
	return quorum(r);
#endif
}

bool cert_sound(const struct replica *r, const struct cert *c)
{
	struct cluster members;

	if (c->c.slot == r->stable.c.slot && checkpoint_eq(&c->c, &r->stable.c))
		return true; /* proved before */
	if (c->c.slot && (c->c.config > r->config || (r->fresh && !r->state.slot)))
		return known_signers(r, c);
	members = members_of(r, c->c.config);
	return cert_verify(c, r->cluster_id, &r->setup.signer, &members, stable_need(r));
}

/* The configuration that the stable checkpoint's state names comes into force. */
void config_enter(struct replica *r)
{
	struct fp fp;
	int at;

	r->config = r->state.config;
	r->members = r->state.cluster;
	r->view = r->chosen_top = 0;
	r->active = true;
	r->suspecting = r->view_timed = false;
	r->timeout_ms = REQUEST_MS;
	r->nv->view = r->nv_next->view = 0;
	memset(&r->chosen, 0, sizeof r->chosen.base + sizeof r->chosen.count);
	for (uint32_t i = 0; i < REPLICAS_MAX; i++) {
		r->vc[i].view = 0;
		memset(&r->peer[i], 0, sizeof r->peer[i]);
	}
	slots_new_view(r);
	r->stash.count = r->stash.used = 0;
	r->setup.signer.fp_of(r->setup.signer.ctx, r->setup.signer.pub, &fp);
	at = cluster_find(&r->members, &fp);
	if (at >= 0)
		r->self = (uint32_t)at;
	else if (!r->removed)
		replica_cease(r, NOTE_REMOVED);
	if (at >= 0 && r->observer && r->fresh) {
		r->observer = r->fresh = false;
		out_note(r, NOTE_VOTER, r->config);
	}
	intake_restart(r);
	if (!r->replaying)
		out_push(r, REPLICA_CONFIG);
}

/* Both a certificate and our own synced image of slot c->slot: the rest may go. */
static void make_stable(struct replica *r, const struct cert *c)
{
	struct image *m = r->ckpt;

	slots_forget(r, c->c.slot);
	r->h = c->c.slot;
	r->stable = *c;
	r->ckpt = r->base;
	r->base = m;
	r->ckpt->c.slot = 0;
	r->ckpt->saved = r->ckpt->waiting = false;
	if (r->transfer.cert.c.slot <= r->h)
		r->transfer.active = false;
	out_note(r, NOTE_STABLE, (int64_t)r->h);
	if (r->state.config != r->config && r->state.slot == r->h)
		config_enter(r);
	r->switch_due = true;
	replica_progress(r);
	view_propose_chosen(r);
}

enum replica_verdict ckpt_certificate(struct replica *r, const struct cert *c)
{
	const struct image *m = r->ckpt;

	if (c->c.slot <= r->h)
		return REPLICA_OLD;
	if (!cert_sound(r, c))
		return REPLICA_BAD_PROOF;
	if (m->c.slot == c->c.slot && !checkpoint_eq(&m->c, &c->c)) {
		if (!r->observer)
			replica_cease(r, NOTE_DIVERGED);
		return REPLICA_CONFLICT;
	}
	if (m->c.slot == c->c.slot && m->saved)
		make_stable(r, c);
	else if (c->c.slot > r->transfer.cert.c.slot)
		fetch_begin(r, c); /* or our own image is still being written */
	return REPLICA_OK;
}

/* 2f+1 replicas signed what we hold. */
static void try_stable(struct replica *r, const struct checkpoint *c)
{
	struct cert cert = { .c = *c };

	for (uint32_t i = 0; i < r->n; i++)
		for (int k = 0; k < 2; k++)
			if (r->peer[i].ck[k].slot && checkpoint_eq(&r->peer[i].ck[k], c)) {
				cert.sig[cert.count] = r->peer[i].ck_sig[k];
				cert.sig[cert.count++].replica = (uint8_t)i;
				break;
			}
	if (cert.count >= stable_need(r))
		ckpt_certificate(r, &cert);
}

static void keep_checkpoint(struct replica *r, uint32_t who, const struct checkpoint *c,
			    const struct cert_sig *sig)
{
	struct peer *p = &r->peer[who];
	int k = p->ck[0].slot <= p->ck[1].slot ? 0 : 1;

	if (p->ck[0].slot == c->slot)
		k = 0;
	if (p->ck[1].slot == c->slot)
		k = 1;
	p->ck[k] = *c;
	p->ck_sig[k] = *sig;
}

/* Only now may we promise to serve it. */
static void promise_checkpoint(struct replica *r)
{
	struct checkpoint c = r->ckpt->c;
	struct cert_sig sig;

	checkpoint_sign(&c, r->cluster_id, &r->setup.signer, &sig);
	keep_checkpoint(r, r->self, &c, &sig);
	ckpt_send(r, everyone(r));
	try_stable(r, &c);
}

void ckpt_saved(struct replica *r, uint64_t slot)
{
	struct cert known = r->state.slot < slot ? r->transfer.got : r->transfer.cert;
	struct image *m = r->ckpt;

	if (m->c.slot != slot || !m->waiting)
		return;
	m->saved = true;
	m->waiting = false;
	if (r->state.slot < slot && !fetch_install(r))
		return;
	if (!r->observer && m->c.config == r->config)
		promise_checkpoint(r);
	if (r->h < slot && known.c.slot == slot && checkpoint_eq(&m->c, &known.c))
		make_stable(r, &known);
}

enum replica_verdict ckpt_message(struct replica *r, uint32_t from, const struct msg_head *h,
				  struct buf *b)
{
	struct checkpoint c = { .config = h->config, .slot = h->slot };
	struct cert_sig sig = { .replica = (uint8_t)from };

	checkpoint_get(b, &c);
	sig_get(b, &sig);
	if (!buf_done(b))
		return REPLICA_MALFORMED;
	if (c.slot <= r->h)
		return REPLICA_OLD;
	for (int k = 0; k < 2; k++)
		if (checkpoint_eq(&r->peer[from].ck[k], &c))
			return REPLICA_DUPLICATE;
	if (!checkpoint_verify(&c, r->cluster_id, &r->setup.signer, &r->members.replica[from].fp,
			       &sig))
		return REPLICA_BAD_SIG;
	keep_checkpoint(r, from, &c, &sig);
	try_stable(r, &c);
	return REPLICA_OK;
}
