/* core/cluster.c - the cluster file: who the replicas and the admins are */
#include "core/cluster.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/buf.h"
#include "core/check.h"

enum {
	LINE_BYTES_MAX = 160, /* "replica", an IPv6 address with port, a fingerprint: 107 */
	WORDS_MAX = 4,	      /* one more than any line has */
};

struct parse {
	struct cluster *c;
	char *err;
	size_t err_bytes;
	unsigned line; /* 0: the file as a whole */
	bool faults_seen;
};

static bool fail(const struct parse *p, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static bool fail(const struct parse *p, const char *fmt, ...)
{
	char why[200];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof why, fmt, ap);
	va_end(ap);
	if (p->line)
		snprintf(p->err, p->err_bytes, "line %u: %s", p->line, why);
	else
		snprintf(p->err, p->err_bytes, "%s", why);
	return false;
}

static bool take_faults(struct parse *p, char **w)
{
	const char *s = w[1];

	if (p->faults_seen)
		return fail(p, "a second line \"faults\"");
	if (s[0] < '0' || s[0] > '0' + FAULTS_MAX || s[1])
		return fail(p, "faults is a number from 0 to %d, not \"%s\"", FAULTS_MAX, s);
	p->faults_seen = true;
	p->c->faults = (uint32_t)(s[0] - '0');
	return true;
}

static bool parse_fp(const struct parse *p, struct fp *fp, const char *s)
{
	if (!fp_parse(fp, s))
		return fail(p, "\"%s\" is no fingerprint (43 characters)", s);
	if (cluster_find(p->c, fp) >= 0 || cluster_is_admin(p->c, fp))
		return fail(p, "fingerprint %s stands twice", s);
	return true;
}

static bool reachable(const struct addr *a)
{
	enum addr_scope scope = addr_scope(a);

	return scope != ADDR_UNSPECIFIED && scope != ADDR_MULTICAST;
}

static bool take_replica(struct parse *p, char **w)
{
	struct cluster_replica *r = &p->c->replica[p->c->n];

	if (p->c->n == REPLICAS_MAX)
		return fail(p, "more than %d replicas", REPLICAS_MAX);
	if (!addr_parse(&r->addr, w[1], 0) || !r->addr.port)
		return fail(p, "\"%s\" is no ADDRESS:PORT", w[1]);
	if (!reachable(&r->addr))
		return fail(p, "no replica can be reached at the %s address %s",
			    addr_scope_str[addr_scope(&r->addr)], w[1]);
	for (uint32_t i = 0; i < p->c->n; i++)
		if (addr_eq(&p->c->replica[i].addr, &r->addr))
			return fail(p, "address %s stands twice", w[1]);
	if (!parse_fp(p, &r->fp, w[2]))
		return false;
	p->c->n++;
	return true;
}

static bool take_admin(struct parse *p, char **w)
{
	if (p->c->admins == ADMINS_MAX)
		return fail(p, "more than %d admins", ADMINS_MAX);
	if (!parse_fp(p, &p->c->admin[p->c->admins], w[1]))
		return false;
	p->c->admins++;
	return true;
}

static const struct {
	const char *name, *args;
	int words;
	bool (*take)(struct parse *p, char **w);
} lines[] = {
	{ "faults", "a number", 2, take_faults },
	{ "replica", "ADDRESS:PORT and a fingerprint", 3, take_replica },
	{ "admin", "a fingerprint", 2, take_admin },
};

/* Cuts at blanks, in place. */
static int split(char *s, char *w[WORDS_MAX])
{
	int n = 0;

	for (;;) {
		s += strspn(s, " \t\r");
		if (!*s || n == WORDS_MAX)
			return n;
		w[n++] = s;
		s += strcspn(s, " \t\r");
		if (*s)
			*s++ = 0;
	}
}

static bool parse_line(struct parse *p, const char *text, size_t len)
{
	const char *hash = memchr(text, '#', len);
	char line[LINE_BYTES_MAX];
	char *w[WORDS_MAX];
	int words;

	if (hash)
		len = (size_t)(hash - text);
	if (len >= sizeof line)
		return fail(p, "longer than %d characters", LINE_BYTES_MAX - 1);
	if (memchr(text, 0, len))
		return fail(p, "a NUL byte");
	memcpy(line, text, len);
	line[len] = 0;
	words = split(line, w);
	if (!words)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		if (strcmp(lines[i].name, w[0]))
			continue;
		if (lines[i].words != words)
			return fail(p, "%s is followed by %s", lines[i].name, lines[i].args);
		return lines[i].take(p, w);
	}
	return fail(p, "\"%s\" is none of faults, replica, admin", w[0]);
}

