/* cmd/party.c - who this process is: its key and certificate, and the cluster it belongs to */
#include "cmd/party.h"

#include "cmd/home.h"
#include "core/secret.h"

int party_load(struct party *p, const struct common *c)
{
	int r = home_load_key(c, &p->id);

	p->common = c;
	if (r)
		return r;
	r = home_load_cluster(c, -1, &p->cluster);
	if (r) {
		ident_wipe(&p->id);
		return r;
	}
	cluster_id(&p->cluster, p->cluster_id);
	tls_cert_make(&p->cert, &p->id);
	return 0;
}

void party_fini(struct party *p)
{
	wipe(p, sizeof *p);
}
