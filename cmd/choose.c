/* cmd/choose.c - which nodes carry a session
 *
 * The nodes that the user names, else a random set: an adversary who registers nodes must not know
 * which ones are taken. */
#include "cmd/choose.h"

#include <stdio.h>
#include <string.h>

#include "cmd/report.h"
#include "core/secret.h"

/* The path by way of `node` (NULL: direct), if both legs have addresses of one family. */
static bool set_path(struct path *p, const struct node_entry *node, const struct device_entry *dev,
		     const struct addr *from)
{
	bool any = addr_scope(from) == ADDR_UNSPECIFIED;

	p->from = *from;
	memset(&p->node, 0, sizeof p->node);
	for (uint32_t k = 0; k < dev->addrs; k++) {
		bool v4 = addr_is_v4(&dev->addr[k]);

		p->dest = p->to = dev->addr[k];
		if (!node && (any || addr_is_v4(from) == v4))
			return true;
		for (uint32_t i = 0; node && i < node->addrs; i++) {
			if (addr_is_v4(&node->addr[i]) != v4 || (!any && addr_is_v4(from) != v4))
				continue;
			p->node = *node;
			p->to = node->addr[i];
			return true;
		}
	}
	return false;
}

static int choose_via(const struct common *c, const struct choose_opts *o,
		      const struct directory *d, const struct device_entry *dev,
		      const struct addr *from, struct path *path, uint32_t *n)
{
	for (uint32_t i = 0; i < o->via.n; i++) {
		const struct node_entry *node = directory_node(d, o->via.v[i]);

		if (*n == PATHS_MAX)
			return report_error(c, EXIT_USAGE, "leave some out", "--via",
					    "more than %d paths", PATHS_MAX);
		if (!node)
			return report_error(c, EXIT_UNREACHABLE, "see `machete status`",
					    o->via.v[i], "no such node is registered");
		for (uint32_t k = 0; k < *n; k++)
			if (!strcmp(path[k].node.name, node->name))
				return report_error(c, EXIT_USAGE, "name each node once", "--via",
						    "%s stands there twice", node->name);
		if (!set_path(&path[(*n)++], node, dev, from))
			return report_error(c, EXIT_UNREACHABLE, "choose another node", node->name,
					    "it has no address of the device's family");
	}
	return 0;
}

static uint32_t below(uint32_t n)
{
	uint32_t v, top = UINT32_MAX - UINT32_MAX % n;

	do
		secret_bytes(&v, sizeof v);
	while (v >= top);
	return v % n;
}

/* A random subset of the nodes, each as likely as any other: selection sampling (Knuth, TAOCP 2,
 * 3.4.2, algorithm S). */
static void choose_random(const struct directory *d, const struct device_entry *dev,
			  const struct addr *from, uint32_t want, struct path *path, uint32_t *n)
{
	uint32_t all = directory_nodes(d);

	for (uint32_t i = 0; i < all && *n < want; i++) {
		uint32_t left = all - i; /* not looked at yet */
		const struct node_entry *node = directory_node_at(d, i);

		if (below(left) < want - *n && set_path(&path[*n], node, dev, from))
			++*n;
	}
	/* Some had no usable address: take the first that have one and are not in yet. */
	for (uint32_t i = 0; i < all && *n < want; i++) {
		const struct node_entry *node = directory_node_at(d, i);
		bool in = false;

		for (uint32_t k = 0; k < *n; k++)
			in |= !strcmp(path[k].node.name, node->name);
		if (!in && set_path(&path[*n], node, dev, from))
			++*n;
	}
}

int choose_paths(const struct common *c, const struct choose_opts *o, const struct directory *d,
		 const struct device_entry *dev, struct path path[static PATHS_MAX], uint32_t *n)
{
	uint32_t want = o->n ? o->n : o->via.n ? o->via.n + o->direct : PATHS_DEFAULT;
	uint32_t least = o->n ? o->n : o->via.n ? want : PATHS_LEAST;
	struct addr from = { 0 };
	int r = 0;

	*n = 0;
	if (o->local && !addr_parse(&from, o->local, 0))
		return report_error(c, EXIT_USAGE, "give an IP address of this host", "--local",
				    "\"%s\" is no address", o->local);
	if (o->direct && set_path(&path[0], NULL, dev, &from))
		*n = 1;
	if (o->via.n)
		r = choose_via(c, o, d, dev, &from, path, n);
	else
		choose_random(d, dev, &from, want, path, n);
	if (r || *n >= least)
		return r;
	return report_error(c, EXIT_UNREACHABLE,
			    "admit and start more nodes, or ask for fewer with -n", dev->name,
			    "%u path%s possible, %u needed", *n, *n == 1 ? " is" : "s are", least);
}
