/* test/lab/emu_topo.c - read a topology file
 *
 * A line is a directive; README says what each means. Files named in a topology (rtts, hops,
 * prefixes) are looked for in data/ next to the folder of the topology. */
#include "test/lab/emu_topo.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { WORDS_MAX = 64, LINE_BYTES = 1024, DEPTH_MAX = 3 };

struct reader {
	struct topo *t;
	const char *file, *error;
	FILE *from[DEPTH_MAX];	/* the file, and those it includes */
	unsigned depth;
};

static bool fail(struct reader *r, const char *error)
{
	r->error = error;
	return false;
}

struct in6_addr addr6_twin(struct in_addr a4)
{
	const uint8_t *b = (const uint8_t *)&a4;
	struct in6_addr a6 = IN6ADDR_ANY_INIT;
	char text[64];

	snprintf(text, sizeof(text), "2001:db8:%d:%d::%d", b[1], b[2], b[3]);
	inet_pton(AF_INET6, text, &a6);
	return a6;
}

struct port *topo_port(struct topo *t, const char *name)
{
	for (unsigned i = 0; i < t->port_count; i++)
		if (!strcmp(t->port[i].name, name))
			return &t->port[i];
	return NULL;
}

static uint32_t asn_of(const struct topo *t, struct in_addr a4)
{
	for (unsigned i = 0; i < t->prefix_count; i++)
		if ((ntohl(a4.s_addr) & t->prefix[i].mask) == t->prefix[i].net)
			return t->prefix[i].asn;
	return 0;
}

static struct path *path_between(struct topo *t, const char *a, const char *b)
{
	struct port *from = topo_port(t, a), *to = topo_port(t, b);

	return from && to && from != to ? &t->path[from - t->port][to - t->port] : NULL;
}

/* Only 10.0.0.0/8: whatever leaks out of a lab reaches nobody. */
static bool addr_lab(const char *s, struct in_addr *a4)
{
	return inet_pton(AF_INET, s, a4) == 1 && ntohl(a4->s_addr) >> 24 == 10;
}

static bool port_option(struct port *p, const char *key, const char *value)
{
	if (!strcmp(key, "site"))
		return snprintf(p->site, NAME_BYTES, "%s", value) < NAME_BYTES;
	if (!strcmp(key, "up"))
		return unit_rate(value, &p->up.rate_bps);
	if (!strcmp(key, "down"))
		return unit_rate(value, &p->down.rate_bps);
	return pipe_option(&p->up, key, value) && pipe_option(&p->down, key, value);
}

/* as PREFIX ASN */
static bool read_as(struct reader *r, int n, char **w)
{
	struct topo *t = r->t;
	struct prefix *x = &t->prefix[t->prefix_count];
	char *slash = strchr(w[1], '/');
	struct in_addr a4;

	(void)n;
	if (t->prefix_count == PREFIXES_MAX)
		return fail(r, "too many prefixes");
	if (!slash)
		return fail(r, "a prefix is 10.A.0.0/16");
	*slash = 0;
	x->bits = (uint8_t)strtoul(slash + 1, NULL, 10);
	if (!addr_lab(w[1], &a4) || x->bits < 8 || x->bits > 32)
		return fail(r, "a prefix is 10.A.0.0/16");
	x->mask = UINT32_MAX << (32 - x->bits);
	x->net = ntohl(a4.s_addr) & x->mask;
	x->asn = (uint32_t)strtoul(w[2], NULL, 10);
	t->prefix_count++;
	return true;
}

/* port NAME ADDR [site S] [rate R | up R down R] [queue Q] [loss P] [delay MS] */
static bool read_port(struct reader *r, int n, char **w)
{
	struct topo *t = r->t;
	struct port *p = &t->port[t->port_count];
	unsigned same = 0;

	if (t->port_count == PORTS_MAX)
		return fail(r, "too many ports");
	if (topo_port(t, w[1]) || strlen(w[1]) >= NAME_BYTES || !addr_lab(w[2], &p->a4))
		return fail(r, "a port needs a new name and an address in 10.0.0.0/8");
	snprintf(p->name, sizeof(p->name), "%s", w[1]);
	snprintf(p->site, sizeof(p->site), "%s", w[1]);
	p->a6 = addr6_twin(p->a4);
	p->asn = asn_of(t, p->a4);
	for (int i = 3; i < n; i += 2)
		if (i + 1 == n || !port_option(p, w[i], w[i + 1]))
			return fail(r, "no such option of a port, or a bad value");
	for (unsigned i = 0; i < t->port_count; i++)
		same += !strcmp(t->port[i].site, p->site);
	snprintf(p->device, sizeof(p->device), "wan%u", same);
	t->port_count++;
	return true;
}

static void path_make(struct path *x, struct topo *t, int64_t oneway_ns)
{
	unsigned i = (unsigned)(x - &t->path[0][0]);

	x->exists = true;
	x->from = (uint8_t)(i / PORTS_MAX);
	x->to = (uint8_t)(i % PORTS_MAX);
	x->pipe.delay_ns = oneway_ns;
}

