/* test/sim/manager/sim.h - a world for replicas and clients, all of it from a seed
 *
 * Network, disks, clocks and liars.
 *
 *	world.c  events in order of time, the network
 *	faults.c what goes wrong, and when it stops
 *	node.c   a replica on its machine: disk, crashes, restarts
 *	evil.c   what Byzantine replicas do to their messages, with fork.c
 *	user.c   clients, honest and not; work.c  what they ask for
 *	check.c  the invariants of MANAGER.md B.10, after every event
 *	bounds.c that memory is within bounds and accounted for
 *	live.c   and what must come true in time
 *	model.c  the operations told a second time, with operate.c
 *
 * The replicas and clients are the product's code; only signatures are faked (a keyed tag that
 * cannot be forged by anybody but the table's owner). */
#ifndef TEST_SIM_MANAGER_SIM_H
#define TEST_SIM_MANAGER_SIM_H

#include "test/sim/manager/world.h"

struct seen_slot {
	bool known, by_commits;
	uint32_t config, after; /* in force for it, and for the slot after it */
	uint64_t view;		/* in which it was decided */
	uint8_t digest[DIGEST_BYTES], state[DIGEST_BYTES];
	int64_t ts;
};

struct sim {
	uint64_t seed;
	enum scene scene;
	uint32_t faults, n, users;
	struct rng net, fault, disk, load, lie;
	int64_t now_us;
	uint64_t order, events, chan_serial;
	struct event *heap;
	size_t heap_n, heap_cap;
	struct node node[NODES_MAX];
	struct user user[USERS_MAX];
	struct cluster cluster;
	bool cut[NODES_MAX + USERS_MAX][NODES_MAX + USERS_MAX];
	uint32_t loss, dup, slow; /* per mille */
	uint32_t crash_rate, spoil_left;
	bool calm;     /* phase 2 */
	uint32_t rounds; /* of questions after all operations were done: live.c */
	enum drip drip;
	int64_t drip_us; /* that a slow leader holds its proposals back */
	uint32_t core; /* nodes healed in phase 2 */
	uint64_t trace;
	bool verbose;
	struct event kept[KEPT_MAX];
	uint32_t kept_n;
	struct state *oracle;
	struct seen_slot *slot;
	uint64_t top; /* slots executed by the oracle */
	uint64_t answered_slot;
	uint32_t answers, views;
	uint64_t verdicts[REPLICA_VERDICTS];
	uint32_t swap_stage;
};

extern struct replica_effects sim_fx;

/* world.c */
void post(struct sim *s, struct event e, int64_t delay_us);
void packet(struct sim *s, uint32_t from, uint32_t to, const uint8_t *p, size_t len);
void packet_late(struct sim *s, uint32_t from, uint32_t to, const uint8_t *p, size_t len,
		 int64_t late_us);
bool world_run(struct sim *s, uint64_t seed, uint32_t faults, bool verbose);
void fail(struct sim *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void signer_fake(struct signer *x, uint32_t key);
void key_fp(uint32_t key, struct fp *fp);
uint32_t node_of(const struct sim *s, const struct fp *fp);
bool is_inside(const struct sim *s, uint32_t end); /* the core, or a user */
bool users_done(const struct sim *s);

/* faults.c */
void faults_begin(struct sim *s);
void faults_change(struct sim *s);
void faults_heal(struct sim *s);

/* node.c */
void node_boot(struct sim *s, uint32_t i);
void node_crash(struct sim *s, uint32_t i);
void node_spoil(struct sim *s, uint32_t i);
void node_event(struct sim *s, uint32_t i, int twin, struct replica_event *ev);
void node_saved(struct sim *s, const struct event *e);
void node_packet(struct sim *s, const struct event *e);
void node_forget(struct sim *s);

/* evil.c */
void evil_send(struct sim *s, uint32_t from, uint32_t to, const uint8_t *p, size_t len);
/* Before the liar's honest half hears a packet. True: it does not hear it at all. */
bool evil_hears(struct sim *s, const struct event *e);
/* It lets a timer pass. */
bool evil_idles(const struct sim *s, uint32_t i);
void evil_reply(struct sim *s, uint32_t from, uint32_t user, const uint8_t *p, size_t len);

/* fork.c */
bool fork_send(struct sim *s, uint32_t from, uint32_t to);

/* user.c */
void user_start(struct sim *s, uint32_t u);
void user_next(struct sim *s, uint32_t u);
void user_packet(struct sim *s, const struct event *e);
void user_timer(struct sim *s, uint32_t u);
/* Its channel to replica k comes up. */
void user_link(struct sim *s, uint32_t u, uint32_t k);
/* Its process dies while that operation is under way, and the next one knows nothing of it. */
void user_forgets(struct sim *s, uint32_t u, uint64_t tag);
/* It has waited long enough for that operation. */
void user_withdraws(struct sim *s, uint32_t u, uint64_t tag);

/* work.c */
void work_roles(struct sim *s);
void choose_op(struct sim *s, struct user *x);
void choose_member(struct sim *s, struct user *x);
bool choose_admission(struct sim *s, struct user *x);

/* model.c */
void model_reset(struct sim *s);
void model_execute(const struct batch *batch);

/* check.c */
void check_reset(struct sim *s);
void check_send(struct sim *s, uint32_t i, const struct replica *r, const uint8_t *p, size_t len);
void check_record(struct sim *s, uint32_t i, const uint8_t *p, size_t len);
void check_node(struct sim *s, uint32_t i, bool cut);
void check_answer(struct sim *s, struct user *u, const struct result *r);
void check_issue(struct sim *s, const struct user *u);


/* bounds.c */
void check_bounds(struct sim *s, uint32_t i, struct replica *r, bool moved, bool cut);

/* live.c */
void live_node(struct sim *s, uint32_t i);
void check_scene(struct sim *s);
bool live_settled(struct sim *s);

#endif
