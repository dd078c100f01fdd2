/* cmd/cluster_replace.c - another key, and perhaps another place, for one replica
 *
 * An operation like any other, ordered by the replicas and allowed to admins only (MANAGER.md B.8);
 * it counts from the next stable checkpoint, which it forces. The new replica learns the state from
 * the others before it votes. Other parties go on with the lines they have until they get the new
 * file: f replicas may be missing at any time. */
#include "cmd/cluster_replace.h"

#include <stdio.h>
#include <string.h>

#include "cmd/home.h"
#include "cmd/oneshot.h"
#include "cmd/report.h"
#include "core/check.h"
#include "net/sock.h"

static int parse(const struct common *c, const struct cluster *cl, struct op *op, char **argv,
		 int argc)
{
	op->index = (uint32_t)(argv[0][0] - '0');
	if (argv[0][0] == '1' && argv[0][1] >= '0' && argv[0][1] <= '9')
		op->index = 10 + (uint32_t)(argv[0][1] - '0');
	if (argv[0][0] < '0' || argv[0][0] > '9' || strlen(argv[0]) > 1 + (op->index >= 10) ||
	    op->index >= cl->n)
		return report_error(c, EXIT_USAGE, "count the lines `replica` from 0", argv[0],
				    "there is no such replica, of %u", cl->n);
	if (cl->n == 1)
		return report_error(c, EXIT_USAGE, "copy HOME/data to the new machine instead",
				    "cluster replace", "a cluster of one has nobody to learn from");
	if (!fp_parse(&op->fp, argv[1]))
		return report_error(c, EXIT_USAGE, "print it with `machete key show`", argv[1],
				    "this is no fingerprint (43 characters)");
	if (argc > 2 && (!addr_parse(&op->addr, argv[2], cl->replica[op->index].addr.port) ||
			 !op->addr.port))
		return report_error(c, EXIT_USAGE, "give ADDR:PORT", argv[2], "this is no address");
	return 0;
}

static int write_cluster(const struct common *c, struct cluster *cl, const struct op *op)
{
	char path[HOME_PATH_MAX], text[CLUSTER_TEXT_MAX];
	size_t len;
	int r;

	cl->replica[op->index].fp = op->fp;
	if (op->addr.port)
		cl->replica[op->index].addr = op->addr;
	len = cluster_format(cl, text, sizeof text);
	MUST(len > 0);
	if (!home_path(c, "cluster", path))
		return EXIT_USAGE;
	r = home_write_file(path, text, len, 0644);
	if (r)
		return report_error(c, EXIT_FAILED, "write it by hand: the swap is done", path,
				    "%s", strerror(-r));
	return 0;
}

static void say(const struct common *c, const struct cluster *cl, const struct op *op)
{
	char addr[ADDR_STR_MAX], fp[FP_STR_MAX];
	struct json *j = c->json ? report_begin("replaced") : NULL;

	addr_format(&cl->replica[op->index].addr, addr);
	fp_format(&op->fp, fp);
	if (!j) {
		printf("replica %u is %s at %s now; give it this cluster file (`machete cluster "
		       "show`) "
		       "and run `machete manager` there\n",
		       op->index, fp, addr);
		return;
	}
	json_u64(j, "replica", op->index);
	json_str(j, "fingerprint", fp);
	json_str(j, "address", addr);
	report_end(j);
}

/* What the replicas refused, told by the lines that they have: the answer brought them. */
static int judge(const struct party *p, const struct op *op, const struct result *res)
{
	const struct cluster *c = &p->cluster;
	const char *why = res->code == RESULT_BAD
				  ? cluster_swap_refused(c, op->index, &op->fp, &op->addr) : NULL;

	if (!why)
		return quorum_judge(p, "cluster replace", res);
	return report_error(p->common, EXIT_USAGE,
			    cluster_find(c, &op->fp) == (int)op->index
				    ? "if it lost its data, make another key, in an empty HOME"
				    : "see `machete status`", "cluster replace", "%s", why);
}

int cluster_replace(const struct common *c, int argc, char **argv)
{
	struct op op = { .type = OP_SWAP };
	const struct result *res;
	static struct oneshot o;
	int r = oneshot_open(&o, c);

	r = r ? r : parse(c, &o.party.cluster, &op, argv, argc);
	r = r ? r : quorum_ask(o.q, "cluster replace", &op, &res);
	r = r ? r : judge(&o.party, &op, res);
	r = r ? r : write_cluster(c, &o.party.cluster, &op);
	if (!r)
		say(c, &o.party.cluster, &op);
	oneshot_close(&o);
	return r;
}
