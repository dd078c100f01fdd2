/* probe/ping.h - round trips of one flow: a series of SYNs, and what their answers say
 *
 * ICMP echo may take another equal-cost path than the data (Pelsser et al., IMC 2013), so the probe
 * is a SYN on the flow that the data will use, timed to its SYN-ACK or RST (PATHS.md C.6). One at a
 * time: while a target holds a half-open connection it would answer the next SYN for the old
 * one. */
#ifndef PROBE_PING_H
#define PROBE_PING_H

#include <stdbool.h>
#include <stdint.h>

#include "core/mono.h"

enum {
	PING_COUNT_MAX = 100,
	PING_COUNT = 10, /* at least 10 samples (C.6) */
};

struct ping_conf {
	uint8_t count; /* 1..PING_COUNT_MAX */
	uint32_t interval_us, wait_us;
};
extern const struct ping_conf ping_conf_default;

struct ping {
	struct ping_conf conf;
	uint8_t sent, answered;
	bool waiting, over;
	mono_t last_sent;
	int64_t rtt_us[PING_COUNT_MAX]; /* of those that were answered, in order of time */
};

struct ping_stats {
	uint8_t sent, lost;
	int64_t min_us, median_us, p90_us, max_us;
	int64_t spread_us; /* median distance from the median: a few late answers do not move it */
};

void ping_init(struct ping *p, const struct ping_conf *conf);
/* Whether to send probe *id now; false: not yet, or p->over. */
bool ping_next(struct ping *p, mono_t now, uint16_t *id);
/* When to call ping_next again. */
mono_t ping_wake(const struct ping *p);
/* An answer to probe id; false when it is not the one that is waited for. */
bool ping_take(struct ping *p, uint16_t id, mono_t now);
/* All zero but sent and lost when nothing was answered. */
void ping_stats(const struct ping *p, struct ping_stats *s);

#endif