static void path_pair(struct topo *t, const char *a, const char *b, int64_t rtt_ns)
{
	path_make(path_between(t, a, b), t, rtt_ns / 2);
	path_make(path_between(t, b, a), t, rtt_ns / 2);
}

static bool hop_add(struct path *x, struct in_addr a4, uint32_t asn, int64_t oneway_ns, bool silent)
{
	struct hop *h = &x->hop[x->hop_count];

	if (x->hop_count == HOPS_MAX)
		return false;
	h->a4 = a4;
	h->a6 = addr6_twin(a4);
	h->asn = asn;
	h->oneway_ns = oneway_ns;
	h->silent = silent;
	x->hop_count++;
	return true;
}

/* 10.12.0.2@1.5 or, silent, 10.12.0.2@1.5! */
static bool via_hop(struct topo *t, struct path *x, char *word)
{
	char *at = strchr(word, '@'), *mark = strchr(word, '!');
	struct in_addr a4;
	int64_t ns;

	if (!at)
		return false;
	*at = 0;
	if (mark)
		*mark = 0;
	return addr_lab(word, &a4) && unit_ms(at + 1, &ns) &&
	       hop_add(x, a4, asn_of(t, a4), ns, mark);
}

/* path A B rtt MS [rate R] [queue Q] [loss P] [reorder P] [via ADDR@MS[!] ...] */
static bool read_path(struct reader *r, int n, char **w)
{
	struct path *x = path_between(r->t, w[1], w[2]), *y = path_between(r->t, w[2], w[1]);
	int64_t rtt_ns;
	int i = 5;

	if (!x || strcmp(w[3], "rtt") || !unit_ms(w[4], &rtt_ns))
		return fail(r, "expected: path A B rtt MS, and A and B are ports");
	path_pair(r->t, w[1], w[2], rtt_ns);
	for (; i + 1 < n && strcmp(w[i], "via"); i += 2)
		if (!pipe_option(&x->pipe, w[i], w[i + 1]) ||
		    !pipe_option(&y->pipe, w[i], w[i + 1]))
			return fail(r, "no such option of a path, or a bad value");
	if (i < n && strcmp(w[i], "via"))
		return fail(r, "a word too many");
	for (i++; i < n; i++)
		if (!via_hop(r->t, x, w[i]))
			return fail(r, "a hop is ADDR@MS or ADDR@MS!");
	return true;
}

/* like NEW OLD MS: the paths of port NEW are those of OLD, with so much more RTT */
static bool read_like(struct reader *r, int n, char **w)
{
	struct topo *t = r->t;
	struct port *new = topo_port(t, w[1]), *old = topo_port(t, w[2]);
	int64_t more;

	(void)n;
	if (!new || !old || !unit_ms(w[3], &more))
		return fail(r, "expected: like NEW OLD MS");
	for (unsigned i = 0; i < t->port_count; i++) {
		struct path *x = &t->path[old - t->port][i];

		if (x->exists && &t->port[i] != new)
			path_pair(t, new->name, t->port[i].name, x->pipe.delay_ns * 2 + more);
	}
	return true;
}

static int split(char *line, char **w)
{
	int n = 0;

	line[strcspn(line, "#\r\n")] = 0;
	for (char *s = strtok_r(line, " \t", &line); s && n < WORDS_MAX;
	     s = strtok_r(NULL, " \t", &line))
		w[n++] = s;
	return n;
}

static FILE *open_data(struct reader *r, const char *name)
{
	char path[PATH_BYTES];
	const char *slash = strrchr(r->file, '/');
	FILE *f;

	snprintf(path, sizeof(path), "%.*s/../data/%s",
		 slash ? (int)(slash - r->file) : 1, slash ? r->file : ".", name);
	f = fopen(path, "re");
	if (!f)
		fail(r, "a data file is missing");
	return f;
}

/* rtts FILE: a square of names and milliseconds; the pairs whose ports both exist are taken. */
static bool read_rtts(struct reader *r, int n, char **w)
{
	char head[LINE_BYTES], line[LINE_BYTES], *name[WORDS_MAX], *cell[WORDS_MAX];
	FILE *f = open_data(r, w[1]);
	int64_t rtt_ns;

	if (!f)
		return false;
	n = fgets(head, sizeof(head), f) ? split(head, name) : 0;
	while (fgets(line, sizeof(line), f)) {
		int cells = split(line, cell);

		for (int i = 1; i < cells && i < n; i++)
			if (path_between(r->t, cell[0], name[i]) && unit_ms(cell[i], &rtt_ns))
				path_pair(r->t, cell[0], name[i], rtt_ns);
	}
	fclose(f);
	return true;
}

/* hops FILE: rows of from, to, dst_ip, ttl, true_asn, hop_ip, maps_to_asn, oneway_ms, replies. A
 * path that has its hops already is left alone, so a file may be read again after `like`. */
