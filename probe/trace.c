/* probe/trace.c - a layer-4 traceroute as a pure machine: answers and time in, probes out */
#include "probe/trace.h"

#include "core/check.h"

const struct trace_conf trace_conf_all = {
	.first_ttl = 1,
	.max_ttl = 30,
	.tries = 3,
	.gap = 16, /* enough for most paths at once, and a target gets few SYNs too many */
	.in_flight = TRACE_TTL_MAX,
	.wait_us = 1000000,
	.spacing_us = 1000, /* a burst of 16 packets fills no queue */
	.retry_us = 50000,  /* a router that limits its answers has one again (C.6) */
};
const struct trace_conf trace_conf_serial = {
	.first_ttl = 1,
	.max_ttl = 30,
	.tries = 2,
	.gap = 5, /* as scamper: each silent TTL costs tries * wait_us */
	.in_flight = 1,
	.wait_us = 1000000,
	.spacing_us = 1000,
};

const char *const trace_kind_str[TRACE_KINDS] = {
	[TRACE_NONE] = "silent",      [TRACE_HOP] = "hop",	 [TRACE_UNREACH] = "unreachable",
	[TRACE_OPEN] = "open", [TRACE_CLOSED] = "closed",
};
static_assert(ARRAY_LEN(trace_kind_str) == TRACE_KINDS, "a name for every kind");

const char *const trace_stop_str[TRACE_STOPS] = {
	[TRACE_RUNNING] = "NONE",	[TRACE_COMPLETED] = "COMPLETED",
	[TRACE_UNREACHABLE] = "UNREACH", [TRACE_GAPLIMIT] = "GAPLIMIT",
	[TRACE_HOPLIMIT] = "HOPLIMIT",	[TRACE_LOOP] = "LOOP",
};
static_assert(ARRAY_LEN(trace_stop_str) == TRACE_STOPS, "a name for every end");

const char *const trace_verdict_str[TRACE_VERDICTS] = {
	[TRACE_TAKEN] = "taken",
	[TRACE_NOT_SENT] = "no such probe",
	[TRACE_AGAIN] = "answered before",
	[TRACE_TOO_LATE] = "after the end",
};
static_assert(ARRAY_LEN(trace_verdict_str) == TRACE_VERDICTS, "a name for every verdict");

static uint8_t between(uint8_t v, uint8_t lo, uint8_t hi)
{
	return v < lo ? lo : v > hi ? hi : v;
}

void trace_init(struct trace *t, const struct trace_conf *conf, const struct addr *target)
{
	*t = (struct trace){ .conf = *conf, .target = *target };
	t->conf.max_ttl = between(conf->max_ttl, 1, TRACE_TTL_MAX);
	t->conf.first_ttl = between(conf->first_ttl, 1, t->conf.max_ttl);
	t->conf.tries = between(conf->tries, 1, TRACE_TRIES_MAX);
	t->conf.gap = between(conf->gap, 1, TRACE_TTL_MAX);
	t->conf.in_flight = between(conf->in_flight, 1, TRACE_TTL_MAX);
	t->answered = t->conf.first_ttl - 1;
}

/* The highest TTL that may be probed now. */
static uint8_t limit(const struct trace *t)
{
	unsigned far = (unsigned)t->answered + t->conf.gap;

	if (t->end)
		return t->end - 1;
	return far < t->conf.max_ttl ? (uint8_t)far : t->conf.max_ttl;
}

/* Once the target answered, a router that takes much longer than the slowest so far is silent. */
static int64_t wait_us(const struct trace *t, int64_t slack_us)
{
	int64_t shorter = t->rtt_us_max + t->rtt_us_max / 4 + slack_us;

	return t->end && shorter < t->conf.wait_us ? shorter : t->conf.wait_us;
}

static mono_t overdue_at(const struct trace *t, const struct trace_ttl *h)
{
	mono_t first = mono_add_us(h->sent[0], wait_us(t, TRACE_FIRST_US));
	mono_t last = mono_add_us(h->sent[h->tries - 1], wait_us(t, TRACE_LAST_US));

	return mono_before(first, last) ? last : first;
}

static bool loops(const struct trace *t)
{
	for (unsigned i = t->conf.first_ttl; i <= t->answered; i++) {
		unsigned same = 0;

		for (unsigned k = i; k <= t->answered; k++)
			same += t->ttl[i].a.kind == TRACE_HOP && t->ttl[k].a.kind == TRACE_HOP &&
				addr_same_ip(&t->ttl[i].a.from, &t->ttl[k].a.from);
		if (same >= TRACE_LOOP_TTLS)
			return true;
	}
	return false;
}

bool trace_reached(const struct trace *t)
{
	const struct trace_answer *a = &t->ttl[t->end].a;

	return t->end && (a->kind != TRACE_UNREACH || addr_same_ip(&a->from, &t->target));
}

