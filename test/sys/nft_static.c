/* test/sys/nft_static.c - `nft_static add|del NAME`: make or remove an nftables table with the
 * three static archives, as the product will; prints NAME's SHA-256 by BearSSL, so that this one
 * is linked too */
#include <bearssl.h>
#include <libmnl/libmnl.h>
#include <libnftnl/common.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_hash(const char *s)
{
	br_sha256_context sha;
	unsigned char hash[32];

	br_sha256_init(&sha);
	br_sha256_update(&sha, s, strlen(s));
	br_sha256_out(&sha, hash);
	for (size_t i = 0; i < sizeof hash; i++)
		printf("%02x", hash[i]);
	putchar('\n');
}

/* Sends the batch and reads the one answer that NLM_F_ACK asks for. */
static int talk(struct mnl_nlmsg_batch *batch, unsigned seq)
{
	char answer[8192];
	struct mnl_socket *nl = mnl_socket_open(NETLINK_NETFILTER);
	unsigned port;
	ssize_t n;

	if (!nl || mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0)
		return -1;
	port = mnl_socket_get_portid(nl);
	if (mnl_socket_sendto(nl, mnl_nlmsg_batch_head(batch),
			      mnl_nlmsg_batch_size(batch)) < 0)
		return -1;
	n = mnl_socket_recvfrom(nl, answer, sizeof answer);
	return n > 0 ? mnl_cb_run(answer, (size_t)n, seq, port, NULL, NULL) : -1;
}

static int change(int type, const char *name)
{
	static char mem[2 * 8192];
	struct mnl_nlmsg_batch *batch = mnl_nlmsg_batch_start(mem, 8192);
	struct nftnl_table *t = nftnl_table_alloc();
	struct nlmsghdr *nlh;

	if (!batch || !t)
		return -1;
	nftnl_table_set_str(t, NFTNL_TABLE_NAME, name);
	nftnl_batch_begin(mnl_nlmsg_batch_current(batch), 1);
	mnl_nlmsg_batch_next(batch);
	nlh = nftnl_nlmsg_build_hdr(mnl_nlmsg_batch_current(batch), (uint16_t)type, NFPROTO_INET,
				    NLM_F_CREATE | NLM_F_ACK, 2);
	nftnl_table_nlmsg_build_payload(nlh, t);
	mnl_nlmsg_batch_next(batch);
	nftnl_batch_end(mnl_nlmsg_batch_current(batch), 3);
	mnl_nlmsg_batch_next(batch);
	nftnl_table_free(t);
	return talk(batch, 2);
}

int main(int argc, char **argv)
{
	if (argc != 3)
		return 2;
	print_hash(argv[2]);
	if (change(strcmp(argv[1], "add") ? NFT_MSG_DELTABLE : NFT_MSG_NEWTABLE, argv[2]) < 0) {
		perror("nft_static");
		return 1;
	}
	return 0;
}
