/* tuple/steps.h - the functions between the files of a replica; included by tuple/pbft.h */
#ifndef TUPLE_STEPS_H
#define TUPLE_STEPS_H

#include "tuple/pbft.h"

/* replica.c */
/* A buffer of n bytes in the outbox; what is written becomes an effect by one of those below. */
struct buf out_buf(struct replica *r, size_t n);
/* The same, begun with the head of a message; n bytes follow. */
struct buf out_msg(struct replica *r, enum msg_type type, uint64_t slot, size_t n);
void out_send(struct replica *r, uint32_t to, struct buf *b);
/* A whole message that is there already; one whose body is. */
void out_copy(struct replica *r, uint32_t to, const uint8_t *p, size_t len);
void out_body(struct replica *r, uint32_t to, enum msg_type type, uint64_t slot, const uint8_t *p,
	      size_t len);
void out_reply(struct replica *r, uint64_t chan, struct buf *b);
struct replica_effect *out_push(struct replica *r, enum replica_effect_type type);
void out_note(struct replica *r, enum replica_note note, int64_t value);
uint32_t everyone(const struct replica *r);
bool out_has_room(const struct replica *r);
void replica_progress(struct replica *r);
void replica_cease(struct replica *r, enum replica_note why);
bool elapsed(const struct replica *r, mono_t since, uint64_t ms);
mono_t earlier(mono_t a, mono_t b); /* 0: never */

/* slots.c */
struct slot *slot_at(struct replica *r, uint64_t s); /* NULL: not in (h, h+WINDOW] */
struct body *body_find(struct replica *r, const struct slot *x, const uint8_t *d);
bool body_add(struct replica *r, struct slot *x, const uint8_t *d, const uint8_t *p, size_t len);
const uint8_t *body_bytes(const struct replica *r, const struct body *b, size_t *len);
void body_keep_only(struct replica *r, struct slot *x, const uint8_t *d); /* NULL: none */
void slot_propose(struct replica *r, uint64_t s, const uint8_t *d);
void slot_promise(struct replica *r, uint64_t s, const uint8_t *d, uint64_t view); /* Q */
void slots_forget(struct replica *r, uint64_t upto);
void slots_new_view(struct replica *r);
void old_keep(struct replica *r, uint64_t s, uint64_t view, const uint8_t *d);
bool q_supports(const struct replica *r, uint64_t s, const uint8_t *d);
uint64_t slots_top(const struct replica *r); /* the highest with P or Q, or h */
void votes_early(struct replica *r, uint64_t s);
void vote_store(struct replica *r, uint32_t from, const struct msg_head *h, uint64_t s,
		const uint8_t *d);

/* intake.c */
enum replica_verdict intake_request(struct replica *r, const struct replica_event *ev);
enum replica_verdict intake_forward(struct replica *r, uint32_t from, struct buf *b);
struct pending *intake_find(struct replica *r, const struct request *q);
bool intake_has_signed(struct replica *r, const struct request *q);
void intake_executed(struct replica *r, const struct request *q);
/* Entries of requests that may go into the next batch, into b; how many. */
uint32_t intake_take(struct replica *r, struct buf *b);
void intake_distrust(struct replica *r, const struct fp *client);
bool intake_distrusted(struct replica *r, const struct fp *client);
void intake_review(struct replica *r);	/* after sessions have changed */
void intake_restart(struct replica *r); /* timers, after a NEW-VIEW */
void intake_tick(struct replica *r);
mono_t intake_deadline(const struct replica *r);

/* normal.c */
void normal_propose(struct replica *r);
enum replica_verdict normal_preprepare(struct replica *r, uint32_t from, const struct msg_head *h,
				       struct buf *b);
enum replica_verdict normal_vote(struct replica *r, uint32_t from, const struct msg_head *h,
				 struct buf *b);
/* Go as far as what is known allows, from slot s on: accept, prepare, decide, execute. */
void normal_advance(struct replica *r, uint64_t s);
void normal_advance_all(struct replica *r);
void normal_unstash(struct replica *r);
void normal_execute(struct replica *r);
bool normal_holds(const struct replica *r);
bool normal_blocked(const struct replica *r, size_t len);
void normal_tick(struct replica *r);
mono_t normal_deadline(const struct replica *r);
void send_run(struct replica *r, enum msg_type type, uint32_t to, uint64_t first, uint32_t count,
	      const uint8_t *(*digest)(struct replica *r, uint64_t s));

