/* test/sim/manager/node.c - a replica on its machine: disk, crashes at every point, restarts
 *
 * Effects are run one after the other, as the driver must; a crash can come before any of them.
 * What was written and not synced is then lost by sectors, in any mixture. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/check.h"
#include "test/sim/manager/sim.h"

enum { SECTOR = 512, SAVE_US = 30000, SLOW_SAVE_US = 3000000 };

static void *fresh_memory(void *old)
{
	void *p;

	if (old)
		munmap(old, replica_bytes());
	p = mmap(NULL, replica_bytes(), PROT_READ | PROT_WRITE,
		 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	MUST(p != MAP_FAILED);
	return p;
}

static void disk_sync(struct sim *s, uint32_t i)
{
#ifndef BUG_NO_SYNC
	s->node[i].disk.synced = s->node[i].disk.len;
#else
	if (chance(&s->disk, 500))
		s->node[i].disk.synced = s->node[i].disk.len;
#endif
}

static void rewrite_log(struct sim *s, uint32_t i, int twin, uint64_t slot)
{
	struct node *x = &s->node[i];
	uint64_t cursor = 0;
	const uint8_t *p;
	size_t len, at = 0;

	if (twin)
		return;
	while ((p = replica_dump(x->r[0], &cursor, &len))) {
		MUST(at + len <= LOG_CAP);
		check_record(s, i, p, len);
		memcpy(x->disk.log + at, p, len);
		at += len;
	}
	memset(x->disk.log + at, 0, x->disk.len > at ? x->disk.len - at : 0);
	x->disk.len = x->disk.synced = x->disk.dumped = at;
	x->disk.fresh = false;
	if (slot && x->disk.snap_slot[1] == slot) {
		free(x->disk.snap[0]);
		x->disk.snap[0] = x->disk.snap[1];
		x->disk.snap_len[0] = x->disk.snap_len[1];
		x->disk.snap_slot[0] = slot;
		x->disk.snap[1] = NULL;
		x->disk.snap_slot[1] = 0;
	}
}

static void save_snapshot(struct sim *s, uint32_t i, int twin, const struct replica_effect *e)
{
	struct sim_disk *d = &s->node[i].disk;
	struct event ev = { .type = EV_SAVED, .to = i, .from = (uint32_t)twin, .tag = e->slot,
			    .len = s->node[i].life };
	bool slow = s->scene == SCENE_CHAOS && !s->calm && chance(&s->disk, 300);

	post(s, ev, 1000 + below(&s->disk, slow ? SLOW_SAVE_US : SAVE_US));
	if (twin)
		return;
	if (d->saving && !s->node[i].evil)
		fail(s, "I15: node %u has to save %llu beside %llu", i,
		     (unsigned long long)e->slot, (unsigned long long)d->snap_slot[1]);
	d->saving = e->bytes;
	free(d->snap[1]);
	d->snap[1] = malloc(e->len);
	memcpy(d->snap[1], e->bytes, e->len);
	d->snap_len[1] = e->len;
	d->snap_slot[1] = e->slot;
}

void node_saved(struct sim *s, const struct event *e)
{
	struct replica_event ev = { .type = REPLICA_SAVED, .slot = e->tag };
	struct node *x = &s->node[e->to];
	struct sim_disk *d = &x->disk;

	if (!x->up || x->life != e->len)
		return;
	if (!e->from && !x->evil && memcmp(d->saving, d->snap[1], d->snap_len[1]))
		fail(s, "I15: node %u changed the snapshot that it has saved", e->to);
	if (!e->from)
		d->saving = NULL;
	node_event(s, e->to, (int)e->from, &ev);
}

static void run_effect(struct sim *s, uint32_t i, int twin, const struct replica_effect *e)
{
	struct node *x = &s->node[i];
	const struct replica *r = x->r[twin];
	uint32_t config;

	switch (e->type) {
	case REPLICA_PERSIST:
		if (twin)
			break;
		MUST(x->disk.len + e->len <= LOG_CAP);
		memcpy(x->disk.log + x->disk.len, e->bytes, e->len);
		x->disk.len += e->len;
		check_record(s, i, e->bytes, e->len);
		break;
	case REPLICA_SEND:
		if (!x->evil)
			check_send(s, i, r, e->bytes, e->len);
		for (uint32_t k = 0; k < r->n; k++) {
			uint32_t to = node_of(s, &r->members.replica[k].fp);

			if ((e->to & 1u << k) && to < NODES_MAX)
				evil_send(s, i, to, e->bytes, e->len);
		}
		break;
	case REPLICA_REPLY:
		evil_reply(s, i, (uint32_t)e->chan - 1, e->bytes, e->len);
		break;
	case REPLICA_SAVE:
		save_snapshot(s, i, twin, e);
		break;
	case REPLICA_SWITCH:
		rewrite_log(s, i, twin, e->slot);
		break;
	case REPLICA_ARM: {
		struct event ev = { .type = EV_TIMER, .to = i, .from = (uint32_t)twin,
				    .tag = ++x->timer[twin] };
		int64_t wait = e->at.us - s->now_us;

		ev.tag = x->timer[twin] |= x->life << 40;
		post(s, ev, wait > 0 ? wait : 0);
		break;
	}
	case REPLICA_CONFIG:
		x->file = *replica_members(r, &config);
		break;
	case REPLICA_NOTE:
		s->views += e->note == NOTE_VIEW;
		if (s->verbose)
			printf("# %.6f node %u: %s %lld\n", (double)s->now_us / 1e6, i,
			       replica_note_str[e->note], (long long)e->value);
		if (e->note == NOTE_CLOCK && s->scene && !x->evil)
			fail(s, "B.6: the clock of node %u is right", i);
		if (e->note == NOTE_DIVERGED && !x->evil && !x->spoiled)
			fail(s, "I1: node %u contradicts a certified checkpoint", i);
		break;
	case REPLICA_MEMBERS:
	case REPLICA_DIRECTORY:
		break;
	}
}

static void run_effects(struct sim *s, uint32_t i, int twin)
{
	bool dirty = false, answered = false;

	for (uint32_t k = 0; k < sim_fx.n; k++) {
		const struct replica_effect *e = &sim_fx.e[k];

		if (!s->calm && s->crash_rate && below(&s->fault, 20000) < s->crash_rate) {
			if (answered)
				check_node(s, i, true); /* what it answered it has executed */
			node_crash(s, i);
			return;
		}
		if (dirty && e->type != REPLICA_PERSIST) {
			disk_sync(s, i);
			dirty = false;
		}
		dirty |= e->type == REPLICA_PERSIST;
		answered |= e->type == REPLICA_REPLY;
		run_effect(s, i, twin, e);
	}
	if (dirty)
		disk_sync(s, i);
	check_node(s, i, false);
}

