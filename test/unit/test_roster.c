/* test/unit/test_roster.c - who counts as a member, node or device, and what the cache file keeps
 */
#include <stdlib.h>

#include "test/unit/test.h"
#include "tuple/roster.h"

static struct ident admin, other, n1, d1;
static struct cluster cluster;
static struct roster_trust trust;
static struct roster *r, *old;

static struct ident key(uint8_t n)
{
	uint8_t priv[PRIV_BYTES] = { [31] = n };
	struct ident id = { .priv = { 0 } };

	CHECK(ident_from_priv(&id, priv));
	return id;
}

static void begin(void)
{
	admin = key(1);
	other = key(2);
	n1 = key(3);
	d1 = key(4);
	cluster = (struct cluster){ .n = 1, .admins = 1 };
	cluster.admin[0] = admin.fp;
	trust.cluster = &cluster;
	memset(trust.cluster_id, 7, sizeof trust.cluster_id);
	roster_clear(r);
	roster_clear(old);
}

static bool add_member(const struct ident *signer, enum role role, const char *name,
		       const struct fp *fp, const struct roster *before)
{
	struct member_tuple m = { .role = role, .fp = *fp, .serial = 1 };
	uint8_t msg[MEMBER_SIGNED_MAX];
	struct tuple t;

	snprintf(m.name, sizeof m.name, "%s", name);
	snprintf(m.operator_name, sizeof m.operator_name, "acme");
	memcpy(m.pub, signer->pub, sizeof m.pub);
	m.sig_len = ident_sign(signer, msg, member_signed(&m, trust.cluster_id, msg), m.sig);
	member_encode(&t, &m);
	return roster_add(r, &t, &trust, before);
}

static bool add_node(const char *name, const struct ident *id)
{
	struct node_tuple n = { .fp = id->fp, .addrs = 1, .relay = true };
	uint8_t mem[SCHEMA_BYTES_MAX];
	struct tuple t;

	snprintf(n.name, sizeof n.name, "%s", name);
	memcpy(n.pub, id->pub, sizeof n.pub);
	memset(n.boot[0], 1, sizeof n.boot[0]);
	memset(n.boot[1], 2, sizeof n.boot[1]);
	CHECK(addr_parse(&n.addr[0], "192.0.2.1:7200", 0));
	node_encode(&t, &n, mem);
	return roster_add(r, &t, &trust, NULL);
}

static bool add_device(const char *name, const struct ident *id)
{
	struct device_tuple d = { .fp = id->fp, .addrs = 1, .ports = 2, .port = { 22, 80 },
				  .has_aes = true };
	uint8_t mem[SCHEMA_BYTES_MAX];
	struct tuple t;

	snprintf(d.name, sizeof d.name, "%s", name);
	CHECK(addr_parse(&d.addr[0], "[2001:db8::1]:7300", 0));
	device_encode(&t, &d, mem);
	return roster_add(r, &t, &trust, NULL);
}

static void fill(void)
{
	begin();
	CHECK(add_member(&admin, ROLE_NODE, "n1", &n1.fp, NULL));
	CHECK(add_member(&admin, ROLE_CLIENT, "n1", &n1.fp, NULL));
	CHECK(add_member(&admin, ROLE_DEVICE, "dev", &d1.fp, NULL));
	CHECK(add_node("n1", &n1));
	CHECK(add_device("dev", &d1));
	roster_seal(r);
}

static void finds_what_was_added(void)
{
	const struct node_entry *n;
	const struct device_entry *d;

	fill();
	n = roster_node(r, "n1");
	d = roster_device_fp(r, &d1.fp);
	CHECK(n && n->relay && !n->nat && n->addrs == 1 && n->addr[0].port == 7200);
	CHECK(n && n->boot[0] == 1);
	CHECK(n && !strcmp(n->operator_name, "acme"));
	CHECK(d && d->ports == 2 && d->port[1] == 80 && d->has_aes);
	CHECK(d == roster_device(r, "dev"));
	CHECK(!roster_node(r, "dev"));
	CHECK(!roster_device(r, "n1"));
	CHECK_EQ(r->refused, 0);
}

static void joins_the_roles_of_a_key(void)
{
	const struct member_entry *m;

	fill();
	CHECK_EQ(roster_roles(r, &n1.fp), ROLE_NODE | ROLE_CLIENT);
	CHECK_EQ(roster_roles(r, &d1.fp), ROLE_DEVICE);
	CHECK_EQ(roster_roles(r, &other.fp), 0);
	m = roster_member(r, &n1.fp, ROLE_CLIENT);
	CHECK(m && m->role == ROLE_CLIENT && !strcmp(m->name, "n1"));
	CHECK(!roster_member(r, &d1.fp, ROLE_NODE));
}

