/* test/sim/manager/live.c - what must come true in time: L2 to L6 of MANAGER.md B.10
 *
 * In quiet worlds a bound holds all the time; after chaos, from when a core was healed. L1, that
 * operations end at all, is in world.c. */
#include <stdio.h>

#include "core/check.h"
#include "test/sim/manager/sim.h"

enum {
	BLAMES_MAX = 8, /* of a client that plays tricks for half a minute: its blame doubles */
	QUIET_PATIENCE_US = 12000000, /* a view change takes four seconds, a blocking rd three */
	/* A request timer, and the next leader's heartbeat, twice over; a wait comes on top. */
	DRIP_PATIENCE_US = 2 * (REQUEST_MS + HEARTBEAT_MS) * 1000,
	LAG_PATIENCE_US = 20000000,
	TAIL_OPS = CHECKPOINT_SLOTS + 4, /* a slot each: after so many timers are short again */
	ROUNDS_MAX = 30,
	ROUND_US = 2000000,
};

/* Honest users are not blamed for what they told 2f+1, nor for what another told fewer. */
static void check_blame(struct sim *s)
{
	uint32_t tricky = s->user[s->users - 1].evil;
	struct fp fp;

	if (s->views > s->n * (s->top / ROTATE_SLOTS + tricky * BLAMES_MAX))
		fail(s, "L2: %u views entered because channels come up", s->views);
	for (uint32_t u = 0; u < s->users - tricky; u++) {
		key_fp(s->user[u].key, &fp);
		for (uint32_t i = 0; i < s->n; i++)
			if (s->node[i].up && intake_distrusted(s->node[i].r[0], &fp))
				fail(s, "L4: user %u must sign at node %u", u, i);
	}
}

/* A leader that is slow serves in time or goes. */
static void check_drip(struct sim *s)
{
	for (uint32_t u = 0; u < s->users; u++) {
		const struct user *x = &s->user[u];
		int64_t end = x->invoked_us + x->op.wait_ms * 1000 + DRIP_PATIENCE_US;

		if (x->running && s->now_us > end)
			fail(s, "L5: an operation of user %u is not done, and the leader stays", u);
	}
}

/* In a quiet world a single liar stops nobody for long, and moves nobody. */
void check_scene(struct sim *s)
{
	for (uint32_t u = 0; u < s->users; u++)
		if (s->user[u].running && s->now_us > s->user[u].invoked_us + QUIET_PATIENCE_US)
			fail(s, "L4: an operation of user %u is not done after %d s", u,
			     QUIET_PATIENCE_US / 1000000);
	if (s->scene == SCENE_SUSPECT && s->views > 2 * s->n * (1 + s->top / ROTATE_SLOTS))
		fail(s, "L2: %u views entered because one replica suspects", s->views);
	if (s->scene == SCENE_STRAY && s->views > s->n * (s->top / ROTATE_SLOTS))
		fail(s, "L2: %u views entered because a client skips numbers", s->views);
	if (s->scene == SCENE_ARRIVE)
		check_blame(s);
	if (s->scene == SCENE_DRIP)
		check_drip(s);
}

/* Healed, sound, and of the configuration that the others are in. */
static bool is_core(const struct sim *s, uint32_t i)
{
	const struct node *x = &s->node[i];
	struct fp fp;

	key_fp(x->key, &fp);
	return s->calm && (s->core & 1u << i) && !x->evil && !x->spoiled && x->up &&
	       cluster_find(&s->oracle->cluster, &fp) >= 0;
}

/* After each of its events, before check.c remembers where it stands. */
void live_node(struct sim *s, uint32_t i)
{
	struct node *x = &s->node[i];
	const struct replica *r = x->r[0];

	if (r->view != x->view || r->config != x->config)
		x->view_slot = r->state.slot;
	if (s->scene != SCENE_CHAOS && s->scene != SCENE_LAG &&
	    r->state.slot > x->view_slot + 2 * ROTATE_SLOTS)
		fail(s, "L5: node %u sees one leader for %llu slots", i,
		     (unsigned long long)(r->state.slot - x->view_slot));
	if (!is_core(s, i) || r->state.slot + CHECKPOINT_SLOTS >= s->top)
		x->lags_us = 0;
	else if (!x->lags_us)
		x->lags_us = s->now_us;
	else if (s->now_us > x->lags_us + LAG_PATIENCE_US)
		fail(s, "L3: node %u is at slot %llu, the others for long at %llu", i,
		     (unsigned long long)r->state.slot, (unsigned long long)s->top);
}

/* All is done: everybody has come to the head, and timers are as short as at first. User 0 asks on
 * until that is so. */
bool live_settled(struct sim *s)
{
	uint32_t late = 0, slow = 0;

	for (uint32_t i = 0; i < NODES_MAX; i++) {
		const struct replica *r = s->node[i].r[0];

		if (!is_core(s, i))
			continue;
		late |= (uint32_t)(r->state.slot + CHECKPOINT_SLOTS < s->top) << i;
		slow |= (uint32_t)(r->timeout_ms > REQUEST_MS) << i;
	}
	if (s->rounds && !late && !slow)
		return true;
	if (late && s->rounds == ROUNDS_MAX)
		fail(s, "L3: nodes %x do not come to slot %llu", late, (unsigned long long)s->top);
	if (s->rounds == ROUNDS_MAX)
		fail(s, "L6: timers of nodes %x do not shrink", slow);
	s->user[0].left = TAIL_OPS;
	post(s, (struct event){ .type = EV_USER }, s->rounds++ ? ROUND_US : 1);
	return false;
}
