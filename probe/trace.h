/* probe/trace.h - a layer-4 traceroute as a pure machine: answers and time in, probes out
 *
 * Goal: every router between here and a TCP port, on the flow that the data will use, in little
 * more than one round trip. Probes of all TTLs are in flight together (lft's method, PATHS.md C.6);
 * `gap` TTLs beyond the last that answered bound how far. Who hears what was sent is the driver's
 * business: it hands in only answers that prove to know the probe (see probe/wire.h).
 *
 * Ends: the target answered and every TTL before it answered or stayed silent `tries` times
 * (COMPLETED), an ICMP unreachable took the target's place (UNREACH), nothing answered for `gap`
 * TTLs (GAPLIMIT), one address answered at three or more TTLs and the target did not (LOOP), or the
 * last TTL was used up (HOPLIMIT). Names are scamper's. */
#ifndef PROBE_TRACE_H
#define PROBE_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "core/addr.h"
#include "core/mono.h"

enum {
	TRACE_TTL_MAX = 32,  /* longer paths do not exist: lft and traceroute stop at 30 */
	TRACE_TRIES_MAX = 4, /* probes to one TTL */
	TRACE_PROBES_MAX = TRACE_TTL_MAX * TRACE_TRIES_MAX,
	TRACE_LOOP_TTLS = 3, /* one address may answer twice in a row, that is no loop */
	TRACE_AHEAD = 3, /* TTLs beyond the last that answered, of which one may be silent */
	/* Beyond 1.25 times the slowest, once the target answered: for an answer to the last probe,
	 * for others may have been lost; and to the first, for a router that takes its time. */
	TRACE_LAST_US = 10000,
	TRACE_FIRST_US = 125000,
};

struct trace_conf {
	uint8_t first_ttl, max_ttl; /* 1..TRACE_TTL_MAX */
	uint8_t tries;		    /* 1..TRACE_TRIES_MAX */
	uint8_t gap;		    /* TTLs beyond the last that answered */
	uint8_t in_flight;	    /* 1: one after the other */
	uint32_t wait_us;	    /* for an answer */
	uint32_t spacing_us;	    /* between two probes */
	uint32_t retry_us; /* to a TTL that may be silent, before wait_us is over; 0: never */
};
/* lft's numbers where they are not ours: raw and `ports vary`; and one at a time. */
extern const struct trace_conf trace_conf_all, trace_conf_serial;

enum trace_kind {
	TRACE_NONE = 0, /* silent, or not asked */
	TRACE_HOP,	/* time exceeded */
	TRACE_UNREACH,	/* ICMP unreachable */
	TRACE_OPEN,	/* SYN-ACK from the target */
	TRACE_CLOSED,	/* RST from the target */
	TRACE_KINDS,
};
extern const char *const trace_kind_str[TRACE_KINDS];

enum trace_stop {
	TRACE_RUNNING = 0,
	TRACE_COMPLETED,
	TRACE_UNREACHABLE,
	TRACE_GAPLIMIT,
	TRACE_HOPLIMIT,
	TRACE_LOOP,
	TRACE_STOPS,
};
extern const char *const trace_stop_str[TRACE_STOPS];

/* One probe: id is ttl - 1 + try * TRACE_TTL_MAX, below TRACE_PROBES_MAX. */
struct trace_probe {
	uint8_t ttl, try;
	uint16_t id;
};

struct trace_answer {
	uint16_t id;
	enum trace_kind kind;
	struct addr from;   /* port 0 */
	uint8_t icmp_type, icmp_code;
	uint8_t reply_ttl;  /* of the answer's IP header; 0: not known */
	uint8_t tcp_flags;  /* of the target's answer */
};

/* What became of an answer. */
enum trace_verdict {
	TRACE_TAKEN = 0,
	TRACE_NOT_SENT,	 /* no such probe */
	TRACE_AGAIN,	 /* that TTL has its answer */
	TRACE_TOO_LATE,	 /* the trace is over */
	TRACE_VERDICTS,
};
extern const char *const trace_verdict_str[TRACE_VERDICTS];

struct trace_ttl {
	struct trace_answer a; /* kind TRACE_NONE while there is none */
	uint8_t tries;	       /* sent so far */
	bool waiting;
	int64_t rtt_us;
	mono_t sent[TRACE_TRIES_MAX];
};

struct trace {
	struct trace_conf conf;
	struct addr target;
	enum trace_stop stop;
	uint8_t end;	  /* TTL of the target or the unreachable; 0: none yet */
	uint8_t answered; /* highest TTL with an answer */
	uint8_t in_flight;
	int64_t rtt_us_max;
	mono_t next_send;
	struct trace_ttl ttl[TRACE_TTL_MAX + 1]; /* by TTL */
};

/* Begins; the conf's numbers are brought into their ranges. */
void trace_init(struct trace *t, const struct trace_conf *conf, const struct addr *target);

/* The next probe to send now; false: none at this moment. Gives up on what is overdue. Call until
 * false, then wait for an answer or trace_wake(). */
bool trace_next(struct trace *t, mono_t now, struct trace_probe *p);
/* When to call trace_next again; {0} when the trace is over. */
mono_t trace_wake(const struct trace *t);

enum trace_verdict trace_take(struct trace *t, const struct trace_answer *a, mono_t now);

/* Whether the target itself answered. */
bool trace_reached(const struct trace *t);
/* The last TTL worth showing: the end, else the highest that answered. */
uint8_t trace_last(const struct trace *t);

#endif
