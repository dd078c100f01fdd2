/* test/sim/manager/work.c - what users ask for: mixed work, and that of their roles
 *
 * User 0 is an admin, the others mostly are not: an admin admits them, and now and then evicts one.
 * Everybody also tries what he may not do; test/sim/manager/model.c knows what must come of it. */
#include <stdio.h>
#include <string.h>

#include "core/check.h"
#include "test/sim/manager/sim.h"

/* Whoever these scenes are about does not depend on being admitted. */
void work_roles(struct sim *s)
{
	static const uint8_t kinds[] = { ROLE_NODE,   ROLE_NODE,  ROLE_DEVICE,
					 ROLE_CLIENT, ROLE_ADMIN, ROLE_NODE | ROLE_DEVICE };
	bool admins = s->scene == SCENE_CENSOR || s->scene == SCENE_STRAY ||
		      chance(&s->load, 250);

	for (uint32_t u = 0; u < s->users; u++) {
		struct user *x = &s->user[u];

		x->key = NODES_MAX + u;
		x->roles = !u || admins ? ROLE_ADMIN : kinds[below(&s->load, sizeof kinds)];
		snprintf(x->name, sizeof x->name, "u%c", '0' + (char)u);
		if (x->roles & ROLE_ADMIN)
			key_fp(x->key, &s->cluster.admin[s->cluster.admins++]);
	}
}

static void word(struct sim *s, struct user *x, struct tuple *t, bool any)
{
	static const char *const words[] = { "a", "b", "c", "job" };

	tuple_init(t);
	tuple_add_str(t, words[below(&s->load, 4)]);
	if (any)
		tuple_add_any(t);
	else
		tuple_add_int(t, (int64_t)(x->key * 1000 + x->done));
}

static void free_op(struct sim *s, struct user *x)
{
	static const uint8_t mix[] = { OP_OUT, OP_OUT, OP_OUT, OP_OUT, OP_RDP, OP_INP, OP_INP,
				       OP_CAS, OP_REPLACE, OP_RDALL, OP_RENEW, OP_IN, OP_RD };

	x->op.type = mix[below(&s->load, sizeof mix)];
	word(s, x, &x->op.templ, true);
	word(s, x, &x->op.tuple, false);
	x->op.ttl_ms = chance(&s->load, 300) ? 1000 + below(&s->load, 20000) : 0;
}

/* One that its owner may write, or almost: now and then another's name or key, or a wrong field. */
static void put_reserved(struct sim *s, const struct user *x, const char *tag, struct tuple *t)
{
	static struct node_tuple node;
	static struct device_tuple device;
	static uint8_t mem[SCHEMA_BYTES_MAX];
	const struct user *any = &s->user[below(&s->load, s->users)];
	const struct user *name = chance(&s->load, 900) ? x : any;
	uint32_t key = chance(&s->load, 900) ? x->key : any->key;

	node = (struct node_tuple){ .addrs = chance(&s->load, 950), .version = "1" };
	device = (struct device_tuple){ .addrs = node.addrs, .ports = 1, .version = "1" };
	snprintf(node.name, sizeof node.name, "%s", name->name);
	snprintf(device.name, sizeof device.name, "%s", name->name);
	key_fp(key, &node.fp);
	device.fp = node.fp;
	node.boot[0][0] = device.addr[0].ip[0] = (uint8_t)x->done;
	if (!strcmp(tag, "node")) {
		node_encode(t, &node, mem);
	} else if (!strcmp(tag, "device")) {
		device_encode(t, &device, mem);
	} else {
		tuple_init(t);
		tuple_add_str(t, tag);
		tuple_add_bytes(t, node.fp.b, FP_BYTES);
		tuple_add_int(t, (int64_t)x->done);
	}
}