static bool complete(const struct parse *p)
{
	const struct cluster *c = p->c;

	if (!p->faults_seen)
		return fail(p, "the file ends without a line \"faults\"");
	if (c->n != 3 * c->faults + 1)
		return fail(p, "the file ends after %u replicas; faults %u needs %u", c->n,
			    c->faults, 3 * c->faults + 1);
	if (!c->admins)
		return fail(p, "the file ends without a line \"admin\"");
	return true;
}

bool cluster_parse(struct cluster *c, const char *text, size_t len, char *err, size_t err_bytes)
{
	struct parse p = { .c = c, .err = err, .err_bytes = err_bytes };
	size_t at = 0;

	memset(c, 0, sizeof *c);
	if (len > CLUSTER_TEXT_MAX)
		return fail(&p, "the file is longer than %d bytes", CLUSTER_TEXT_MAX);
	while (at < len) {
		const char *nl = memchr(text + at, '\n', len - at);
		size_t n = nl ? (size_t)(nl - text) - at : len - at;

		p.line++;
		if (!parse_line(&p, text + at, n))
			return false;
		at += n + 1;
	}
	return complete(&p);
}

/* Like snprintf at *at, which stays at `bytes` once something did not fit. */
static void put(char *out, size_t bytes, size_t *at, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static void put(char *out, size_t bytes, size_t *at, const char *fmt, ...)
{
	va_list ap;
	int n;

	if (*at >= bytes)
		return;
	va_start(ap, fmt);
	n = vsnprintf(out + *at, bytes - *at, fmt, ap);
	va_end(ap);
	*at = n < 0 || (size_t)n >= bytes - *at ? bytes : *at + (size_t)n;
}

size_t cluster_format(const struct cluster *c, char *out, size_t bytes)
{
	char addr[ADDR_STR_MAX], fp[FP_STR_MAX];
	size_t at = 0;

	put(out, bytes, &at, "faults %u\n", c->faults);
	for (uint32_t i = 0; i < c->n; i++) {
		fp_format(&c->replica[i].fp, fp);
		put(out, bytes, &at, "replica %s %s\n", addr_format(&c->replica[i].addr, addr), fp);
	}
	for (uint32_t i = 0; i < c->admins; i++) {
		fp_format(&c->admin[i], fp);
		put(out, bytes, &at, "admin %s\n", fp);
	}
	return at < bytes ? at : 0;
}

int cluster_find(const struct cluster *c, const struct fp *fp)
{
	for (uint32_t i = 0; i < c->n; i++)
		if (fp_eq(&c->replica[i].fp, fp))
			return (int)i;
	return -1;
}

const char *cluster_swap_refused(const struct cluster *c, uint32_t i, const struct fp *fp,
				 const struct addr *addr)
{
	int has = cluster_find(c, fp);

	if (cluster_is_admin(c, fp))
		return "this is an admin's key";
	if (has >= 0 && has != (int)i)
		return "another replica has this key";
	if (has >= 0 && (!addr->port || addr_eq(addr, &c->replica[i].addr)))
		return "it has this key already";
	if (addr->port && !reachable(addr))
		return "no replica can be reached at this address";
	for (uint32_t k = 0; addr->port && k < c->n; k++)
		if (k != i && addr_eq(addr, &c->replica[k].addr))
			return "another replica has this address";
	return NULL;
}

bool cluster_is_admin(const struct cluster *c, const struct fp *fp)
{
	for (uint32_t i = 0; i < c->admins; i++)
		if (fp_eq(&c->admin[i], fp))
			return true;
	return false;
}

void cluster_id(const struct cluster *c, uint8_t out[static 32])
{
	static const char domain[] = "machete cluster 1";
	uint8_t mem[sizeof domain + 8 + ADMINS_MAX * FP_BYTES];
	struct buf b;

	buf_init(&b, mem, sizeof mem);
	buf_put_bytes(&b, domain, sizeof domain);
	buf_put_u32(&b, c->faults);
	buf_put_u32(&b, c->admins);
	for (uint32_t i = 0; i < c->admins; i++)
		buf_put_bytes(&b, c->admin[i].b, FP_BYTES);
	MUST(buf_ok(&b));
	ident_sha256(mem, b.len, out);
}

bool cluster_same(const struct cluster *a, const struct cluster *b)
{
	if (a->faults != b->faults || a->n != b->n || a->admins != b->admins)
		return false;
	for (uint32_t i = 0; i < a->n; i++)
		if (!addr_eq(&a->replica[i].addr, &b->replica[i].addr) ||
		    !fp_eq(&a->replica[i].fp, &b->replica[i].fp))
			return false;
	for (uint32_t i = 0; i < a->admins; i++)
		if (!fp_eq(&a->admin[i], &b->admin[i]))
			return false;
	return true;
}