/* heard.c */
/* Backups other than us that say they heard request k of the batch in the open slot x, or not. */
uint32_t heard_by(const struct replica *r, const struct slot *x, uint32_t k, bool heard);
void heard_tell(struct replica *r);
enum replica_verdict heard_message(struct replica *r, uint32_t from, const struct msg_head *h,
				   struct buf *b);
/* Whose requests kept the open batch from being accepted: they sign from now on. */
void heard_blame(struct replica *r);

/* clock.c */
void clock_heard(struct replica *r, uint32_t from, int64_t time_us);
void clock_blocks(struct replica *r); /* the open slot waits: can nothing be timely here? */

/* log.c */
void log_put(struct replica *r, enum wal_type type, uint64_t view, uint64_t slot,
	     const void *p, size_t len);
size_t entries_put(struct replica *r, struct buf *b, uint64_t from, uint64_t to);
void log_newview(struct replica *r, uint64_t view, const struct chosen *c);
void log_switch(struct replica *r);

void entry_put(struct buf *b, const struct pq *e);
bool entry_get(struct buf *b, struct pq *e);

/* ckpt.c */
void ckpt_begin(struct replica *r);
void ckpt_resume(struct replica *r); /* what could not begin before */
void ckpt_saved(struct replica *r, uint64_t slot);
enum replica_verdict ckpt_message(struct replica *r, uint32_t from, const struct msg_head *h,
				  struct buf *b);
enum replica_verdict ckpt_certificate(struct replica *r, const struct cert *c);
void ckpt_send(struct replica *r, uint32_t to);
bool cert_sound(const struct replica *r, const struct cert *c);
void config_enter(struct replica *r);

/* sync.c and fetch.c */
void sync_status(struct replica *r, uint32_t to);
enum replica_verdict sync_answer(struct replica *r, uint32_t from, const struct msg_head *h,
				 struct buf *b);
enum replica_verdict sync_claim(struct replica *r, uint32_t from, const struct msg_head *h,
				struct buf *b);
enum replica_verdict sync_fetch(struct replica *r, uint32_t from, const struct msg_head *h,
				struct buf *b);
enum replica_verdict sync_body(struct replica *r, uint32_t from, const struct msg_head *h,
			       struct buf *b);
void sync_catch_up(struct replica *r);
void sync_tick(struct replica *r);
void fetch_begin(struct replica *r, const struct cert *c);
enum replica_verdict fetch_get(struct replica *r, uint32_t from, const struct msg_head *h,
			       struct buf *b);
enum replica_verdict fetch_chunk(struct replica *r, uint32_t from, const struct msg_head *h,
				 struct buf *b);
void fetch_stuck(struct replica *r);
bool fetch_install(struct replica *r);
void fetch_tick(struct replica *r);

/* view.c and choose.c */
void view_suspect(struct replica *r);
enum replica_verdict view_suspected(struct replica *r, uint32_t from, const struct msg_head *h);
void view_left(struct replica *r, uint32_t who, uint64_t view);
void view_move(struct replica *r, uint64_t view);
enum replica_verdict view_change(struct replica *r, uint32_t from, const uint8_t *p, size_t len);
enum replica_verdict view_new(struct replica *r, uint32_t from, const uint8_t *p, size_t len);
void view_try_new(struct replica *r);
void view_count(struct replica *r);
void view_complete(struct replica *r);
bool nv_names(const struct newview *nv, uint32_t who, const uint8_t *digest);
void sign_end(struct replica *r, const char *domain, struct buf *b);
int signed_by(const struct replica *r, const char *domain, const uint8_t *p, size_t len,
	      const struct cert_sig *sig);
void view_enter(struct replica *r, uint64_t view, const struct chosen *c);
void view_propose_chosen(struct replica *r);
void view_tick(struct replica *r);
mono_t view_deadline(const struct replica *r);
void view_send_bundle(struct replica *r, uint32_t to);

enum choice { CHOICE_MADE, CHOICE_WAIT };
/* From the VIEW-CHANGEs of the replicas in mask (checked ones). */
enum choice choose(const struct replica *r, const struct vc *vc, uint32_t mask, struct chosen *out);
void choice_digest(const struct chosen *c, uint8_t out[static DIGEST_BYTES]);

#endif
