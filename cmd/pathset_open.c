/* cmd/pathset_open.c - ask a node for a path; its OPEN goes first on the connection of the flow */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cmd/pathset.h"
#include "cmd/pathset_nat.h"
#include "core/check.h"
#include "core/secret.h"

enum {
	LEASE_S = 120,    /* a relay ends with its connection; the lease covers an idle one */
	ATTEMPTS_MAX = 3, /* a node's boot changes every 10 minutes: twice stale is a broken node */
};

static size_t make_open(struct path *p, uint8_t out[static OPEN_FRAME_MAX])
{
	struct open_terms t = {
		.kind = OPEN_RELAY, .device = p->set->device.fp, .dest = p->dest, .lease_s = LEASE_S
	};

	p->ask.op = OPEN_OPEN;
	memcpy(p->ask.boot, p->node.boot, sizeof p->ask.boot);
	secret_bytes(p->ask.nonce, sizeof p->ask.nonce);
	return open_make(out, &p->pair, p->set->self->pub, &p->ask, &t);
}

/* 0 or -errno. */
static int begin(struct path *p)
{
	uint8_t preamble[OPEN_FRAME_MAX];
	bool direct = !p->node.name[0];
	size_t len = 0;

	static_assert(sizeof preamble <= FLOW_PREAMBLE_MAX, "an OPEN is a preamble");
	p->attempts++;
	p->again = false;
	if (!direct && !p->forward && p->attempts == 1 &&
	    !open_pair_init(&p->pair, OPEN_CLIENT, p->set->self, p->node.pub, &p->node.fp))
		return -EKEYREJECTED;
	if (!direct && p->node.nat && !p->no_nat)
		return path_nat_open(p);
	p->kind = direct ? "direct" : "relay";
	if (!direct)
		len = make_open(p, preamble);
	return flow_connect(&p->flow, p->set->loop, &path_ops, p->flow.in, &p->to, &p->from,
			    p->set->cert, &p->set->device.fp, preamble, len, !direct);
}

void path_connect(struct path *p)
{
	int r = begin(p);

	if (r < 0)
		path_dead(p, "cannot connect", r);
}

/* What a refusal means to the user. */
static int refusal_code(enum open_verdict v)
{
	switch (v) {
	case OPEN_QUOTA:
	case OPEN_FULL:
		return EXIT_QUOTA;
	case OPEN_NOT_ADMITTED:
	case OPEN_BAD_SEAL:
	case OPEN_NO_PORT:
	case OPEN_BAD_DEST:
		return EXIT_DENIED;
	default:
		return EXIT_UNREACHABLE;
	}
}

static void note_refusal(struct path *p, enum open_verdict v)
{
	p->refused = refusal_code(v);
	snprintf(p->why, sizeof p->why, "refused: %s", open_verdict_str[v]);
}

int path_answer(struct flow *f, const uint8_t *bytes, size_t len)
{
	struct path *p = container_of(f, struct path, flow);
	int need = open_frame_len(bytes, len);
	struct open_answer a;

	if (need == 0 || (need > 0 && (size_t)need > len))
		return 0;
	if (need < 0 || !open_answer_parse(&a, &p->pair, &p->ask, bytes, (size_t)need)) {
		p->refused = EXIT_DENIED;
		snprintf(p->why, sizeof p->why,
			 "its answer is not from the node that is registered");
		return -1;
	}
	if (a.verdict == OPEN_OK) {
		p->forward = a.forward;
		return need;
	}
	if (a.verdict == OPEN_STALE_BOOT && p->attempts < ATTEMPTS_MAX) {
		memcpy(p->node.boot, a.boot, sizeof p->node.boot);
		p->again = true;
		return -1;
	}
	note_refusal(p, a.verdict);
	return -1;
}

void path_refused(struct path *p, const struct open_answer *a)
{
	note_refusal(p, a->verdict);
	path_dead(p, "refused by the node", 0);
}
