/* probe/asn_line.c - one line of a prefix-to-AS data set, whatever its format */
#include "probe/asn_line.h"

#include <string.h>

struct field {
	const char *p;
	size_t n;
};

/* Cuts the next field off the front of rest; quotes around it go. */
static struct field cut(struct field *rest, char sep)
{
	const char *end = rest->n ? memchr(rest->p, sep, rest->n) : NULL;
	struct field f = { rest->p, end ? (size_t)(end - rest->p) : rest->n };
	size_t used = end ? f.n + 1 : f.n;

	rest->p += used;
	rest->n -= used;
	if (f.n >= 2 && f.p[0] == '"' && f.p[f.n - 1] == '"')
		f = (struct field){ f.p + 1, f.n - 2 };
	return f;
}

static bool has(struct field f, char c)
{
	return f.n && memchr(f.p, c, f.n);
}

static bool parse_number(uint32_t *v, struct field f)
{
	uint64_t x = 0;

	if (!f.n || f.n > 10)
		return false;
	for (size_t i = 0; i < f.n; i++) {
		if (f.p[i] < '0' || f.p[i] > '9')
			return false;
		x = x * 10 + (uint64_t)(f.p[i] - '0');
	}
	*v = (uint32_t)x;
	return x <= UINT32_MAX;
}

/* An address, or an IPv4 address as a decimal number. */
static bool parse_ip(struct asn_ip *ip, struct field f)
{
	char text[46]; /* the longest IPv6 address and NUL */
	struct addr a;
	uint32_t v4;

	if (parse_number(&v4, f)) {
		*ip = (struct asn_ip){ 0, UINT64_C(0xffff) << 32 | v4 };
		return true;
	}
	if (!f.n || f.n >= sizeof text || has(f, '['))
		return false;
	memcpy(text, f.p, f.n);
	text[f.n] = 0;
	if (!addr_parse(&a, text, 0) || a.port)
		return false;
	*ip = asn_ip_from(&a);
	return true;
}

/* Clears the host bits of first and sets them in last. */
static bool set_prefix(struct asn_entry *e, struct field bits_text)
{
	bool v4 = asn_ip_is_v4(e->first);
	uint32_t bits;
	uint64_t hi, lo; /* host bits */

	if (!parse_number(&bits, bits_text) || bits > (v4 ? 32 : 128))
		return false;
	bits += v4 ? 96 : 0;
	hi = bits >= 64 ? 0 : UINT64_MAX >> bits;
	lo = bits <= 64 ? UINT64_MAX : bits == 128 ? 0 : UINT64_MAX >> (bits - 64);
	e->first.hi &= ~hi;
	e->first.lo &= ~lo;
	e->last = (struct asn_ip){ e->first.hi | hi, e->first.lo | lo };
	e->prefix = true;
	return true;
}

static bool add_as(struct asn_entry *e, uint32_t as)
{
	for (uint32_t i = 0; i < e->n; i++)
		if (e->as[i] == as)
			return true;
	if (!as)
		return true;
	if (e->n == ASN_SET_MAX)
		return false;
	e->as[e->n++] = as;
	return true;
}

/* "13335", "AS13335", "30_10_20", "{1,2}", "1,2_3". */
static bool parse_origins(struct asn_entry *e, struct field f)
{
	if (!f.n)
		return false;
	while (f.n) {
		size_t n = 0;
		uint32_t as;
		struct field one;

		while (n < f.n && f.p[n] != '_' && f.p[n] != ',' && f.p[n] != '}')
			n++;
		one = (struct field){ f.p, n };
		if (one.n && one.p[0] == '{')
			one = (struct field){ one.p + 1, one.n - 1 };
		if (one.n > 2 && one.p[0] == 'A' && one.p[1] == 'S')
			one = (struct field){ one.p + 2, one.n - 2 };
		if (!parse_number(&as, one) || !add_as(e, as))
			return false;
		while (n < f.n && (f.p[n] == '_' || f.p[n] == ',' || f.p[n] == '}'))
			n++;
		f = (struct field){ f.p + n, f.n - n };
	}
	return true;
}

static bool parse_range(struct asn_entry *e, struct field second)
{
	bool v4 = asn_ip_is_v4(e->first);

	return parse_ip(&e->last, second) && v4 == asn_ip_is_v4(e->last) &&
	       !asn_ip_less(e->last, e->first);
}

enum asn_line asn_line_parse(struct asn_entry *e, const char *line, size_t len)
{
	struct field rest = { line, len };
	struct field one, two;
	char sep;

	*e = (struct asn_entry){ 0 };
	if (rest.n && rest.p[rest.n - 1] == '\r')
		rest.n--;
	if (!rest.n || memchr(";#%", rest.p[0], 3))
		return ASN_LINE_SKIP;
	sep = has(rest, '\t') ? '\t' : ',';
	one = cut(&rest, sep);
	if (has(one, '/')) {
		two = cut(&one, '/');
		if (!parse_ip(&e->first, two) || !set_prefix(e, one))
			return ASN_LINE_BAD;
		return parse_origins(e, cut(&rest, sep)) ? ASN_LINE_ENTRY : ASN_LINE_BAD;
	}
	two = cut(&rest, sep);
	if (!parse_ip(&e->first, one))
		return ASN_LINE_BAD;
	/* Dots or colons in the first field, none in the second: a length. */
	if ((has(one, '.') || has(one, ':')) && !has(two, '.') && !has(two, ':')) {
		if (!set_prefix(e, two))
			return ASN_LINE_BAD;
	} else if (!parse_range(e, two)) {
		return ASN_LINE_BAD;
	}
	return parse_origins(e, cut(&rest, sep)) ? ASN_LINE_ENTRY : ASN_LINE_BAD;
}

static void put_be64(uint8_t *p, uint64_t v)
{
	for (int i = 0; i < 8; i++)
		p[i] = (uint8_t)(v >> (56 - 8 * i));
}

static bool special(struct asn_ip ip)
{
	struct addr a = { .port = 0 };
	enum addr_scope scope;

	put_be64(a.ip, ip.hi);
	put_be64(a.ip + 8, ip.lo);
	scope = addr_scope(&a);
	/* 6to4 and Teredo (2002::/16, 2001::/32) are announced by their relays. */
	return scope != ADDR_GLOBAL && !(scope == ADDR_EMBEDDED && a.ip[0] == 0x20);
}

bool asn_entry_is_bogon(const struct asn_entry *e)
{
	return special(e->first) || special(e->last);
}

bool asn_entry_is_long(const struct asn_entry *e)
{
	if (!e->prefix)
		return false;
	if (asn_ip_is_v4(e->first))
		return e->last.lo - e->first.lo < 255;
	return e->last.hi - e->first.hi < 0xffff;
}