static bool read_hops(struct reader *r, int n, char **w)
{
	char line[LINE_BYTES], *cell[WORDS_MAX];
	FILE *f = open_data(r, w[1]);
	bool ok = f;

	(void)n;
	while (ok && fgets(line, sizeof(line), f)) {
		struct path *x;
		struct in_addr a4;
		int64_t ns;

		if (split(line, cell) != 9 || !addr_lab(cell[5], &a4) || !unit_ms(cell[7], &ns))
			continue;	/* the head of the table */
		x = path_between(r->t, cell[0], cell[1]);
		if (x && x->exists && strtoul(cell[3], NULL, 10) == x->hop_count + 1u)
			ok = hop_add(x, a4, (uint32_t)strtoul(cell[4], NULL, 10), ns,
				     cell[8][0] == '0');
	}
	if (f)
		fclose(f);
	return ok || r->error || fail(r, "too many hops on a path");
}

/* set WORD KEY VALUE: as the commands of a running lab, e.g. set client/n1 loss 2% */
static bool read_set(struct reader *r, int n, char **w)
{
	(void)n;
	return pipes_set(r->t, w[1], w[2], w[3]) > 0 || fail(r, "no such name, option or value");
}

/* prefixes FILE: rows of prefix, ASN */
static bool read_prefixes(struct reader *r, int n, char **w)
{
	char line[LINE_BYTES], *cell[WORDS_MAX];
	FILE *f = open_data(r, w[1]);
	bool ok = f;

	while (ok && fgets(line, sizeof(line), f)) {
		char *as[] = { w[0], NULL, NULL };

		n = split(line, cell);
		as[1] = cell[0];
		as[2] = cell[1];
		ok = n == 2 && read_as(r, 3, as);
	}
	if (f)
		fclose(f);
	return ok;
}

/* seed N: of losses and reorderings */
static bool read_seed(struct reader *r, int n, char **w)
{
	(void)n;
	r->t->seed = strtoull(w[1], NULL, 10);
	return r->t->seed || fail(r, "a seed is not 0");
}

/* include TOPOLOGY: a file of the same folder; its lines come first */
static bool read_include(struct reader *r, int n, char **w)
{
	const char *slash = strrchr(r->file, '/');
	int folder = slash ? (int)(slash - r->file) + 1 : 0;
	char name[PATH_BYTES];

	(void)n;
	snprintf(name, sizeof(name), "%.*s%s", folder, r->file, w[1]);
	if (r->depth == DEPTH_MAX)
		return fail(r, "includes too deep");
	r->from[r->depth] = fopen(name, "re");
	return r->from[r->depth++] || fail(r, "the included file cannot be opened");
}

struct directive {
	const char *name;
	int words_min;
	bool (*read)(struct reader *r, int n, char **w);
};

static const struct directive directives[] = {
	{ "as", 3, read_as },
	{ "prefixes", 2, read_prefixes },
	{ "port", 3, read_port },
	{ "path", 5, read_path },
	{ "like", 4, read_like },
	{ "rtts", 2, read_rtts },
	{ "hops", 2, read_hops },
	{ "seed", 2, read_seed },
	{ "set", 4, read_set },
	{ "include", 2, read_include },
};

static bool read_line(struct reader *r, char *line)
{
	char *w[WORDS_MAX];
	int n = split(line, w);

	if (n == 0)
		return true;
	for (size_t i = 0; i < sizeof(directives) / sizeof(directives[0]); i++)
		if (!strcmp(w[0], directives[i].name))
			return n >= directives[i].words_min ? directives[i].read(r, n, w)
							    : fail(r, "a word is missing");
	return fail(r, "no such directive");
}

/* A path without hops of its own is the other direction's, seen from behind. */
static void finish(struct path *x, const struct path *y)
{
	if (x->hop_count)
		return;
	for (unsigned h = y->hop_count; h-- > 0;) {
		struct hop *new = &x->hop[x->hop_count++];

		*new = y->hop[h];
		new->oneway_ns = y->pipe.delay_ns - new->oneway_ns;
	}
}

static void finish_all(struct topo *t)
{
	for (unsigned i = 0; i < PORTS_MAX * PORTS_MAX; i++) {
		struct path *x = &t->path[i / PORTS_MAX][i % PORTS_MAX];

		finish(x, &t->path[i % PORTS_MAX][i / PORTS_MAX]);
		for (unsigned h = 0; h < x->hop_count; h++)
			x->hop[h].at = (double)x->hop[h].oneway_ns / (double)x->pipe.delay_ns;
	}
}

bool topo_read(struct topo *t, const char *file)
{
	struct reader r = { .t = t, .file = file, .depth = 1 };
	char line[LINE_BYTES], copy[LINE_BYTES];
	bool ok = true;

	t->seed = 1;
	r.from[0] = fopen(file, "re");
	if (!r.from[0]) {
		fprintf(stderr, "emu: %s cannot be opened\n", file);
		return false;
	}
	while (ok && r.depth) {
		FILE *f = r.from[r.depth - 1];

		if (!fgets(line, sizeof(line), f)) {
			fclose(f);
			r.depth--;
			continue;
		}
		memcpy(copy, line, sizeof(copy));
		ok = read_line(&r, copy);
	}
	if (!ok)
		fprintf(stderr, "emu: %s: %s: %s", file, r.error, line);
	finish_all(t);
	return ok;
}
