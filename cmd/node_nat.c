/* cmd/node_nat.c - a node's forwards by NAT: whether there are any, and what OPEN, RENEW and CLOSE
 * do */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd/home.h"
#include "cmd/node.h"
#include "cmd/privilege.h"
#include "cmd/report.h"
#include "core/dest.h"
#include "core/log.h"
#include "net/sock.h"

static const char *open_forwards(struct node *n)
{
	char path[HOME_PATH_MAX];

	n->nat->gate = n->gate;
	n->nat->loop = &n->st.loop;
	n->nat->lo = n->ports.lo;
	n->nat->hi = n->ports.hi;
	n->nat->lease_s_max = n->lease_s_max;
	return home_path(n->st.c, "undo", path) ? forwards_open(n->nat, path) : "HOME is unknown";
}

/* A node that only relays may have forwarded before, until it was killed. */
static void undo_only(struct node *n)
{
	char path[HOME_PATH_MAX];
	struct undo undo;
	int r;

	if (!home_path(n->st.c, "undo", path) || access(path, F_OK))
		return;
	r = undo_open(&undo, path);
	if (r)
		log_line(LOG_WARN, r, "%s", path);
	undo_close(&undo);
}

/* Why there is no nat; NULL: there is. */
static const char *try_nat(struct node *n)
{
	const char *why;

	if (n->loopback) {
		undo_only(n);
		return "it listens on a loopback address alone";
	}
	n->nat = calloc(1, sizeof *n->nat);
	why = n->nat ? open_forwards(n) : "out of memory";
	if (!why && nft_foreign_drop(&n->nat->nft)) {
		if (n->forward == NODE_AUTO) {
			forwards_close(n->nat);
			why = "a firewall here drops what is forwarded";
		} else {
			log_warn("a firewall here drops what is forwarded, unless its rules let "
				 "our forwards pass");
		}
	}
	if (why) {
		free(n->nat);
		n->nat = NULL;
	}
	return why;
}

int nat_start(struct node *n)
{
	const char *why = NULL;

	if (n->forward == NODE_RELAY)
		undo_only(n);
	else
		why = try_nat(n);
	if (why && n->forward == NODE_NAT)
		return report_error(n->st.c, EXIT_USAGE,
				    "give it CAP_NET_ADMIN and a kernel that forwards, or use "
				    "--forward auto",
				    "--forward nat", "%s", why);
	if (why)
		log_warn("relays, and does not forward in the kernel: %s", why);
	n->relay = n->forward != NODE_NAT;
	if (n->nat)
		n->gate->limits.kind[OPEN_NAT] =
		    (struct gate_limit){ NAT_FORWARDS_MAX, NAT_CLIENT_MAX };
	if (n->relay)
		n->gate->limits.kind[OPEN_RELAY] =
		    (struct gate_limit){ FORWARDS_MAX, FORWARDS_CLIENT };
	return 0;
}

void nat_stop(struct node *n)
{
	if (!n->nat)
		return;
	forwards_close(n->nat);
}

enum open_verdict nat_open(struct link *k, const char **why)
{
	struct forward_ask q = { .client = k->peer,
				 .dest = k->terms.dest,
				 .device = k->terms.device,
				 .row = k->row,
				 .lease_s = k->terms.lease_s };

	if (sock_name(k->near.fd, &q.node)) {
		*why = "the connection is gone";
		return OPEN_BAD_KIND;
	}
	return forwards_add(k->node->nat, &q, &k->id, &k->port, &k->lease_s, why);
}

bool nat_change(struct link *k)
{
	struct forwards *w = k->node->nat;
	struct forward *f = w ? forwards_find(w, k->terms.forward, k->row) : NULL;

	if (!f)
		return false;
	k->id = f->id;
	k->port = f->port;
	if (k->ask.op == OPEN_RENEW)
		k->lease_s = forwards_renew(w, f, k->terms.lease_s);
	else
		forwards_end(w, f);
	return k->ask.op == OPEN_CLOSE || k->lease_s;
}

static bool stands(void *owner, const struct dest *d)
{
	const struct node *n = owner;

	return node_judge(n, &d->device, &d->at) == DEST_OK;
}

void nat_check(struct node *n)
{
	if (n->nat)
		forwards_check(n->nat, stands, n);
}
