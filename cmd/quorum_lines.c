/* cmd/quorum_lines.c - follow `cluster replace`: who is where, by the word of f+1 replicas
 *
 * What f+1 replicas whose keys we know say alike was said by a correct one (MANAGER.md B.8). The
 * new lines go to HOME/cluster too, so that the next process finds the replicas. */
#include <errno.h>

#include "cmd/home.h"
#include "cmd/quorum_inner.h"
#include "core/log.h"

static bool line_eq(const struct cluster_replica *a, const struct cluster_replica *b)
{
	return addr_eq(&a->addr, &b->addr) && fp_eq(&a->fp, &b->fp);
}

static bool lines_eq(const struct hello_lines *a, const struct hello_lines *b)
{
	if (a->config != b->config || a->n != b->n)
		return false;
	for (uint32_t i = 0; i < a->n; i++)
		if (!line_eq(&a->replica[i], &b->replica[i]))
			return false;
	return true;
}

static void save(const struct party *p)
{
	char path[HOME_PATH_MAX], text[CLUSTER_TEXT_MAX];
	size_t len = cluster_format(&p->cluster, text, sizeof text);
	int r = len && home_path(p->common, "cluster", path) ?
			home_write_file(path, text, len, 0644) : -ENOENT;

	if (r)
		log_line(LOG_WARN, r, "the new lines of the replicas are not in HOME/cluster, run "
			 "`machete status` with this HOME as its owner");
}

static void follow(struct quorum *q, const struct hello_lines *l)
{
	struct cluster_replica *have = q->p->cluster.replica;
	bool news = false;

	q->config = l->config;
	for (uint32_t i = 0; i < l->n; i++) {
		news |= !line_eq(&have[i], &l->replica[i]);
		have[i] = l->replica[i];
	}
	if (news)
		save(q->p);
	for (uint32_t i = 0; i < l->n; i++) {
		if (line_eq(&q->ch[i].line, &have[i]))
			continue;
		log_info("replica %u is another one now", i);
		q->ch[i].line = have[i];
		quorum_reconnect(&q->ch[i]);
	}
}

void quorum_take_lines(struct replica_channel *ch, const uint8_t *p, size_t len)
{
	struct quorum *q = ch->q;
	uint32_t n = quorum_n(q), same = 0;
	struct hello_lines l;

	if (!hello_lines_get(&ch->lines, p, len) || ch->lines.n != n)
		ch->lines.n = 0;
	if (!ch->lines.n || ch->lines.config <= q->config)
		return;
	for (uint32_t i = 0; i < n; i++)
		same += lines_eq(&q->ch[i].lines, &ch->lines);
	l = ch->lines; /* its channel may be among those that end */
	if (same >= quorum_enough(q))
		follow(q, &l);
}

bool quorum_seen(const struct quorum *q, struct addr *a)
{
	uint32_t n = quorum_n(q);

	for (uint32_t i = 0; i < n; i++) {
		uint32_t same = 0;

		for (uint32_t j = 0; q->ch[i].has_hello && j < n; j++)
			same += q->ch[j].has_hello &&
				addr_same_ip(&q->ch[i].hello.seen, &q->ch[j].hello.seen);
		*a = q->ch[i].hello.seen;
		if (same >= quorum_enough(q))
			return true;
	}
	return false;
}
