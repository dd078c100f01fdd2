/* cmd/register.c - a node or device in the directory
 *
 * One call to the manager is under way at a time, one timer says when the next is due: `act`
 * decides which. Writing is REPLACE of the own tuple, then OUT when there was none: after a kill -9
 * the old one may still be there under its lease. */
#include "cmd/register.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/report.h"
#include "core/check.h"
#include "core/log.h"

#ifndef VERSION
#define VERSION "unknown"
#endif

enum step { STEP_NONE = 0, STEP_REPLACE, STEP_OUT, STEP_RENEW, STEP_WITHDRAW };

/* Why we are not registered, as it was last told, so that it is told once. */
enum trouble {
	TROUBLE_NONE = 0,
	TROUBLE_NOT_ADMITTED,
	TROUBLE_TAKEN,
	TROUBLE_ADDRESS,
	TROUBLE_OTHER
};

struct registration {
	const struct party *p;
	struct quorum *q;
	struct register_config cfg;
	struct addr addr[REG_ADDRS_MAX];
	uint32_t addrs; /* 0: not known yet */
	bool given;	/* by --advertise or by where we listen */
	struct node_tuple node;
	struct device_tuple device;
	bool filled;	/* register_node or register_device was called */
	bool changed;	/* since it was written */
	bool listed;	/* the tuple is there, as far as we know */
	bool told_ready;
	enum trouble trouble;
	struct quorum_call call;
	enum step step;
	struct timer timer;
	void (*done)(void *owner);
	uint8_t mem[SCHEMA_BYTES_MAX];
};

/* Where everybody, or at least everybody who reaches the replicas, can reach it: ARCHITECTURE 4. */
static bool scope_ok(const struct cluster *c, const struct addr *a)
{
	enum addr_scope s = addr_scope(a);
	bool inside = true;

	if (s == ADDR_GLOBAL)
		return true;
	if (s != ADDR_PRIVATE && s != ADDR_LOOPBACK && s != ADDR_RESERVED)
		return false;
	for (uint32_t i = 0; i < c->n; i++) {
		enum addr_scope replica = addr_scope(&c->replica[i].addr);

		inside &= replica == s || replica == ADDR_LOOPBACK;
	}
	return inside;
}

static int bad_address(const struct registration *r, const struct addr *a)
{
	char text[ADDR_STR_MAX];

	return report_error(r->p->common, EXIT_USAGE, "give --advertise a public address",
			    "address", "nobody outside can reach the %s address %s",
			    addr_scope_str[addr_scope(a)], addr_format_ip(a, text));
}

static int parse_advertise(struct registration *r)
{
	for (uint32_t i = 0; i < r->cfg.advertise.n; i++) {
		const char *text = r->cfg.advertise.v[i];
		struct addr *a = &r->addr[r->addrs];

		if (r->addrs == REG_ADDRS_MAX)
			return report_error(r->p->common, EXIT_USAGE, "leave some out",
					    "--advertise", "more than %d addresses", REG_ADDRS_MAX);
		if (!addr_parse(a, text, r->cfg.at.port) || !a->port)
			return report_error(r->p->common, EXIT_USAGE,
					    "give an ADDRESS or ADDRESS:PORT", "--advertise",
					    "\"%s\" is no address", text);
		if (!scope_ok(&r->p->cluster, a))
			return bad_address(r, a);
		r->addrs++;
	}
	if (!r->addrs && scope_ok(&r->p->cluster, &r->cfg.at))
		r->addr[r->addrs++] = r->cfg.at;
	r->given = r->addrs > 0;
	return 0;
}

static void tell(struct registration *r, enum trouble t, const char *why)
{
	char fp[FP_STR_MAX];

	if (r->trouble == t)
		return;
	r->trouble = t;
	fp_format(&r->p->id.fp, fp);
	if (t == TROUBLE_NOT_ADMITTED)
		report_warning(r->p->common, r->cfg.name,
			       "not admitted yet; run: machete -C ADMIN admit %s %s %s",
			       role_name(r->cfg.role), r->cfg.name, fp);
	else if (t != TROUBLE_NONE)
		report_warning(r->p->common, r->cfg.name, "not registered: %s; trying on", why);
}

static void again(struct registration *r, int64_t ms)
{
	struct loop *l = quorum_loop(r->q);

	loop_arm(l, &r->timer, mono_add_ms(loop_now(l), ms));
}

static const char *tag(const struct registration *r)
{
	return role_name(r->cfg.role);
}

/* Our own tuple, whatever else stands in it. */
static void own_template(const struct registration *r, struct tuple *t)
{
	schema_named(t, tag(r), r->cfg.name);
	t->f[2] = (struct field){ FIELD_BYTES, 0, r->p->id.fp.b, FP_BYTES };
}

static void fill_tuple(struct registration *r, struct tuple *t)
{
	struct node_tuple *n = &r->node;
	struct device_tuple *d = &r->device;

	if (r->cfg.role == ROLE_NODE) {
		n->addrs = r->addrs;
		memcpy(n->addr, r->addr, sizeof n->addr);
		node_encode(t, n, r->mem);
	} else {
		d->addrs = r->addrs;
		memcpy(d->addr, r->addr, sizeof d->addr);
		device_encode(t, d, r->mem);
	}
}

static void ask(struct registration *r, enum step step)
{
	static const enum op_type ops[] = {
		[STEP_REPLACE] = OP_REPLACE,
		[STEP_OUT] = OP_OUT,
		[STEP_RENEW] = OP_RENEW,
		[STEP_WITHDRAW] = OP_INP,
	};

	r->step = step;
	r->call.op = (struct op){ .type = ops[step], .ttl_ms = REGISTER_TTL_MS };
	if (step == STEP_WITHDRAW)
		r->call.op.ttl_ms = 0;
	if (step != STEP_OUT)
		own_template(r, &r->call.op.templ);
	if (step == STEP_REPLACE || step == STEP_OUT) {
		fill_tuple(r, &r->call.op.tuple);
		r->changed = false;
	}
	quorum_call(r->q, &r->call);
}

