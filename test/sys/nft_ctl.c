/* test/sys/nft_ctl.c - `nft_ctl`: installs the table, then obeys lines on stdin, each answered
 * by one line: 0 or a negative errno, or what was asked for
 *
 *	add|renew|remove|forget CLIENT NODE:PORT DEVICE:PORT LEASE_MS
 *	many COUNT    clear    list    guard IFINDEX    foreign
 *	forwarding FAMILY IFACE [VALUE]    purge CLIENT NODE:PORT */
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/addr.h"
#include "net/ct.h"
#include "net/nft.h"
#include "net/sysctl.h"

static int change(struct nft *n, const char *verb, const char *args)
{
	struct nft_forward f;
	char client[ADDR_STR_MAX], node[ADDR_STR_MAX], device[ADDR_STR_MAX];

	if (sscanf(args, "%53s %53s %53s %u", client, node, device, &f.lease_ms) != 4 ||
	    !addr_parse(&f.client, client, 0) || !addr_parse(&f.node, node, 0) ||
	    !addr_parse(&f.device, device, 0))
		return 1;
	if (!strcmp(verb, "add"))
		return nft_add(n, &f);
	if (!strcmp(verb, "renew"))
		return nft_renew(n, &f);
	return strcmp(verb, "forget") ? nft_remove(n, &f) : nft_forget(n, &f);
}

/* Forwards of clients in 10.200.0.0/16, for a minute. */
static int many(struct nft *n, unsigned count)
{
	struct nft_forward f = { .lease_ms = 60000 };
	int err = 0;

	addr_parse(&f.client, "10.200.0.0", 0);
	addr_parse(&f.node, "10.1.0.1", 7201);
	addr_parse(&f.device, "10.2.0.2:9000", 0);
	for (unsigned i = 0; i < count && !err; i++) {
		f.client.ip[14] = (uint8_t)(i >> 8);
		f.client.ip[15] = (uint8_t)i;
		err = nft_add(n, &f);
	}
	return err;
}

static void print(const struct nft_forward *f, void *arg)
{
	char client[ADDR_STR_MAX], node[ADDR_STR_MAX], device[ADDR_STR_MAX];

	(void)arg;
	printf("%s %s %s; ", addr_format(&f->client, client), addr_format(&f->node, node),
	       addr_format(&f->device, device));
}

/* purge: forgets the connections of one client to one node port. */
static bool doomed(const struct addr *client, const struct addr *node, void *arg)
{
	const struct addr *pair = arg;

	return addr_same_ip(client, &pair[0]) && addr_eq(node, &pair[1]);
}

static int purge(struct nft *n, const char *args)
{
	char client[ADDR_STR_MAX], node[ADDR_STR_MAX];
	struct addr pair[2];
	struct nl walk;
	int ret;

	if (sscanf(args, "%53s %53s", client, node) != 2 || !addr_parse(&pair[0], client, 0) ||
	    !addr_parse(&pair[1], node, 0))
		return 1;
	ret = nl_open(&walk, NETLINK_NETFILTER);
	if (ret)
		return ret;
	ret = ct_purge(&walk, &n->nl, doomed, pair);
	nl_close(&walk);
	return ret;
}

static int forwarding(const char *args)
{
	char iface[32];
	unsigned family;
	int on = -1;

	if (sscanf(args, "%u %31s %d", &family, iface, &on) < 2)
		return 1;
	return on < 0 ? sysctl_forwarding(family == 4, iface) :
			sysctl_set_forwarding(family == 4, iface, on);
}

static int obey(struct nft *n, const char *verb, const char *args)
{
	if (!strcmp(verb, "many"))
		return many(n, (unsigned)strtoul(args, NULL, 10));
	if (!strcmp(verb, "clear"))
		return nft_remove_all(n);
	if (!strcmp(verb, "list"))
		return nft_list(n, print, NULL);
	if (!strcmp(verb, "guard"))
		return nft_guard(n, (uint32_t)strtoul(args, NULL, 10));
	if (!strcmp(verb, "foreign"))
		return nft_foreign_drop(n);
	if (!strcmp(verb, "purge"))
		return purge(n, args);
	if (!strcmp(verb, "forwarding"))
		return forwarding(args);
	return change(n, verb, args);
}

int main(void)
{
	char line[256], verb[16];
	struct nft n;
	int used, err;

	err = nft_open(&n);
	printf("%d\n", err);
	fflush(stdout);
	while (!err && fgets(line, sizeof line, stdin))
		if (sscanf(line, "%15s%n", verb, &used) == 1) {
			printf("%d\n", obey(&n, verb, line + used));
			fflush(stdout);
		}
	if (!err)
		nft_close(&n);
	return err != 0;
}
