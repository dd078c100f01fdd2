/* net/nft_table.h - our tables into the kernel and out of it, and batches of messages */
#ifndef NET_NFT_TABLE_H
#define NET_NFT_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "net/nft_rules.h"
#include "net/nl.h"

/* Messages that succeed or fail together. */
struct nft_batch {
	struct nl *nl;
	_Alignas(8) char buf[NL_BATCH_BYTES];
	size_t len, last_at;
	uint32_t first;
};

void nft_batch_begin(struct nft_batch *b, struct nl *nl);
/* The next message, empty; nft_batch_add takes what was put into it. Family inet. */
struct nlmsghdr *nft_batch_next(struct nft_batch *b, uint16_t type, uint16_t flags);
void nft_batch_add(struct nft_batch *b, const struct nlmsghdr *nlh);
/* Sends it: 0 or -errno. */
int nft_batch_commit(struct nft_batch *b);

/* A table with its sets, for `size` elements each, chains and rules, into a batch; one of this name
 * is replaced by it, or else the batch fails with -EEXIST. 0 or -ENOMEM. */
int nft_table_put(struct nft_batch *b, const struct nft_layout *l, uint32_t size, bool replace);
/* Alone. -EEXIST when there is one. */
int nft_table_install(struct nl *nl, const struct nft_layout *l, uint32_t size);
/* 0, -ENOENT, or -EPERM when it is another's. */
int nft_table_remove(struct nl *nl, const struct nft_layout *l);
/* 0 when there is a table of this name, -ENOENT, or -EPERM without CAP_NET_ADMIN. */
int nft_table_exists(struct nl *nl, const struct nft_layout *l);

#endif