/* The address that f+1 replicas see, unless one was given. */
static bool find_address(struct registration *r)
{
	struct addr seen;

	if (r->given)
		return true;
	if (!quorum_seen(r->q, &seen))
		return false;
	seen.port = r->cfg.at.port;
	if (!scope_ok(&r->p->cluster, &seen)) {
		if (r->trouble != TROUBLE_ADDRESS)
			bad_address(r, &seen);
		r->trouble = TROUBLE_ADDRESS;
		return false;
	}
	r->changed |= r->addrs != 1 || !addr_eq(&r->addr[0], &seen);
	r->addr[0] = seen;
	r->addrs = 1;
	return true;
}

static void act(struct registration *r)
{
	if (r->call.queued || !r->filled || r->done)
		return;
	if (quorum_standing(r->q) == QUORUM_DENIED) {
		r->listed = false;
		tell(r, TROUBLE_NOT_ADMITTED, NULL);
		again(r, REGISTER_RETRY_MS);
	} else if (quorum_standing(r->q) == QUORUM_UNKNOWN || !find_address(r)) {
		again(r, REGISTER_RETRY_MS);
	} else {
		ask(r, r->listed && !r->changed ? STEP_RENEW : STEP_REPLACE);
	}
}

static void due(struct timer *t, mono_t now)
{
	struct registration *r = container_of(t, struct registration, timer);
	void (*done)(void *owner) = r->done;

	(void)now;
	if (!done) {
		act(r);
		return;
	}
	quorum_cancel(r->q, &r->call);
	done(r->cfg.owner);
}

static void standing_changed(void *owner)
{
	struct registration *r = owner;

	if (r->filled && !r->call.queued && !r->done)
		again(r, 0);
}

static void registered(struct registration *r)
{
	if (r->trouble && (r->told_ready || r->cfg.told))
		log_notice("%s is registered again", r->cfg.name);
	r->listed = true;
	r->trouble = TROUBLE_NONE;
	again(r, r->changed ? 0 : REGISTER_RENEW_MS);
	if (r->told_ready)
		return;
	r->told_ready = true;
	r->cfg.ready(r->cfg.owner, r->addr, r->addrs);
}

static void refused(struct registration *r, const struct result *res)
{
	r->listed = false;
	if (res->code == RESULT_DENIED)
		tell(r, TROUBLE_NOT_ADMITTED, NULL);
	else if (res->code == RESULT_FOUND)
		tell(r, TROUBLE_TAKEN, "another key uses the name");
	else
		tell(r, TROUBLE_OTHER, result_code_str[res->code]);
	again(r, REGISTER_RETRY_MS);
}

static void answered(struct quorum_call *call, int code, const struct result *res)
{
	struct registration *r = container_of(call, struct registration, call);

	if (r->done) {
		again(r, 0);
	} else if (code == EXIT_DENIED) {
		again(r, 0);
	} else if (code) {
		tell(r, TROUBLE_OTHER, "no quorum of replicas");
		again(r, REGISTER_RETRY_MS);
	} else if (res->code == RESULT_OK) {
		registered(r);
	} else if (res->code == RESULT_NONE && r->step == STEP_REPLACE) {
		ask(r, STEP_OUT);
	} else if (res->code == RESULT_NONE) {
		r->listed = false;
		again(r, 0);
	} else {
		refused(r, res);
	}
}

int register_open(struct registration **out, const struct party *p, struct quorum *q,
		  const struct register_config *cfg)
{
	struct registration *r = calloc(1, sizeof *r);

	*out = r;
	if (!r)
		return report_error(p->common, EXIT_FAILED, "free some memory", "registration",
				    "out of memory");
	r->p = p;
	r->q = q;
	r->cfg = *cfg;
	r->call.done = answered;
	r->timer.fire = due;
	quorum_on_standing(q, standing_changed, r);
	if (!name_ok(cfg->name, strlen(cfg->name)))
		return report_error(p->common, EXIT_USAGE, "use 1 to 63 of a-z, 0-9 and -",
				    "--name", "\"%s\" is no name", cfg->name);
	return parse_advertise(r);
}

static void publish(struct registration *r)
{
	r->changed = r->filled = true;
	if (!r->call.queued && !r->done)
		again(r, 0);
}

void register_node(struct registration *r, const struct node_tuple *n)
{
	r->node = *n;
	r->node.fp = r->p->id.fp;
	memcpy(r->node.pub, r->p->id.pub, sizeof r->node.pub);
	snprintf(r->node.name, sizeof r->node.name, "%s", r->cfg.name);
	snprintf(r->node.version, sizeof r->node.version, "%s", VERSION);
	publish(r);
}

void register_device(struct registration *r, const struct device_tuple *d)
{
	r->device = *d;
	r->device.fp = r->p->id.fp;
	snprintf(r->device.name, sizeof r->device.name, "%s", r->cfg.name);
	snprintf(r->device.version, sizeof r->device.version, "%s", VERSION);
	publish(r);
}

void register_withdraw(struct registration *r, void (*done)(void *owner))
{
	quorum_cancel(r->q, &r->call);
	r->done = done;
	again(r, r->listed ? REGISTER_WITHDRAW_MS : 0);
	if (r->listed)
		ask(r, STEP_WITHDRAW);
}

void register_close(struct registration *r)
{
	quorum_cancel(r->q, &r->call);
	quorum_on_standing(r->q, NULL, NULL);
	loop_disarm(quorum_loop(r->q), &r->timer);
	free(r);
}