/* All of a tag, or of a name, whatever its tag may be. */
static void reserved_templ(struct sim *s, const struct user *x, const char *tag, struct tuple *t)
{
	const struct user *any = &s->user[below(&s->load, s->users)];
	const struct user *name = chance(&s->load, 700) ? x : any;

	schema_all(t, tag);
	while (t->n < 3)
		tuple_add_any(t);
	if (strcmp(tag, "trace") && chance(&s->load, 600))
		schema_named(t, tag, name->name);
	if (chance(&s->load, 150))
		t->f[0] = (struct field){ .type = FIELD_ANY };
}

/* What nodes and devices do, mostly by who is one. */
static void reserved_op(struct sim *s, struct user *x)
{
	static const uint8_t mix[] = { OP_OUT, OP_OUT, OP_OUT, OP_RENEW, OP_RENEW, OP_REPLACE,
				       OP_INP, OP_CAS, OP_RDP, OP_RDALL, OP_IN };
	static const char *const tags[] = { "node", "device", "trace" };
	const char *tag = tags[below(&s->load, 3)];
	struct op *op = &x->op;

	if (strcmp(tag, "trace") && (x->roles & (ROLE_NODE | ROLE_DEVICE)) && chance(&s->load, 800))
		tag = x->roles & ROLE_NODE ? "node" : "device";
	op->type = mix[below(&s->load, sizeof mix)];
	put_reserved(s, x, tag, &op->tuple);
	reserved_templ(s, x, tag, &op->templ);
	op->ttl_ms = 1000 + below(&s->load, 5000);
	if (chance(&s->load, 100))
		op->ttl_ms = chance(&s->load, 500) ? 0 : 500 + below(&s->load, 2) * 700000;
}

void choose_op(struct sim *s, struct user *x)
{
	struct op *op = &x->op;

	*op = (struct op){ .type = OP_RDP };
	if (chance(&s->load, x->roles & (ROLE_NODE | ROLE_DEVICE) ? 400 : 60))
		reserved_op(s, x);
	else
		free_op(s, x);
	op->wait_ms = op->type == OP_IN || op->type == OP_RD ? below(&s->load, 3000) : 0;
}

/* The tuple is the schema's, the signature is not looked at by replicas. */
static void member_op(struct user *x, enum op_type type, enum role role, const char *name,
		      const struct fp *fp)
{
	static struct member_tuple m;

	m = (struct member_tuple){ .role = role, .fp = *fp, .sig_len = 8 };
	snprintf(m.name, sizeof m.name, "%s", name);
	x->op = (struct op){ .type = type };
	member_encode(&x->op.tuple, &m);
	schema_named(&x->op.templ, "member", m.name);
}

/* Sometimes a key is admitted or evicted: one that nobody has, or, while there is chaos, a user. */
void choose_member(struct sim *s, struct user *x)
{
	uint32_t k = below(&s->load, 5), u = below(&s->load, s->users);
	enum op_type type = chance(&s->load, 500) ? OP_OUT : OP_INP;
	struct fp fp = { { 0 } };
	char name[8];

	snprintf(name, sizeof name, "m%u", k);
	fp.b[0] = (uint8_t)name[1];
	if (!s->calm && type == OP_INP && chance(&s->load, 800))
		snprintf(name, sizeof name, "%s", s->user[u].name);
	member_op(x, type, ROLE_CLIENT, name, &fp);
}

/* An admin's next operation is to admit a user who lacks a role: true when there is one. */
bool choose_admission(struct sim *s, struct user *x)
{
	if (!(x->roles & ROLE_ADMIN))
		return false;
	for (uint32_t u = 0; u < s->users; u++) {
		const struct user *who = &s->user[u];
		uint32_t lacks;
		struct fp fp;

		key_fp(who->key, &fp);
		lacks = who->roles & ~state_roles(s->oracle, &fp);
		if (!lacks)
			continue;
		member_op(x, OP_OUT, (enum role)(lacks & (~lacks + 1)), who->name, &fp);
		return true;
	}
	return false;
}