void node_event(struct sim *s, uint32_t i, int twin, struct replica_event *ev)
{
	struct node *x = &s->node[i];
	enum replica_verdict v;

	if (!x->r[twin])
		return;
	ev->now = mono_us(s->now_us);
	ev->wall_us = s->now_us + x->clock_us + 1700000000000000;
	v = replica_step(x->r[twin], ev, &sim_fx);
	if (!x->evil)
		s->verdicts[v]++;
	run_effects(s, i, twin);
}

void node_packet(struct sim *s, const struct event *e)
{
	struct node *x = &s->node[e->to];
	struct replica_event ev = { .type = REPLICA_REQUEST, .bytes = e->bytes, .len = e->len };
	int twin = 0;
	int from;

	if (!x->up || (x->evil && evil_hears(s, e)))
		return;
	if (x->evil == EVIL_TWIN && chance(&s->lie, 500))
		twin = 1;
	if (e->from >= NODES_MAX) {
		ev.chan = e->from - NODES_MAX + 1;
		key_fp(s->user[e->from - NODES_MAX].key, &ev.client);
	} else {
		struct fp fp;

		key_fp(s->node[e->from].key, &fp);
		from = x->r[twin] ? cluster_find(&x->r[twin]->members, &fp) : -1;
		if (from < 0)
			return;
		ev.type = REPLICA_MESSAGE;
		ev.from = (uint32_t)from;
	}
	node_event(s, e->to, twin, &ev);
	if (x->evil == EVIL_TWIN && x->up && chance(&s->lie, 300))
		node_event(s, e->to, !twin, &ev);
}