static void leaves_out_members_that_no_admin_signed(void)
{
	struct member_tuple m = { .role = ROLE_NODE, .fp = n1.fp, .name = "n1", .sig_len = 8 };
	struct tuple t;

	begin();
	CHECK(!add_member(&other, ROLE_NODE, "n1", &n1.fp, NULL));
	memcpy(m.pub, admin.pub, sizeof m.pub);
	member_encode(&t, &m);
	CHECK(!roster_add(r, &t, &trust, NULL));
	roster_seal(r);
	CHECK_EQ(r->members, 0);
	CHECK_EQ(r->refused, 2);
}

static void leaves_out_nodes_and_devices_without_a_member(void)
{
	begin();
	add_member(&admin, ROLE_NODE, "n1", &n1.fp, NULL);
	add_member(&admin, ROLE_CLIENT, "dev", &d1.fp, NULL);
	CHECK(add_node("n1", &n1));
	CHECK(add_node("n2", &n1));
	CHECK(add_node("n1", &other));
	CHECK(add_device("dev", &d1));
	roster_seal(r);
	CHECK_EQ(r->nodes, 1);
	CHECK(fp_eq(&r->node[0].fp, &n1.fp));
	CHECK_EQ(r->devices, 0);
	CHECK_EQ(r->refused, 3);
}

static void takes_an_unchanged_member_without_its_admin(void)
{
	struct roster *swap = r;

	fill();
	r = old;
	old = swap;
	cluster.admin[0] = other.fp;
	CHECK(!add_member(&admin, ROLE_NODE, "n1", &n1.fp, NULL));
	CHECK(add_member(&admin, ROLE_NODE, "n1", &n1.fp, old));
	CHECK(!add_member(&admin, ROLE_NODE, "n2", &n1.fp, old));
}

static void notices_whether_anything_changed(void)
{
	fill();
	CHECK(!roster_same(r, old));
	memcpy(old, r, sizeof *r);
	CHECK(roster_same(r, old));
	add_node("n2", &n1);
	CHECK(!roster_same(r, old));
}

static void reads_the_cache_it_wrote(void)
{
	uint8_t id[32] = { 9 }, wrong[32] = { 8 };
	int64_t wall_s = 0;
	size_t len;

	fill();
	roster_save(r, id, 1234567, &len);
	memcpy(old->cache, r->cache, len);
	CHECK(roster_load(old, len, id, &wall_s));
	CHECK_EQ(wall_s, 1234567);
	CHECK(roster_same(r, old));
	CHECK_EQ(roster_roles(old, &n1.fp), ROLE_NODE | ROLE_CLIENT);
	CHECK(roster_device(old, "dev") != NULL);
	CHECK(!roster_load(old, len, wrong, &wall_s));
	CHECK_EQ(old->members, 0);
	CHECK_EQ(old->nodes, 0);
}

static void refuses_a_cache_with_any_byte_changed_or_missing(void)
{
	uint8_t id[32] = { 9 };
	int64_t wall_s;
	size_t len;

	fill();
	roster_save(r, id, 5, &len);
	for (size_t i = 0; i < len; i++) {
		memcpy(old->cache, r->cache, len);
		old->cache[i] ^= 0x20;
		CHECK(!roster_load(old, len, id, &wall_s));
	}
	for (size_t n = 0; n < len; n += 7) {
		memcpy(old->cache, r->cache, len);
		CHECK(!roster_load(old, n, id, &wall_s));
	}
}

static void is_empty_when_nothing_was_added(void)
{
	begin();
	roster_seal(r);
	CHECK_EQ(roster_roles(r, &n1.fp), 0);
	CHECK(!roster_node(r, "n1"));
	CHECK(!roster_member(r, &n1.fp, ROLE_NODE));
}

TEST_MAIN_BEGIN
r = calloc(1, sizeof *r);
old = calloc(1, sizeof *old);
RUN(finds_what_was_added);
RUN(joins_the_roles_of_a_key);
RUN(leaves_out_members_that_no_admin_signed);
RUN(leaves_out_nodes_and_devices_without_a_member);
RUN(takes_an_unchanged_member_without_its_admin);
RUN(notices_whether_anything_changed);
RUN(reads_the_cache_it_wrote);
RUN(refuses_a_cache_with_any_byte_changed_or_missing);
RUN(is_empty_when_nothing_was_added);
free(r);
free(old);
TEST_MAIN_END
