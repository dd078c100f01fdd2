/* tuple/schema.c - the reserved tuples: who is a member, and where nodes and devices are */
#include "tuple/schema.h"

#include <string.h>

enum { ADDR_FIELD_BYTES = 18, FORWARD_NAT = 1, FORWARD_RELAY = 2 };

bool name_ok(const char *s, size_t len)
{
	if (!len || len >= NAME_STR_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= '0' && s[i] <= '9') || s[i] == '-'))
			return false;
	return true;
}

static const struct {
	enum role role;
	const char *name;
} roles[] = { { ROLE_NODE, "node" }, { ROLE_DEVICE, "device" }, { ROLE_CLIENT, "client" } };

enum role role_parse(const uint8_t *s, size_t len)
{
	for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++)
		if (strlen(roles[i].name) == len && !memcmp(roles[i].name, s, len))
			return roles[i].role;
	return 0;
}

const char *role_name(enum role role)
{
	for (size_t i = 0; i < sizeof roles / sizeof roles[0]; i++)
		if (roles[i].role == role)
			return roles[i].name;
	return role == ROLE_ADMIN ? "admin" : "none";
}

/* Readers of one field; each false when the field is something else. */
static bool take_str(const struct field *f, char *out, size_t room)
{
	if (f->type != FIELD_STR || f->len >= room)
		return false;
	if (f->len)
		memcpy(out, f->bytes, f->len);
	out[f->len] = 0;
	return true;
}

static bool take_name(const struct field *f, char out[static NAME_STR_MAX])
{
	return take_str(f, out, NAME_STR_MAX) && name_ok(out, f->len);
}

static bool take_bytes(const struct field *f, void *out, size_t len)
{
	if (f->type != FIELD_BYTES || f->len != len)
		return false;
	memcpy(out, f->bytes, len);
	return true;
}

static bool take_addrs(const struct field *f, struct addr *out, uint32_t *n)
{
	struct buf b;

	if (f->type != FIELD_BYTES || f->len % ADDR_FIELD_BYTES ||
	    f->len > REG_ADDRS_MAX * ADDR_FIELD_BYTES)
		return false;
	buf_over(&b, f->bytes, f->len);
	for (*n = 0; buf_left(&b); (*n)++) {
		buf_get_copy(&b, out[*n].ip, sizeof out[*n].ip);
		out[*n].port = buf_get_u16(&b);
	}
	return *n > 0;
}

static void put_addrs(struct tuple *t, const struct addr *addr, uint32_t n, uint8_t *mem)
{
	struct buf b;

	buf_init(&b, mem, REG_ADDRS_MAX * ADDR_FIELD_BYTES);
	for (uint32_t i = 0; i < n; i++) {
		buf_put_bytes(&b, addr[i].ip, sizeof addr[i].ip);
		buf_put_u16(&b, addr[i].port);
	}
	tuple_add_bytes(t, mem, b.len);
}

void member_encode(struct tuple *t, const struct member_tuple *m)
{
	tuple_init(t);
	tuple_add_str(t, "member");
	tuple_add_str(t, role_name(m->role));
	tuple_add_str(t, m->name);
	tuple_add_bytes(t, m->fp.b, FP_BYTES);
	tuple_add_str(t, m->operator_name);
	tuple_add_int(t, (int64_t)m->serial);
	tuple_add_bytes(t, m->pub, PUB_BYTES);
	tuple_add_bytes(t, m->sig, m->sig_len);
}

bool member_decode(struct member_tuple *m, const struct tuple *t)
{
	const struct field *f = t->f;

	memset(m, 0, sizeof *m);
	if (t->n != 8 || !tuple_is_str(t, 0, "member") || f[1].type != FIELD_STR)
		return false;
	m->role = role_parse(f[1].bytes, f[1].len);
	if (!m->role || !take_name(&f[2], m->name) || !take_bytes(&f[3], m->fp.b, FP_BYTES))
		return false;
	if (!take_str(&f[4], m->operator_name, sizeof m->operator_name))
		return false;
	if (m->operator_name[0] && !name_ok(m->operator_name, f[4].len))
		return false;
	if (f[5].type != FIELD_INT || f[5].num < 0 || !take_bytes(&f[6], m->pub, PUB_BYTES))
		return false;
	m->serial = (uint64_t)f[5].num;
	m->sig_len = f[7].len;
	return f[7].len && f[7].len <= SIG_BYTES_MAX && take_bytes(&f[7], m->sig, f[7].len);
}

