/* cmd/backtrace.c - a station's traces back to the clients that ask for them */
#include "cmd/backtrace.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/check.h"
#include "core/log.h"
#include "net/sock.h"

enum row_state { ROW_FREE = 0, ROW_WAITS, ROW_RUNS, ROW_KNOWN };

/* A client at one of its addresses, seen from one of ours. */
struct row {
	enum row_state state;
	struct fp client;
	struct addr from, to;
	mono_t at; /* asked, then known */
	struct record record;
};

/* A place for a trace under way. */
struct place {
	struct backtraces *owner;
	struct row *row; /* NULL: idle */
	struct legtrace leg;
};

struct backtraces {
	struct loop *loop;
	struct backtrace_call *calls;
	struct row row[BACKTRACES_MAX];
	struct place place[BACKTRACES_AT_ONCE];
};

/* The answer, and then the goodbye; r NULL: there is none. */
static void tell(struct flow *f, const struct record *r)
{
	char text[RECORD_TEXT_MAX] = "";
	size_t len = r ? record_format(r, text) : 0, at = 0;

	do {
		struct flowmsg m = { .type = FLOWMSG_TRACED };
		size_t n = len - at < TRACE_PIECE_MAX ? len - at : TRACE_PIECE_MAX;

		memcpy(m.traced.text, text + at, n);
		at += n;
		m.traced.more = at < len;
		flow_send(f, &m);
	} while (at < len);
	flow_end(f);
}

bool backtrace_take(struct backtrace_text *t, const struct msg_traced *m, struct record *r,
		    bool *ok)
{
	size_t n = strlen(m->text);

	*ok = false;
	if (n > sizeof t->text - t->len)
		return true;
	memcpy(t->text + t->len, m->text, n);
	t->len += n;
	if (m->more)
		return false;
	*ok = record_parse(r, t->text, t->len);
	return true;
}

/* Whoever waits for the row is told. */
static void settle(struct backtraces *b, const struct row *row)
{
	struct backtrace_call **at = &b->calls, *due = NULL;

	while (*at) {
		struct backtrace_call *call = *at;

		if (&b->row[call->row] != row) {
			at = &call->next;
			continue;
		}
		*at = call->next;
		call->next = due;
		due = call;
	}
	while (due) {
		struct backtrace_call *call = due;

		due = call->next;
		call->waiting = false;
		tell(call->flow, row->state == ROW_KNOWN ? &row->record : NULL);
	}
}

static void run_waiting(struct backtraces *b);

static void traced(struct legtrace *leg)
{
	struct place *p = container_of(leg, struct place, leg);
	struct backtraces *b = p->owner;
	struct row *row = p->row;

	p->row = NULL;
	row->record = leg->record;
	row->record.at_s = time(NULL);
	row->at = mono_now();
	row->state = ROW_KNOWN;
	settle(b, row);
	run_waiting(b);
}

static void begin(struct place *p, struct row *row)
{
	struct probe_ends ends = { .from = row->from, .to = row->to };
	int r;

	p->leg.done = traced;
	p->row = row;
	row->state = ROW_RUNS;
	ends.from.port = 0;
	r = legtrace_start(&p->leg, p->owner->loop, &ends);
	if (!r)
		return;
	log_line(LOG_INFO, r, "no trace back to a client");
	p->row = NULL;
	row->state = ROW_FREE;
	settle(p->owner, row);
}

static struct row *oldest(struct backtraces *b, enum row_state state)
{
	struct row *best = NULL;

	for (struct row *r = b->row; r < b->row + BACKTRACES_MAX; r++)
		if (r->state == state && (!best || mono_before(r->at, best->at)))
			best = r;
	return best;
}

static void run_waiting(struct backtraces *b)
{
	for (struct place *p = b->place; p < b->place + BACKTRACES_AT_ONCE; p++) {
		struct row *row = p->row ? NULL : oldest(b, ROW_WAITS);

		if (row)
			begin(p, row);
	}
}

static struct row *find(struct backtraces *b, const struct fp *client, const struct addr *from,
			const struct addr *to)
{
	for (struct row *r = b->row; r < b->row + BACKTRACES_MAX; r++)
		if (r->state && fp_eq(&r->client, client) && addr_same_ip(&r->from, from) &&
		    addr_same_ip(&r->to, to))
			return r;
	return NULL;
}

/* A row that can be had for the client; NULL: it has enough, or everybody has. */
static struct row *fresh_row(struct backtraces *b, const struct fp *client)
{
	struct row *row = oldest(b, ROW_FREE);
	uint32_t under_way = 0;

	for (struct row *r = b->row; r < b->row + BACKTRACES_MAX; r++)
		under_way += (r->state == ROW_WAITS || r->state == ROW_RUNS) &&
			     fp_eq(&r->client, client);
	if (under_way >= BACKTRACES_CLIENT)
		return NULL;
	return row ? row : oldest(b, ROW_KNOWN);
}

static bool stale(const struct row *r, mono_t now)
{
	return r->state == ROW_KNOWN && mono_diff_us(now, r->at) > BACKTRACE_AGE_MS * 1000LL;
}

/* The row of what is asked, perhaps begun now; NULL: no room. */
static struct row *row_for(struct backtraces *b, const struct fp *client, const struct addr *from,
			   const struct addr *to)
{
	mono_t now = loop_now(b->loop);
	struct row *row = find(b, client, from, to);

	if (row && !stale(row, now))
		return row;
	row = row ? row : fresh_row(b, client);
	if (row)
		*row = (struct row){ ROW_WAITS, *client, *from, *to, now, { .hops = 0 } };
	return row;
}

void backtrace_ask(struct backtraces *b, struct backtrace_call *call, struct flow *f,
		   const struct addr *to)
{
	struct addr from;
	struct row *row = NULL;

	call->flow = f;
	if (b && !sock_name(f->watch.fd, &from))
		row = row_for(b, tls_peer(&f->tls), &from, to);
	if (!row || row->state == ROW_KNOWN) {
		tell(f, row ? &row->record : NULL);
		return;
	}
	call->row = (uint32_t)(row - b->row);
	call->waiting = true;
	call->next = b->calls;
	b->calls = call;
	run_waiting(b);
}

void backtrace_cancel(struct backtraces *b, struct backtrace_call *call)
{
	struct backtrace_call **at = &b->calls;

	if (!call->waiting)
		return;
	while (*at != call)
		at = &(*at)->next;
	*at = call->next;
	call->waiting = false;
}

struct backtraces *backtraces_open(struct loop *l)
{
	struct backtraces *b = calloc(1, sizeof *b);

	if (!b)
		return NULL;
	b->loop = l;
	for (uint32_t i = 0; i < BACKTRACES_AT_ONCE; i++)
		b->place[i].owner = b;
	return b;
}

void backtraces_close(struct backtraces *b)
{
	if (!b)
		return;
	for (uint32_t i = 0; i < BACKTRACES_AT_ONCE; i++)
		legtrace_stop(&b->place[i].leg);
	free(b);
}
