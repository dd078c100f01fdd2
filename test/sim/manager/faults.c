/* test/sim/manager/faults.c - what goes wrong, and when it stops
 *
 * Most seeds are chaos: everything at once. Some are a quiet world with one liar of one kind, in
 * which promises about time can be held to: chaos would hide that they are broken. */
#include <string.h>

#include "core/check.h"
#include "test/sim/manager/sim.h"

/* Chaos: up to f liars of any kind; disks may be damaged in place of the liars that are not. */
static void choose_liars(struct sim *s)
{
	static const uint8_t kinds[] = {
		EVIL_MIX,  EVIL_TWIN, EVIL_SILENT, EVIL_EQUIVOCATE, EVIL_VIEW,
		EVIL_VIEW, EVIL_VIEW, EVIL_CENSOR, EVIL_SUSPECT,    EVIL_CLOCK,
		EVIL_MUTE, EVIL_FORK,
	};
	uint32_t liars = chance(&s->lie, 700) ? s->faults : below(&s->lie, s->faults + 1);

	s->user[s->users - 1].evil = chance(&s->lie, 400);
	for (uint32_t k = 0; k < liars; k++)
		s->node[below(&s->lie, s->n)].evil = kinds[below(&s->lie, sizeof kinds)];
	s->spoil_left = s->faults;
	for (uint32_t i = 0; i < s->n; i++)
		s->spoil_left -= s->node[i].evil != HONEST;
}

static void cut_off(struct sim *s, uint32_t i)
{
	for (uint32_t k = 0; k < NODES_MAX + USERS_MAX; k++)
		s->cut[i][k] = s->cut[k][i] = k != i;
}

void faults_begin(struct sim *s)
{
	s->scene = below(&s->fault, 16);
	if (s->scene == SCENE_CENSOR) {
		s->node[0].evil = EVIL_CENSOR; /* the first leader */
	} else if (s->scene == SCENE_SUSPECT) {
		s->node[1 + below(&s->lie, s->n - 1)].evil = EVIL_SUSPECT;
	} else if (s->scene == SCENE_ARRIVE) {
		s->user[s->users - 1].evil = chance(&s->lie, 500);
	} else if (s->scene == SCENE_STRAY) {
		s->user[s->users - 1].evil = true;
	} else if (s->scene == SCENE_LAG) {
		cut_off(s, below(&s->fault, s->n));
	} else if (s->scene == SCENE_DRIP) {
		s->node[0].evil = EVIL_DRIP;
		s->drip = below(&s->lie, DRIPS);
		s->drip_us = below(&s->lie, REQUEST_MS * 1000);
	} else {
		s->scene = SCENE_CHAOS;
		choose_liars(s);
		post(s, (struct event){ .type = EV_FAULTS }, below(&s->fault, 1000000));
	}
}

/* New faults every little while: partitions of every kind, weather, crashes. */
static void cut_links(struct sim *s)
{
	uint32_t kind = below(&s->fault, 6), a = below(&s->fault, s->n), side = 0;

	memset(s->cut, 0, sizeof s->cut);
	for (uint32_t i = 0; i < NODES_MAX; i++)
		side |= below(&s->fault, 2) << i;
	for (uint32_t i = 0; i < NODES_MAX; i++) {
		for (uint32_t k = 0; k < NODES_MAX; k++) {
			if (i == k)
				continue;
			if (kind == 0)
				s->cut[i][k] = ((side >> i) & 1) != ((side >> k) & 1);
			if (kind == 1)
				s->cut[i][k] = i == a || k == a;
			if (kind == 2)
				s->cut[i][k] = k == a; /* hears nothing */
			if (kind == 3)
				s->cut[i][k] = chance(&s->fault, 250);
		}
	}
	for (uint32_t u = 0; kind == 4 && u < s->users; u++)
		for (uint32_t k = 0; k < NODES_MAX; k++)
			s->cut[NODES_MAX + u][k] = chance(&s->fault, 300);
}

/* `cluster replace`: a newcomer with a fresh key and the new line in its cluster file, in the place
 * of a damaged replica where there is one. User 0 asks for it next. */
static void begin_swap(struct sim *s)
{
	struct node *x = &s->node[NODES_MAX - 1];
	uint32_t at = below(&s->fault, s->n);

	for (uint32_t i = 0; i < s->n; i++)
		if (s->node[i].spoiled)
			at = i;
	s->swap_stage = 1 + at;
	x->exists = x->disk.fresh = true;
	x->file = s->oracle->cluster;
	key_fp(x->key, &x->file.replica[at].fp);
	node_boot(s, NODES_MAX - 1);
}

void faults_change(struct sim *s)
{
	if (!s->swap_stage && chance(&s->fault, 60))
		begin_swap(s);
	s->loss = chance(&s->fault, 500) ? 0 : below(&s->fault, 200);
	s->dup = chance(&s->fault, 500) ? 0 : below(&s->fault, 200);
	s->slow = chance(&s->fault, 500) ? 0 : below(&s->fault, 200);
	s->crash_rate = chance(&s->fault, 600) ? 0 : below(&s->fault, 8);
	cut_links(s);
	for (uint32_t i = 0; i < NODES_MAX; i++) {
		if (!s->node[i].exists)
			continue;
		if (s->node[i].up && chance(&s->fault, 60))
			node_crash(s, i);
		if (s->spoil_left && !s->node[i].evil && chance(&s->fault, 100)) {
			s->spoil_left--;
			node_spoil(s, i);
		}
	}
	if (chance(&s->fault, 20))
		for (uint32_t i = 0; i < NODES_MAX; i++)
			if (s->node[i].up)
				node_crash(s, i); /* the power fails */
	post(s, (struct event){ .type = EV_FAULTS }, 100000 + below(&s->fault, 1500000));
}

/* Is node i of the configuration before a replacement, and of the one after? */
static bool is_member(const struct sim *s, uint32_t i, bool after)
{
	if (!s->swap_stage)
		return i < s->n;
	return i == (after ? NODES_MAX - 1 : s->swap_stage - 1) ||
	       (i < s->n && i != s->swap_stage - 1);
}

static void heal_node(struct sim *s, uint32_t i)
{
	s->core |= 1u << i;
	if (!s->node[i].up)
		node_boot(s, i);
}

/* Phase 2: heal a core of 2f+1 honest, sound nodes; all else stays as bad as it is. A replacement
 * may be anywhere on its way: then there are so many in either configuration, and both its ends. */
void faults_heal(struct sim *s)
{
	uint32_t need = 2 * s->faults + 1, first = below(&s->fault, NODES_MAX), have[2] = { 0, 0 };

	if (s->scene == SCENE_LAG)
		need = s->n; /* the others do without the one that was cut off */
	s->calm = true;
	s->core = 0;
	for (uint32_t k = 0; k < NODES_MAX; k++) {
		uint32_t i = (first + k) % NODES_MAX;
		const struct node *x = &s->node[i];
		bool in[2] = { is_member(s, i, false), is_member(s, i, true) };

		if (!x->exists || x->evil || x->spoiled ||
		    !((in[0] && have[0] < need) || (in[1] && have[1] < need)))
			continue;
		have[0] += in[0];
		have[1] += in[1];
		heal_node(s, i);
	}
	if (s->swap_stage) {
		heal_node(s, NODES_MAX - 1);
		heal_node(s, s->swap_stage - 1);
	}
	for (uint32_t i = 0; i < NODES_MAX + USERS_MAX; i++)
		for (uint32_t k = 0; k < NODES_MAX + USERS_MAX; k++)
			if (is_inside(s, i) && is_inside(s, k))
				s->cut[i][k] = false;
}
