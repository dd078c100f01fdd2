/* cmd/admit.c - who belongs to the overlay: admit, evict, members
 *
 * Membership is `member` tuples, signed by an admin's key (tuple/schema.h), so that replicas that
 * lie can hide a member but not invent one. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "cmd/directory.h"
#include "cmd/oneshot.h"
#include "cmd/report.h"
#include "core/check.h"

struct opts {
	const char *operator_name;
};

static const struct opt admit_rows[] = {
	{ OPT_STR, 0, "operator", "X", "who runs it (a-z 0-9 -), for `--one-per operator`",
	  offsetof(struct opts, operator_name), 0, 0 },
	{ 0 },
};

static int bad_name(const struct common *c, const char *name)
{
	return report_error(c, EXIT_USAGE, "use 1 to 63 of a-z, 0-9 and -", name,
			    "this is no name");
}

static int parse_member(const struct common *c, const struct opts *o, char **argv,
			struct member_tuple *m)
{
	const char *op = o->operator_name ? o->operator_name : "";

	m->role = role_parse((const uint8_t *)argv[0], strlen(argv[0]));
	if (!m->role)
		return report_error(c, EXIT_USAGE, "use node, device or client", argv[0],
				    "there is no such role");
	if (!name_ok(argv[1], strlen(argv[1])))
		return bad_name(c, argv[1]);
	if (*op && !name_ok(op, strlen(op)))
		return bad_name(c, op);
	if (!fp_parse(&m->fp, argv[2]))
		return report_error(c, EXIT_USAGE, "print it with `machete key show`", argv[2],
				    "this is no fingerprint (43 characters)");
	snprintf(m->name, sizeof m->name, "%s", argv[1]);
	snprintf(m->operator_name, sizeof m->operator_name, "%s", op);
	return 0;
}

/* The serial only has to grow from one statement about a name to the next. */
static void sign_member(const struct party *p, struct member_tuple *m)
{
	uint8_t msg[MEMBER_SIGNED_MAX];
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	m->serial = (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
	memcpy(m->pub, p->id.pub, sizeof m->pub);
	m->sig_len = ident_sign(&p->id, msg, member_signed(m, p->cluster_id, msg), m->sig);
}

static void say(const struct common *c, const char *event, const struct member_tuple *m)
{
	struct json *j = c->json ? report_begin(event) : NULL;
	char fp[FP_STR_MAX];

	if (!j)
		return;
	fp_format(&m->fp, fp);
	json_str(j, "role", role_name(m->role));
	json_str(j, "name", m->name);
	json_str(j, "fingerprint", fp);
	json_str(j, "operator", m->operator_name);
	report_end(j);
}

/* One key may have several names, and is a member while it has any. What cannot be read is reported
 * as an error and changes nothing: what was asked for is done. */
static void warn_of_others(struct oneshot *o, const char *what, const struct member_tuple *m,
			   const char *todo)
{
	struct op op = { .type = OP_RDALL };
	const struct result *r;

	schema_key(&op.templ, &m->fp);
	do {
		struct member_tuple other;
		struct result page;
		struct tuple t;
		uint64_t id;

		if (quorum_ask(o->q, what, &op, &r) || r->code != RESULT_OK)
			return;
		page = *r;
		while (result_next(&page, &t, &id))
			if (member_decode(&other, &t) && strcmp(other.name, m->name))
				report_warning(o->party.common, m->name,
					       "its key is admitted as %s %s too%s",
					       role_name(other.role), other.name, todo);
		op.cursor = r->cursor;
	} while (op.cursor);
}

/* The same key in the same role under the same name may be admitted again: nothing changes, so
 * another operator is refused. */
static int judge_taken(struct oneshot *o, const struct member_tuple *m, const struct result *r)
{
	struct member_tuple old;
	char fp[FP_STR_MAX];

	if (!r->has_tuple || !member_decode(&old, &r->tuple))
		return report_error(o->party.common, EXIT_FAILED, "evict it first", m->name,
				    "the name is taken");
	fp_format(&old.fp, fp);
	if (!fp_eq(&old.fp, &m->fp))
		return report_error(o->party.common, EXIT_FAILED,
				    "evict it first, or choose another name", m->name,
				    "the name belongs to %s", fp);
	if (!*m->operator_name || !strcmp(old.operator_name, m->operator_name))
		return EXIT_OK;
	return report_error(o->party.common, EXIT_FAILED, "evict it first", m->name,
			    "it is admitted with %s%s",
			    *old.operator_name ? "operator " : "no operator", old.operator_name);
}

/* Insert unless something like it is there: a name belongs to one key. */
static int insert(struct oneshot *o, const struct member_tuple *m)
{
	struct op op = { .type = OP_CAS };
	const struct result *r;
	int e;

	schema_named(&op.templ, "member", m->name);
	op.templ.f[1] = (struct field){ .type = FIELD_STR };
	op.templ.f[1].bytes = (const uint8_t *)role_name(m->role);
	op.templ.f[1].len = strlen(role_name(m->role));
	member_encode(&op.tuple, m);
	e = quorum_ask(o->q, "admit", &op, &r);
	if (e)
		return e;
	if (r->code == RESULT_FOUND)
		return judge_taken(o, m, r);
	return quorum_judge(&o->party, "admit", r);
}

static int admit_main(const struct common *c, const void *opts, int argc, char **argv)
{
	struct member_tuple m = { 0 };
	static struct oneshot o;
	int r;

	(void)argc;
	r = parse_member(c, opts, argv, &m);
	if (r)
		return r;
	r = oneshot_open(&o, c);
	if (!r) {
		sign_member(&o.party, &m);
		r = insert(&o, &m);
	}
	if (!r) {
		say(c, "admitted", &m);
		warn_of_others(&o, "admit", &m, "");
	}
	oneshot_close(&o);
	return r;
}

const struct cmd cmd_admit = {
	.name = "admit",
	.main = admit_main,
	.args = "node|device|client NAME FINGERPRINT",
	.summary = "make a key a member of the overlay (with an admin's HOME)",
	.rows = admit_rows,
	.opts_bytes = sizeof(struct opts),
	.words_min = 3,
	.words_max = 3,
};

/* Nothing was there that we may remove: nothing at all, or nothing for us. */
static int judge_nothing(struct oneshot *o, const char *name)
{
	struct op op = { .type = OP_RDP };
	const struct result *r;
	int e;

	schema_named(&op.templ, "member", name);
	e = quorum_ask(o->q, "evict", &op, &r);
	if (e)
		return e;
	if (r->code == RESULT_NONE)
		return report_error(o->party.common, EXIT_FAILED, "see `machete members`", name,
				    "there is no such member");
	return report_error(o->party.common, EXIT_DENIED, "use an admin's key (-C)", name,
			    "this key may not evict");
}

/* All roles of the name, which belongs to one key. */
static int evict(struct oneshot *o, const char *name)
{
	const struct common *c = o->party.common;
	struct member_tuple m = { 0 };

	for (;;) {
		struct op op = { .type = OP_INP };
		const struct result *r;
		int e;

		schema_named(&op.templ, "member", name);
		e = quorum_ask(o->q, "evict", &op, &r);
		if (!e && r->code == RESULT_NONE)
			break;
		e = e ? e : quorum_judge(&o->party, "evict", r);
		if (e)
			return e;
		if (r->has_tuple && member_decode(&m, &r->tuple))
			say(c, "evicted", &m);
	}
	if (!m.role)
		return judge_nothing(o, name);
	warn_of_others(o, "evict", &m, ": evict that to shut it out");
	return EXIT_OK;
}

static int evict_main(const struct common *c, const void *opts, int argc, char **argv)
{
	static struct oneshot o;
	int r;

	(void)argc;
	(void)opts;
	if (!name_ok(argv[0], strlen(argv[0])))
		return bad_name(c, argv[0]);
	r = oneshot_open(&o, c);
	if (!r)
		r = evict(&o, argv[0]);
	oneshot_close(&o);
	return r;
}

const struct cmd cmd_evict = {
	.name = "evict",
	.main = evict_main,
	.args = "NAME",
	.summary = "end a membership: forgotten everywhere within 10 s (with an admin's HOME)",
	.words_min = 1,
	.words_max = 1,
};

static void list_member(const struct common *c, const struct member_entry *m)
{
	struct json *j = c->json ? report_begin("member") : NULL;
	char fp[FP_STR_MAX];

	fp_format(&m->fp, fp);
	if (!j) {
		printf("%-7s %-20s %s %s\n", role_name(m->role), m->name, fp, m->operator_name);
		return;
	}
	json_str(j, "role", role_name(m->role));
	json_str(j, "name", m->name);
	json_str(j, "fingerprint", fp);
	json_str(j, "operator", m->operator_name);
	report_end(j);
}

static int members_main(const struct common *c, const void *opts, int argc, char **argv)
{
	static struct oneshot o;
	struct directory *d = NULL;
	int r;

	(void)argc;
	(void)argv;
	(void)opts;
	r = oneshot_open(&o, c);
	if (!r) {
		d = directory_open(&o.party);
		r = d ? directory_load(d, o.q) : EXIT_FAILED;
	}
	for (uint32_t i = 0; !r && i < directory_members(d); i++)
		list_member(c, directory_member_at(d, i));
	if (d)
		directory_close(d);
	oneshot_close(&o);
	return r;
}

const struct cmd cmd_members = {
	.name = "members",
	.main = members_main,
	.args = "",
	.summary = "list who is admitted, with role, name, fingerprint and operator",
};
