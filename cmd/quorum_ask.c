/* cmd/quorum_ask.c - one-shot use of the manager by commands, and its errors for people */
#include "cmd/quorum_ask.h"

#include <stdio.h>
#include <string.h>

#include "cmd/quorum_inner.h"
#include "cmd/report.h"
#include "core/check.h"

enum { LIST_BYTES_MAX = 400 };

struct ask {
	struct quorum_call call;
	struct loop *loop;
	int code;
	const struct result *r;
};

static void asked(struct quorum_call *call, int code, const struct result *r)
{
	struct ask *a = container_of(call, struct ask, call);

	a->code = code;
	a->r = r;
	loop_stop(a->loop);
}

int quorum_try(struct quorum *q, const struct op *op, const struct result **r)
{
	struct ask a = { .call = { .op = *op, .done = asked },
			 .loop = quorum_loop(q),
			 .code = EXIT_INTERRUPTED };

	a.loop->stop = false;
	a.loop->now = mono_now();
	quorum_call(q, &a.call);
	loop_run(a.loop);
	quorum_cancel(q, &a.call);
	*r = a.r;
	return a.code;
}

int quorum_ask(struct quorum *q, const char *what, const struct op *op, const struct result **r)
{
	int code = quorum_try(q, op, r);

	return code ? quorum_report(q, what, code) : 0;
}

int quorum_judge(const struct party *p, const char *what, const struct result *r)
{
	static const struct {
		enum exit_code code;
		const char *todo;
	} refusals[RESULT_CODES] = {
		[RESULT_DENIED] = { EXIT_DENIED, "use a key that may, an admin's perhaps (-C)" },
		[RESULT_QUOTA] = { EXIT_QUOTA, "remove tuples of this key, or wait ten minutes" },
		[RESULT_FULL] = { EXIT_QUOTA, "remove tuples" },
		[RESULT_TTL] = { EXIT_USAGE, "give a --ttl that the rules of this tuple allow" },
		[RESULT_BAD] = { EXIT_USAGE, "see `machete help tuple`" },
		[RESULT_STALE] = { EXIT_FAILED, "try again" },
		[RESULT_AGAIN] = { EXIT_FAILED, "try again" },
	};

	if (r->code == RESULT_NONE)
		return EXIT_FAILED;
	if (!refusals[r->code].code)
		return EXIT_OK;
	return report_error(p->common, refusals[r->code].code, refusals[r->code].todo, what,
			    "refused by the manager: %s", result_code_str[r->code]);
}

void quorum_replica(const struct quorum *q, uint32_t i, struct quorum_replica *out)
{
	static const char *const words[] = {
		[CLIENT_SILENT] = "connected, but it says nothing",
		[CLIENT_BUSY] = "connected, but it is busy",
		[CLIENT_SIGN] = "connected, but it only asks for a signature",
		[CLIENT_ANSWER] = "connected",
	};
	const struct replica_channel *ch = &q->ch[i];

	out->up = conn_state(&ch->conn) == CONN_OPEN;
	out->answered = ch->word == CLIENT_ANSWER;
	out->why = out->up ? words[ch->word] : ch->why[0] ? ch->why : "no connection";
	out->has_status = ch->has_status;
	out->status = ch->status;
}

/* ", no answer from 192.0.2.1:7100 (Connection refused), ..." of those who gave none. */
static void list_silent(const struct quorum *q, char *out, size_t bytes)
{
	const struct party *p = quorum_party(q);
	size_t len = 0;

	for (uint32_t i = 0; i < p->cluster.n && len < bytes; i++) {
		struct quorum_replica r;
		char addr[ADDR_STR_MAX];

		quorum_replica(q, i, &r);
		if (r.answered)
			continue;
		len += (size_t)snprintf(out + len, bytes - len, "%s%s (%s)",
					len ? ", " : ", no answer from ",
					addr_format(&p->cluster.replica[i].addr, addr), r.why);
	}
}

/* What shows whether it took effect. */
static const char *look(const char *what)
{
	if (!strcmp(what, "tuple"))
		return "tuple rdall";
	return strcmp(what, "cluster replace") ? "members" : "status";
}

int quorum_report(const struct quorum *q, const char *what, int code)
{
	const struct party *p = quorum_party(q);
	char list[LIST_BYTES_MAX] = "", fp[FP_STR_MAX], text[160];
	const char *todo = text, *why = "no quorum of replicas";

	if (code == EXIT_DENIED) {
		fp_format(&p->id.fp, fp);
		snprintf(text, sizeof text, "run: machete -C ADMIN admit client NAME %s", fp);
		if (cluster_find(&p->cluster, &p->id.fp) >= 0)
			todo = "it is a replica's: use another HOME (-C)";
		why = "the manager does not know this key";
	} else if (code == EXIT_QUOTA) {
		todo = "end some, or wait ten minutes";
		why = "the manager has as many sessions of this key as it may have";
	} else if (code == EXIT_INTERRUPTED) {
		todo = "run it again to wait on";
		why = "interrupted, and nothing was taken";
	} else {
		list_silent(q, list, sizeof list);
		snprintf(text, sizeof text, "it may still take effect, look with `machete %s`",
			 look(what));
		if (!q->doubtful)
			todo = "see that the replicas run and can be reached";
	}
	return report_error(p->common, code, todo, what, "%s%s", why, list);
}

static void status_late(struct timer *t, mono_t now)
{
	struct quorum *q = container_of(t, struct quorum, status_timer);

	(void)now;
	q->asking = false;
	loop_stop(q->loop);
}

void quorum_ask_status(struct quorum *q, unsigned ms)
{
	q->asking = true;
	q->loop->stop = false;
	q->loop->now = mono_now();
	q->status_timer.fire = status_late;
	loop_arm(q->loop, &q->status_timer, mono_add_ms(loop_now(q->loop), ms));
	for (uint32_t i = 0; i < quorum_n(q); i++)
		if (conn_state(&q->ch[i].conn) == CONN_OPEN)
			quorum_ask_one(&q->ch[i]);
	loop_run(q->loop);
	loop_disarm(q->loop, &q->status_timer);
}