static bool load(struct sim *s, uint32_t i, struct replica *r)
{
	struct sim_disk *d = &s->node[i].disk;
	struct wal_chain chain = { 0, 0 };
	enum wal_verdict v;
	struct wal_record rec;
	size_t pos = 0;

	while ((v = wal_next(d->log, d->len, &pos, &chain, &rec)) == WAL_RECORD) {
		int k = rec.slot == d->snap_slot[0] ? 0 : 1;

		if (rec.type == WAL_START && rec.slot &&
		    (d->snap_slot[k] != rec.slot || !replica_load(r, d->snap[k], d->snap_len[k])))
			return false;
		if (!replica_replay(r, &rec))
			return false;
	}
	(void)s;
	return v != WAL_CORRUPT && pos > 0;
}

static struct replica *boot_one(struct sim *s, uint32_t i, int twin)
{
	struct node *x = &s->node[i];
	struct replica_setup setup = { .cluster = x->file, .fresh = x->disk.fresh };
	struct fp fp;

	key_fp(x->key, &fp);
	if (cluster_find(&x->file, &fp) < 0)
		return NULL;
	signer_fake(&setup.signer, x->key);
	setup.observer = !x->disk.fresh && !x->disk.len;
	x->mem[twin] = fresh_memory(x->mem[twin]);
	x->r[twin] = replica_init(x->mem[twin], &setup);
	if (!x->disk.len || load(s, i, x->r[twin]))
		return x->r[twin];
	if (!x->spoiled && !x->evil)
		fail(s, "I17: node %u finds its log in doubt", i);
	setup.observer = true;
	x->mem[twin] = fresh_memory(x->mem[twin]);
	return replica_init(x->mem[twin], &setup);
}

void node_boot(struct sim *s, uint32_t i)
{
	struct node *x = &s->node[i];
	struct event crash = { .type = EV_CRASH, .to = i };

	if (!x->disk.log)
		x->disk.log = calloc(1, LOG_CAP);
	x->disk.saving = NULL;
	x->proof = false;
	x->life++;
	x->r[0] = boot_one(s, i, 0);
	x->r[1] = x->evil == EVIL_TWIN && x->r[0] ? boot_one(s, i, 1) : NULL;
	if (!x->r[0])
		return;
	x->up = true;
	x->slot = x->stable = x->view = 0;
	x->decided = 1; /* what follows it comes from the log */
	for (int twin = 1; twin >= 0; twin--) {
		if (!x->r[twin] || !x->up)
			continue;
		replica_start(x->r[twin], mono_us(s->now_us),
			      s->now_us + x->clock_us + 1700000000000000, &sim_fx);
		run_effects(s, i, twin);
	}
	crash.tag = x->life;
	if (!s->calm && s->scene == SCENE_CHAOS && chance(&s->fault, 300))
		post(s, crash, below(&s->fault, 3000000));
}

/* Power off: of what was not synced, every sector is there or not. */
static void lose_unsynced(struct sim *s, struct sim_disk *d)
{
	for (size_t at = d->synced; at < d->len; at += SECTOR)
		if (chance(&s->disk, 500))
			memset(d->log + at, 0, SECTOR);
}

void node_crash(struct sim *s, uint32_t i)
{
	struct node *x = &s->node[i];
	struct event boot = { .type = EV_BOOT, .to = i };

	x->up = false;
	x->life++;
	x->r[0] = x->r[1] = NULL;
	lose_unsynced(s, &x->disk);
	if (!s->calm || (s->core & 1u << i) || chance(&s->fault, 500))
		post(s, boot, 1000 + below(&s->fault, 2000000));
}

/* Damage that a disk can do, and that must turn this replica into an observer: all gone, or a byte
 * changed in a record with sound ones behind it. */
void node_spoil(struct sim *s, uint32_t i)
{
	struct node *x = &s->node[i];
	struct sim_disk *d = &x->disk;

	x->spoiled = true;
	if (x->up)
		node_crash(s, i);
	if (chance(&s->fault, 500) || d->synced < 8 * WAL_PAD) {
		memset(d->log, 0, d->len);
		d->len = d->synced = 0;
		d->snap_slot[0] = d->snap_slot[1] = 0;
	} else {
		d->log[below(&s->fault, (uint32_t)d->synced / 2) / WAL_PAD * WAL_PAD +
		       below(&s->fault, WAL_HEAD_BYTES)] ^= 1;
	}
}

void node_forget(struct sim *s)
{
	for (uint32_t i = 0; i < NODES_MAX; i++) {
		struct node *x = &s->node[i];

		for (int k = 0; k < 2; k++) {
			if (x->mem[k])
				munmap(x->mem[k], replica_bytes());
			free(x->disk.snap[k]);
		}
		free(x->disk.log);
	}
}