void node_encode(struct tuple *t, const struct node_tuple *n, uint8_t mem[static SCHEMA_BYTES_MAX])
{
	tuple_init(t);
	tuple_add_str(t, "node");
	tuple_add_str(t, n->name);
	tuple_add_bytes(t, n->fp.b, FP_BYTES);
	tuple_add_bytes(t, n->pub, PUB_BYTES);
	put_addrs(t, n->addr, n->addrs, mem);
	tuple_add_bytes(t, n->boot, sizeof n->boot);
	tuple_add_int(t, (n->nat ? FORWARD_NAT : 0) | (n->relay ? FORWARD_RELAY : 0));
	tuple_add_str(t, n->version);
}

bool node_decode(struct node_tuple *n, const struct tuple *t)
{
	const struct field *f = t->f;

	memset(n, 0, sizeof *n);
	if (t->n != 8 || !tuple_is_str(t, 0, "node") || !take_name(&f[1], n->name))
		return false;
	if (!take_bytes(&f[2], n->fp.b, FP_BYTES) || !take_bytes(&f[3], n->pub, PUB_BYTES))
		return false;
	if (!take_addrs(&f[4], n->addr, &n->addrs) || !take_bytes(&f[5], n->boot, sizeof n->boot))
		return false;
	if (f[6].type != FIELD_INT || f[6].num < 0 || f[6].num > (FORWARD_NAT | FORWARD_RELAY))
		return false;
	n->nat = f[6].num & FORWARD_NAT;
	n->relay = f[6].num & FORWARD_RELAY;
	return take_str(&f[7], n->version, sizeof n->version);
}

void device_encode(struct tuple *t, const struct device_tuple *d,
		   uint8_t mem[static SCHEMA_BYTES_MAX])
{
	uint8_t *ports = mem + REG_ADDRS_MAX * ADDR_FIELD_BYTES;
	struct buf b;

	tuple_init(t);
	tuple_add_str(t, "device");
	tuple_add_str(t, d->name);
	tuple_add_bytes(t, d->fp.b, FP_BYTES);
	put_addrs(t, d->addr, d->addrs, mem);
	buf_init(&b, ports, REG_PORTS_MAX * 2);
	for (uint32_t i = 0; i < d->ports; i++)
		buf_put_u16(&b, d->port[i]);
	tuple_add_bytes(t, ports, b.len);
	tuple_add_int(t, d->has_aes);
	tuple_add_str(t, d->version);
}

bool device_decode(struct device_tuple *d, const struct tuple *t)
{
	const struct field *f = t->f;
	struct buf b;

	memset(d, 0, sizeof *d);
	if (t->n != 7 || !tuple_is_str(t, 0, "device") || !take_name(&f[1], d->name))
		return false;
	if (!take_bytes(&f[2], d->fp.b, FP_BYTES) || !take_addrs(&f[3], d->addr, &d->addrs))
		return false;
	if (f[4].type != FIELD_BYTES || f[4].len % 2 || f[4].len > REG_PORTS_MAX * 2)
		return false;
	buf_over(&b, f[4].bytes, f[4].len);
	while (buf_left(&b))
		d->port[d->ports++] = buf_get_u16(&b);
	if (f[5].type != FIELD_INT || (f[5].num != 0 && f[5].num != 1))
		return false;
	d->has_aes = f[5].num;
	return take_str(&f[6], d->version, sizeof d->version);
}

static void put_str(struct buf *b, const char *s)
{
	buf_put_lv(b, s, strlen(s));
}

size_t member_signed(const struct member_tuple *m, const uint8_t cluster[static 32],
		     uint8_t out[static MEMBER_SIGNED_MAX])
{
	struct buf b;

	buf_init(&b, out, MEMBER_SIGNED_MAX);
	put_str(&b, "machete member 1");
	buf_put_bytes(&b, cluster, 32);
	put_str(&b, role_name(m->role));
	put_str(&b, m->name);
	buf_put_bytes(&b, m->fp.b, FP_BYTES);
	put_str(&b, m->operator_name);
	buf_put_u64(&b, m->serial);
	return b.len;
}

void schema_all(struct tuple *t, const char *tag)
{
	static const struct {
		const char *tag;
		uint32_t n;
	} arity[] = { { "member", 8 }, { "node", 8 }, { "device", 7 } };

	tuple_init(t);
	tuple_add_str(t, tag);
	for (size_t i = 0; i < sizeof arity / sizeof arity[0]; i++)
		while (!strcmp(tag, arity[i].tag) && t->n < arity[i].n)
			tuple_add_any(t);
}

void schema_named(struct tuple *t, const char *tag, const char *name)
{
	uint32_t at = strcmp(tag, "member") ? 1 : 2;

	schema_all(t, tag);
	if (at < t->n)
		t->f[at] = (struct field){ FIELD_STR, 0, (const uint8_t *)name, strlen(name) };
}

void schema_key(struct tuple *t, const struct fp *fp)
{
	schema_all(t, "member");
	t->f[3] = (struct field){ FIELD_BYTES, 0, fp->b, sizeof fp->b };
}
