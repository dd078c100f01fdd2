/* cmd/party.h - who this process is: its key and certificate, and the cluster it belongs to */
#ifndef CMD_PARTY_H
#define CMD_PARTY_H

#include "cmd/cmd.h"
#include "core/cluster.h"
#include "core/ident.h"
#include "net/tls.h"

/* It must not move: the certificate points at the key. Holds a secret: party_fini. */
struct party {
	const struct common *common;
	struct ident id;
	struct tls_cert cert;
	struct cluster cluster;
	uint8_t cluster_id[32];
};

/* Key and cluster file of HOME. 0, or the exit code of the error that was reported. */
int party_load(struct party *p, const struct common *c);
void party_fini(struct party *p);

#endif
