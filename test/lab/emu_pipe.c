/* test/lab/emu_pipe.c - numbers with units, the options of a pipe, the names of pipes and paths */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/lab/emu_topo.h"

static bool number(const char *s, double *v, const char **unit)
{
	char *end;

	*v = strtod(s, &end);
	*unit = end;
	return end != s && *v >= 0;
}

bool unit_rate(const char *s, uint64_t *bps)
{
	const char *unit;
	double v;

	if (!number(s, &v, &unit))
		return false;
	if (!strcmp(unit, "kbit"))
		v *= 1e3;
	else if (!strcmp(unit, "mbit"))
		v *= 1e6;
	else if (!strcmp(unit, "gbit"))
		v *= 1e9;
	else if (*unit || v != 0)
		return false;
	*bps = (uint64_t)v;
	return true;
}

static bool unit_bytes(const char *s, uint32_t *bytes)
{
	const char *unit;
	double v;

	if (!number(s, &v, &unit))
		return false;
	if (!strcmp(unit, "k"))
		v *= 1024;
	else if (!strcmp(unit, "m"))
		v *= 1024 * 1024;
	else if (*unit)
		return false;
	*bytes = (uint32_t)v;
	return v < UINT32_MAX;
}

bool unit_ms(const char *s, int64_t *ns)
{
	const char *unit;
	double v;

	if (!number(s, &v, &unit) || (*unit && strcmp(unit, "ms")) || v > 3000)
		return false;
	*ns = (int64_t)(v * 1e6);
	return true;
}

static bool unit_percent(const char *s, uint32_t *of_2_32)
{
	const char *unit;
	double v;

	if (!number(s, &v, &unit) || (*unit && strcmp(unit, "%")) || v > 100)
		return false;
	*of_2_32 = (uint32_t)(v / 100 * UINT32_MAX);
	return true;
}

bool pipe_option(struct pipe *q, const char *key, const char *value)
{
	if (!strcmp(key, "rate")) {
		q->busy_until = 0;
		return unit_rate(value, &q->rate_bps);
	}
	if (!strcmp(key, "queue"))
		return unit_bytes(value, &q->queue_bytes);
	if (!strcmp(key, "loss"))
		return unit_percent(value, &q->loss);
	if (!strcmp(key, "reorder"))
		return unit_percent(value, &q->reorder);
	if (!strcmp(key, "delay"))
		return unit_ms(value, &q->delay_ns);
	q->cut = !strcmp(key, "cut");
	return q->cut || !strcmp(key, "heal");
}

bool word_path(struct topo *t, const char *word, const struct path *path, uint8_t *at)
{
	const struct port *from = &t->port[path->from], *to = &t->port[path->to];
	char one[2 * NAME_BYTES], two[2 * NAME_BYTES], other[2 * NAME_BYTES];
	char *end;
	unsigned long asn;

	*at = 0;
	snprintf(one, sizeof(one), "%s>%s", from->name, to->name);
	snprintf(two, sizeof(two), "%s/%s", from->name, to->name);
	snprintf(other, sizeof(other), "%s/%s", to->name, from->name);
	if (!strcmp(word, one) || !strcmp(word, two) || !strcmp(word, other))
		return true;
	if (strncmp(word, "as", 2))
		return false;
	asn = strtoul(word + 2, &end, 10);
	if (*end || end == word + 2)
		return false;
	if (from->asn == asn)
		return true;
	for (*at = 1; *at <= path->hop_count; ++*at)
		if (path->hop[*at - 1].asn == asn)
			return true;
	return to->asn == asn;
}

/* The directions of an access link that the word names. */
static unsigned port_pipes(struct port *p, const char *word, struct pipe *found[2])
{
	size_t len = strlen(p->name);
	const char *rest = word + len;
	unsigned count = 0;

	if (strncmp(word, p->name, len))
		return 0;
	if (!*rest || !strcmp(rest, ".up"))
		found[count++] = &p->up;
	if (!*rest || !strcmp(rest, ".down"))
		found[count++] = &p->down;
	return count;
}

int pipes_set(struct topo *t, const char *word, const char *key, const char *value)
{
	struct pipe *found[2];
	int count = 0;
	uint8_t at;

	for (unsigned i = 0; i < t->port_count; i++)
		for (unsigned n = port_pipes(&t->port[i], word, found); n-- > 0; count++)
			if (!pipe_option(found[n], key, value))
				return -1;
	for (unsigned i = 0; i < PORTS_MAX * PORTS_MAX; i++) {
		struct path *path = &t->path[i / PORTS_MAX][i % PORTS_MAX];

		if (!path->exists || !word_path(t, word, path, &at))
			continue;
		if (!pipe_option(&path->pipe, key, value))
			return -1;
		count++;
	}
	return count;
}