static enum trace_stop why_stopped(const struct trace *t)
{
	if (t->end)
		return trace_reached(t) ? TRACE_COMPLETED : TRACE_UNREACHABLE;
	if (loops(t))
		return TRACE_LOOP;
	return limit(t) == t->conf.max_ttl ? TRACE_HOPLIMIT : TRACE_GAPLIMIT;
}

/* When a TTL that is waited for gets its next probe already; us 0: it does not. Where a later
 * router answered, this one is more likely silent than slow. Those that come next get one probe too
 * many when they are far away, and a round trip less passes where the first was lost. A late answer
 * still counts. */
static mono_t retry_at(const struct trace *t, uint8_t ttl)
{
	const struct trace_ttl *h = &t->ttl[ttl];

	if (!t->conf.retry_us || !h->waiting || h->tries == t->conf.tries ||
	    (ttl >= t->answered && (ttl > t->answered + TRACE_AHEAD || h->tries > 1)))
		return mono_us(0);
	return mono_add_us(h->sent[h->tries - 1], t->conf.retry_us);
}

static bool retry_due(const struct trace *t, uint8_t ttl, mono_t now)
{
	mono_t at = retry_at(t, ttl);

	return at.us && !mono_before(now, at);
}

static void send_probe(struct trace *t, uint8_t ttl, mono_t now, struct trace_probe *p)
{
	struct trace_ttl *h = &t->ttl[ttl];

	*p = (struct trace_probe){ .ttl = ttl, .try = h->tries };
	p->id = (uint16_t)(ttl - 1 + p->try * TRACE_TTL_MAX);
	h->sent[h->tries++] = now;
	t->in_flight += !h->waiting;
	h->waiting = true;
	t->next_send = mono_add_us(now, t->conf.spacing_us);
}

/* Takes back what is overdue or no longer needed. */
static void give_up(struct trace *t, mono_t now)
{
	for (unsigned i = t->conf.first_ttl; i <= t->conf.max_ttl; i++) {
		struct trace_ttl *h = &t->ttl[i];
		bool moot = t->end && i > t->end;

		if (h->waiting && (moot || !mono_before(now, overdue_at(t, h)))) {
			h->waiting = false;
			t->in_flight--;
		}
	}
}

bool trace_next(struct trace *t, mono_t now, struct trace_probe *p)
{
	bool over = true;

	if (t->stop)
		return false;
	give_up(t, now);
	for (uint8_t i = t->conf.first_ttl; i <= limit(t); i++) {
		struct trace_ttl *h = &t->ttl[i];

		if (h->a.kind != TRACE_NONE)
			continue;
		over = over && !h->waiting && h->tries == t->conf.tries;
		if (h->tries == t->conf.tries || (h->waiting && !retry_due(t, i, now)))
			continue;
		if ((!h->waiting && t->in_flight == t->conf.in_flight) ||
		    mono_before(now, t->next_send))
			break;
		send_probe(t, i, now, p);
		return true;
	}
	if (over || (!t->end && loops(t)))
		t->stop = why_stopped(t);
	return false;
}

mono_t trace_wake(const struct trace *t)
{
	mono_t at = { 0 };
	bool unsent = false;

	if (t->stop)
		return at;
	for (uint8_t i = t->conf.first_ttl; i <= limit(t); i++) {
		const struct trace_ttl *h = &t->ttl[i];

		mono_t retry = retry_at(t, i);

		if (h->waiting && (!at.us || mono_before(overdue_at(t, h), at)))
			at = overdue_at(t, h);
		if (retry.us && mono_before(retry, at))
			at = mono_before(retry, t->next_send) ? t->next_send : retry;
		unsent = unsent || (h->a.kind == TRACE_NONE && !h->waiting &&
				    h->tries < t->conf.tries);
	}
	if (unsent && t->in_flight < t->conf.in_flight && (!at.us || mono_before(t->next_send, at)))
		at = t->next_send;
	return at.us ? at : t->next_send;
}

enum trace_verdict trace_take(struct trace *t, const struct trace_answer *a, mono_t now)
{
	uint8_t ttl = (uint8_t)(a->id % TRACE_TTL_MAX + 1);
	uint8_t try = (uint8_t)(a->id / TRACE_TTL_MAX);
	struct trace_ttl *h = &t->ttl[ttl];

	if (t->stop)
		return TRACE_TOO_LATE;
	if (a->kind == TRACE_NONE || try >= h->tries)
		return TRACE_NOT_SENT;
	if (h->a.kind != TRACE_NONE)
		return TRACE_AGAIN;
	h->a = *a;
	h->rtt_us = mono_diff_us(now, h->sent[try]);
	if (h->waiting)
		t->in_flight--;
	h->waiting = false;
	if (h->rtt_us > t->rtt_us_max)
		t->rtt_us_max = h->rtt_us;
	if (ttl > t->answered)
		t->answered = ttl;
	if (a->kind != TRACE_HOP && (!t->end || ttl < t->end))
		t->end = ttl;
	return TRACE_TAKEN;
}

uint8_t trace_last(const struct trace *t)
{
	if (t->end)
		return t->end;
	return t->answered >= t->conf.first_ttl ? t->answered : 0;
}
